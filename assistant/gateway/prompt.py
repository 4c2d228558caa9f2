"""The messages for the upstream; see `assistant.prompts`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.errors import GatewayError
from assistant.prompts import fit_messages
from assistant.values import Message


def build_messages(
    context: Sequence[Message], utterance: str, *, locale: str, budget_tokens: int
) -> list[dict[str, str]]:
    """System prompt, the newest context that fits the budget, the utterance.

    Raises:
        GatewayError: `prompt-too-long`: not even the bare utterance fits.
    """
    messages = fit_messages(context, utterance, locale=locale, budget_tokens=budget_tokens)
    if messages is None:
        raise GatewayError("prompt-too-long", "the utterance is too long for the model")
    return messages
