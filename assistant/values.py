"""Values that cross rooms: what one room returns and another consumes, with no behaviour of their own.

Rooms never import each other (see pyproject's import contracts), so the nouns they share live here. Facts that *happen*
are in `events`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import uuid_utils

SlotValue = str | int | float | bool
Slots = Mapping[str, SlotValue]


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as text: sortable by creation time."""
    return str(uuid_utils.uuid7())


class Clock(Protocol):
    """Where time comes from. Only adapters and the composition root hold a real one; tests hold a virtual one."""

    def wall_s(self) -> float:
        """Seconds since the Unix epoch (UTC). May jump."""

    def steady_s(self) -> float:
        """Seconds since boot, suspend included. Never jumps within one boot."""

    @property
    def boot_id(self) -> str:
        """Changes with each boot; `steady_s` values compare only within one boot."""


class SystemClock:
    """The real clock: wall time, CLOCK_BOOTTIME and the kernel's boot id."""

    def __init__(self) -> None:
        try:
            self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            self._boot_id = new_id()  # unknown boot: steady times are then never compared across processes

    def wall_s(self) -> float:
        return time.time()

    def steady_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @property
    def boot_id(self) -> str:
        return self._boot_id


class State(StrEnum):
    """What the speaker is doing, as a person would name it."""

    IDLE = "idle"
    LISTENING = "listening"
    PROCESSING = "processing"
    RESPONDING = "responding"


class Layer(StrEnum):
    """Who answers."""

    EDGE = "edge"
    CLOUD = "cloud"


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    ASKED_BACK = "asked-back"
    NOT_UNDERSTOOD = "not-understood"
    OFFLINE = "offline"
    NOTHING_HEARD = "nothing-heard"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WakeDetection:
    word: str
    """Id of the wake word, e.g. `okay_nabu`."""
    probability: float
    """Mean over the model's sliding window, 0..1."""


@dataclass(frozen=True, slots=True)
class Transcription:
    text: str
    """What was said; empty when nothing intelligible was (silence, noise)."""
    audio_s: float
    """Length of the audio that was decoded."""
    confidence: float
    """exp(average token log-probability), 0..1; 0 for empty text."""
    redone: bool
    """True when a first, faster pass was rejected and the audio decoded again."""


@dataclass(frozen=True, slots=True)
class FastPass:
    """How a speech model is used on a context as short as the speech, and when that is not believed.

    The defaults are for a model nobody has tuned: careful, so that doubt costs time rather than words.
    """

    padding_s: float = 1.0
    """Silence behind the speech."""
    redo_padding_s: float = 4.0
    """The same for a second try."""
    closing_s: float = 8.0
    """Of a whole window's end, put behind what was encoded; 0 for none."""
    min_log_probability: float = -0.5
    """Mean over the tokens."""
    max_compression: float = 2.0
    """Of the text by zlib: high when it repeats itself."""
    min_tokens_per_s: float = 1.0
    """Of speech; fewer, and words are missing."""
    max_tokens_per_s: float = 8.0
    """Of the recording; what the decoder may write at most. Of speech, twice as many are possible."""


@dataclass(frozen=True, slots=True)
class IntentMatch:
    """One reading of an utterance."""

    intent: str
    """A name from `assistant intents list`."""
    slots: Slots
    """Normalised values: numbers are numbers, clock times `HH:MM`, dates ISO."""
    confidence: float
    """Probability that this is what the user meant, 0..1."""
    source: str
    """Which reader: `grammar`, `classifier`."""
    confirmed: bool = False
    """The user was asked whether this is meant, and said yes."""


NTH = "nth"
"""The slot of which one is meant by its place among those that were told: from 1, or -1 for the last."""
NAMED_BY = frozenset({"name", "area", "floor", "domain", "device_class", "every"})
"""Slots that name the things of the home a request is for."""
_GIVEN_BY: Mapping[str, frozenset[str]] = {
    "duration": frozenset({"hours", "minutes", "seconds"}),
    "percentage": frozenset({"percentage", "direction"}),
    "position": frozenset({"position", "direction"}),
    "target": NAMED_BY,
    "time": frozenset({"time", "hours", "minutes", "seconds"}),
}
"""What gives a required slot that isn't one slot."""


def gives(slots: Slots, required: str) -> bool:
    """Whether the slots hold what a request requires. What waits and is moved keeps its message, and its time where
    only its day is another."""
    keeps = {"message"} | ({"time"} if "date" in slots or "recurrence" in slots else set())
    return ("moved" in slots and required in keeps) or not _GIVEN_BY.get(required, {required}).isdisjoint(slots)


PROVISO = "proviso"
"""The slot of what a request is bound to that can't be had: it is told instead of done."""
COMMAND = "command"
"""The slot of the words of a request that is for later, without when: that is in its other slots."""
LASTING = "lasting"
"""The slot of a request that is done now: its COMMAND is for later, and undoes it."""


class DeferredState(StrEnum):
    """Where a deferred question stands."""

    WAITING = "waiting"
    ANSWERED = "answered"
    TELLING = "telling"
    """Being told, or told in part when the device lost its power: it isn't told again."""
    EXPIRED = "expired"
    """It waited too long, and that is to be told."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said in one turn, and replied."""

    turn_id: str
    text: str
    reply: str


@dataclass(frozen=True, slots=True)
class DeferredQuestion:
    """An open question that is answered once the link is back."""

    id: str
    text: str
    asked_wall_s: float
    state: DeferredState = DeferredState.WAITING
    answer: str = ""
    """Empty while it waits."""
    turn_id: str = ""
    """The turn in which it was asked; empty where that isn't known. Forgotten with it."""
    context: tuple[Exchange, ...] = ()
    """What was said before it in the same conversation, the oldest first. Each is forgotten with its turn."""


OUT_OF_SCOPE = "out_of_scope"
"""The answer of a reader that leaves an utterance to others."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a model makes of an utterance."""

    intents: Mapping[str, float]
    """The likeliest, with their probabilities, the likeliest first; `out_of_scope` among them."""
    task: str
    """The likeliest task type."""
    task_probability: float
    spans: tuple[tuple[str, str], ...]
    """Tagged words: (tag, the words)."""


@dataclass(frozen=True, slots=True)
class ListItem:
    """One thing on a list."""

    text: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list and what is on it."""

    name: str
    items: tuple[ListItem, ...]


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device of the home as people speak of it."""

    id: str
    name: str
    area: str
    """The area's name; empty for none."""
    floor: str
    state: str
    aliases: tuple[str, ...]


DUE_KINDS = ("timer", "alarm", "reminder", "command")
"""What a due item may be; `command`: a request that is done when it is time."""


class DueState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    RINGING = "ringing"
    DONE = "done"
    CANCELLED = "cancelled"
    MISSED = "missed"
    """Passed while nothing ran, or rung out unheard; it stays so until the user was told."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """A timer, an alarm or a reminder.

    A timer lasts a length of time, whatever the clocks do. Alarms and reminders are for a local time, whatever that is
    in seconds.
    """

    id: str
    kind: str
    """`timer`, `alarm` or `reminder`."""
    name: str
    """What the user called it, or is to be reminded of; empty for nothing."""
    state: DueState
    duration_s: float
    """The whole length, as last set (increases included). 0 for what is for a local time; not for a snooze, and what is
    to come "in half an hour": they stay where they are when the time zone changes."""
    due_wall_s: float
    """When it rings, Unix seconds; meaningless while paused."""
    due_steady_s: float
    """The same moment on the steady clock of `boot_id`: decides within one boot, so that clock jumps don't matter."""
    boot_id: str
    remaining_s: float
    """Only meaningful while paused: what is left."""
    created_wall_s: float
    local: str = ""
    """The local time it is for, ISO 8601 without zone; empty for a timer."""
    recurrence: str = ""
    """How often, as `due.calendar` knows it; empty for once."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage of a turn took."""

    stage: str
    """`wake` `listen` `stt` `nlu` `route` `skill` `cloud` `tts-first-audio` ..."""
    ms: float


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One whole exchange, as stored and as given to whichever layer answers next."""

    id: str
    conversation_id: str
    started_wall_s: float
    source: str
    """`voice` `text` `wav`."""
    text: str
    reply: str
    intent: str
    slots: Slots
    layer: str
    reason: str
    confidence: float
    outcome: Outcome
    stages: tuple[StageTime, ...] = field(default=())
    private: bool = False
    """Private mode was on while it was made: it never leaves the device."""


@dataclass(frozen=True, slots=True)
class SharedTurn:
    """A turn as the devices of a home share it."""

    id: str
    conversation_id: str
    device_id: str
    """The device that made it; empty for this one."""
    started_ms: int
    """By that device's own clock, UTC."""
    text: str
    reply: str


@dataclass(frozen=True, slots=True)
class SyncBatch:
    """What goes one way in one exchange between a device and the home's history."""

    turns: tuple[SharedTurn, ...]
    forgotten: tuple[str, ...]
    """Ids of turns that somebody forgot."""
    cursor: bytes
    """How far the device knows the history; empty for not at all."""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn as the history shows it."""

    id: str
    device_id: str
    """The other device that made it; empty for this one."""
    started_wall_s: float
    text: str
    reply: str
    private: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One side of one exchange in a context window."""

    role: str
    """`user` or `assistant`."""
    text: str


@dataclass(frozen=True, slots=True)
class CloudQuestion:
    """What leaves the device. Nothing else ever does."""

    request_id: str
    conversation_id: str
    text: str
    context: tuple[Message, ...]
    locale: str
    deadline_s: float
    """Seconds the caller is willing to wait for the whole answer."""


@dataclass(frozen=True, slots=True)
class LocalQuestion:
    """What the language model on this device is asked."""

    text: str
    context: tuple[Message, ...]
    locale: str
    begun: str = ""
    """The beginning of an answer that somebody else gave and that was already spoken: go on from there."""
