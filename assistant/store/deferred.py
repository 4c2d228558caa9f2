"""Deferred questions in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from assistant.store.database import Database
from assistant.store.rows import milliseconds, reading, seconds
from assistant.values import DeferredQuestion, DeferredState

_SAVE = """
    INSERT INTO deferred (id, text, asked_ms, state, answer) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, answer = excluded.answer
"""


class SqliteDeferred:
    """dialog.deferred.DeferredStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, question: DeferredQuestion) -> None:
        row = (
            question.id,
            question.text,
            milliseconds(question.asked_wall_s),
            question.state.value,
            question.answer,
        )
        await self._database.write(lambda connection: connection.execute(_SAVE, row))

    async def remove(self, question_id: str) -> None:
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM deferred WHERE id = ?", (question_id,))
        )

    async def all(self) -> Sequence[DeferredQuestion]:
        def read(connection: sqlite3.Connection) -> list[DeferredQuestion]:
            rows = connection.execute(
                "SELECT id, text, asked_ms, state, answer FROM deferred ORDER BY rowid"
            ).fetchall()
            with reading("deferred"):
                return [
                    DeferredQuestion(question_id, text, seconds(asked_ms), DeferredState(state), answer)
                    for question_id, text, asked_ms, state, answer in rows
                ]

        return await self._database.read(read)
