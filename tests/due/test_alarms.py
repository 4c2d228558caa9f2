"""Alarms and reminders on the scheduler: clocks that jump, restarts, power cuts, what recurs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from assistant.due.decide import GRACE_S, RECHECK_S
from assistant.errors import SkillError, StoreError
from assistant.values import DueState
from tests.due.rig import RING_TIMEOUT_S, Rig
from tests.fakes import FakeDueStore

DAY_S = 86_400.0


@asynccontextmanager
async def rigged() -> AsyncIterator[Rig]:
    rig = Rig(FakeDueStore())
    await rig.scheduler.start()
    try:
        yield rig
    finally:
        await rig.scheduler.stop()


def ahead(rig: Rig, seconds: float) -> datetime:
    """The local time (UTC here) so far ahead."""
    now = datetime.fromtimestamp(rig.clock.wall_s(), UTC).replace(tzinfo=None)
    return (now + timedelta(seconds=seconds)).replace(microsecond=0)


async def test_it_rings_at_its_time_and_once() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 3600), name="work")
        await asyncio.sleep(3590)
        assert rig.rung() == []
        await asyncio.sleep(20)
        assert rig.rung() == [alarm.id]
        await rig.scheduler.dismiss()
        await asyncio.sleep(2 * DAY_S)
        assert rig.rung() == [alarm.id]


async def test_it_follows_the_wall_clock_where_a_timer_does_not() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 7200))
        timer = await rig.scheduler.add(duration_s=7200)
        rig.clock.shift_wall_s += 3600
        await asyncio.sleep(3600 + RECHECK_S)
        assert rig.rung() == [alarm.id]
        await asyncio.sleep(3600)
        assert rig.rung() == [alarm.id, timer.id]


async def test_a_clock_set_back_does_not_ring_twice() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        await asyncio.sleep(601)
        await rig.scheduler.dismiss()
        rig.clock.shift_wall_s += -1200
        await asyncio.sleep(3600)
        assert rig.rung() == [alarm.id]


@pytest.mark.parametrize(("late_s", "state"), [(GRACE_S - 5, DueState.RINGING), (GRACE_S + RECHECK_S, DueState.MISSED)])
async def test_a_clock_set_forward_over_it(late_s: float, state: DueState) -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600))
        rig.clock.shift_wall_s += 600 + late_s - RECHECK_S
        await asyncio.sleep(RECHECK_S)
        found = {item.id: item.state for item in (*rig.scheduler.active("alarm"), *rig.scheduler.missed())}
        assert found == {alarm.id: state}


async def test_a_board_that_boots_in_1970_waits_until_its_clock_is_set() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 3600))
        real_s = rig.clock.wall_s()
        rig.clock.shift_wall_s += -real_s
        assert await rig.reboot(off_s=60) == ()
        await asyncio.sleep(120)
        assert rig.rung() == []
        rig.clock.shift_wall_s += real_s
        await asyncio.sleep(3600 - 180 + RECHECK_S)
        assert rig.rung() == [alarm.id]


async def test_what_was_due_while_the_power_was_off_was_missed_and_what_recurs_goes_on() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        missed = await rig.reboot(off_s=3 * DAY_S)
        assert [item.id for item in missed] == [alarm.id]
        (waiting,) = rig.scheduler.active("alarm")
        assert waiting.due_wall_s - rig.clock.wall_s() == pytest.approx(600, abs=2)
        await rig.scheduler.told([alarm.id])
        await asyncio.sleep(620)
        assert len(rig.rung()) == 1


async def test_it_recurs_for_two_weeks_and_rings_each_day_once() -> None:
    async with rigged() as rig:
        await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        for day in range(14):
            await asyncio.sleep(610 if not day else DAY_S)
            assert len(rig.rung()) == day + 1
            await rig.scheduler.dismiss()
        assert len(set(rig.rung())) == 14
        assert len(rig.scheduler.active("alarm")) == 1


async def test_killed_while_it_rings_it_rings_on_and_the_next_one_is_there_once() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        await asyncio.sleep(610)
        await rig.kill()
        await rig.start_again()
        assert rig.rung() == [alarm.id]
        ids = [item.id for item in rig.scheduler.active("alarm")]
        assert len(ids) == len(set(ids)) == 2


async def test_rung_out_unheard_it_was_missed() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 60))
        await asyncio.sleep(60 + RING_TIMEOUT_S + 1)
        assert [item.id for item in rig.scheduler.missed()] == [alarm.id]


async def test_snoozed_it_rings_again() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 60), recurrence="daily")
        await asyncio.sleep(61)
        await rig.scheduler.snooze(alarm.id, 300)
        assert rig.stopped() == [(alarm.id, "user")]
        await asyncio.sleep(301)
        assert rig.rung() == [alarm.id, alarm.id]
        with pytest.raises(SkillError):
            await rig.scheduler.snooze(rig.scheduler.active("alarm")[-1].id, 300)


async def test_silenced_by_the_wake_word_it_can_still_be_snoozed_for_a_minute() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 60))
        await asyncio.sleep(61)
        await rig.scheduler.dismiss()
        await asyncio.sleep(30)
        (silenced,) = rig.scheduler.snoozable()
        await rig.scheduler.snooze(silenced.id, 300)
        await asyncio.sleep(301)
        assert rig.rung() == [alarm.id, alarm.id]
        await rig.scheduler.dismiss()
        await asyncio.sleep(61)
        assert rig.scheduler.snoozable() == ()


async def test_skipped_once_it_rings_the_day_after() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        after = await rig.scheduler.skip(alarm.id)
        await asyncio.sleep(DAY_S)
        assert rig.rung() == []
        await asyncio.sleep(620)
        assert rig.rung() == [after.id]


async def test_a_reminder_that_was_spoken_is_done_and_one_that_was_not_is_missed() -> None:
    async with rigged() as rig:
        spoken = await rig.scheduler.add_at("reminder", ahead(rig, 60), name="tea")
        unheard = await rig.scheduler.add_at("reminder", ahead(rig, 120), name="cake")
        await asyncio.sleep(61)
        await rig.scheduler.announced(spoken.id, heard=True)
        await asyncio.sleep(60)
        await rig.scheduler.announced(unheard.id, heard=False)
        assert [item.id for item in rig.scheduler.missed()] == [unheard.id]


async def test_the_past_and_a_full_disk_are_refused() -> None:
    async with rigged() as rig:
        with pytest.raises(SkillError) as caught:
            await rig.scheduler.add_at("alarm", ahead(rig, -60))
        assert caught.value.code == "due-past"
        assert isinstance(rig.store, FakeDueStore)
        rig.store.error = StoreError("disk-full", "full")
        with pytest.raises(StoreError):
            await rig.scheduler.add_at("alarm", ahead(rig, 60))
        assert rig.scheduler.active("alarm") == ()


async def test_one_that_cannot_be_skipped_on_a_full_disk_rings_and_the_next_one_is_there_once() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600), recurrence="daily")
        assert isinstance(rig.store, FakeDueStore)
        rig.store.error = StoreError("disk-full", "full")
        with pytest.raises(StoreError):
            await rig.scheduler.skip(alarm.id)
        rig.store.error = None
        assert rig.scheduler.active("alarm") == (alarm,)
        await asyncio.sleep(610)
        assert rig.rung() == [alarm.id]
        assert len(rig.scheduler.active("alarm")) == 2


async def test_an_alarm_is_not_paused() -> None:
    async with rigged() as rig:
        alarm = await rig.scheduler.add_at("alarm", ahead(rig, 600))
        with pytest.raises(SkillError) as caught:
            await rig.scheduler.pause(alarm.id)
        assert caught.value.code == "due-state"
