"""What waits to be sent to the home's history, and what came from there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from assistant.store.database import Database
from assistant.store.history import forget_here
from assistant.values import SharedTurn, SyncBatch

MAX_ENTRIES = 100
MAX_TEXT_BYTES = 8_192
MAX_REPLY_BYTES = 32_768
MAX_BATCH_BYTES = 120_000
ENTRY_BYTES = 160
"""What a turn takes beside its texts, at most: ids, time, the marks between them."""

_OPEN = """
    SELECT outbox.kind, outbox.turn_id, turns.conversation_id, turns.started_ms, turns.text, turns.reply
    FROM outbox LEFT JOIN turns ON turns.id = outbox.turn_id AND outbox.kind = 'turn'
    WHERE outbox.refused = 0 ORDER BY outbox.seq LIMIT ?
"""
_SENT = "DELETE FROM outbox WHERE turn_id = ? AND kind = ?"
_PULLED = """
    INSERT INTO home_turns (id, conversation_id, device_id, started_ms, received_ms, text, reply)
    SELECT :id, :conversation_id, :device_id, :started_ms, :now_ms, :text, :reply
    WHERE NOT EXISTS (SELECT 1 FROM forgotten WHERE id = :id) AND NOT EXISTS (SELECT 1 FROM turns WHERE id = :id)
    ON CONFLICT (id) DO NOTHING
"""
_CURSOR = "INSERT INTO sync_cursor VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor"


class SqliteOutbox:
    """cloud.sync.SyncStore."""

    def __init__(self, database: Database, forgot: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        """`forgot` is told the ids of turns that another device of the home forgot."""
        self._database = database
        self._forgot = forgot

    async def batch(self, limit: int) -> SyncBatch:
        """The oldest of what waits, `limit` or MAX_ENTRIES at most. Texts are cut to what the contract carries."""

        def read(connection: sqlite3.Connection) -> SyncBatch:
            turns: list[SharedTurn] = []
            forgotten: list[str] = []
            room = MAX_BATCH_BYTES
            rows = connection.execute(_OPEN, (min(limit, MAX_ENTRIES),)).fetchall()
            for kind, turn_id, conversation_id, started_ms, text, reply in rows:
                if kind == "forget":
                    forgotten.append(turn_id)
                    room -= ENTRY_BYTES
                else:
                    said, replied = _carried(text, MAX_TEXT_BYTES), _carried(reply, MAX_REPLY_BYTES)
                    room -= len(said.encode()) + len(replied.encode()) + ENTRY_BYTES
                    if room < 0:
                        break
                    turns.append(SharedTurn(turn_id, conversation_id, "", started_ms, said, replied))
            row = connection.execute("SELECT cursor FROM sync_cursor").fetchone()
            return SyncBatch(tuple(turns), tuple(forgotten), row[0] if row else b"")

        return await self._database.read(read)

    async def settle(self, sent: SyncBatch, received: SyncBatch, *, now_s: float) -> None:
        """In one transaction: what was sent waits no longer, what was received is kept, and so is the cursor.

        Of `sent`, only what the gateway is known to have. What was forgotten anywhere stays forgotten.
        """

        def write(connection: sqlite3.Connection) -> Sequence[str]:
            now_ms = round(now_s * 1000)
            done = [(turn.id, "turn") for turn in sent.turns] + [(turn_id, "forget") for turn_id in sent.forgotten]
            connection.executemany(_SENT, done)
            rows = [
                {
                    "id": turn.id,
                    "conversation_id": turn.conversation_id,
                    "device_id": turn.device_id,
                    "started_ms": turn.started_ms,
                    "now_ms": now_ms,
                    "text": turn.text,
                    "reply": turn.reply,
                }
                for turn in received.turns
            ]
            connection.executemany(_PULLED, rows)
            forget_here(connection, received.forgotten, now_ms)
            connection.execute(_CURSOR, (received.cursor,))
            return received.forgotten

        if forgotten := await self._database.write(write):
            self._forgot(forgotten)

    async def refuse(self, batch: SyncBatch) -> None:
        """Set aside what the gateway won't ever take; it stays here, unsent."""
        ids = [(turn.id, "turn") for turn in batch.turns] + [(turn_id, "forget") for turn_id in batch.forgotten]
        statement = "UPDATE outbox SET refused = 1 WHERE turn_id = ? AND kind = ?"
        await self._database.write(lambda connection: connection.executemany(statement, ids).rowcount)


def _carried(text: str, max_bytes: int) -> str:
    """The text as the contract carries it: cut between characters, without NUL, which not every database keeps."""
    return text.replace("\0", "\ufffd").encode()[:max_bytes].decode(errors="ignore")
