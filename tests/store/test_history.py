"""What this device's history keeps, cuts and lets go."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.store.history import SqliteHistory
from assistant.store.outbox import SqliteOutbox
from assistant.store.turns import SqliteTurnStore
from assistant.values import SharedTurn, SyncBatch
from tests.speakers import turn
from tests.store.kinds import open_database

DAY_S = 86_400.0
NOW_S = 1_800_000_000.0


async def test_a_batch_is_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    async with open_database(tmp_path / "e.db") as database:
        store, outbox = SqliteTurnStore(database, share=True), SqliteOutbox(database)
        for _ in range(5):
            await store.append(turn("a" * 9_000, "b" * 40_000))
        batch = await outbox.batch(100)
        assert [(len(each.text), len(each.reply)) for each in batch.turns] == [(8_192, 32_768)] * 2
        await outbox.settle(batch, SyncBatch((), (), b"c"), now_s=1)
        for _ in range(150):
            await store.append(turn())
        assert len((await outbox.batch(1)).turns) == 1
        await outbox.settle(await outbox.batch(100), SyncBatch((), (), b"c"), now_s=1)
        assert len((await outbox.batch(1_000)).turns) == 100


async def test_only_what_may_be_shared_is_put_into_the_outbox(tmp_path: Path) -> None:
    async with open_database(tmp_path / "e.db") as database:
        outbox = SqliteOutbox(database)
        await SqliteTurnStore(database).append(turn())
        sharing = SqliteTurnStore(database, share=True)
        await sharing.append(turn(private=True))
        await sharing.append(shared := turn())
        await sharing.append(shared)
        assert [each.id for each in (await outbox.batch(100)).turns] == [shared.id]
        await SqliteHistory(database).forget_between(None, None, now_s=1)
        assert await outbox.batch(100) == SyncBatch((), (shared.id,), b"")


async def test_what_is_received_is_no_part_of_this_devices_own_conversation(tmp_path: Path) -> None:
    async with open_database(tmp_path / "e.db") as database:
        store, outbox = SqliteTurnStore(database), SqliteOutbox(database)
        received = SharedTurn("x", "c", "bath", 5, "hello", "hi")
        for _ in range(2):
            await outbox.settle(SyncBatch((), (), b""), SyncBatch((received,), (), b"c"), now_s=1)
        assert list(await store.recent(5)) == []
        (found,) = await SqliteHistory(database).newest(5)
        assert (found.id, found.device_id, found.text) == ("x", "bath", "hello")
        assert list(await SqliteHistory(database).newest(5, "here")) == []
        assert (await outbox.batch(5)).cursor == b"c"


async def test_what_is_forgotten_here_does_not_come_back_before_the_gateway_knows(tmp_path: Path) -> None:
    async with open_database(tmp_path / "e.db") as database:
        outbox, history = SqliteOutbox(database), SqliteHistory(database)
        received = SyncBatch((SharedTurn("x", "c", "bath", 5, "hello", "hi"),), (), b"c")
        await outbox.settle(SyncBatch((), (), b""), received, now_s=1)
        assert await history.forget_turn("x", now_s=1) == ["x"]
        await outbox.settle(SyncBatch((), (), b""), received, now_s=1)
        assert list(await history.newest(5)) == []
        assert (await outbox.batch(5)).forgotten == ("x",)


@pytest.mark.parametrize("wrong_s", [0.0, NOW_S + 99 * DAY_S])
async def test_old_turns_go_and_a_clock_that_was_wrong_takes_none_along(tmp_path: Path, wrong_s: float) -> None:
    async with open_database(tmp_path / "e.db") as database:
        store, history = SqliteTurnStore(database, share=True), SqliteHistory(database)
        for name, at_s in (("old", NOW_S - 40 * DAY_S), ("kept", NOW_S - DAY_S), ("odd", wrong_s), ("new", NOW_S)):
            await store.append(replace(turn(at_s=at_s), id=name))
        assert await history.expire(30, now_s=NOW_S) == 1
        assert {each.id for each in await history.newest(9)} == {"kept", "odd", "new"}
        assert {each.id for each in (await SqliteOutbox(database).batch(9)).turns} == {"kept", "odd", "new"}
        assert (await SqliteOutbox(database).batch(9)).forgotten == ()
        assert await history.expire(30, now_s=NOW_S + 300 * DAY_S) == 0  # nothing newer says that the clock is right


async def test_turns_from_before_sync_are_there_and_never_sent(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    async with open_database(path) as database:
        await SqliteTurnStore(database).append(turn())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT shared FROM turns").fetchall() == [(0,)]
    async with open_database(path) as database:
        assert (await SqliteOutbox(database).batch(9)).turns == ()
