"""The gate: what leaves is written down first, or doesn't leave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from assistant.dialog import egress as module
from assistant.dialog.egress import KEPT_S, Egress
from assistant.dialog.redact import Redactor
from assistant.errors import CloudError, StoreError
from assistant.events import DataLeft, Event
from assistant.values import CloudQuestion, Message
from tests.fakes import FakeCloud, FakeEgressLog, FakeSwitch
from tests.virtual_time import START_WALL_S, VirtualClock

QUESTION = CloudQuestion("request", "conversation", "how old is Anna", (Message("user", "hi Anna"),), "en", 30.0)


@dataclass
class Gate:
    log: FakeEgressLog = field(default_factory=FakeEgressLog)
    private: FakeSwitch = field(default_factory=FakeSwitch)
    published: list[Event] = field(default_factory=list)
    cloud: FakeCloud = field(default_factory=lambda: FakeCloud("[name 1] is", " twelve."))

    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        redactor = Redactor(("names",), ("Anna",))
        self.egress = Egress(self.log, redactor, lambda: self.private, self._publish, self.clock)

    def _publish(self, event: Event) -> None:
        self.published.append(event)
        self.egress.overheard(event)

    async def ask(self) -> str:
        stream = self.egress.ask(self.cloud, QUESTION, turn_id="turn", why="edge-doubtful")
        return "".join([piece async for piece in stream])


async def test_a_question_is_written_down_as_it_leaves_and_its_answer_names_what_was_hidden() -> None:
    gate = Gate()
    assert await gate.ask() == "Anna is twelve."
    (sent,) = gate.cloud.questions
    assert (sent.text, sent.context[0].text) == ("how old is [name 1]", "hi [name 1]")
    (line,) = gate.log.kept
    assert (line.text, line.bytes, line.context, line.replaced) == (sent.text, 30, 1, ("name 1",))
    assert (line.to, line.why, line.turn_id, line.at_wall_s) == (
        gate.cloud.address,
        "edge-doubtful",
        "turn",
        START_WALL_S,
    )
    assert gate.published == [DataLeft(turn_id="turn", to=gate.cloud.address, bytes=30, why="edge-doubtful")]


async def test_nothing_leaves_that_is_not_written_down() -> None:
    gate = Gate()
    gate.log.error = StoreError("disk-full", "full", retryable=True)
    with pytest.raises(CloudError) as caught:
        await gate.ask()
    assert caught.value.code == "egress-unlogged"
    assert caught.value.hint
    with pytest.raises(CloudError):
        await gate.egress.leave("weather.test", "latitude=1", "weather")
    assert (gate.cloud.questions, gate.published) == ([], [])


async def test_a_disk_that_stalls_keeps_it_here() -> None:
    gate = Gate()
    gate.log.unblocked.clear()
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(CloudError) as caught:
        await gate.ask()
    assert caught.value.code == "egress-unlogged"
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(module.WRITE_TIMEOUT_S)
    assert not gate.cloud.questions


async def test_nothing_leaves_in_private_mode() -> None:
    gate = Gate()
    gate.private.on = True
    for leaving in (gate.ask(), gate.egress.leave("weather.test", "latitude=1", "weather")):
        with pytest.raises(CloudError) as caught:
            await leaving
        assert caught.value.code == "egress-private"
    assert (gate.cloud.questions, gate.published, gate.log.kept) == ([], [], [])


async def test_whoever_leaves_the_answer_hangs_up() -> None:
    gate = Gate()
    gate.cloud.delay_s = 1.0
    stream = gate.egress.ask(gate.cloud, QUESTION, turn_id="turn", why="user")
    assert await anext(stream) == "Anna is"
    await stream.aclose()
    assert gate.cloud.hung_up == 1


async def test_what_left_by_other_ways_is_written_down_without_its_text() -> None:
    gate = Gate()
    writing = asyncio.create_task(gate.egress.write_overheard())
    gate._publish(DataLeft(turn_id="", to="gateway.test:1", bytes=700, why="sync"))
    await gate.egress.leave("weather.test", "latitude=1", "weather")
    await asyncio.sleep(0.1)
    writing.cancel()
    await asyncio.wait({writing})
    assert sorted((line.why, line.bytes, line.text) for line in gate.log.kept) == [
        ("sync", 700, ""),
        ("weather", 10, "latitude=1"),
    ]


async def test_what_is_over_a_year_old_is_dropped_at_the_start() -> None:
    gate = Gate()
    await gate.ask()
    gate.clock.shift_wall_s += KEPT_S + 10.0
    await gate.ask()
    writing = asyncio.create_task(gate.egress.write_overheard())
    await asyncio.sleep(0.1)
    writing.cancel()
    await asyncio.wait({writing})
    assert len(gate.log.kept) == 1


async def test_more_than_the_disk_takes_is_dropped() -> None:
    gate = Gate()
    for _ in range(module.MAX_OVERHEARD + 5):
        gate._publish(DataLeft(turn_id="", to="x", bytes=1, why="sync"))
    writing = asyncio.create_task(gate.egress.write_overheard())
    await asyncio.sleep(0.1)
    writing.cancel()
    await asyncio.wait({writing})
    assert len(gate.log.kept) == module.MAX_OVERHEARD
