"""Lists in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from assistant.store.database import Database
from assistant.store.rows import reading
from assistant.values import ListItem

_ITEMS = """
    SELECT lists.name, list_items.text, list_items.done
    FROM lists LEFT JOIN list_items ON list_items.list = lists.name
    ORDER BY lists.seq, list_items.place
"""


class SqliteLists:
    """skills.list_book.ListStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, name: str, items: Sequence[ListItem] | None) -> None:
        """Have the list hold just this; None: have no such list. Raises StoreError."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM list_items WHERE list = ?", (name,))
            if items is None:
                connection.execute("DELETE FROM lists WHERE name = ?", (name,))
                return
            connection.execute("INSERT INTO lists (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
            rows = [(name, place, item.text, item.done) for place, item in enumerate(items)]
            connection.executemany("INSERT INTO list_items (list, place, text, done) VALUES (?, ?, ?, ?)", rows)

        await self._database.write(write)

    async def all(self) -> Mapping[str, tuple[ListItem, ...]]:
        """Every list, the oldest first. Raises StoreError."""

        def read(connection: sqlite3.Connection) -> dict[str, tuple[ListItem, ...]]:
            found: dict[str, list[ListItem]] = {}
            with reading("lists"):
                for name, text, done in connection.execute(_ITEMS):
                    items = found.setdefault(name, [])
                    if text is not None:
                        items.append(ListItem(text, bool(done)))
                return {name: tuple(items) for name, items in found.items()}

        return await self._database.read(read)
