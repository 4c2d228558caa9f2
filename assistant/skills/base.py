"""What a skill is: it does what an intent asks and says one thing about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from assistant.due.journal import Journal
from assistant.skills.home_journal import HomeJournal
from assistant.skills.list_book import ListJournal
from assistant.skills.loudness import VolumeJournal
from assistant.skills.music_journal import MusicJournal
from assistant.skills.ports import Switch
from assistant.skills.replies import Replies
from assistant.values import NTH, Clock, IntentMatch, Slots, TurnRecord
from assistant.weather import WeatherPort

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SkillReply:
    text: str
    """What is spoken."""
    expects_answer: bool = False
    """It is a question: the microphone opens again, and the answer belongs to this request."""
    confirms: bool = False
    """It asks whether to do it: a yes does, with `IntentMatch.confirmed`."""
    acknowledges: bool = False
    """It only says that what was asked is done: in brief mode a short sound says it."""
    ok: bool = True
    """False when what was asked could not be done."""


@dataclass(frozen=True, slots=True)
class SkillContext:
    """What a skill may see and touch."""

    clock: Clock
    zone: tzinfo
    hour_format: int
    """12 or 24."""
    timers: Journal
    """Notes what is changed, for `undo`."""
    home: HomeJournal
    """Notes what is changed, for `undo`."""
    lists: ListJournal
    """Notes what is changed, for `undo`."""
    music: MusicJournal
    """The device's own player; notes what is changed, for `undo`."""
    confirm_over: int
    """A request for more devices than this is asked about first; 0 for none."""
    volume: VolumeJournal
    """The assistant's own; notes what is changed, for `undo`."""
    work: Callable[[Callable[[], Any]], Awaitable[Any]]
    """Runs what takes longer than a few milliseconds, away from the event loop."""
    random: Random
    memory: MutableMapping[str, Any]
    """What skills remember while the assistant runs."""
    weather: WeatherPort
    private: Switch
    """Private mode."""
    last_reply: str
    """What the assistant said last; empty when it said nothing yet."""
    last_turn: TurnRecord | None
    """The whole exchange before this one."""
    hush: Callable[[], bool]
    """Stops ringing and playback; True when something was stopped."""

    def now(self) -> datetime:
        """Local time."""
        return datetime.fromtimestamp(self.clock.wall_s(), self.zone)

    @property
    def changed(self) -> bool:
        """Whether something was done that can be taken back."""
        journals = self.timers, self.home, self.lists, self.volume, self.music
        return any(journal.changed for journal in journals)

    async def undo(self) -> None:
        """Take back what was done with this context, where that can be. Raises StoreError."""
        await self.timers.undo()
        await self.home.undo()
        await self.lists.undo()
        await self.volume.undo()
        await self.music.undo()


def nth_of(items: Sequence[T], slots: Slots) -> list[T]:
    """The one that is meant by its place; all where none is named, none where there are fewer."""
    place = int(slots.get(NTH, 0))
    at = place - 1 if place > 0 else place
    return list(items) if not place else [items[at]] if -len(items) <= at < len(items) else []


class Handler(Protocol):
    """Handles some intents: a built-in Skill, or a plugin."""

    @property
    def intents(self) -> Mapping[str, tuple[str, ...]]:
        """Intent -> the slots it can't do without (`duration`: any of hours, minutes, seconds)."""

    @property
    def rehearsable(self) -> bool:
        """Whether it touches nothing but its context: then the reply is made ahead."""

    @property
    def irreversible(self) -> frozenset[str]:
        """Intents whose effect can't be taken back."""

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Do it and say so. Any error may be raised; the book turns it into the intent's apology."""

    async def rehearse(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """What `handle` would reply; only when `rehearsable`. `context` is one that changes nothing."""

    def took_too_long(self) -> None:
        """A request was given up."""


class Skill(ABC):
    """Handles some intents. Holds no state: everything comes with the context."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]]
    """Intent -> the slots it can't do without (`duration`: any of hours, minutes, seconds)."""
    rehearsable: ClassVar[bool] = False
    """Whether it touches nothing but its context: then the reply is made ahead, on a context that changes nothing."""
    irreversible: ClassVar[frozenset[str]] = frozenset()
    """Intents whose effect can't be taken back: a spoken one waits until it is sure that the user has finished."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies

    @abstractmethod
    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Do it and say so. Any error may be raised; the book turns it into the intent's apology."""

    async def rehearse(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """As `handle`: the context is one that changes nothing."""
        return await self.handle(match, context)

    def took_too_long(self) -> None:  # noqa: B027 - optional
        """Nothing to be done: it is one of ours."""
