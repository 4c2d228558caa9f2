"""Timers, alarms and reminders in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from assistant.store.database import Database
from assistant.store.rows import milliseconds, reading, seconds
from assistant.values import DueItem, DueState

_SAVE = """
    INSERT INTO due
        (id, kind, name, state, duration_ms, due_ms, due_steady_ms, boot_id, remaining_ms, created_ms,
         local, recurrence)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        kind = excluded.kind, name = excluded.name, state = excluded.state, duration_ms = excluded.duration_ms,
        due_ms = excluded.due_ms, due_steady_ms = excluded.due_steady_ms, boot_id = excluded.boot_id,
        remaining_ms = excluded.remaining_ms, created_ms = excluded.created_ms,
        local = excluded.local, recurrence = excluded.recurrence
"""
_OPEN = """
    SELECT id, kind, name, state, duration_ms, due_ms, due_steady_ms, boot_id, remaining_ms, created_ms,
        local, recurrence
    FROM due WHERE state NOT IN ('done', 'cancelled') ORDER BY due_ms, id
"""


class SqliteDueStore:
    """due.ports.DueStore. Done and cancelled items stay as rows, unread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, *items: DueItem) -> None:
        rows = [_to_row(item) for item in items]
        await self._database.write(lambda connection: connection.executemany(_SAVE, rows))

    async def open_items(self) -> Sequence[DueItem]:
        def read(connection: sqlite3.Connection) -> list[DueItem]:
            rows = connection.execute(_OPEN).fetchall()
            with reading("due"):
                return [_from_row(row) for row in rows]

        return await self._database.read(read)


def _to_row(item: DueItem) -> tuple[Any, ...]:
    return (
        item.id,
        item.kind,
        item.name,
        item.state.value,
        milliseconds(item.duration_s),
        milliseconds(item.due_wall_s),
        milliseconds(item.due_steady_s),
        item.boot_id,
        milliseconds(item.remaining_s),
        milliseconds(item.created_wall_s),
        item.local,
        item.recurrence,
    )


def _from_row(row: tuple[Any, ...]) -> DueItem:
    item_id, kind, name, state, duration_ms, due_ms, due_steady_ms, boot_id, remaining_ms, created_ms, *more = row
    return DueItem(
        id=item_id,
        kind=kind,
        name=name,
        state=DueState(state),
        duration_s=seconds(duration_ms),
        due_wall_s=seconds(due_ms),
        due_steady_s=seconds(due_steady_ms),
        boot_id=boot_id,
        remaining_s=seconds(remaining_ms),
        created_wall_s=seconds(created_ms),
        local=str(more[0]),
        recurrence=str(more[1]),
    )
