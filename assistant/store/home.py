"""How the devices of the built-in home stand, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.store.database import Database
from assistant.store.rows import reading

_SAVE = """
    INSERT INTO home_devices (id, state, attributes) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, attributes = excluded.attributes
"""


class SqliteHomeStore:
    """home.virtual.HomeStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, states: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        rows = [(device, state, json.dumps(dict(attributes))) for device, (state, attributes) in states.items()]
        await self._database.write(lambda connection: connection.executemany(_SAVE, rows))

    async def states(self) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        def read(connection: sqlite3.Connection) -> dict[str, tuple[str, Mapping[str, Any]]]:
            rows: Sequence[tuple[str, str, str]] = connection.execute(
                "SELECT id, state, attributes FROM home_devices"
            ).fetchall()
            with reading("home_devices"):
                return {device: (state, dict(json.loads(attributes))) for device, state, attributes in rows}

        return await self._database.read(read)
