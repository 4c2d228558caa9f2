"""What a language model is told: to speak, not to write; and as much of the conversation as fits. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.values import Message

SYSTEM_PROMPT = (
    "You are the voice of a smart speaker. Your answer is read aloud, so reply in one to three short, plain sentences, "
    "the answer first. Use no lists, headings, markup, links, emoji or code. Write numbers and units the way they are "
    "spoken. If you don't know, say so in one sentence."
)
BYTES_PER_TOKEN = 3
"""A cautious estimate: English is at 4 and over, other languages lower."""
MESSAGE_TOKENS = 8
"""What a chat template adds to a message."""


def estimate_tokens(text: str) -> int:
    """Upper estimate of a message's length in tokens."""
    return len(text.encode("utf-8")) // BYTES_PER_TOKEN + 1 + MESSAGE_TOKENS


def system_prompt(locale: str) -> str:
    """What stands before every conversation."""
    return SYSTEM_PROMPT if not locale or locale.lower().startswith("en") else f"{SYSTEM_PROMPT} Answer in {locale}."


def fit_messages(
    context: Sequence[Message], utterance: str, *, locale: str, budget_tokens: int
) -> list[dict[str, str]] | None:
    """Chat messages: system prompt, the newest context that fits the budget, the utterance; None when not even that
    fits.
    """
    system = system_prompt(locale)
    left = budget_tokens - estimate_tokens(system) - estimate_tokens(utterance)
    if left < 0:
        return None
    kept: list[Message] = []
    for message in reversed(context):
        left -= estimate_tokens(message.text)
        if left < 0:
            break
        kept.append(message)
    return [
        {"role": "system", "content": system},
        *({"role": message.role, "content": message.text} for message in reversed(kept)),
        {"role": "user", "content": utterance},
    ]
