"""Turns what SQLite and the file system say into StoreErrors, each with its way out."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from assistant.errors import StoreError

INDEX_BYTES = 65_536
"""With less room on the disk than this, the write-ahead log's index (32 KiB a piece) may not fit."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNUSABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Raise what goes wrong with the database at `path` as StoreError."""
    try:
        yield
    except sqlite3.Error as exc:
        raise from_sqlite(path, exc) from exc
    except OSError as exc:
        raise _from_os(path, exc) from exc
    except (ValueError, OverflowError) as exc:  # SQLite can't hold it: lone surrogates, infinite times
        raise StoreError("store-value", f"a value can't be stored in {path.name}: {type(exc).__name__}") from exc


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, or no database at all."""
    return _primary(error) in _CORRUPT


def is_full(path: Path, error: sqlite3.Error) -> bool:
    """Whether there is no room left for the database at `path`."""
    code = _primary(error)
    return code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(path))


def from_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    """The StoreError for an error of SQLite. Its own message names no values, only tables and causes."""
    code = _primary(error)
    if is_full(path, error):
        return disk_full(path)
    if code in _CORRUPT:
        return StoreError(
            "store-corrupt",
            f"{path} is damaged: {error}",
            hint="Restart Edgewise: it moves the damaged file aside and begins a new one.",
        )
    if code in _LOCKED:
        return StoreError(
            "store-locked",
            f"another program keeps {path} locked",
            hint="Close whatever has it open, then try again.",
            retryable=True,
        )
    if code in _UNUSABLE:
        return unusable(path, str(error))
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(
            "store-io", f"reading or writing {path} failed: {error}", hint="Check the disk.", retryable=True
        )
    return StoreError("store-failed", f"the database {path} refused: {error}", hint=f"Move {path} away to begin anew.")


def _no_room(path: Path) -> bool:
    """Whether the log's index doesn't fit: SQLite calls that no more than an I/O error."""
    try:
        return shutil.disk_usage(path.parent).free < INDEX_BYTES
    except OSError:
        return False


def disk_full(path: Path) -> StoreError:
    return StoreError(
        "disk-full", f"no room left to write {path}", hint="Free some space on that disk.", retryable=True
    )


def unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        "store-unusable",
        f"{path} can't be used as the database: {why}",
        hint="Set EDGEWISE_STATE_DIR to a directory that can be written.",
    )


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _from_os(path: Path, error: OSError) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(path)
    return unusable(path, error.strerror or type(error).__name__)
