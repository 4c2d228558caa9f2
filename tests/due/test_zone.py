"""The machine is taken to another time zone: what waits for a local time waits for it there, and rings once."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.due.decide import GRACE_S, RECHECK_S
from assistant.values import DueItem, DueState
from tests.due.rig import Rig, started
from tests.fakes import FakeDueStore
from tests.virtual_time import VirtualTimeLoop

BERLIN, LONDON, TOKYO, NEW_YORK = map(ZoneInfo, ("Europe/Berlin", "Europe/London", "Asia/Tokyo", "America/New_York"))
HOUR_S = 3_600.0


async def at(rig: Rig, text: str) -> None:
    """Wait until that local time, seconds included."""
    await asyncio.sleep(moment(text, rig.zone) - rig.clock.wall_s())


def moment(text: str, zone: tzinfo) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


async def alarm(rig: Rig, text: str, recurrence: str = "") -> DueItem:
    return await rig.scheduler.add_at("alarm", datetime.fromisoformat(text), recurrence=recurrence)


async def in_berlin(rig: Rig) -> None:
    """The rig begins on 2025-06-15, at 17:06 there."""
    rig.zone = BERLIN
    await asyncio.sleep(RECHECK_S)


async def test_alarms_and_reminders_ring_at_the_same_time_of_day_there_and_timers_when_they_would_have() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        call = await rig.scheduler.add_at("reminder", datetime(2025, 6, 16, 9, 30), name="call")  # noqa: DTZ001 - local
        timer = await rig.scheduler.add(duration_s=20 * HOUR_S)  # 13:06 in Berlin, 07:06 in New York
        rig.zone = NEW_YORK
        await asyncio.sleep(RECHECK_S + 1)
        due_s = {item.id: item.due_wall_s for item in rig.scheduler.active(kind=None)}
        assert due_s[wake.id] == moment("2025-06-16T07:00:00", NEW_YORK)
        assert due_s[call.id] == moment("2025-06-16T09:30:00", NEW_YORK)
        assert due_s[timer.id] == timer.due_wall_s
        await at(rig, "2025-06-16T06:59:59")
        assert rig.rung() == []
        await at(rig, "2025-06-16T07:10:00")
        assert rig.rung() == [wake.id, timer.id]
        await at(rig, "2025-06-16T09:30:01")
        assert rig.rung() == [wake.id, timer.id, call.id]


async def test_what_was_moved_is_saved() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        rig.zone = TOKYO
        await asyncio.sleep(RECHECK_S)
        assert store.rows[wake.id].due_wall_s == moment("2025-06-16T07:00:00", TOKYO)


async def test_it_does_not_ring_by_the_old_clock_at_the_last_moment() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        await at(rig, "2025-06-16T06:59:59")
        rig.zone = LONDON
        await asyncio.sleep(2)
        assert rig.rung() == []
        await at(rig, "2025-06-16T07:00:01")
        assert rig.rung() == [wake.id]


async def test_what_has_passed_there_was_missed_and_what_recurs_goes_on() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        once = await alarm(rig, "2025-06-15T20:00:00")
        daily = await alarm(rig, "2025-06-15T21:00:00", "daily")
        rig.zone = TOKYO  # 00:07 on the 16th
        await asyncio.sleep(RECHECK_S)
        assert [item.id for item in rig.scheduler.missed()] == [once.id, daily.id]
        (waiting,) = rig.scheduler.active("alarm")
        assert waiting.due_wall_s == moment("2025-06-16T21:00:00", TOKYO)
        assert rig.rung() == []


async def test_just_passed_there_it_rings() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        await at(rig, f"2025-06-16T00:00:{GRACE_S / 2:02.0f}")
        rig.zone = TOKYO
        await asyncio.sleep(RECHECK_S - 1)
        assert rig.rung() == [wake.id]


async def test_flown_west_on_the_same_day_a_daily_alarm_that_rang_does_not_ring_again_before_tomorrow() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        daily = await alarm(rig, "2025-06-16T07:00:00", "daily")
        await at(rig, "2025-06-16T07:00:01")
        await rig.scheduler.dismiss()
        rig.zone = NEW_YORK
        await at(rig, "2025-06-17T06:59:59")
        assert rig.rung() == [daily.id]
        await at(rig, "2025-06-17T07:00:01")
        assert len(rig.rung()) == 2


@pytest.mark.parametrize("zone", [LONDON, TOKYO, NEW_YORK], ids=str)
async def test_a_snooze_and_what_is_for_so_long_from_now_stay_where_they_are(zone: ZoneInfo) -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-15T17:10:00")
        await at(rig, "2025-06-15T17:10:01")
        await rig.scheduler.snooze(wake.id, 600)
        soon = await rig.scheduler.add_at("reminder", datetime(2025, 6, 15, 17, 15, 1), length_s=300)  # noqa: DTZ001
        rig.zone = zone
        await asyncio.sleep(299)
        assert rig.rung() == [wake.id]
        await asyncio.sleep(2)
        assert rig.rung() == [wake.id, soon.id]
        (snoozed,) = rig.scheduler.active("alarm")
        there = datetime.fromtimestamp(snoozed.due_wall_s, zone).replace(tzinfo=None)
        assert snoozed.local == there.isoformat(timespec="seconds"), "the time that is read out"
        await asyncio.sleep(300)
        assert rig.rung() == [wake.id, soon.id, wake.id]


async def test_a_ring_cut_off_by_a_crash_rings_on_in_another_zone_and_is_over_then() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-15T17:10:00")
        await at(rig, "2025-06-15T17:10:01")
        await rig.kill()
        rig.zone = LONDON
        await rig.start_again()
        assert rig.rung() == [wake.id]
        await rig.scheduler.dismiss()
        await asyncio.sleep(24 * HOUR_S)
        assert rig.rung() == [wake.id]


async def test_a_disk_that_is_full_keeps_no_alarm_in_the_old_zone() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        store.unblocked.clear()
        rig.zone = NEW_YORK
        await at(rig, "2025-06-16T06:59:59")
        assert rig.rung() == []
        await at(rig, "2025-06-16T07:00:05")
        assert rig.rung() == [wake.id]
        store.unblocked.set()


async def test_what_is_put_back_is_put_back_in_the_zone_in_force() -> None:
    async with started(FakeDueStore()) as rig:
        await in_berlin(rig)
        wake = await alarm(rig, "2025-06-16T07:00:00")
        await rig.scheduler.cancel(wake.id)
        rig.zone = LONDON
        await asyncio.sleep(RECHECK_S)
        await rig.scheduler.restore(wake)
        (back,) = rig.scheduler.active("alarm")
        assert (back.state, back.due_wall_s) == (DueState.RUNNING, moment("2025-06-16T07:00:00", LONDON))


@given(
    st.lists(st.tuples(st.sampled_from([BERLIN, LONDON, TOKYO, NEW_YORK]), st.floats(0, 12 * HOUR_S)), max_size=5),
    st.integers(1, 24),
)
@settings(max_examples=20)
def test_on_any_journey_each_is_told_of_once(journey: list[tuple[ZoneInfo, float]], hours: int) -> None:
    """It rings or was missed, and never rings twice."""

    async def travel() -> None:
        async with started(FakeDueStore()) as rig:
            await in_berlin(rig)
            local = datetime.fromtimestamp(rig.clock.wall_s() + hours * HOUR_S, BERLIN).replace(tzinfo=None)
            once = await rig.scheduler.add_at("alarm", local)
            for zone, stay_s in journey:
                rig.zone = zone
                await asyncio.sleep(stay_s)
                await rig.scheduler.dismiss()
            await asyncio.sleep(40 * HOUR_S)
            missed = [item.id for item in rig.scheduler.missed()]
            assert (rig.rung() or missed) == [once.id]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(travel())
