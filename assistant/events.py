"""Every fact that happens, one frozen dataclass each, and the bounded fan-out that carries them.

Events are facts, not commands: nobody must react. What a user said travels in events (a companion app shows it), so
events are never logged whole; `log_fields` gives the part of one that may be.

Overflow policy of the bus: a subscriber that falls `capacity` events behind loses its oldest events and is told how
many (`Subscription.lost`); publishers never wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from assistant.errors import EdgewiseError
from assistant.values import DueItem, Layer, Outcome, Slots, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    private: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold what somebody said: never logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEvent(Event):
    turn_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(TurnEvent):
    """First event of every turn."""

    conversation_id: str
    source: str
    """`voice` `wav` `text`; `schedule` for what was to be done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeWordDetected(TurnEvent):
    word: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(TurnEvent):
    """Voice activity began."""

    at_s: float
    """Seconds of audio since the turn began to listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded(TurnEvent):
    """The end of the user's turn was decided."""

    at_s: float
    reason: str
    """`silence` `timeout` `stream-end` `wake-word` `muted`, or the rule of `dialog.end_of_turn` that fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAmended(TurnEvent):
    """The user went on speaking right behind the end of their turn: it goes on, and is decided again."""

    at_s: float
    """Seconds of audio since the turn began to listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialTranscript(TurnEvent):
    """What was said so far; the next one or the Transcript replaces it."""

    private: ClassVar[frozenset[str]] = frozenset({"text"})
    text: str
    audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(TurnEvent):
    private: ClassVar[frozenset[str]] = frozenset({"text"})
    text: str
    confidence: float
    audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecognized(TurnEvent):
    private: ClassVar[frozenset[str]] = frozenset({"slots"})
    intent: str
    slots: Slots
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecognized(TurnEvent):
    """No local intent claims the utterance."""

    open_question: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed(TurnEvent):
    layer: Layer
    reason: str
    """A code: `skill` `ask-back` `offline` `edge-doubtful` `default` ..."""
    sentence: str
    """The reason for a person to read; holds no user text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyChunk(TurnEvent):
    """A piece of the reply as soon as it is known; the pieces joined are the reply."""

    private: ClassVar[frozenset[str]] = frozenset({"text"})
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(TurnEvent):
    """The whole reply."""

    private: ClassVar[frozenset[str]] = frozenset({"text"})
    text: str
    layer: Layer
    reason: str
    expects_answer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStarted(TurnEvent):
    """First sample of the reply was handed to the speaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackFinished(TurnEvent):
    played_s: float
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(TurnEvent):
    """The user spoke over the reply (wake word) or stopped it."""

    by: str
    """`wake-word` `button` `stop` `shutdown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(TurnEvent):
    """Last event of every turn, emitted whatever happened."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    code: str
    message: str
    stage: str
    retryable: bool
    turn_id: str
    """Empty when it happened outside any turn."""


def failure(error: EdgewiseError, turn_id: str = "") -> Failed:
    """The event of an error of ours."""
    return Failed(code=error.code, message=error.message, stage=error.stage, retryable=error.retryable, turn_id=turn_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    old: State
    new: State


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Event):
    """The way to the cloud opened or closed."""

    up: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDeviceLost(Event):
    device: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDeviceRestored(Event):
    device: str
    lost_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLeft(TurnEvent):
    """Text left the device."""

    to: str
    """Host and port."""
    bytes: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueChanged(Event):
    private: ClassVar[frozenset[str]] = frozenset({"item"})
    item: DueItem


@dataclass(frozen=True, slots=True, kw_only=True)
class RingStarted(Event):
    private: ClassVar[frozenset[str]] = frozenset({"name"})
    due_id: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RingStopped(Event):
    due_id: str
    by: str
    """`user` `timeout` `shutdown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateModeChanged(Event):
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteChanged(Event):
    """The microphone is heard no more, or is heard again."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeChanged(Event):
    volume: int
    """0 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeChanged(Event):
    """A device stands otherwise than before."""

    private: ClassVar[frozenset[str]] = frozenset({"device_id", "name"})
    device_id: str
    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicChanged(Event):
    """The device's own player plays something else, or stopped."""

    private: ClassVar[frozenset[str]] = frozenset({"title"})
    state: str
    """`playing` `paused` `idle`."""
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDeferred(Event):
    """An open question is kept until the link is back."""

    question_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered(Event):
    """The answer to a deferred question was told."""

    question_id: str
    waited_s: float
    """Since it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDropped(Event):
    """A deferred question is gone without an answer."""

    question_id: str
    why: str
    """`expired` `cancelled` `forgotten`."""


def all_event_types() -> list[type[Event]]:
    """Every concrete event class, by name."""

    def walk(cls: type[Event]) -> Iterator[type[Event]]:
        for sub in cls.__subclasses__():
            if "__slots__" in vars(sub):  # else it is what @dataclass(slots=True) made the real class from
                yield sub
            yield from walk(sub)

    return sorted({cls for cls in walk(Event) if cls is not TurnEvent}, key=lambda cls: cls.__name__)


def log_fields(event: Event) -> dict[str, Any]:
    """The fields of an event that may be logged."""
    return {f.name: getattr(event, f.name) for f in fields(event) if f.name not in event.private}


class Subscription:
    """One reader's bounded view of the bus. Iterate it; it ends when the bus closes."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Event] = deque(maxlen=capacity)
        self._wakeup = asyncio.Event()
        self._closed = False
        self.lost = 0
        """Events dropped since the subscription began, oldest first."""

    def push(self, event: Event) -> None:
        if len(self._items) == self._items.maxlen:
            self.lost += 1
        self._items.append(event)
        self._wakeup.set()

    def close(self) -> None:
        self._closed = True
        self._wakeup.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._items.popleft()


class EventBus:
    """Fan-out of events to bounded subscriptions. `publish` never blocks; call it from the event loop only."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._watchers: list[Callable[[Event], None]] = []
        self._closed = False

    def publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.push(event)
        for watcher in tuple(self._watchers):
            watcher(event)

    @contextlib.contextmanager
    def watch(self, watcher: Callable[[Event], None]) -> Iterator[None]:
        """Call `watcher` with each event, at once, for the duration of the `with` block. It must not block or raise."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    @contextlib.contextmanager
    def subscribe(self, capacity: int = 256) -> Iterator[Subscription]:
        """A subscription for the duration of the `with` block."""
        subscription = Subscription(capacity)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription once it has read what is queued."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()
