"""What the gateway's history does, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.errors import ConfigError, GatewayError, StoreError
from assistant.gateway.database import HistoryDatabase, open_history, read_url
from assistant.gateway.devices import Device, DeviceStore, SqliteDevices
from assistant.gateway.history import Asker, History
from assistant.gateway.shared_devices import SharedDevices
from assistant.values import SharedTurn, SyncBatch, new_id
from tests.postgres import PASSWORD, postgres

KINDS = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
pytestmark = pytest.mark.real_time
KITCHEN, BEDROOM, OTHERS = Asker("home", new_id()), Asker("home", new_id()), Asker("next door", new_id())


@contextlib.asynccontextmanager
async def databases(kind: str, folder: Path, count: int = 1) -> AsyncIterator[list[HistoryDatabase]]:
    """The same database, opened that often at once."""
    async with contextlib.AsyncExitStack() as stack:
        url = None
        if kind == "postgres":
            address, _ = await stack.enter_async_context(postgres())
            url = read_url(address, PASSWORD)
        opened = await asyncio.gather(*(open_history(folder / "history.db", url) for _ in range(count)))
        for database in opened:
            stack.push_async_callback(database.close)
        yield opened


@contextlib.asynccontextmanager
async def history(kind: str, folder: Path) -> AsyncIterator[History]:
    async with databases(kind, folder) as (database,):
        yield History(database)


def turns(count: int, *, words: int = 3) -> tuple[SharedTurn, ...]:
    return tuple(SharedTurn(new_id(), new_id(), "", 5, "was? 👋 " * words, "das " * words) for _ in range(count))


def push(*sent: SharedTurn) -> SyncBatch:
    return SyncBatch(sent, (), b"")


async def pull(store: History, who: Asker, cursor: bytes = b"") -> tuple[list[SharedTurn], list[str], bytes]:
    """All that is behind the cursor."""
    found: list[SharedTurn] = []
    gone: list[str] = []
    more = True
    while more:
        batch, more = await store.exchange(who, SyncBatch((), (), cursor), now_ms=0)
        found, gone, cursor = [*found, *batch.turns], [*gone, *batch.forgotten], batch.cursor
    return found, gone, cursor


def ids(found: list[SharedTurn] | tuple[SharedTurn, ...]) -> list[str]:
    return [turn.id for turn in found]


@KINDS
async def test_turns_reach_the_other_devices_of_the_home_once_and_nobody_else(kind: str, tmp_path: Path) -> None:
    async with history(kind, tmp_path) as store:
        sent = turns(250)
        for begin in (0, 100, 0, 200, 100):
            await store.exchange(KITCHEN, push(*sent[begin : begin + 100]), now_ms=1)
        found, gone, cursor = await pull(store, BEDROOM)
        assert ids(found) == ids(sent)
        assert {turn.device_id for turn in found} == {KITCHEN.device_id}
        assert found[0].text == sent[0].text
        assert (await pull(store, BEDROOM, cursor))[:2] == ([], [])
        assert (await pull(store, KITCHEN))[:2] == ([], [])
        assert (await pull(store, OTHERS))[:2] == ([], [])
        assert gone == []


@KINDS
async def test_what_is_forgotten_is_gone_and_stays_gone(kind: str, tmp_path: Path) -> None:
    async with history(kind, tmp_path) as store:
        sent = turns(3)
        await store.exchange(KITCHEN, push(*sent), now_ms=1)
        _, _, cursor = await pull(store, BEDROOM)
        unknown = new_id()
        await store.exchange(BEDROOM, SyncBatch((), (sent[1].id, unknown, unknown), cursor), now_ms=1)
        await store.exchange(KITCHEN, push(*sent), now_ms=1)
        late = SharedTurn(unknown, new_id(), "", 1, "too late", "")
        await store.exchange(KITCHEN, push(late), now_ms=1)
        both = SyncBatch((extra := turns(1)[0],), (extra.id,), b"")
        await store.exchange(KITCHEN, both, now_ms=1)
        found, gone, _ = await pull(store, BEDROOM)
        assert ids(found) == [sent[0].id, sent[2].id]
        assert gone == [sent[1].id, unknown, extra.id]
        assert (await pull(store, BEDROOM, cursor))[1] == gone
        assert (await pull(store, KITCHEN))[1] == gone


@KINDS
async def test_a_home_cannot_touch_the_turns_of_another(kind: str, tmp_path: Path) -> None:
    async with history(kind, tmp_path) as store:
        sent = turns(2)
        await store.exchange(KITCHEN, push(*sent), now_ms=1)
        await store.exchange(OTHERS, SyncBatch((sent[0],), (sent[1].id,), b""), now_ms=1)
        assert ids((await pull(store, BEDROOM))[0]) == ids(sent)


@KINDS
async def test_long_turns_come_in_pages_that_fit_a_reply(kind: str, tmp_path: Path) -> None:
    async with history(kind, tmp_path) as store:
        sent = tuple(SharedTurn(new_id(), new_id(), "", 5, "a" * 8_192, "b" * 32_768) for _ in range(3))
        await store.exchange(KITCHEN, push(*sent), now_ms=1)
        batch, more = await store.exchange(BEDROOM, SyncBatch((), (), b""), now_ms=1)
        assert (ids(batch.turns), more) == ([sent[0].id], True)
        assert ids((await pull(store, BEDROOM))[0]) == ids(sent)


@KINDS
@pytest.mark.parametrize("cursor", [b"nonsense", b"1.0123456789abcdef0123456789abcdef.5", b"\xff" * 64])
async def test_a_cursor_of_another_history_counts_for_nothing(kind: str, tmp_path: Path, cursor: bytes) -> None:
    async with history(kind, tmp_path) as store:
        sent = turns(2)
        await store.exchange(KITCHEN, push(*sent), now_ms=1)
        assert ids((await pull(store, BEDROOM, cursor))[0]) == ids(sent)
        _, _, good = await pull(store, BEDROOM)
        beyond = good.rpartition(b".")[0] + b".99"  # as after a restored backup
        assert ids((await pull(store, BEDROOM, beyond))[0]) == ids(sent)


@KINDS
async def test_old_turns_go(kind: str, tmp_path: Path) -> None:
    async with history(kind, tmp_path) as store:
        old, new = turns(2)
        await store.exchange(KITCHEN, push(old), now_ms=0)
        await store.exchange(KITCHEN, push(new), now_ms=5 * 86_400_000)
        assert await store.expire(3, now_ms=5 * 86_400_000) == 1
        assert ids((await pull(store, BEDROOM))[0]) == [new.id]


@KINDS
async def test_many_writers_and_a_reader_that_must_not_miss_any(kind: str, tmp_path: Path) -> None:
    """Four gateways, opened at once on an empty database; eight devices write, one reads on all the while."""
    async with databases(kind, tmp_path, 4) as opened:
        stores = [History(database) for database in opened]
        written: list[str] = []

        async def write(number: int) -> None:
            who = Asker("home", new_id())
            for round_ in range(6):
                sent = turns(5)
                await stores[(number + round_) % 4].exchange(who, push(*sent), now_ms=1)
                written.extend(ids(sent))

        writers = asyncio.gather(*(write(number) for number in range(8)))
        found: list[str] = []
        cursor = b""
        reads = 0
        while not writers.done() or len(found) < len(written):
            got, _, cursor = await pull(stores[reads % 4], BEDROOM, cursor)
            found += ids(got)
            reads += 1
            assert reads < 10_000
        await writers
        assert sorted(found) == sorted(written)
        assert len(set(found)) == 240


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def test_devices_belong_to_homes_and_count_their_tokens(kind: str, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stores: list[DeviceStore] = []
        if kind == "sqlite":
            stores = [await SqliteDevices.open(tmp_path / "gateway.db") for _ in range(2)]
            for store in stores:
                stack.push_async_callback(store.close)
        else:
            stores = [SharedDevices(each) for each in await stack.enter_async_context(databases(kind, tmp_path, 2))]
        here, there = stores
        before = await there.version()
        device = Device(new_id(), "Küche", b"\0" * 32, 5, None, "cabin")
        await here.add(device)
        assert await there.version() != before
        assert list(await there.devices()) == [device]
        for name in ("Küche", " odd"):
            with pytest.raises(GatewayError):
                await there.add(Device(new_id(), name, b"", 5, None))
        with pytest.raises(GatewayError) as caught:
            await there.add(Device(new_id(), "other", b"", 5, None, ""))
        assert caught.value.code == "home-name"
        await asyncio.gather(*(store.add_usage(7, {device.id: 10, new_id(): 3}) for store in stores))
        assert await here.usage(7) == {device.id: 20}
        before = await there.version()
        assert await here.remove("Küche")
        assert not await here.remove("Küche")
        assert await there.version() != before
        assert (list(await there.devices()), dict(await there.usage(7))) == ([], {})


@pytest.mark.parametrize(
    "url", ["mysql://a@b/c", "postgresql://a@b", "postgresql://a:hunter2@b/c", "nonsense", "postgresql://a@b:x/c"]
)
async def test_a_url_that_is_none_says_so_and_prints_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_url(url, "")
    assert caught.value.code == "gateway-database"
    assert "hunter2" not in str(caught.value)


async def test_nobody_there_and_a_damaged_file_are_errors_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await open_history(tmp_path / "x", read_url("postgresql://a@127.0.0.1:1/c", "hunter2"))
    assert (caught.value.code, caught.value.retryable) == ("history-unreachable", True)
    assert "hunter2" not in str(caught.value)
    (tmp_path / "history.db").write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError) as caught:
        await open_history(tmp_path / "history.db")
    assert caught.value.code == "history-unusable"


@pytest.mark.slow
async def test_a_wrong_password_is_not_printed() -> None:
    async with postgres() as (url, _):
        with pytest.raises(StoreError) as caught:
            await open_history(Path("x"), read_url(url, "hunter2"))
    assert caught.value.code == "history-unreachable"
    assert "hunter2" not in str(caught.value)


async def test_a_later_version_is_left_alone(tmp_path: Path) -> None:
    async with databases("sqlite", tmp_path) as (database,), database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError) as caught:
        await open_history(tmp_path / "history.db")
    assert caught.value.code == "history-newer"


async def test_the_tables_are_what_the_versions_make(tmp_path: Path) -> None:
    from sqlalchemy import Connection, inspect

    from assistant.gateway.schema.tables import metadata

    def columns(connection: Connection) -> dict[str, set[str]]:
        found = inspect(connection)
        return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}

    async with databases("sqlite", tmp_path) as (database,), database.transaction(reads=True) as connection:
        made = await connection.run_sync(columns)
    del made["alembic_version"]
    assert made == {table.name: {column.name for column in table.columns} for table in metadata.tables.values()}
