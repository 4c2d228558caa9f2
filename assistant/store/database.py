"""One SQLite file, opened once (see `opening`), used from one thread of its own.

Every commit is on the disk when it returns (write-ahead log, synchronous=FULL). Overflow policy: more than MAX_PENDING
calls in line and the next is refused with StoreError `store-busy`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from assistant.errors import BusyError, StoreError
from assistant.executor import BoundedExecutor
from assistant.store.errors import is_corrupt, mapped
from assistant.store.migrations import MIGRATIONS
from assistant.store.opening import Migrations, Opened, mark_suspect, open_file, transaction

MAX_PENDING = 64

T = TypeVar("T")


class Database:
    """Use `open`. Work is a function of the connection; it runs on the database's thread."""

    def __init__(self, path: Path, executor: BoundedExecutor, opened: Opened) -> None:
        self.path = path
        self.set_aside = opened.set_aside
        """Where a damaged database was moved to while opening; None when all was well."""
        self._connection = opened.connection
        self._executor = executor
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, migrations: Migrations = MIGRATIONS) -> Database:
        """Open, check and migrate. A missing file and its parent directories are made.

        Raises:
            StoreError: see the table in `opening`.
        """
        executor = BoundedExecutor("store", workers=1, max_pending=MAX_PENDING)
        try:
            opened = await executor.run(open_file, path, migrations)
        except BaseException:
            executor.close()
            raise
        return cls(path, executor, opened)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the database's thread. Raises StoreError."""
        if self._closed:
            raise StoreError("store-closed", "the database is closed")
        try:
            return await self._executor.run(self._work, work)
        except BusyError as exc:
            raise _busy() from exc

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction: durable when this returns, without effect when it raises StoreError.

        A caller that is cancelled leaves; the transaction goes on.
        """

        def in_transaction(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self.read(in_transaction)

    async def close(self) -> None:
        """Finish what is in line, close the file. Idempotent. Raises StoreError `store-busy` while the line is full."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._executor.run(self._connection.close)
        except BusyError as exc:
            self._closed = False
            raise _busy() from exc
        self._executor.close()

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with mapped(self.path):
            try:
                return work(self._connection)
            except sqlite3.Error as exc:
                if is_corrupt(exc):
                    mark_suspect(self.path)
                raise


def _busy() -> StoreError:
    return StoreError("store-busy", "the database is busy", hint="Try again in a moment.", retryable=True)
