"""What a turn begins with, what it has found out so far, and what stays of it for the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from assistant.audio.format import Chunk
from assistant.dialog.end_of_turn import Guess
from assistant.dialog.listen import Listening
from assistant.dialog.reply import Answer
from assistant.dialog.router import Decision
from assistant.dialog.speak import Spoken
from assistant.values import IntentMatch, Layer, StageTime, TurnRecord, WakeDetection, new_id

SCHEDULE = "schedule"
"""The source of a turn that nobody asks for just now."""


@dataclass(frozen=True, slots=True, eq=False)
class TurnRequest:
    """What a turn begins with: text, finished audio, or a listening under way."""

    source: str
    """`voice` `wav` `text`; SCHEDULE for what was to be done now."""
    text: str = ""
    audio: Chunk | None = None
    listening: Listening | None = None
    wake: WakeDetection | None = None
    aloud: bool = False
    """Whether the reply is spoken through the speaker."""
    on_audio: Callable[[Chunk], None] | None = None
    """Gets the reply's sound as well, as it is made."""
    id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Turn:
    """What a turn has found out so far."""

    request: TurnRequest
    conversation_id: str
    started_wall_s: float
    spoken: Spoken
    text: str = ""
    guess: Guess | None = None
    decision: Decision | None = None
    answer: Answer = field(default_factory=Answer)
    stages: list[StageTime] = field(default_factory=list)
    withdrawn: Withdrawn | None = None
    private: bool = False
    """Private mode was on when it began."""

    def record(self, *, private: bool) -> TurnRecord:
        """What is remembered of it."""
        intent, decision = self.answer.intent, self.decision
        return TurnRecord(
            id=self.request.id,
            conversation_id=self.conversation_id,
            started_wall_s=self.started_wall_s,
            source=self.request.source,
            text=self.text,
            reply=self.spoken.text,
            intent=intent.intent if intent else "",
            slots=dict(intent.slots) if intent else {},
            layer=self.answer.layer or (decision.layer if decision else Layer.EDGE),
            reason=decision.reason if decision else "",
            confidence=decision.confidence if decision else 0.0,
            outcome=self.answer.outcome,
            stages=tuple(self.stages),
            private=private,
        )


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was understood, done and said before the user went on speaking, until it is known whether that stands."""

    text: str
    decision: Decision | None
    answer: Answer
    spoken: Spoken


@dataclass(frozen=True, slots=True)
class Done:
    """What a skill did, until the user can't be about to correct it any more."""

    match: IntentMatch
    undo: Callable[[], Awaitable[None]]
    ended_s: float
    changed: bool
    """Whether there is something to take back."""
