"""Deferred questions in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from assistant.store.database import Database
from assistant.store.rows import milliseconds, reading, seconds
from assistant.values import DeferredQuestion, DeferredState, Exchange

_ADD = "INSERT INTO deferred (id, text, asked_ms, state, answer, turn_id) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_CONTEXT = "INSERT INTO deferred_context (question_id, place, turn_id, text, reply) VALUES (?, ?, ?, ?, ?)"


class SqliteDeferred:
    """dialog.deferred.DeferredStore. What was said in a turn goes with the turn, whoever deletes that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, question: DeferredQuestion) -> None:
        row = (
            question.id,
            question.text,
            milliseconds(question.asked_wall_s),
            question.state.value,
            question.answer,
            question.turn_id,
        )
        context = [
            (question.id, place, each.turn_id, each.text, each.reply) for place, each in enumerate(question.context)
        ]

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(_ADD, row)
            connection.executemany(_ADD_CONTEXT, context)

        await self._database.write(insert)

    async def change(self, question_id: str, state: DeferredState, answer: str) -> None:
        values = (state.value, answer, question_id)
        await self._database.write(
            lambda connection: connection.execute("UPDATE deferred SET state = ?, answer = ? WHERE id = ?", values)
        )

    async def remove(self, question_id: str) -> None:
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM deferred WHERE id = ?", (question_id,))
        )

    async def all(self) -> Sequence[DeferredQuestion]:
        def read(connection: sqlite3.Connection) -> list[DeferredQuestion]:
            context: dict[str, list[Exchange]] = {}
            said = "SELECT question_id, turn_id, text, reply FROM deferred_context ORDER BY place"
            for question_id, turn_id, text, reply in connection.execute(said):
                context.setdefault(question_id, []).append(Exchange(turn_id, text, reply))
            rows = connection.execute(
                "SELECT id, text, asked_ms, state, answer, turn_id FROM deferred ORDER BY rowid"
            ).fetchall()
            with reading("deferred"):
                return [
                    DeferredQuestion(
                        question_id,
                        text,
                        seconds(asked_ms),
                        DeferredState(state),
                        answer,
                        turn_id,
                        tuple(context.get(question_id, ())),
                    )
                    for question_id, text, asked_ms, state, answer, turn_id in rows
                ]

        return await self._database.read(read)
