"""The scheduler when the store refuses or stalls: what was promised holds, and a ring neither fails nor sticks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from assistant.due.decide import RECHECK_S
from assistant.due.scheduler import SAVE_TIMEOUT_S
from assistant.errors import SkillError, StoreError
from assistant.events import Failed
from assistant.values import DueItem, DueState
from tests.due.rig import RING_TIMEOUT_S, Rig, started
from tests.fakes import FakeDueStore

FULL = StoreError("disk-full", "no room left", retryable=True)

Change = Callable[[Rig, DueItem], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "add": lambda rig, item: rig.scheduler.add(duration_s=60),
    "cancel": lambda rig, item: rig.scheduler.cancel(item.id),
    "pause": lambda rig, item: rig.scheduler.pause(item.id),
    "extend": lambda rig, item: rig.scheduler.extend(item.id, 60),
    "shorten to nothing": lambda rig, item: rig.scheduler.extend(item.id, -600),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_was_not_saved_did_not_happen(change: Change) -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=300)
        rig.events.clear()
        store.error = FULL
        with pytest.raises(StoreError) as caught:
            await change(rig, item)
        store.error = None
        assert caught.value.code == "disk-full"
        assert rig.events == []
        assert rig.scheduler.active() == (item,)
        await asyncio.sleep(300.1)
        assert rig.rung() == [item.id]


async def test_resuming_unsaved_stays_paused() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.pause((await rig.scheduler.add(duration_s=300)).id)
        store.error = FULL
        with pytest.raises(StoreError):
            await rig.scheduler.resume(item.id)
        assert rig.scheduler.active() == (item,)


async def test_telling_unsaved_is_told_again() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=1)
        await asyncio.sleep(2 + RING_TIMEOUT_S)
        store.error = FULL
        with pytest.raises(StoreError):
            await rig.scheduler.told([item.id])
        store.error = None
        await rig.kill()
        assert [missed.id for missed in await rig.start_again()] == [item.id]


async def test_a_store_that_cannot_be_read_stops_the_start() -> None:
    store = FakeDueStore()
    store.error = StoreError("store-io", "reading failed")
    with pytest.raises(StoreError) as caught:
        await Rig(store).scheduler.start()
    assert caught.value.code == "store-io"


async def test_a_full_disk_keeps_no_timer_from_ringing_nor_a_ring_from_stopping() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        store.error = FULL
        await asyncio.sleep(10.1)
        assert rig.rung() == [item.id]
        assert [event.code for event in rig.events if isinstance(event, Failed)] == ["disk-full"]
        assert [stopped.id for stopped in await rig.scheduler.dismiss()] == [item.id]
        assert rig.stopped() == [(item.id, "user")]
        assert rig.scheduler.active() == ()
        store.error = None
        await asyncio.sleep(RECHECK_S + 1)
        assert store.rows[item.id].state is DueState.DONE
        rig.events.clear()
        await asyncio.sleep(1000)
        assert rig.events == []


async def test_dying_with_a_full_disk_loses_no_timer() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        store.error = FULL
        await asyncio.sleep(12)
        await rig.kill()
        store.error = None
        assert await rig.start_again() == ()
        assert rig.rung() == [item.id]


async def test_the_last_chance_to_save_is_the_stop() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        await asyncio.sleep(11)
        store.error = FULL
        await rig.scheduler.dismiss()
        store.error = None
        await rig.scheduler.stop()
        assert store.rows[item.id].state is DueState.DONE


async def test_a_stalled_disk_delays_a_ring_and_its_end_by_no_more_than_promised() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        store.unblocked.clear()
        await asyncio.sleep(10 + SAVE_TIMEOUT_S + 0.1)
        assert rig.rung() == [item.id]
        assert "store-stalled" in [event.code for event in rig.events if isinstance(event, Failed)]
        async with asyncio.timeout(3 * SAVE_TIMEOUT_S):
            await rig.scheduler.dismiss()
        assert rig.stopped() == [(item.id, "user")]
        store.unblocked.set()
        await asyncio.sleep(RECHECK_S + 1)
        assert store.rows[item.id].state is DueState.DONE


async def test_a_caller_who_gives_up_leaves_memory_and_store_agreed() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        store.unblocked.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await rig.scheduler.add(duration_s=60)
        assert rig.scheduler.active() == ()
        store.unblocked.set()
        await asyncio.sleep(0.1)
        assert list(rig.scheduler.active()) == await store.open_items() != []


async def test_a_caller_who_gives_up_on_what_fails_later_leaves_nothing() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        store.unblocked.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await rig.scheduler.add(duration_s=60)
        store.error = FULL
        store.unblocked.set()
        await asyncio.sleep(0.1)
        assert (rig.scheduler.active(), store.rows) == ((), {})


async def test_two_at_once_take_turns() -> None:
    store = FakeDueStore()
    async with started(store) as rig:
        item = await rig.scheduler.add(duration_s=60)
        store.unblocked.clear()
        first = asyncio.create_task(rig.scheduler.cancel(item.id))
        second = asyncio.create_task(rig.scheduler.extend(item.id, 60))
        await asyncio.sleep(0.1)
        store.unblocked.set()
        assert (await first).state is DueState.CANCELLED
        with pytest.raises(SkillError) as caught:
            await second
        assert caught.value.code == "due-unknown"
        assert store.rows[item.id].state is DueState.CANCELLED
