"""What left the device, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from assistant.records import Departure
from assistant.store.database import Database
from assistant.store.rows import milliseconds, reading, seconds

_INSERT = """
    INSERT INTO egress (at_ms, turn_id, recipient, bytes, why, text, context, replaced) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_PAGE = """
    SELECT number, at_ms, turn_id, recipient, bytes, why, text, context, replaced FROM egress
    WHERE number < ? AND at_ms >= ? ORDER BY number DESC LIMIT ?
"""
_NEWEST = 2**62
"""Beyond every number."""


class SqliteEgress:
    """dialog.ports.EgressLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, departure: Departure) -> None:
        await self._database.write(lambda connection: connection.execute(_INSERT, _to_row(departure)))

    async def page(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        def read(connection: sqlite3.Connection) -> list[Departure]:
            cursor = (before or _NEWEST, milliseconds(since_wall_s), max(0, limit))
            rows = connection.execute(_PAGE, cursor).fetchall()
            with reading("egress"):
                return [_from_row(row) for row in rows]

        return await self._database.read(read)

    async def drop_before(self, wall_s: float) -> None:
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM egress WHERE at_ms < ?", (milliseconds(wall_s),))
        )


def _to_row(departure: Departure) -> tuple[Any, ...]:
    return (
        milliseconds(departure.at_wall_s),
        departure.turn_id,
        departure.to,
        departure.bytes,
        departure.why,
        departure.text,
        departure.context,
        json.dumps(departure.replaced),
    )


def _from_row(row: tuple[Any, ...]) -> Departure:
    number, at_ms, turn_id, to, size, why, text, context, replaced = row
    return Departure(
        number=number,
        at_wall_s=seconds(at_ms),
        turn_id=turn_id,
        to=to,
        bytes=size,
        why=why,
        text=text,
        context=context,
        replaced=tuple(str(each) for each in json.loads(replaced)),
    )
