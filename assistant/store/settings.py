"""What the user set by voice and what must outlive a restart, in SQLite: a JSON value for each name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from assistant.store.database import Database
from assistant.store.rows import reading

_SET = "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class SqliteSettings:
    """skills.ports.SettingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, name: str, value: Any) -> None:
        await self._database.write(lambda connection: connection.execute(_SET, (name, json.dumps(value))))

    async def all(self) -> Mapping[str, Any]:
        def read(connection: sqlite3.Connection) -> dict[str, Any]:
            rows = connection.execute("SELECT name, value FROM settings").fetchall()
            with reading("settings"):
                return {name: json.loads(value) for name, value in rows}

        return await self._database.read(read)
