"""The ledger in SQLite: a row beside each turn, gone when the turn is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from assistant.records import Aftermath, Candidate, LedgerEntry, Route, Verdict
from assistant.store.database import Database
from assistant.store.rows import reading, seconds
from assistant.store.turns import Beside

_COLUMNS = (
    "turn_id, candidates, task, open_question, missing, asked, link_up, private, threshold, reject_threshold, "
    "deadline_ms, bytes_out, first_token_ms, first_audio_ms, amended, aftermath, verdict, cloud_answer"
)
_INSERT = f"INSERT INTO ledger ({_COLUMNS}) VALUES ({', '.join('?' * 18)}) ON CONFLICT (turn_id) DO NOTHING"  # noqa: S608
_ROUTES = f"""
    SELECT seq, started_ms, text, reply, intent, layer, reason, confidence, outcome,
        {", ".join(f"ledger.{column}" for column in _COLUMNS.split(", "))}
    FROM ledger JOIN turns ON turns.id = ledger.turn_id
"""  # noqa: S608 - constant text
_PAGE = f"{_ROUTES} WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_ONE = f"{_ROUTES} WHERE turn_id = ?"
_NEWEST = 2**62
"""Beyond every number."""


def beside_turn(entry: LedgerEntry, reaction: tuple[str, Aftermath] | None) -> Beside:
    """Writes an entry down in its turn's transaction, and what that turn says about an earlier one.

    An entry that is there already stays as it is; a turn that is gone takes no reaction.
    """

    def write(connection: sqlite3.Connection) -> None:
        connection.execute(_INSERT, _to_row(entry))
        if reaction:
            turn_id, aftermath = reaction
            connection.execute("UPDATE ledger SET aftermath = ? WHERE turn_id = ?", (aftermath.value, turn_id))

    return write


class SqliteLedger:
    """What was written down. Reads join the turns, so forgotten ones never show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, before: int, limit: int) -> Sequence[Route]:
        """The newest first: those numbered below `before` (0 for all), `limit` at most. Raises StoreError."""

        def read(connection: sqlite3.Connection) -> list[Route]:
            rows = connection.execute(_PAGE, (before or _NEWEST, max(0, limit))).fetchall()
            with reading("ledger"):
                return [_from_row(row) for row in rows]

        return await self._database.read(read)

    async def find(self, turn_id: str) -> Route | None:
        """The entry of one turn. Raises StoreError."""

        def read(connection: sqlite3.Connection) -> Route | None:
            row = connection.execute(_ONE, (turn_id,)).fetchone()
            with reading("ledger"):
                return _from_row(row) if row else None

        return await self._database.read(read)

    async def rate(self, turn_id: str, verdict: Verdict, cloud_answer: str) -> None:
        """Whose answer was better. Nothing when the turn was forgotten meanwhile. Raises StoreError."""
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE ledger SET verdict = ?, cloud_answer = ? WHERE turn_id = ?",
                (verdict.value, cloud_answer, turn_id),
            )
        )


def _to_row(entry: LedgerEntry) -> tuple[Any, ...]:
    return (
        entry.turn_id,
        json.dumps([[each.intent, each.confidence, each.source] for each in entry.candidates], allow_nan=False),
        entry.task,
        entry.open_question,
        json.dumps(entry.missing),
        entry.asked,
        entry.link_up,
        entry.private,
        entry.threshold,
        entry.reject_threshold,
        entry.deadline_ms,
        entry.bytes_out,
        entry.first_token_ms,
        entry.first_audio_ms,
        entry.amended,
        entry.aftermath.value,
        entry.verdict.value,
        entry.cloud_answer,
    )


def _from_row(row: tuple[Any, ...]) -> Route:
    number, started_ms, text, reply, intent, layer, reason, confidence, outcome, *of_ledger = row
    return Route(
        number=number,
        started_wall_s=seconds(started_ms),
        text=text,
        reply=reply,
        intent=intent,
        layer=layer,
        reason=reason,
        confidence=confidence,
        outcome=outcome,
        entry=_entry(of_ledger),
    )


def _entry(row: Sequence[Any]) -> LedgerEntry:
    turn_id, candidates, task, open_question, missing, asked, link_up, private, *more = row
    threshold, reject_threshold, deadline_ms, bytes_out, first_token_ms, first_audio_ms, amended, *judged = more
    aftermath, verdict, cloud_answer = judged
    return LedgerEntry(
        turn_id=turn_id,
        candidates=tuple(Candidate(intent, float(sure), source) for intent, sure, source in json.loads(candidates)),
        task=task,
        open_question=bool(open_question),
        missing=tuple(json.loads(missing)),
        asked=asked,
        link_up=bool(link_up),
        private=bool(private),
        threshold=threshold,
        reject_threshold=reject_threshold,
        deadline_ms=deadline_ms,
        bytes_out=bytes_out,
        first_token_ms=first_token_ms,
        first_audio_ms=first_audio_ms,
        amended=bool(amended),
        aftermath=Aftermath(aftermath),
        verdict=Verdict(verdict),
        cloud_answer=cloud_answer,
    )
