"""What a reply is wanted to, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from assistant.dialog.cloud_call import CloudCall
from assistant.dialog.router import Decision
from assistant.nlu.understanding import Understanding
from assistant.skills.base import SkillReply
from assistant.values import IntentMatch, Layer, Message, Outcome


@dataclass(frozen=True, slots=True)
class Question:
    """What a reply is wanted to."""

    turn_id: str
    conversation_id: str
    text: str
    """What was said, as it was said."""
    understanding: Understanding
    decision: Decision
    amendable: bool
    """Whether the user may yet go on speaking, and mean something else."""
    context: tuple[Message, ...]
    aloud: bool = False
    """Somebody listens, and silence would make them wonder."""
    may_hedge: bool = False
    """The cloud may be asked beside the edge."""
    local_confidence: float | None = None
    """How likely the local model's answer would be right; None when it wasn't asked."""
    call: CloudCall | None = None
    """The cloud is being asked already."""


@dataclass(slots=True)
class Answer:
    """What became of a reply; complete once its stream has ended."""

    outcome: Outcome = Outcome.ANSWERED
    layer: Layer | None = None
    """Who answered, where that isn't who was to."""
    expects_answer: bool = False
    intent: IntentMatch | None = None
    pending: IntentMatch | None = None
    """A request that waits for the user's answer to be complete."""
    acknowledges: bool = False
    """All that is said is that what was asked is done."""
    cut: bool = False
    """The stream broke: an unfinished sentence must not be spoken."""
    news: str = ""
    """What is told before the reply."""
    action: asyncio.Task[list[SkillReply]] | None = None
    """The skills at work, or done. It always comes to its end: who leaves must not leave things half done."""
    undo: Callable[[], Awaitable[None]] | None = None
    """Takes back what the skill did, where that can be. May raise StoreError."""
    changed: Callable[[], bool] = lambda: False
    """Whether there is something to take back."""
