"""Opening, migrating, mending and sharing the database."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assistant import __version__
from assistant.errors import StoreError
from assistant.store import database as module
from assistant.store import opening
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.store.migrations import MIGRATIONS
from assistant.store.turns import SqliteTurnStore
from tests.contract.test_due_store import ITEM
from tests.contract.test_turn_store import TURN
from tests.store.kinds import open_database

TABLES = {"migrations", "turns", "due", "home_devices", "lists", "list_items", "settings", "ledger", "egress"}
TABLES |= {"outbox", "home_turns", "forgotten", "sync_cursor", "deferred", "deferred_context"}
SECOND = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT",)
THIRD = ("INSERT INTO notes (words) VALUES ('made by the third')",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "edgewise.db"


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def pragma(name: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_begins_private_durable_and_migrated(path: Path) -> None:
    async with open_database(path) as database:
        assert database.set_aside is None
        assert await database.read(tables) == TABLES
        assert await database.read(pragma("user_version")) == len(MIGRATIONS)
        assert await database.read(pragma("journal_mode")) == "wal"
        assert await database.read(pragma("synchronous")) == 2
        assert await database.read(pragma("foreign_keys")) == 1
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {"edgewise.db": 0o600, "edgewise.db-wal": 0o600, "edgewise.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["edgewise.db"]


async def test_a_readable_file_is_made_private(path: Path) -> None:
    async with open_database(path):
        pass
    path.chmod(0o644)
    async with open_database(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_everything_is_there_after_reopening(path: Path) -> None:
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
        await SqliteTurnStore(database).append(TURN)
    async with open_database(path) as database:
        assert list(await SqliteDueStore(database).open_items()) == [ITEM]
        assert list(await SqliteTurnStore(database).recent(9)) == [TURN]


async def test_works_on_a_thread_of_its_own(path: Path) -> None:
    async with open_database(path) as database:
        threads = {await database.read(lambda _: threading.get_ident()) for _ in range(5)}
        assert len(threads) == 1
        assert threading.get_ident() not in threads


async def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO due VALUES ('a', 'timer', '', 'running', 1, 1, 1, 'boot', 0, 1)")
        connection.execute("INSERT INTO due VALUES ('b', NULL, '', 'running', 1, 1, 1, 'boot', 0, 1)")

    async with open_database(path) as database:
        with pytest.raises(StoreError) as caught:
            await database.write(half)
        assert caught.value.code == "store-failed"
        assert await SqliteDueStore(database).open_items() == []
        await SqliteDueStore(database).save(ITEM)
        assert await SqliteDueStore(database).open_items() == [ITEM]


async def test_a_cancelled_caller_leaves_and_the_transaction_goes_on(path: Path) -> None:
    async with open_database(path) as database:
        gate = threading.Event()
        blocking = asyncio.create_task(database.read(lambda _: gate.wait(10)))
        saving = asyncio.create_task(SqliteDueStore(database).save(ITEM))
        await asyncio.sleep(0)
        saving.cancel()
        gate.set()
        assert await blocking
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert await SqliteDueStore(database).open_items() == [ITEM]


async def test_a_full_line_is_refused_not_grown(path: Path) -> None:
    async with open_database(path) as database:
        gate = threading.Event()
        waiting = [asyncio.create_task(database.read(lambda _: gate.wait(10))) for _ in range(module.MAX_PENDING + 1)]
        await asyncio.sleep(0)
        for refused in (database.read(lambda _: True), database.close()):
            with pytest.raises(StoreError) as caught:
                await refused
            assert (caught.value.code, caught.value.retryable) == ("store-busy", True)
        gate.set()
        assert all(await asyncio.gather(*waiting))


async def test_closed_is_closed(path: Path) -> None:
    async with open_database(path) as database:
        await database.close()
        await database.close()
        with pytest.raises(StoreError) as caught:
            await database.read(lambda _: None)
        assert caught.value.code == "store-closed"


async def test_migrations_run_in_order_each_behind_a_backup(path: Path) -> None:
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
    database = await Database.open(path, migrations=(*MIGRATIONS, SECOND, THIRD))
    rows = await database.read(lambda c: c.execute("SELECT version, edgewise FROM migrations").fetchall())
    first, second = len(MIGRATIONS) + 1, len(MIGRATIONS) + 2
    assert rows == [(number, __version__) for number in range(1, second + 1)]
    assert await SqliteDueStore(database).open_items() == [ITEM]
    await database.close()
    for number, expected in ((first, TABLES), (second, {*TABLES, "notes"})):
        backup = path.with_name(f"edgewise.db.before-v{number}")
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        with closing(sqlite3.connect(backup)) as connection:
            assert tables(connection) == expected
            assert pragma("user_version")(connection) == number - 1
            assert connection.execute("SELECT id FROM due").fetchall() == [(ITEM.id,)]
    assert not list(path.parent.glob("*.partial"))


async def test_nothing_to_migrate_makes_no_backup(path: Path) -> None:
    for _ in range(3):
        async with open_database(path):
            pass
    assert [file.name for file in path.parent.iterdir()] == ["edgewise.db"]


async def test_a_failing_migration_leaves_the_old_schema_whole(path: Path) -> None:
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
    broken = (*MIGRATIONS, (*SECOND, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StoreError) as caught:
        await Database.open(path, migrations=broken)
    assert caught.value.code == "store-failed"
    async with open_database(path) as database:
        assert database.set_aside is None
        assert await database.read(tables) == TABLES
        assert await SqliteDueStore(database).open_items() == [ITEM]


async def test_a_newer_schema_names_its_writer_and_stays_untouched(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "__version__", "9.8.7")
    database = await Database.open(path, migrations=(*MIGRATIONS, SECOND))
    await database.close()
    before = path.read_bytes()
    monkeypatch.undo()
    with pytest.raises(StoreError) as caught:
        await Database.open(path)
    assert caught.value.code == "store-newer"
    assert "9.8.7" in str(caught.value)
    assert path.read_bytes() == before


async def test_a_damaged_file_is_kept_beside_a_new_one(path: Path) -> None:
    path.parent.mkdir()
    for _ in range(2):  # twice within one second
        path.write_bytes(b"no database at all" * 1000)
        async with open_database(path) as database:
            assert database.set_aside is not None
            assert database.set_aside.read_bytes() == b"no database at all" * 1000
            await SqliteDueStore(database).save(ITEM)
        async with open_database(path) as database:
            assert database.set_aside is None
            assert await SqliteDueStore(database).open_items() == [ITEM]
    assert len(list(path.parent.glob("edgewise.db.corrupt-*"))) == 2


async def test_what_only_the_journal_holds_moves_aside_too(path: Path) -> None:
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
    database = await Database.open(path)
    await SqliteDueStore(database).save(replace(ITEM, name="renamed"))
    wal = path.with_name("edgewise.db-wal").read_bytes()
    await database.close()
    path.write_bytes(b"damaged" * 1000)
    path.with_name("edgewise.db-wal").write_bytes(wal)
    async with open_database(path) as database:
        assert database.set_aside is not None
        aside = database.set_aside.with_name(database.set_aside.name + "-wal")
        assert aside.read_bytes() == wal
        assert await SqliteDueStore(database).open_items() == []


async def test_damage_met_in_use_is_mended_at_the_next_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_database(path):
        pass
    shape = path.stat().st_size  # what is behind it holds rows
    async with open_database(path) as database:
        store = SqliteTurnStore(database)
        for number in range(50):
            await store.append(replace(TURN, id=f"turn-{number}", text="word " * 400))
    raw = bytearray(path.read_bytes())
    raw[shape:] = b"\xa5" * (len(raw) - shape)
    path.write_bytes(raw)
    monkeypatch.setattr(opening, "QUICK_CHECK_BYTES", 0)  # as if it were too large to check at every start
    async with open_database(path) as database:
        assert database.set_aside is None
        with pytest.raises(StoreError) as caught:
            await SqliteTurnStore(database).recent(50)
        assert caught.value.code == "store-corrupt"
    async with open_database(path) as database:
        assert database.set_aside is not None
        assert await SqliteTurnStore(database).recent(50) == []
    assert not path.with_name("edgewise.db.suspect").exists()


async def test_a_false_alarm_is_forgotten(path: Path) -> None:
    async with open_database(path):
        opening.mark_suspect(path)
    async with open_database(path) as database:
        assert database.set_aside is None
        assert not path.with_name("edgewise.db.suspect").exists()
