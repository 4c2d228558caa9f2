"""What every TurnStore does, real or fake."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.values import Outcome, SlotValue, StageTime, TurnRecord
from tests.store.kinds import KINDS, open_turn_store

TURN = TurnRecord(
    id="turn-1",
    conversation_id="conversation-1",
    started_wall_s=1_750_000_000.25,
    source="voice",
    text="set a timer for ten minutes",
    reply="Ten minutes, starting now.",
    intent="HassStartTimer",
    slots={"minutes": 10, "name": "pasta", "exact": True, "factor": 0.5},
    layer="edge",
    reason="skill",
    confidence=0.98,
    outcome=Outcome.ANSWERED,
    stages=(StageTime("stt", 312.5), StageTime("nlu", 2.0)),
)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_begins_empty(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        assert list(await store.recent(10)) == []


async def test_a_turn_comes_back_whole(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(TURN)
        assert list(await store.recent(1)) == [TURN]


async def test_the_newest_oldest_first(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        for number in range(10):
            await store.append(replace(TURN, id=f"turn-{number}"))
        assert [turn.id for turn in await store.recent(3)] == ["turn-7", "turn-8", "turn-9"]
        assert [turn.id for turn in await store.recent(1_000_000)] == [f"turn-{number}" for number in range(10)]


async def test_newest_is_what_came_last_whatever_the_clock_said(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(replace(TURN, id="z", started_wall_s=2_000_000_000.0))
        await store.append(replace(TURN, id="a", started_wall_s=0.0))
        assert [turn.id for turn in await store.recent(2)] == ["z", "a"]


@pytest.mark.parametrize("limit", [0, -1, -1_000])
async def test_no_limit_below_one_gives_turns(kind: str, tmp_path: Path, limit: int) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(TURN)
        assert list(await store.recent(limit)) == []


async def test_appending_again_changes_nothing(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(TURN)
        await store.append(replace(TURN, id="turn-2"))
        await store.append(replace(TURN, reply="Something else."))
        assert list(await store.recent(5)) == [TURN, replace(TURN, id="turn-2")]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_outcome(kind: str, tmp_path: Path, outcome: Outcome) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(replace(TURN, outcome=outcome))
        assert [turn.outcome for turn in await store.recent(1)] == [outcome]


@pytest.mark.parametrize("value", [True, False, 0, 1, -(2**40), 0.0, 1.0, 1e300, "", "10", "Grüße 👋", "\0"])
async def test_slot_values_keep_their_type(kind: str, tmp_path: Path, value: SlotValue) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(replace(TURN, slots={"slot": value}))
        (turn,) = await store.recent(1)
        assert (turn.slots["slot"], type(turn.slots["slot"])) == (value, type(value))


@pytest.mark.parametrize("text", ["", "é🥁\u2028", "nul\0nul", "'\"; --", "word " * 50_000])
async def test_any_text_comes_back(kind: str, tmp_path: Path, text: str) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await store.append(replace(TURN, text=text, reply=text, slots={}, stages=()))
        assert list(await store.recent(1)) == [replace(TURN, text=text, reply=text, slots={}, stages=())]


async def test_turns_that_end_together_are_all_kept(kind: str, tmp_path: Path) -> None:
    async with open_turn_store(kind, tmp_path) as store:
        await asyncio.gather(*(store.append(replace(TURN, id=f"turn-{number}")) for number in range(40)))
        assert {turn.id for turn in await store.recent(100)} == {f"turn-{number}" for number in range(40)}
