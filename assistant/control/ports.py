"""What the control service needs from the running assistant, and the values that cross it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.audio.format import Chunk
from assistant.events import Event, EventBus
from assistant.records import Departure, Route
from assistant.values import DueItem, KnownDevice, NamedList, PastTurn, State, TurnRecord


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One audio device in use, or the reason there is none."""

    name: str
    """As the system names it; empty when there is none."""
    problem: str
    """Why there is none; empty when it works."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How the assistant is doing. Holds nothing anybody said."""

    state: State
    version: str
    uptime_s: float
    models: tuple[str, ...]
    """Names of the models that are loaded."""
    microphone: DeviceStatus
    speaker: DeviceStatus
    link_up: bool
    link_reason: str
    """Why the way to the cloud is up or down, for a person."""
    active_timers: int
    """Running, paused or ringing."""
    problems: tuple[str, ...]
    """What doesn't work and what to do about it, one sentence each."""


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """A question that waits for the gateway, or for its answer to be told."""

    id: str
    text: str
    asked_wall_s: float
    state: str
    """`waiting` `answered` `telling` `expired`."""
    answer: str
    """Empty while there is none."""


class KeptQuestions(Protocol):
    """Every one of them."""

    def all(self) -> Sequence[KeptQuestion]:
        """In the order in which they were asked."""

    async def cancel(self, question_id: str) -> KeptQuestion:
        """Drop one. Raises EdgewiseError `question-unknown`."""


class ControlTarget(Protocol):
    """A running assistant as the control service sees it."""

    bus: EventBus

    @property
    def deferred(self) -> KeptQuestions:
        """Questions that wait."""

    def status(self) -> StatusReport:
        """The state of things now."""

    async def ask(  # noqa: PLR0913 -- all of one request, by keyword
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        source: str,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord:
        """Run one whole turn from text or from sound (exactly one of them).

        `speak` also plays the reply; `on_audio` gets the reply's sound as it is synthesised, with or without a speaker;
        `on_event` gets this turn's events. Both are called on the event loop. Raises EdgewiseError.
        """

    async def say(self, text: str) -> None:
        """Speak a text; returns when it was spoken. Raises EdgewiseError when nothing can be heard."""

    def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """A text's sound, sentence by sentence, played nowhere: an async generator. Raises EdgewiseError."""

    def timers(self) -> Sequence[tuple[DueItem, float]]:
        """Timers that run, pause or ring, with the seconds each has left; the next one first."""

    async def add_timer(self, duration_s: float, name: str) -> DueItem:
        """Start a timer. Raises EdgewiseError."""

    async def change_timer(self, item_id: str, change: str) -> DueItem:
        """`cancel`, `pause` or `resume` a timer; `cancel` also an alarm or a reminder.

        Raises EdgewiseError: unknown id, change that doesn't apply.
        """

    def due_items(self, kind: str) -> Sequence[tuple[DueItem, float]]:
        """As `timers`, for a `timer`, `alarm` or `reminder`."""

    async def past_turns(self, limit: int, device: str) -> Sequence[PastTurn]:
        """The newest turns, the oldest of them first; `device`: just those of one, `here` for this one.

        Raises EdgewiseError.
        """

    async def forget_turn(self, turn_id: str) -> int:
        """Forget a turn here, and elsewhere once the gateway is reached; 1. Raises EdgewiseError `turn-unknown`."""

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        """Forget turns that began in this time; None: no such limit. How many there were. Raises EdgewiseError."""

    def lists(self) -> Sequence[NamedList]:
        """Every list, the oldest first."""

    async def devices(self) -> Sequence[KnownDevice]:
        """Every device of the home that is known, by area and name. Raises HomeError while it can't be reached."""

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]:
        """The ledger, the newest first: those numbered below `before` (0 for all). Raises StoreError."""

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        """What left the device since then, the newest first: those numbered below `before` (0 for all).

        Raises StoreError.
        """

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList:
        """`add` these items to a list, which is made when it isn't there, or `remove` them. Case doesn't matter.

        Raises EdgewiseError: `list-unknown`, `item-unknown` (then none was removed), `lists-limit`.
        """
