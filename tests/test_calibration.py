"""The edge compared with the cloud, in the background and on purpose only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from assistant.config import Config, load_config
from assistant.daemon.calibration import MAX_ANSWER_CHARS, MAX_WAITING, PAUSE_S, QUIET_S, WHY, Comparer, whole
from assistant.dialog.egress import Egress
from assistant.dialog.redact import Redactor
from assistant.errors import CloudError
from assistant.events import Event
from assistant.records import Route, Verdict
from assistant.store.ledger import SqliteLedger, beside_turn
from assistant.store.turns import SqliteTurnStore
from assistant.values import CloudQuestion, Message, Outcome, TurnRecord
from tests.contract.test_turn_store import TURN
from tests.fakes import FakeCloud, FakeEgressLog, FakeSwitch
from tests.store.kinds import open_database
from tests.store.test_ledger import ENTRY
from tests.virtual_time import VirtualClock

BEFORE = (Message("user", "hello"), Message("assistant", "Hi."))


class ScriptedCloud(FakeCloud):
    """Answers one after the other."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)

    async def converse(self, question: CloudQuestion) -> AsyncIterator[str]:  # type: ignore[override]
        self.pieces = (self.answers.pop(0),)
        async for piece in super().converse(question):
            yield piece


@dataclass
class Bench:
    """A comparer with a ledger that holds one turn."""

    comparer: Comparer
    cloud: FakeCloud
    ledger: SqliteLedger
    private: FakeSwitch
    log: FakeEgressLog
    published: list[Event] = field(default_factory=list)

    async def line(self) -> Route:
        line = await self.ledger.find(TURN.id)
        assert line is not None
        return line


@contextlib.asynccontextmanager
async def bench(config: Config, folder: Path, cloud: FakeCloud, chance: float) -> AsyncIterator[Bench]:
    """`chance`: what is always drawn."""
    private, log, published = FakeSwitch(), FakeEgressLog(), list[Event]()
    egress = Egress(log, Redactor((), ()), lambda: private, published.append, VirtualClock())
    exchange = (Message("user", TURN.text), Message("assistant", TURN.reply))
    async with open_database(folder / "edgewise.db") as database:
        ledger = SqliteLedger(database)
        await SqliteTurnStore(database).append(TURN, beside_turn(ENTRY, None))
        comparer = Comparer(
            load_config(config.paths, ["calibration.enabled=true"]).settings,
            egress=egress,
            cloud=cloud,
            ledger=ledger,
            private=lambda: private,
            context=lambda _id, _most: (*BEFORE, *exchange, Message("user", "later"), Message("assistant", "Yes.")),
            chance=lambda: chance,
        )
        running = asyncio.create_task(comparer.run())
        try:
            yield Bench(comparer, cloud, ledger, private, log, published)
        finally:
            running.cancel()
            await asyncio.wait({running})


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("BA", Verdict.CLOUD), ("AB", Verdict.EDGE), ("AA", Verdict.UNRATED), ("A?", Verdict.UNRATED)],
)
async def test_the_cloud_answers_the_same_and_is_compared(
    config: Config, tmp_path: Path, said: str, verdict: Verdict
) -> None:
    """What is said in both orders is the verdict; a grader that always names the first gives none."""
    answers = [f'{{"better": "{each}"}}' for each in said]
    async with bench(config, tmp_path, ScriptedCloud("Ten it is.", *answers), 0.05) as at:
        at.comparer.ended(TURN)
        await asyncio.sleep(QUIET_S - 1)
        assert not at.cloud.questions  # not while somebody may still talk
        await asyncio.sleep(2)
        asked, edge_first, cloud_first = at.cloud.questions
        assert (asked.text, asked.context) == (TURN.text, BEFORE)
        assert edge_first.context == cloud_first.context == ()
        assert "Reply A: Ten minutes" in edge_first.text
        assert "Reply B: Ten minutes" in cloud_first.text
        line = await at.line()
        assert (line.entry.verdict, line.entry.cloud_answer) == (verdict, "Ten it is.")
        assert [(each.why, each.turn_id) for each in at.log.kept] == [(WHY, TURN.id)] * 3


@pytest.mark.parametrize(
    "record",
    [
        replace(TURN, layer="cloud"),
        replace(TURN, outcome=Outcome.ASKED_BACK),
        replace(TURN, outcome=Outcome.FAILED),
        replace(TURN, confidence=0.0),
        replace(TURN, reply=""),
    ],
)
async def test_what_is_not_compared(config: Config, tmp_path: Path, record: TurnRecord) -> None:
    async with bench(config, tmp_path, FakeCloud("x"), 0.05) as at:
        at.comparer.ended(record)
        await asyncio.sleep(60)
        assert not at.cloud.questions


async def test_nothing_in_private_mode_even_when_that_began_later(config: Config, tmp_path: Path) -> None:
    async with bench(config, tmp_path, FakeCloud("x"), 0.05) as at:
        at.comparer.ended(TURN)
        at.private.on = True
        at.comparer.ended(TURN)
        await asyncio.sleep(120)
        assert not at.cloud.questions
        assert (await at.line()).entry.verdict is Verdict.NONE


async def test_only_the_share_that_was_set(config: Config, tmp_path: Path) -> None:
    async with bench(config, tmp_path, FakeCloud("x"), 0.1) as at:
        at.comparer.ended(TURN)
        await asyncio.sleep(60)
        assert not at.cloud.questions


async def test_a_cloud_that_fails_costs_the_turn_and_no_more(config: Config, tmp_path: Path) -> None:
    cloud = ScriptedCloud("never", "Ten it is.", *['{"better": "same"}'] * 2)
    cloud.error = CloudError("cloud-busy", "busy", retryable=True)
    async with bench(config, tmp_path, cloud, 0.05) as at:
        at.comparer.ended(TURN)
        await asyncio.sleep(QUIET_S + 1)
        cloud.error = None
        at.comparer.ended(TURN)
        await asyncio.sleep(QUIET_S + PAUSE_S)
        assert (await at.line()).entry.verdict is Verdict.SAME


async def test_a_link_that_is_down_is_waited_for_and_only_so_many_wait(config: Config, tmp_path: Path) -> None:
    cloud = FakeCloud("Ten it is.")
    cloud.up = False
    async with bench(config, tmp_path, cloud, 0.05) as at:
        for _ in range(MAX_WAITING + 10):
            at.comparer.ended(TURN)
        await asyncio.sleep(100)
        assert not cloud.questions
        cloud.up = True
        await asyncio.sleep(PAUSE_S * (MAX_WAITING + 10))
        assert len(cloud.questions) == 3 * MAX_WAITING


async def test_an_endless_answer_is_cut() -> None:
    cloud = FakeCloud(*["word " * 100] * 100)
    question = CloudQuestion("r", "c", "t", (), "en", 9.0)
    assert len(await whole(cloud.converse(question))) == MAX_ANSWER_CHARS
    assert cloud.hung_up == 1
