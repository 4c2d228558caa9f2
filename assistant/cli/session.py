"""The assistant a command talks to: the one that runs, through its socket, or one of the command's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from assistant.audio.format import Chunk
from assistant.cli.options import log_quietly
from assistant.cli.output import note
from assistant.config import Config
from assistant.control.client import ControlClient
from assistant.control.ports import ControlTarget, KeptQuestion, StatusReport
from assistant.control.unix_socket import Listener, find_listener
from assistant.events import Event
from assistant.records import Departure, Route
from assistant.values import DueItem, KnownDevice, NamedList, PastTurn, TurnRecord

T = TypeVar("T")


class Session(Protocol):
    """What both have in common; see `control.ports.ControlTarget`."""

    async def status(self) -> StatusReport: ...

    async def ask(
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord: ...

    async def say(self, text: str) -> None: ...

    def synthesize(self, text: str) -> AsyncIterator[Chunk]: ...

    async def timers(self) -> Sequence[tuple[DueItem, float]]: ...

    async def add_timer(self, duration_s: float, name: str) -> DueItem: ...

    async def change_timer(self, item_id: str, change: str) -> DueItem: ...

    async def due_items(self, kind: str) -> Sequence[tuple[DueItem, float]]: ...

    async def lists(self) -> Sequence[NamedList]: ...

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList: ...

    async def deferred(self) -> Sequence[KeptQuestion]: ...

    async def cancel_deferred(self, question_id: str) -> KeptQuestion: ...

    async def devices(self) -> Sequence[KnownDevice]: ...

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]: ...

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]: ...

    async def past_turns(self, limit: int, device: str) -> Sequence[PastTurn]: ...

    async def forget_turn(self, turn_id: str) -> int: ...

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int: ...


class OwnAssistant:
    """A Session on an assistant in this process."""

    def __init__(self, target: ControlTarget) -> None:
        self._target = target

    async def status(self) -> StatusReport:
        return self._target.status()

    async def ask(
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord:
        source = "text" if audio is None else "wav"
        return await self._target.ask(
            text=text, audio=audio, source=source, speak=speak, on_audio=on_audio, on_event=on_event
        )

    async def say(self, text: str) -> None:
        await self._target.say(text)

    def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        return self._target.synthesize(text)

    async def timers(self) -> Sequence[tuple[DueItem, float]]:
        return self._target.timers()

    async def add_timer(self, duration_s: float, name: str) -> DueItem:
        return await self._target.add_timer(duration_s, name)

    async def change_timer(self, item_id: str, change: str) -> DueItem:
        return await self._target.change_timer(item_id, change)

    async def due_items(self, kind: str) -> Sequence[tuple[DueItem, float]]:
        return self._target.due_items(kind)

    async def lists(self) -> Sequence[NamedList]:
        return self._target.lists()

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList:
        return await self._target.change_list(name, change, items)

    async def deferred(self) -> Sequence[KeptQuestion]:
        return self._target.deferred.all()

    async def cancel_deferred(self, question_id: str) -> KeptQuestion:
        return await self._target.deferred.cancel(question_id)

    async def devices(self) -> Sequence[KnownDevice]:
        return await self._target.devices()

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]:
        return await self._target.routes(before=before, limit=limit)

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        return await self._target.departures(before=before, since_wall_s=since_wall_s, limit=limit)

    async def past_turns(self, limit: int, device: str) -> Sequence[PastTurn]:
        return await self._target.past_turns(limit, device)

    async def forget_turn(self, turn_id: str) -> int:
        return await self._target.forget_turn(turn_id)

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        return await self._target.forget_between(since_s, before_s)


@contextlib.asynccontextmanager
async def open_session(config: Config, *, audio_devices: bool) -> AsyncIterator[tuple[Session, bool]]:
    """A session, and whether it talks to a running daemon.

    Without one, an assistant is built in this process (with a speaker when `audio_devices`), under the lock that keeps
    any other out.

    Raises:
        EdgewiseError: the daemon's socket can't be used, or the assistant can't be built.
    """
    socket = config.paths.control_socket(config.settings)
    if find_listener(socket) in {Listener.ALIVE, Listener.DENIED}:
        async with ControlClient(socket) as client:
            yield client, True
    else:
        from assistant.daemon import open_assistant  # noqa: PLC0415 -- imports every room

        async with open_assistant(config, audio_devices=audio_devices) as target:
            for problem in target.status().problems:
                note(problem)
            yield OwnAssistant(target), False


def with_session(config: Config, work: Callable[[Session], Awaitable[T]]) -> tuple[T, bool]:
    """What `work` returns, done on a session without sound; and whether that was the running daemon's."""

    async def done() -> tuple[T, bool]:
        async with open_session(config, audio_devices=False) as (session, daemon):
            return await work(session), daemon

    log_quietly(config)
    return asyncio.run(done())
