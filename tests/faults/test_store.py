"""Databases that are damaged, foreign, misplaced or full: each a new beginning that is told, or a coded error."""

from __future__ import annotations

import gzip
import io
import math
import os
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import StoreError
from assistant.store import opening
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.store.migrations import MIGRATIONS
from assistant.store.turns import SqliteTurnStore
from assistant.values import StageTime, TurnRecord
from tests.contract.test_due_store import ITEM
from tests.contract.test_turn_store import TURN
from tests.store.kinds import open_database


async def filled(path: Path) -> None:
    """A healthy database of some pages."""
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
        for number in range(20):
            await SqliteTurnStore(database).append(replace(TURN, id=f"turn-{number}", text="word " * 300))


def overwrite(offset: int, data: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:offset] + data + raw[offset + len(data) :]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("edgewise.db", "not this one")
    return buffer.getvalue()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda raw: b"timers: pasta, eggs\n" * 400,
    "json": lambda raw: b'{"timers": []}',
    "zeros": lambda raw: bytes(len(raw)),
    "all ones": lambda raw: b"\xff" * len(raw),
    "gzip": gzip.compress,
    "zip": lambda raw: zipped(),
    "header only": lambda raw: raw[:16],
    "header and noise": lambda raw: raw[:16] + bytes((i * 73 + 11) % 256 for i in range(len(raw) - 16)),
    "cut in the first page": lambda raw: raw[:3000],
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "cut within a page": lambda raw: raw[:-1000],
    "last page lost": lambda raw: raw[:-4096],
    "byte order swapped": lambda raw: bytes(b for pair in zip(raw[1::2], raw[::2], strict=True) for b in pair),
    "impossible page size": overwrite(16, b"\x00\x07"),
    "impossible file format": overwrite(18, b"\x63\x63"),
    "schema page zeroed": overwrite(100, bytes(3996)),
    "schema page of noise": overwrite(100, b"\xa5" * 3996),
    "table page zeroed": overwrite(2 * 4096, bytes(4096)),
    "page pointing at itself": overwrite(3 * 4096, b"\x05\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04"),
    "schema version below zero": overwrite(60, b"\xff\xff\xff\xff"),
    "shifted by a byte": lambda raw: b"\x00" + raw,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_damaged_files_move_aside_and_a_new_one_works(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "edgewise.db"
    await filled(path)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    async with open_database(path) as database:
        assert database.set_aside is not None
        assert database.set_aside.name.startswith("edgewise.db.corrupt-")
        assert len(database.set_aside.read_bytes()) == len(damaged)
        await SqliteDueStore(database).save(ITEM)
        assert await SqliteDueStore(database).open_items() == [ITEM]
        assert await SqliteTurnStore(database).recent(9) == []


@pytest.mark.parametrize("content", [b"", b"S"], ids=["empty", "one byte"])
async def test_a_file_with_nothing_in_it_is_a_new_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "edgewise.db"
    path.write_bytes(content)
    async with open_database(path) as database:
        assert database.set_aside is None
        assert await SqliteDueStore(database).open_items() == []


@pytest.mark.parametrize("journal", [b"", b"no journal" * 900, bytes(9000)], ids=["empty", "noise", "zeros"])
async def test_a_senseless_journal_harms_nothing(tmp_path: Path, journal: bytes) -> None:
    path = tmp_path / "edgewise.db"
    await filled(path)
    path.with_name("edgewise.db-wal").write_bytes(journal)
    async with open_database(path) as database:
        assert database.set_aside is None
        assert await SqliteDueStore(database).open_items() == [ITEM]


async def test_a_journal_cut_off_loses_the_last_change_only(tmp_path: Path) -> None:
    path, copy = tmp_path / "edgewise.db", tmp_path / "copy.db"
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
        await SqliteDueStore(database).save(replace(ITEM, id="last"))
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy.db-wal").write_bytes(path.with_name("edgewise.db-wal").read_bytes()[:-100])
    async with open_database(copy) as database:
        assert database.set_aside is None
        assert await SqliteDueStore(database).open_items() == [ITEM]


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


MISPLACED: dict[str, Callable[[Path], Path]] = {
    "a directory": lambda folder: folder,
    "below a file": lambda folder: _written(folder / "file") / "edgewise.db",
    "a pipe": lambda folder: _made(folder / "pipe", os.mkfifo),
    "a socket": lambda folder: _made(folder / "socket", listen),
    "a device": lambda folder: Path("/dev/null"),
    "a full device": lambda folder: Path("/dev/full"),
    "where nothing can be made": lambda folder: Path("/proc/edgewise/edgewise.db"),
    "a directory that takes no files": lambda folder: Path("/proc/self/task/edgewise.db"),
    "a link in a circle": lambda folder: _made(folder / "circle", lambda path: path.symlink_to(path)),
    "a link to nowhere": lambda folder: _made(folder / "link", lambda path: path.symlink_to(folder / "no" / "where")),
    "too long a name": lambda folder: folder / ("x" * 300),
    "a name with a NUL": lambda folder: folder / "edge\0wise.db",
}


def _written(path: Path) -> Path:
    path.write_text("a file")
    return path


def _made(path: Path, make: Callable[[Path], object]) -> Path:
    make(path)
    return path


@pytest.mark.parametrize("place", MISPLACED.values(), ids=MISPLACED)
async def test_misplaced(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    with pytest.raises(StoreError) as caught:
        await Database.open(place(tmp_path))
    assert caught.value.code == "store-unusable"
    assert "EDGEWISE_STATE_DIR" in caught.value.hint


def other_program(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE moz_places (url TEXT)")


def other_application(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA application_id = 1")
    connection.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize("make", [other_program, other_application])
async def test_another_programs_database_stays_untouched(
    tmp_path: Path, make: Callable[[sqlite3.Connection], None]
) -> None:
    path = tmp_path / "edgewise.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        make(connection)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await Database.open(path)
    assert caught.value.code == "store-foreign"
    assert path.read_bytes() == before


TAMPERED: dict[str, str] = {
    "far newer": "PRAGMA user_version = 2147483647",
    "newer, its record lost": f"PRAGMA user_version = {len(MIGRATIONS) + 1}; DROP TABLE migrations",
    "newer, its record empty": f"PRAGMA user_version = {len(MIGRATIONS) + 1}; DELETE FROM migrations",
}


@pytest.mark.parametrize("script", TAMPERED.values(), ids=TAMPERED)
async def test_newer_schemas_are_refused(tmp_path: Path, script: str) -> None:
    path = tmp_path / "edgewise.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with pytest.raises(StoreError) as caught:
        await Database.open(path)
    assert caught.value.code == "store-newer"
    assert "Update Edgewise" in caught.value.hint


SENSELESS: dict[str, str] = {
    "unknown state": "UPDATE due SET state = 'sleeping'",
    "state in capitals": "UPDATE due SET state = 'RUNNING'",
    "unknown outcome": "UPDATE turns SET outcome = 'great'",
    "slots cut off": "UPDATE turns SET slots = '{\"minutes\": 1'",
    "slots a list": "UPDATE turns SET slots = '[1, 2]'",
    "slots nothing": "UPDATE turns SET slots = ''",
    "slots too deep": "UPDATE turns SET slots = (SELECT replace(hex(zeroblob(50000)), '0', '['))",
    "stages an object": "UPDATE turns SET stages = '{\"stt\": 1}'",
    "stage without time": "UPDATE turns SET stages = '[[\"stt\"]]'",
    "stage time a word": 'UPDATE turns SET stages = \'[["stt", "long"]]\'',
}


@pytest.mark.parametrize("script", SENSELESS.values(), ids=SENSELESS)
async def test_rows_that_make_no_sense(tmp_path: Path, script: str) -> None:
    path = tmp_path / "edgewise.db"
    await filled(path)
    async with open_database(path) as database:
        await database.write(lambda connection: connection.execute(script))
        read = SqliteDueStore(database).open_items() if " due " in script else SqliteTurnStore(database).recent(1)
        with pytest.raises(StoreError) as caught:
            await read
        assert caught.value.code == "store-row"


@pytest.mark.parametrize("script", ["DROP TABLE due", "ALTER TABLE due DROP COLUMN boot_id"])
async def test_a_table_taken_away(tmp_path: Path, script: str) -> None:
    path = tmp_path / "edgewise.db"
    await filled(path)
    async with open_database(path) as database:
        await database.write(lambda connection: connection.execute(script))
        with pytest.raises(StoreError) as caught:
            await SqliteDueStore(database).open_items()
        assert caught.value.code == "store-failed"
        assert await SqliteTurnStore(database).recent(1)


UNSTORABLE: dict[str, TurnRecord] = {
    "half a character": replace(TURN, text="\ud800"),
    "endless time": replace(TURN, started_wall_s=math.inf),
    "no time": replace(TURN, started_wall_s=math.nan),
    "beyond 64 bits": replace(TURN, started_wall_s=1e300),
    "slot without value": replace(TURN, slots={"number": math.nan}),
    "slot of half a character": replace(TURN, slots={"name": "\udfff"}),
    "endless stage": replace(TURN, stages=(StageTime("stt", math.inf),)),
}


@pytest.mark.parametrize("record", UNSTORABLE.values(), ids=UNSTORABLE)
async def test_values_sqlite_cannot_hold(tmp_path: Path, record: TurnRecord) -> None:
    async with open_database(tmp_path / "edgewise.db") as database:
        store = SqliteTurnStore(database)
        with pytest.raises(StoreError) as caught:
            await store.append(record)
        assert caught.value.code == "store-value"
        assert TURN.reply not in str(caught.value)
        await store.append(TURN)
        assert await store.recent(9) == [TURN]


async def test_a_full_disk(tmp_path: Path) -> None:
    async with open_database(tmp_path / "edgewise.db") as database:
        due, turns = SqliteDueStore(database), SqliteTurnStore(database)
        await due.save(ITEM)
        await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
        big = replace(TURN, text="word " * 20_000)
        for write in (turns.append(big), due.save(replace(ITEM, id="big", name="x" * 100_000))):
            with pytest.raises(StoreError) as caught:
                await write
            assert (caught.value.code, caught.value.retryable) == ("disk-full", True)
        assert await due.open_items() == [ITEM]
        assert await turns.recent(9) == []
        await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
        await turns.append(big)
        assert await turns.recent(9) == [big]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 300 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a small file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.root
@pytest.mark.slow
async def test_a_disk_that_is_really_full_can_still_be_read_and_started_from(small_disk: Path) -> None:
    path, stored = small_disk / "edgewise.db", 0

    async def fill(store: SqliteTurnStore) -> None:
        nonlocal stored
        for stored in range(1000):
            await store.append(replace(TURN, id=f"turn-{stored}", text="word " * 200))

    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
        with pytest.raises(StoreError) as caught:
            await fill(SqliteTurnStore(database))
        assert caught.value.code == "disk-full"
        assert await SqliteDueStore(database).open_items() == [ITEM]
    async with open_database(path) as database:
        assert database.set_aside is None
        assert await SqliteDueStore(database).open_items() == [ITEM]
        assert len(await SqliteTurnStore(database).recent(1000)) == stored
    with pytest.raises(StoreError) as caught:
        await Database.open(small_disk / "another.db")
    assert caught.value.code == "disk-full"


@pytest.mark.root
async def test_a_disk_without_any_room_still_tells_its_timers(small_disk: Path) -> None:
    path = small_disk / "edgewise.db"
    async with open_database(path) as database:
        await SqliteDueStore(database).save(ITEM)
    with (small_disk / "fill").open("wb", buffering=0) as fill, suppress(OSError):
        while True:
            fill.write(bytes(512))
    async with open_database(path) as database:
        assert await SqliteDueStore(database).open_items() == [ITEM]
        with pytest.raises(StoreError) as caught:
            await SqliteTurnStore(database).append(TURN)
        assert caught.value.code == "disk-full"


@pytest.mark.parametrize("lock", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
async def test_locked_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "edgewise.db"
    async with open_database(path) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(lock)
            with pytest.raises(StoreError) as caught:
                await SqliteDueStore(database).save(ITEM)
            assert (caught.value.code, caught.value.retryable) == ("store-locked", True)
            other.execute("ROLLBACK")
        await SqliteDueStore(database).save(ITEM)
        assert await SqliteDueStore(database).open_items() == [ITEM]


async def test_locked_while_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "edgewise.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError) as caught:
            await Database.open(path)
    assert caught.value.code == "store-locked"
