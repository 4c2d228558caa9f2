"""The scheduler in virtual time, on the fake store and on SQLite."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assistant.due import scheduler as module
from assistant.due.decide import GRACE_S, RECHECK_S
from assistant.errors import SkillError
from assistant.events import DueChanged, RingStarted, RingStopped
from assistant.values import DueState
from tests.due.rig import RING_TIMEOUT_S, started
from tests.store.kinds import KINDS, open_due_store
from tests.virtual_time import START_WALL_S


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_rings_on_the_dot(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600, name="pasta")
        await asyncio.sleep(599.99)
        assert rig.rung() == []
        await asyncio.sleep(0.02)
        assert rig.events == [
            DueChanged(item=item),
            DueChanged(item=rig.scheduler.active()[0]),
            RingStarted(due_id=item.id, kind="timer", name="pasta"),
        ]
        assert rig.states(item.id) == [DueState.RUNNING, DueState.RINGING]


async def test_several_ring_each_in_its_turn(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        slow, quick, middle = [await rig.scheduler.add(duration_s=seconds) for seconds in (30, 10, 20)]
        assert [item.id for item in rig.scheduler.active()] == [quick.id, middle.id, slow.id]
        await asyncio.sleep(25)
        assert rig.rung() == [quick.id, middle.id]
        assert {item.id for item in await rig.scheduler.dismiss()} == {quick.id, middle.id}
        await asyncio.sleep(10)
        assert rig.rung() == [quick.id, middle.id, slow.id]


async def test_a_ring_nobody_hears_ends_and_is_told(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(10 + RING_TIMEOUT_S + 0.1)
        assert rig.stopped() == [(item.id, "timeout")]
        assert rig.states(item.id)[-1] is DueState.MISSED
        assert rig.scheduler.active() == ()
        assert [missed.id for missed in rig.scheduler.missed()] == [item.id]
        await rig.scheduler.told([item.id])
        assert rig.scheduler.missed() == ()
        await rig.kill()
        assert await rig.start_again() == ()


async def test_a_dismissed_ring_never_comes_back(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(11)
        (dismissed,) = await rig.scheduler.dismiss()
        assert (dismissed.id, dismissed.state) == (item.id, DueState.DONE)
        assert rig.events[-2:] == [RingStopped(due_id=item.id, by="user"), DueChanged(item=dismissed)]
        assert await rig.scheduler.dismiss() == ()
        await rig.kill()
        assert await rig.start_again() == ()
        await asyncio.sleep(100)
        assert rig.events == []


async def test_cancel_ends_it_waiting_or_ringing(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        waiting = await rig.scheduler.add(duration_s=100)
        ringing = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(11)
        for item in (waiting, ringing):
            assert (await rig.scheduler.cancel(item.id)).state is DueState.CANCELLED
        assert rig.stopped() == [(ringing.id, "user")]
        await asyncio.sleep(200)
        assert rig.rung() == [ringing.id]
        assert list(await store.open_items()) == []


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
async def test_unknown_ids_are_refused(kind: str, tmp_path: Path, verb: str) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        gone = await rig.scheduler.add(duration_s=10)
        await rig.scheduler.cancel(gone.id)
        for item_id in ("", "nonsense", gone.id):
            with pytest.raises(SkillError) as caught:
                await getattr(rig.scheduler, verb)(item_id)
            assert caught.value.code == "due-unknown"


async def test_a_pause_of_days_costs_nothing(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=100)
        await asyncio.sleep(40)
        paused = await rig.scheduler.pause(item.id)
        assert rig.scheduler.remaining_s(paused) == pytest.approx(60, abs=0.01)
        await rig.reboot(3 * 86_400)
        resumed = await rig.scheduler.resume(item.id)
        assert rig.scheduler.remaining_s(resumed) == pytest.approx(60, abs=0.01)
        await asyncio.sleep(59.9)
        assert rig.rung() == []
        await asyncio.sleep(0.2)
        assert rig.rung() == [item.id]


async def test_longer_shorter_and_at_once(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=100)
        await rig.scheduler.extend(item.id, 50)
        await asyncio.sleep(120)
        assert rig.rung() == []
        await rig.scheduler.extend(item.id, -20)
        await asyncio.sleep(5)
        assert rig.rung() == []
        assert (await rig.scheduler.extend(item.id, -20)).state is DueState.RINGING
        assert rig.rung() == [item.id]
        await rig.scheduler.extend(item.id, 30)
        assert rig.stopped() == [(item.id, "user")]
        await asyncio.sleep(30.1)
        assert rig.rung() == [item.id, item.id]


async def test_a_paused_one_stands_where_resuming_would_put_it(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        paused = await rig.scheduler.add(duration_s=50)
        running = await rig.scheduler.add(duration_s=100)
        await rig.scheduler.pause(paused.id)
        assert [item.id for item in rig.scheduler.active()] == [paused.id, running.id]
        await asyncio.sleep(60)
        assert [item.id for item in rig.scheduler.active()] == [running.id, paused.id]


async def test_a_hundred_at_most(tmp_path: Path) -> None:
    async with open_due_store("fake", tmp_path) as store, started(store) as rig:
        for _ in range(module.MAX_ITEMS):
            await rig.scheduler.add(duration_s=100)
        with pytest.raises(SkillError) as caught:
            await rig.scheduler.add(duration_s=100)
        assert caught.value.code == "due-limit"
        await rig.scheduler.cancel(rig.scheduler.active()[0].id)
        await rig.scheduler.add(duration_s=100)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 86_400.0 * 3650, -START_WALL_S, 1.0, -1.0])
async def test_jumps_of_the_wall_clock_move_nothing(kind: str, tmp_path: Path, jump_s: float) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600)
        await asyncio.sleep(100)
        rig.clock.shift_wall_s += jump_s
        await asyncio.sleep(499.9)
        assert rig.rung() == []
        await asyncio.sleep(0.2)
        assert rig.rung() == [item.id]


async def test_a_clock_set_during_the_timer_is_heeded_by_the_next_boot(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        rig.clock.shift_wall_s = -START_WALL_S  # 1970
        item = await rig.scheduler.add(duration_s=3600)
        await asyncio.sleep(60)
        rig.clock.shift_wall_s = 0.0
        await asyncio.sleep(RECHECK_S + 1)
        assert await rig.reboot(100) == ()
        (active,) = rig.scheduler.active()
        assert active.id == item.id
        assert rig.scheduler.remaining_s(active) == pytest.approx(3600 - 60 - RECHECK_S - 1 - 100, abs=0.01)


async def test_the_process_dies_and_returns_in_the_same_boot(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600)
        await rig.kill()
        rig.clock.shift_wall_s = 86_400.0
        await asyncio.sleep(300)
        assert await rig.start_again() == ()
        await asyncio.sleep(299.9)
        assert rig.rung() == []
        await asyncio.sleep(0.2)
        assert rig.rung() == [item.id]


@pytest.mark.parametrize(("off_s", "rings"), [(100.0, False), (600.0, True), (600.0 + GRACE_S - 1, True)])
async def test_a_reboot_takes_time(kind: str, tmp_path: Path, off_s: float, rings: bool) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600)
        assert await rig.reboot(off_s) == ()
        assert rig.rung() == ([item.id] if rings else [])
        await asyncio.sleep(600.1 - off_s if not rings else 1)
        assert rig.rung() == [item.id]


async def test_missed_ones_are_told_once_and_until_they_were(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        late = await rig.scheduler.add(duration_s=20)
        early = await rig.scheduler.add(duration_s=10)
        missed = await rig.reboot(1000)
        assert [item.id for item in missed] == [early.id, late.id]
        assert {item.state for item in missed} == {DueState.MISSED}
        assert rig.rung() == []
        assert rig.scheduler.active() == ()
        assert [item.id for item in await rig.reboot(5)] == [early.id, late.id]
        assert rig.events == []  # known to be missed already
        await rig.scheduler.told([early.id, "unknown"])
        assert [item.id for item in await rig.reboot(5)] == [late.id]
        await rig.scheduler.told([late.id])
        await rig.scheduler.told([late.id])
        assert await rig.reboot(5) == ()


async def test_a_board_that_boots_in_1970_waits_for_the_clock(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        soon = await rig.scheduler.add(duration_s=600)
        later = await rig.scheduler.add(duration_s=7200)
        await rig.kill()
        rig.clock.shift_wall_s = -START_WALL_S
        await asyncio.sleep(1800)
        rig.clock.reboot()
        assert await rig.start_again() == ()
        assert [item.id for item in rig.scheduler.active()] == [soon.id, later.id]
        await asyncio.sleep(60)
        assert rig.events == []
        rig.clock.shift_wall_s = 0.0
        await asyncio.sleep(RECHECK_S + 0.1)
        assert rig.rung() == []
        assert [item.id for item in rig.scheduler.missed()] == [soon.id]
        assert rig.states(soon.id) == [DueState.MISSED]
        assert rig.scheduler.remaining_s(rig.scheduler.active()[0]) == pytest.approx(7200 - 1860 - RECHECK_S - 0.1)


async def test_a_board_that_never_learns_the_time_rings_at_the_latest_possible(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600)
        await asyncio.sleep(500)
        rig.clock.shift_wall_s = -START_WALL_S
        await rig.reboot(10)
        await asyncio.sleep(599)
        assert rig.rung() == []
        await asyncio.sleep(2)
        assert rig.rung() == [item.id]


@pytest.mark.parametrize(("slept_s", "state"), [(120.0, DueState.RINGING), (500.0, DueState.MISSED)])
async def test_a_machine_that_slept_looks_at_the_clock(
    kind: str, tmp_path: Path, slept_s: float, state: DueState
) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=130)
        rig.clock.suspend(slept_s)
        await asyncio.sleep(RECHECK_S + 0.1)
        assert rig.states(item.id)[-1] is state


async def test_killed_while_ringing_it_rings_again_or_was_missed(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(15)
        await rig.kill()
        assert await rig.start_again() == ()
        assert rig.rung() == [item.id]
        await rig.kill()
        await asyncio.sleep(GRACE_S)
        assert [missed.id for missed in await rig.start_again()] == [item.id]
        assert rig.rung() == []


async def test_shut_down_while_ringing_it_falls_silent_and_rings_on_afterwards(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(15)
        await rig.scheduler.stop()
        assert rig.stopped() == [(item.id, "shutdown")]
        await asyncio.sleep(5)
        assert await rig.start_again() == ()
        assert rig.rung() == [item.id]
        await rig.scheduler.dismiss()


async def test_of_the_missed_the_newest_hundred_are_kept(tmp_path: Path) -> None:
    async with open_due_store("fake", tmp_path) as store, started(store) as rig:
        oldest = await rig.scheduler.add(duration_s=1)
        await asyncio.sleep(2 + RING_TIMEOUT_S)
        for _ in range(module.MAX_ITEMS):
            await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(11 + RING_TIMEOUT_S)
        missed = {item.id for item in rig.scheduler.missed()}
        assert len(missed) == module.MAX_ITEMS
        assert oldest.id not in missed
        assert len(await store.open_items()) == module.MAX_ITEMS
