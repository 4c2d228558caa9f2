"""What every EgressLog does, real or fake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.records import Departure
from tests.store.kinds import KINDS, open_egress_log

QUESTION = Departure(
    number=0,
    at_wall_s=1_750_000_000.25,
    turn_id="turn-1",
    to="gateway.test:50051",
    bytes=120,
    why="edge-doubtful",
    text="how old is [name 1]",
    context=2,
    replaced=("name 1",),
)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_line_comes_back_whole_and_numbered(kind: str, tmp_path: Path) -> None:
    async with open_egress_log(kind, tmp_path) as log:
        assert list(await log.page(before=0, since_wall_s=0.0, limit=5)) == []
        await log.append(QUESTION)
        (line,) = await log.page(before=0, since_wall_s=0.0, limit=5)
        assert line == replace(QUESTION, number=line.number)
        assert line.number > 0


async def test_pages_go_back_from_the_newest(kind: str, tmp_path: Path) -> None:
    async with open_egress_log(kind, tmp_path) as log:
        for number in range(5):
            await log.append(replace(QUESTION, why=f"why-{number}", at_wall_s=100.0 * number))
        first = await log.page(before=0, since_wall_s=100.0, limit=2)
        rest = await log.page(before=first[-1].number, since_wall_s=100.0, limit=9)
        assert [line.why for line in (*first, *rest)] == ["why-4", "why-3", "why-2", "why-1"]
        assert list(await log.page(before=0, since_wall_s=0.0, limit=0)) == []


async def test_what_is_old_is_dropped(kind: str, tmp_path: Path) -> None:
    async with open_egress_log(kind, tmp_path) as log:
        for at_wall_s in (1.0, 2.0, 3.0):
            await log.append(replace(QUESTION, at_wall_s=at_wall_s))
        await log.drop_before(2.0)
        assert [line.at_wall_s for line in await log.page(before=0, since_wall_s=0.0, limit=9)] == [3.0, 2.0]
