"""Makes a database file fit for use, or says why it isn't.

missing or empty          a new database, readable by its owner only
older schema              a backup beside it (`NAME.before-vN`) before each migration, then the migration
newer schema              StoreError `store-newer`, naming the version of Edgewise that wrote it
somebody else's database  StoreError `store-foreign`; it stays untouched
damaged                   moved aside to `NAME.corrupt-<UTC>` with its journal, and a new one begun
no file, not writable     StoreError `store-unusable`
locked, disk full, ...    StoreError `store-locked`, `disk-full`, ...
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from assistant import __version__
from assistant.errors import StoreError
from assistant.store.errors import is_corrupt, is_full, mapped, unusable

APPLICATION_ID = 0x45646765
"""`Edge`: tells our files from other SQLite databases."""

BUSY_TIMEOUT_S = 2.0
QUICK_CHECK_BYTES = 50_000_000
"""Larger files are only checked when damage was met in use (`NAME.suspect` is there)."""

_log = structlog.get_logger(__name__)
Migrations = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Opened:
    connection: sqlite3.Connection
    set_aside: Path | None
    """Where a damaged file was moved to."""


def open_file(path: Path, migrations: Migrations) -> Opened:
    """Open in the calling thread, which is then the only one that may use the connection.

    Raises:
        StoreError: see the module's table.
    """
    path = path.absolute()
    with mapped(path):
        opened = _open(path, migrations)
        if isinstance(opened, sqlite3.Connection):
            return Opened(opened, None)
        anew = _open(path, migrations)
        if isinstance(anew, sqlite3.Connection):
            return Opened(anew, opened)
        raise _damage("a new file was damaged at once")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; on the disk at the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back by itself after some errors
            connection.execute("ROLLBACK")
        raise


def mark_suspect(path: Path) -> None:
    """Have the next opening check the whole file, however large."""
    _suspect(path).touch(mode=0o600)


def _make(path: Path) -> None:
    """A file of ours at `path`, empty if it is new."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except ValueError as exc:  # a NUL in the name
        raise unusable(path, str(exc)) from exc
    except FileNotFoundError:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return
    if not stat.S_ISREG(mode):
        raise unusable(path, "it is not a file")
    # By name: closing a descriptor of a file drops every lock this process has on it, SQLite's included.
    if mode & 0o077:
        path.chmod(0o600)


def _open(path: Path, migrations: Migrations) -> sqlite3.Connection | Path:
    """A connection fit for use, or the place where a damaged file was moved to."""
    try:
        return _open_in(path, migrations, "NORMAL")
    except sqlite3.OperationalError as exc:
        if not is_full(path, exc):
            raise
        # Perhaps only the log's index file has no room: who is alone with a database needs none.
        return _open_in(path, migrations, "EXCLUSIVE")


def _open_in(path: Path, migrations: Migrations, locking_mode: str) -> sqlite3.Connection | Path:
    _make(path)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute(f"PRAGMA locking_mode = {locking_mode}")
        _prepare(connection, path, migrations)
        return connection
    except BaseException as exc:
        if not (isinstance(exc, sqlite3.Error) and is_corrupt(exc)):
            connection.close()
            raise
        # Moved first: closing writes the log into the damaged file and deletes it.
        set_aside = _move_aside(path)
        connection.close()
        _log.warning("store-set-aside", file=set_aside.name, why=str(exc))
        return set_aside


def _prepare(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    version = _recognise(connection, path, len(migrations))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    _check(connection, path)
    for number in range(version + 1, len(migrations) + 1):
        if version:
            _back_up(connection, path.with_name(f"{path.name}.before-v{number}"))
        _migrate(connection, number, migrations[number - 1])


def _recognise(connection: sqlite3.Connection, path: Path, known: int) -> int:
    """The schema's version, before anything is changed; 0 for a new file."""
    version: int = _value(connection, "PRAGMA user_version")
    ours = _value(connection, "PRAGMA application_id") == APPLICATION_ID
    if ours and version > known:
        raise StoreError(
            "store-newer",
            f"{path} was written by Edgewise {_writer(connection)} (schema {version}; this is {__version__}, {known})",
            hint="Update Edgewise, or restore the backup from before the update.",
        )
    if ours and version < 1:
        raise _damage(f"schema version {version}")
    if not ours and (version or _value(connection, "SELECT count(*) FROM sqlite_master")):
        raise StoreError(
            "store-foreign",
            f"{path} is another program's database",
            hint="Move it away, or set EDGEWISE_STATE_DIR to another directory.",
        )
    return version


def _writer(connection: sqlite3.Connection) -> str:
    try:
        return str(_value(connection, "SELECT edgewise FROM migrations ORDER BY version DESC LIMIT 1"))
    except (sqlite3.Error, TypeError):  # a future schema may name it otherwise, or hold no row
        return "of a later version"


def _check(connection: sqlite3.Connection, path: Path) -> None:
    needed = _value(connection, "PRAGMA page_count") * _value(connection, "PRAGMA page_size")
    if _checkpointed(connection) and path.stat().st_size < needed:
        raise _damage("the file was cut off")
    suspect = _suspect(path)
    if path.stat().st_size > QUICK_CHECK_BYTES and not suspect.exists():
        return
    found = str(_value(connection, "PRAGMA quick_check(1)"))
    if found != "ok":
        raise _damage(found)
    suspect.unlink(missing_ok=True)


def _checkpointed(connection: sqlite3.Connection) -> bool:
    """Whether the file holds everything and the log nothing. On a full disk the log stays, and works."""
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        return False
    return not busy


def _migrate(connection: sqlite3.Connection, number: int, statements: Sequence[str]) -> None:
    with transaction(connection):
        for statement in statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO migrations (version, applied_ms, edgewise) VALUES (?, ?, ?)",
            (number, int(time.time() * 1000), __version__),
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")


def _back_up(connection: sqlite3.Connection, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600))
    with contextlib.closing(sqlite3.connect(partial)) as copy:
        connection.backup(copy)
    _sync(partial)
    partial.replace(target)
    _sync(target.parent)


def _move_aside(path: Path) -> Path:
    """Move a damaged database away with its write-ahead log, which may hold what the file lacks."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while target.exists():
        count += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    with contextlib.suppress(FileNotFoundError):
        _beside(path, "-wal").rename(_beside(target, "-wal"))
    _beside(path, "-shm").unlink(missing_ok=True)
    path.rename(target)
    _suspect(path).unlink(missing_ok=True)
    _sync(path.parent)
    return target


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _value(connection: sqlite3.Connection, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


def _suspect(path: Path) -> Path:
    return _beside(path, ".suspect")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
