"""Devices of a home as far as their history goes: a real store, and what keeps it in step with a real gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from assistant.cloud.sync import Synchroniser
from assistant.errors import CloudError
from assistant.events import DataLeft
from assistant.store.database import Database
from assistant.store.history import SqliteHistory
from assistant.store.outbox import SqliteOutbox
from assistant.store.turns import SqliteTurnStore
from assistant.values import Outcome, SystemClock, TurnRecord, new_id
from tests.gateways import LinkedCloud

Exchange = Callable[[bytes, float], Awaitable[bytes]]


def turn(text: str = "is it raining", reply: str = "No.", *, private: bool = False, at_s: float = 1e9) -> TurnRecord:
    return TurnRecord(
        new_id(), new_id(), at_s, "text", text, reply, "", {}, "edge", "", 1.0, Outcome.ANSWERED, private=private
    )


class SpeakerHistory:
    """One device. Set `private` to have nothing sent."""

    def __init__(self, database: Database, exchange: Exchange) -> None:
        self.private = False
        self.left: list[DataLeft] = []
        self.gone: list[str] = []
        self.turns = SqliteTurnStore(database, share=True)
        self.history = SqliteHistory(database)
        self.outbox = SqliteOutbox(database, self.gone.extend)
        self.sync = Synchroniser(
            self.outbox,
            exchange,
            address="gateway:1",
            allowed=lambda: not self.private,
            publish=self.left.append,
            clock=SystemClock(),
            interval_s=0.05,
        )

    async def ids(self) -> list[str]:
        """All that it knows, sorted."""
        return sorted(each.id for each in await self.history.newest(1_000_000))


@contextlib.asynccontextmanager
async def speaker(
    path: Path, address: str, token: str = "", exchange: Exchange | None = None
) -> AsyncIterator[SpeakerHistory]:
    """A device whose history lies at `path`; `exchange` replaces its way to the gateway."""
    database = await Database.open(path)
    try:
        async with LinkedCloud(address, token=token) as linked:
            yield SpeakerHistory(database, exchange or linked.cloud.exchange)
    finally:
        await database.close()


async def failure_of(device: SpeakerHistory) -> str:
    """The code of the first error that comes of catching up again and again, within seconds."""
    async with asyncio.timeout(10):
        while True:
            try:
                await device.sync.catch_up()
            except CloudError as exc:
                return exc.code
