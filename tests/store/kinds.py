"""The stores in both kinds, real and fake, so that tests run on either."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from assistant.dialog.ports import EgressLog, TurnStore
from assistant.due.ports import DueStore
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.store.egress import SqliteEgress
from assistant.store.turns import SqliteTurnStore
from tests.fakes import FakeDueStore, FakeEgressLog, FakeTurnStore

KINDS = ("fake", "sqlite")


@contextlib.asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    database = await Database.open(path)
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def open_due_store(kind: str, folder: Path) -> AsyncIterator[DueStore]:
    if kind == "fake":
        yield FakeDueStore()
        return
    async with open_database(folder / "edgewise.db") as database:
        yield SqliteDueStore(database)


@contextlib.asynccontextmanager
async def open_turn_store(kind: str, folder: Path) -> AsyncIterator[TurnStore]:
    if kind == "fake":
        yield FakeTurnStore()
        return
    async with open_database(folder / "edgewise.db") as database:
        yield SqliteTurnStore(database)


@contextlib.asynccontextmanager
async def open_egress_log(kind: str, folder: Path) -> AsyncIterator[EgressLog]:
    if kind == "fake":
        yield FakeEgressLog()
        return
    async with open_database(folder / "edgewise.db") as database:
        yield SqliteEgress(database)
