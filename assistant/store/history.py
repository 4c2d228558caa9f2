"""The history of a home as this device knows it: its own turns, and those of other devices."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from assistant.store.database import Database
from assistant.store.rows import milliseconds, seconds
from assistant.values import PastTurn

DAY_MS = 86_400_000
HERE = "here"
"""As a device's id: this one."""

_OWN = "SELECT id, '', started_ms, text, reply, private FROM turns ORDER BY seq DESC LIMIT ?"
_OTHERS = """
    SELECT id, device_id, started_ms, text, reply, 0 FROM home_turns
    WHERE :device = '' OR device_id = :device ORDER BY seq DESC LIMIT :limit
"""
_BETWEEN = """
    SELECT id FROM turns WHERE started_ms >= :since AND started_ms < :before
    UNION SELECT id FROM home_turns WHERE started_ms >= :since AND started_ms < :before
"""
_KNOWN = "SELECT id FROM turns WHERE id = :id UNION SELECT id FROM home_turns WHERE id = :id"
_NO_LIMIT_MS = 2**62

_GOING = "CREATE TEMP TABLE IF NOT EXISTS going (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
_TELL = """
    INSERT INTO outbox (kind, turn_id)
    SELECT 'forget', id FROM going
    WHERE id IN (SELECT id FROM home_turns) OR id IN (SELECT id FROM turns WHERE shared = 1)
    ON CONFLICT (turn_id, kind) DO NOTHING
"""
_FORGET = (
    "DELETE FROM outbox WHERE kind = 'turn' AND turn_id IN (SELECT id FROM going)",
    "DELETE FROM turns WHERE id IN (SELECT id FROM going)",
    "DELETE FROM home_turns WHERE id IN (SELECT id FROM going)",
)
_EXPIRED = """
    SELECT id FROM turns WHERE seq < (SELECT min(seq) FROM turns WHERE started_ms >= :cutoff AND started_ms <= :latest)
    UNION SELECT id FROM home_turns WHERE received_ms < :cutoff
"""


class SqliteHistory:
    """Lists turns, forgets them, and lets old ones go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, limit: int, device: str = "") -> Sequence[PastTurn]:
        """The newest turns, by when each device's clock says they were, oldest first; `device`: just this one's, HERE
        for this device. Raises StoreError."""

        def read(connection: sqlite3.Connection) -> list[PastTurn]:
            rows = connection.execute(_OWN, (limit,)).fetchall() if device in {"", HERE} else []
            if device != HERE:
                rows += connection.execute(_OTHERS, {"device": device, "limit": limit}).fetchall()
            rows.sort(key=lambda row: (row[2], row[0]))
            found = rows[max(0, len(rows) - limit) :]
            return [PastTurn(row[0], row[1], seconds(row[2]), row[3], row[4], bool(row[5])) for row in found]

        return await self._database.read(read)

    async def forget_turn(self, turn_id: str, *, now_s: float) -> Sequence[str]:
        """Forget this turn, here and, as far as it is known there, elsewhere. Its id; nothing when there is none.

        Raises StoreError.
        """
        return await self._forget(_KNOWN, {"id": turn_id}, now_s)

    async def forget_between(self, since_s: float | None, before_s: float | None, *, now_s: float) -> Sequence[str]:
        """The same with whatever began at `since_s` or later and earlier than `before_s`; None: no such limit."""
        since = -_NO_LIMIT_MS if since_s is None else milliseconds(since_s)
        before = _NO_LIMIT_MS if before_s is None else milliseconds(before_s)
        return await self._forget(_BETWEEN, {"since": since, "before": before}, now_s)

    async def expire(self, days: int, *, now_s: float) -> int:
        """Let turns go that are older than so many days; how many there were. Only here, and as if they had never been
        sent: other places have their own limit.

        Turns are old when one that came behind them is within the limit: a clock that was wrong says nothing then.
        """
        now_ms = milliseconds(now_s)
        limits = {"cutoff": now_ms - days * DAY_MS, "latest": now_ms + DAY_MS}

        def write(connection: sqlite3.Connection) -> int:
            ids = [row[0] for row in connection.execute(_EXPIRED, limits)]
            _delete(connection, ids)
            return len(ids)

        return await self._database.write(write)

    async def waiting(self) -> int:
        """How many turns and deletions wait to be sent."""
        query = "SELECT count(*) FROM outbox WHERE refused = 0"
        return await self._database.read(lambda connection: int(connection.execute(query).fetchone()[0]))

    async def _forget(self, query: str, values: dict[str, str] | dict[str, int], now_s: float) -> Sequence[str]:
        def write(connection: sqlite3.Connection) -> list[str]:
            ids = [row[0] for row in connection.execute(query, values)]
            _fill_going(connection, ids)
            connection.execute(_TELL)
            forget_here(connection, ids, milliseconds(now_s))
            return ids

        ids = await self._database.write(write)
        if ids:  # not even in the log, which otherwise holds the words until it is written over
            await self._database.read(
                lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            )
        return ids


def forget_here(connection: sqlite3.Connection, ids: Collection[str], now_ms: int) -> None:
    """Within a transaction: these turns are gone, and don't come back."""
    if not ids:
        return
    connection.executemany(
        "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT (id) DO NOTHING", [(turn_id, now_ms) for turn_id in ids]
    )
    _delete(connection, ids)


def _delete(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    connection.execute("PRAGMA secure_delete = ON")  # the words are overwritten, not only let go of
    _fill_going(connection, ids)
    for statement in _FORGET:
        connection.execute(statement)
    connection.execute("DELETE FROM going")


def _fill_going(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    connection.execute(_GOING)
    connection.execute("DELETE FROM going")
    connection.executemany("INSERT INTO going VALUES (?) ON CONFLICT (id) DO NOTHING", [(each,) for each in ids])
