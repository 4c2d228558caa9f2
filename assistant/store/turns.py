"""Turns in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from assistant.store.database import Database
from assistant.store.rows import milliseconds, reading, seconds
from assistant.values import Outcome, StageTime, TurnRecord

Beside = Callable[[sqlite3.Connection], None]

_COLUMNS = (
    "id, conversation_id, started_ms, source, text, reply, intent, slots, layer, reason, confidence, outcome, stages,"
    " private"
)
_INSERT = f"INSERT INTO turns ({_COLUMNS}, shared) VALUES ({', '.join('?' * 15)}) ON CONFLICT (id) DO NOTHING"  # noqa: S608
_TO_SEND = "INSERT INTO outbox (kind, turn_id) VALUES ('turn', ?)"
_RECENT = f"SELECT {_COLUMNS} FROM turns ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant text


class SqliteTurnStore:
    """dialog.ports.TurnStore. A turn that is stored already stays as it is, so appending again is harmless.

    With `share`, what isn't private is put into the outbox in the same transaction; `stored` is called behind it.
    """

    def __init__(self, database: Database, *, share: bool = False, stored: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._share = share
        self._stored = stored

    async def append(self, record: TurnRecord, beside: Beside | None = None) -> None:
        """`beside` writes what belongs to the turn, in the same transaction."""
        shared = self._share and not record.private

        def insert(connection: sqlite3.Connection) -> None:
            is_new = connection.execute(_INSERT, (*_to_row(record), shared)).rowcount == 1
            if is_new and shared:
                connection.execute(_TO_SEND, (record.id,))
            if beside:
                beside(connection)

        await self._database.write(insert)
        self._stored()

    async def recent(self, limit: int) -> Sequence[TurnRecord]:
        def newest(connection: sqlite3.Connection) -> list[TurnRecord]:
            rows = connection.execute(_RECENT, (max(0, limit),)).fetchall()
            with reading("turns"):
                return [_from_row(row) for row in reversed(rows)]

        return await self._database.read(newest)


def _to_row(turn: TurnRecord) -> tuple[Any, ...]:
    return (
        turn.id,
        turn.conversation_id,
        milliseconds(turn.started_wall_s),
        turn.source,
        turn.text,
        turn.reply,
        turn.intent,
        json.dumps(dict(turn.slots), allow_nan=False, ensure_ascii=False),
        turn.layer,
        turn.reason,
        turn.confidence,
        turn.outcome.value,
        json.dumps([[stage.stage, stage.ms] for stage in turn.stages], allow_nan=False),
        turn.private,
    )


def _from_row(row: tuple[Any, ...]) -> TurnRecord:
    turn_id, conversation_id, started_ms, source, text, reply, intent, slots, layer, reason, sure, *rest = row
    outcome, stages, private = rest
    return TurnRecord(
        id=turn_id,
        conversation_id=conversation_id,
        started_wall_s=seconds(started_ms),
        source=source,
        text=text,
        reply=reply,
        intent=intent,
        slots=dict(json.loads(slots).items()),
        layer=layer,
        reason=reason,
        confidence=sure,
        outcome=Outcome(outcome),
        stages=tuple(StageTime(stage, float(ms)) for stage, ms in json.loads(stages)),
        private=bool(private),
    )
