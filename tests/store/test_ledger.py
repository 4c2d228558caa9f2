"""The ledger beside the turns: one transaction, and forgotten together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import StoreError
from assistant.records import Aftermath, Candidate, LedgerEntry, Verdict
from assistant.store.egress import SqliteEgress
from assistant.store.ledger import SqliteLedger, beside_turn
from assistant.store.turns import SqliteTurnStore
from tests.contract.test_egress_log import QUESTION
from tests.contract.test_turn_store import TURN
from tests.store.kinds import open_database

ENTRY = LedgerEntry(
    turn_id=TURN.id,
    candidates=(Candidate("HassStartTimer", 0.98, "grammar"), Candidate("out_of_scope", 0.01, "classifier")),
    task="entity_extraction",
    open_question=False,
    missing=("duration",),
    asked="edge",
    link_up=True,
    private=False,
    threshold=0.85,
    reject_threshold=0.3,
    deadline_ms=5_000.0,
    bytes_out=120,
    first_token_ms=3.5,
    first_audio_ms=80.25,
    amended=True,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edgewise.db"


async def test_an_entry_comes_back_beside_its_turn(path: Path) -> None:
    async with open_database(path) as database:
        turns, ledger = SqliteTurnStore(database), SqliteLedger(database)
        assert list(await ledger.page(before=0, limit=9)) == []
        await turns.append(TURN, beside_turn(ENTRY, None))
        (route,) = await ledger.page(before=0, limit=9)
        assert route.entry == ENTRY
        assert (route.text, route.reply, route.reason, route.confidence) == (
            TURN.text,
            TURN.reply,
            TURN.reason,
            TURN.confidence,
        )
        assert (route.intent, route.layer, route.outcome) == (TURN.intent, "edge", "answered")
        assert await ledger.find(TURN.id) == route
        assert await ledger.find("nobody") is None


async def test_pages_go_back_from_the_newest_and_appending_again_changes_nothing(path: Path) -> None:
    async with open_database(path) as database:
        turns, ledger = SqliteTurnStore(database), SqliteLedger(database)
        for number in range(5):
            record, entry = replace(TURN, id=f"turn-{number}"), replace(ENTRY, turn_id=f"turn-{number}")
            await turns.append(record, beside_turn(entry, None))
            await turns.append(record, beside_turn(replace(entry, task="other"), None))
        first = await ledger.page(before=0, limit=2)
        rest = await ledger.page(before=first[-1].number, limit=9)
        assert [route.entry.turn_id for route in (*first, *rest)] == [f"turn-{number}" for number in (4, 3, 2, 1, 0)]
        assert {route.entry.task for route in (*first, *rest)} == {ENTRY.task}


async def test_what_the_next_turn_says_and_the_grader_finds_is_noted(path: Path) -> None:
    async with open_database(path) as database:
        turns, ledger = SqliteTurnStore(database), SqliteLedger(database)
        await turns.append(TURN, beside_turn(ENTRY, None))
        second = replace(ENTRY, turn_id="turn-2")
        await turns.append(replace(TURN, id="turn-2"), beside_turn(second, (TURN.id, Aftermath.DENIED)))
        await ledger.rate("turn-2", Verdict.CLOUD, "Ten it is.")
        await ledger.rate("nobody", Verdict.SAME, "")
        newer, older = await ledger.page(before=0, limit=9)
        assert older.entry == replace(ENTRY, aftermath=Aftermath.DENIED)
        assert newer.entry == replace(second, verdict=Verdict.CLOUD, cloud_answer="Ten it is.")


async def test_turn_and_entry_are_written_together_or_not_at_all(path: Path) -> None:
    async with open_database(path) as database:
        turns, ledger = SqliteTurnStore(database), SqliteLedger(database)
        with pytest.raises(StoreError):
            await turns.append(TURN, beside_turn(replace(ENTRY, turn_id="of no turn"), None))
        assert list(await turns.recent(9)) == []
        assert list(await ledger.page(before=0, limit=9)) == []


@pytest.mark.parametrize("forget", ["DELETE FROM turns", "UPDATE turns SET text = '', reply = ''"])
async def test_a_forgotten_turn_takes_its_words_along(path: Path, forget: str) -> None:
    """However it is forgotten: what is left is that something left, not what."""

    def rows(table: str) -> Callable[[sqlite3.Connection], list[object]]:
        return lambda connection: connection.execute(f"SELECT * FROM {table}").fetchall()

    async with open_database(path) as database:
        egress = SqliteEgress(database)
        await SqliteTurnStore(database).append(TURN, beside_turn(ENTRY, None))
        await egress.append(replace(QUESTION, turn_id=TURN.id))
        await egress.append(replace(QUESTION, turn_id=""))
        await database.write(lambda connection: connection.execute(forget))
        assert await database.read(rows("ledger")) == []
        other, own = await egress.page(before=0, since_wall_s=0.0, limit=9)
        assert (own.text, own.replaced, own.bytes) == ("", (), QUESTION.bytes)
        assert other.text == QUESTION.text
