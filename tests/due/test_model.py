"""Random lives of timers against a simple model that knows the true time: nothing is lost, doubled or early."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.due.decide import GRACE_S
from assistant.errors import SkillError
from tests.due.rig import RING_TIMEOUT_S, Rig, started
from tests.fakes import FakeDueStore
from tests.virtual_time import VirtualTimeLoop

TICK_S = 0.008
"""Each operation comes at a fraction of a second of its own, so that none falls on a timer's end."""


@dataclass
class Timer:
    """What is true of one timer."""

    due_s: float
    state: str = "running"
    left_s: float = 0.0
    rang_at_s: float = 0.0
    rings: int = 0

    def remaining_s(self, now_s: float) -> float:
        return {"running": self.due_s - now_s, "paused": self.left_s}.get(self.state, 0.0)


@dataclass
class Model:
    timers: list[Timer] = field(default_factory=list)

    def advance(self, now_s: float) -> None:
        for timer in self.timers:
            if timer.state == "running" and timer.due_s <= now_s:
                timer.state, timer.rang_at_s, timer.rings = "ringing", timer.due_s, timer.rings + 1
            if timer.state == "ringing" and timer.rang_at_s + RING_TIMEOUT_S <= now_s:
                timer.state = "missed"

    def restart(self, now_s: float) -> None:
        """Time passed without a process; what was due in between rings now, or was missed."""
        for timer in self.timers:
            if timer.state in {"running", "ringing"} and timer.due_s <= now_s:
                late = now_s - timer.due_s > GRACE_S
                timer.state, timer.rang_at_s = ("missed" if late else "ringing"), now_s
                timer.rings += not late

    def dismiss(self) -> None:
        for timer in self.timers:
            if timer.state == "ringing":
                timer.state = "closed"

    def apply(self, verb: str, timer: Timer, seconds: float, now_s: float) -> None:
        match verb, timer.state:
            case "cancel", "running" | "paused" | "ringing":
                timer.state = "closed"
            case "pause", "running":
                timer.state, timer.left_s = "paused", timer.due_s - now_s
            case "resume", "paused":
                timer.state, timer.due_s = "running", now_s + timer.left_s
            case "extend", "running" | "paused" | "ringing":
                self._extend(timer, seconds, now_s)

    def _extend(self, timer: Timer, seconds: float, now_s: float) -> None:
        before = {"running": timer.due_s - now_s, "paused": timer.left_s, "ringing": 0.0}[timer.state]
        if timer.state == "ringing" and seconds <= 0:
            return
        left_s = before + seconds
        if left_s <= 0:
            timer.state, timer.due_s, timer.rang_at_s, timer.rings = "ringing", now_s, now_s, timer.rings + 1
        elif timer.state == "paused":
            timer.left_s = left_s
        else:
            timer.state, timer.due_s = "running", now_s + left_s


Operation = tuple[str, float, float, int]
"""What happens, seconds to wait before it, its number of seconds, which timer."""

WAITS = st.sampled_from([0, 3, 45, 100, 290, 400, 1000])
OFF = st.sampled_from([1.0, 50.0, 70.0, 500.0])
WHICH = st.integers(0, 4)
COMMON = (
    st.tuples(st.just("add"), WAITS, st.integers(1, 700), st.just(0)),
    st.tuples(st.sampled_from(["cancel", "pause", "resume"]), WAITS, st.just(0), WHICH),
    st.tuples(st.just("extend"), WAITS, st.integers(-300, 300), WHICH),
    st.tuples(st.just("dismiss"), WAITS, st.just(0), st.just(0)),
    st.tuples(st.just("restart"), WAITS, OFF, st.just(0)),
)
JUMPS = st.tuples(st.just("jump"), WAITS, st.sampled_from([-1e9, -3600.0, 3600.0, 1e9]), st.just(0))
REBOOTS = st.tuples(st.just("reboot"), WAITS, OFF, st.just(0))


@given(st.lists(st.one_of(*COMMON, JUMPS), min_size=2, max_size=10))
@settings(max_examples=100)
def test_lives_in_one_boot_whatever_the_wall_clock_does(operations: list[Operation]) -> None:
    _live(operations)


@given(st.lists(st.one_of(*COMMON, REBOOTS), min_size=2, max_size=10))
@settings(max_examples=100)
def test_lives_across_boots_with_a_clock_that_is_right(operations: list[Operation]) -> None:
    _live(operations)


def _live(operations: list[Operation]) -> None:
    async def live() -> None:
        async with started(FakeDueStore()) as rig:
            life = Life(rig)
            for number, operation in enumerate([("add", 0, 60, 0), *operations, ("dismiss", 500, 0, 0)]):
                await life.go_on(operation, fraction_s=TICK_S * 2 ** (number % 6))
                life.compare()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())


class Life:
    """The scheduler and the model, side by side."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._model = Model()
        self._ids: list[str] = []
        self._rung: list[str] = []
        """Ids that rang before the last restart."""

    async def go_on(self, operation: Operation, *, fraction_s: float) -> None:
        verb, wait_s, value, which = operation
        await asyncio.sleep(wait_s + fraction_s)
        self._model.advance(_now_s())
        match verb:
            case "add":
                self._model.timers.append(Timer(due_s=_now_s() + value))
                self._ids.append((await self._rig.scheduler.add(duration_s=value)).id)
            case "dismiss":
                self._model.dismiss()
                await self._rig.scheduler.dismiss()
            case "jump":
                self._rig.clock.shift_wall_s += value
            case "restart" | "reboot":
                await self._restart(value, reboots=verb == "reboot")
            case _:
                await self._change(verb, value, which % len(self._ids))

    async def _restart(self, off_s: float, *, reboots: bool) -> None:
        self._rung += self._rig.rung()
        await self._rig.kill()
        await asyncio.sleep(off_s)
        if reboots:
            self._rig.clock.reboot()
        self._model.restart(_now_s())
        await self._rig.start_again()

    async def _change(self, verb: str, value: float, index: int) -> None:
        self._model.apply(verb, self._model.timers[index], value, _now_s())
        arguments = (value,) if verb == "extend" else ()
        with contextlib.suppress(SkillError):
            await getattr(self._rig.scheduler, verb)(self._ids[index], *arguments)

    def compare(self) -> None:
        scheduler, timers = self._rig.scheduler, dict(zip(self._ids, self._model.timers, strict=True))
        found = {item.id: item for item in (*scheduler.active(), *scheduler.missed())}
        assert {item_id: item.state.value for item_id, item in found.items()} == {
            item_id: timer.state for item_id, timer in timers.items() if timer.state != "closed"
        }
        for item_id, item in found.items():
            assert scheduler.remaining_s(item) == pytest.approx(timers[item_id].remaining_s(_now_s()), abs=0.01)
        rung = [*self._rung, *self._rig.rung()]
        assert {item_id: rung.count(item_id) for item_id in timers} == {i: t.rings for i, t in timers.items()}


def _now_s() -> float:
    return asyncio.get_running_loop().time()
