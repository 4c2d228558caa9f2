"""What the author of a skill in a package of its own imports; nothing else here is promised to stay.

A plugin is a class without required arguments, named by an entry point of the group `edgewise.skills`:

    [project.entry-points."edgewise.skills"]
    coin = "edgewise_coin:Coin"

`assistant skills new NAME` writes such a package. A plugin that can't be loaded, or fails again and again, is off until
the next start (`assistant skills list` and `assistant doctor` say why); everything else goes on.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from assistant.errors import SkillError
from assistant.homes import Device, Home, HomePort, ServiceCall, chosen
from assistant.skills.base import SkillReply
from assistant.skills.replies import filled
from assistant.values import Slots

__all__ = [
    "Context", "Device", "Home", "Intent", "Plugin", "PluginHome", "Request", "ServiceCall", "SkillReply", "chosen",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that a plugin can be asked."""

    example: str
    """How one says it; must fit one of the intent's sentences."""
    required: tuple[str, ...] = ()
    """Slots it can't do without (`duration`: any of hours, minutes, seconds). What wasn't said is asked for with the
    reply `ask_<slot>`; the answer is read by the list that the sentences have for the slot."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    intent: str
    """As `Plugin.intents` has it."""
    slots: Slots
    confirmed: bool
    """The user was asked whether to do this (`SkillReply.confirms`), and said yes."""


class PluginHome:
    """The home, as long as the request lasts. What is done to it is taken back when the user meant something else."""

    def __init__(self, port: HomePort) -> None:
        self._port: HomePort | None = port
        self._loop = asyncio.get_running_loop()

    @property
    def home(self) -> Home:
        """How things stand. `chosen(home, request.slots)` are the devices that a {target} means."""
        return self._open().home

    async def call(self, call: ServiceCall) -> None:
        """Have it done. Raises HomeError; SkillError `request-over`."""
        await self._open().call(call)

    def call_and_wait(self, call: ServiceCall) -> None:
        """`call` for a `handle` that is a plain function."""
        asyncio.run_coroutine_threadsafe(self.call(call), self._loop).result()

    def close(self) -> None:
        """The request is over: who comes late must not act any more."""
        self._port = None

    def _open(self) -> HomePort:
        if self._port is None:
            raise SkillError("request-over", "the request was over before the skill was done")
        return self._port


@dataclass(frozen=True, slots=True)
class Context:
    """What a plugin may see and touch."""

    asked_at: datetime
    hour_format: int
    """12 or 24."""
    last_reply: str
    """What the assistant said last; empty when it said nothing yet."""
    home: PluginHome

    def now(self) -> datetime:
        """Local time, when the request was made."""
        return self.asked_at


class Plugin(ABC):
    """A skill from a package of its own. One instance serves all requests, one after the other."""

    name: ClassVar[str]
    """The entry point's name: small letters, digits, `-` and `_`. Others see its intents as `name.Intent`."""
    intents: ClassVar[Mapping[str, Intent]]
    sentences: ClassVar[str | Mapping[str, Any]]
    """hassil templates of every intent, as YAML or as what such YAML holds: `intents: NAME: data: - sentences: [...]`,
    `lists`, `expansion_rules`. They are tried when none of the assistant's own fits. Lists that exist already:
    {duration} {date} {day} {expression} {amount} {target}, see `assistant.nlu.plugins`."""
    replies: ClassVar[Mapping[str, Mapping[str, str]]]
    """Language -> the texts of `say`: short, and for the ear. `failed` is said when `handle` raises; `ask_<slot>` asks
    for a required slot."""
    rehearsable: ClassVar[bool] = False
    """Whether `handle` touches nothing but its context: then the reply is made while the user's silence still lasts, on
    a context that changes nothing."""
    irreversible: ClassVar[frozenset[str]] = frozenset()
    """Intents whose effect can't be taken back: a spoken one waits until it is sure that the user has finished."""
    language: str = "en"
    """Of the replies; set before the first request."""

    def say(self, reply: str, **values: object) -> str:
        """A reply with its words filled in; begins with a capital."""
        return filled(self.replies[self.language][reply], values)

    @abstractmethod
    def handle(self, request: Request, context: Context) -> str | SkillReply | Awaitable[str | SkillReply]:
        """Do it and say so, within `skills.timeout_s`.

        A plain function runs in a thread of the plugin's own and may block; an `async def` runs on the assistant's loop
        and must not. Any error may be raised: `failed` is said then. Three failures in a row, or two requests in a row
        that took too long, and the plugin is off until the next start.
        """
