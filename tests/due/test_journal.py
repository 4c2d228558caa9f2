"""What one request did is taken back; what others did, and silence, stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from assistant.due.journal import Journal
from tests.due.rig import started
from tests.store.kinds import KINDS, open_due_store

Change = Callable[[Journal, str], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "add": lambda journal, _: journal.add(duration_s=60, name="tea"),
    "cancel": lambda journal, item_id: journal.cancel(item_id),
    "pause": lambda journal, item_id: journal.pause(item_id),
    "resume": lambda journal, item_id: journal.resume(item_id),
    "longer": lambda journal, item_id: journal.extend(item_id, 60),
    "shorter": lambda journal, item_id: journal.extend(item_id, -60),
    "to nothing": lambda journal, item_id: journal.extend(item_id, -10_000),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_is_taken_back(kind: str, tmp_path: Path, change: str, paused: bool) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600, name="pasta")
        other = await rig.scheduler.add(duration_s=300)
        if paused:
            await rig.scheduler.pause(item.id)
        await asyncio.sleep(100)
        before = rig.scheduler.active()
        journal = Journal(rig.scheduler)
        await CHANGES[change](journal, item.id)
        added = await rig.scheduler.add(duration_s=1000, name="meanwhile")
        await journal.undo()
        assert set(rig.scheduler.active()) == {*before, added}
        await journal.undo()
        assert set(rig.scheduler.active()) == {*before, added}, "once is enough"
        await asyncio.sleep(250)
        assert rig.rung() == ([item.id, other.id] if change == "to nothing" else [other.id])


async def test_several_changes_of_one_item_go_back_to_the_first(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600)
        journal = Journal(rig.scheduler)
        for change in ("longer", "pause", "cancel"):
            await CHANGES[change](journal, item.id)
        await journal.undo()
        assert rig.scheduler.active() == (item,)


async def test_silence_stands(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        rung, other = await rig.scheduler.add(duration_s=5), await rig.scheduler.add(duration_s=6)
        await asyncio.sleep(10)
        journal = Journal(rig.scheduler)
        await journal.cancel(rung.id)
        await journal.dismiss()
        await journal.undo()
        assert rig.scheduler.active() == ()
        assert rig.rung() == [rung.id, other.id]


async def test_what_fell_due_meanwhile_rings(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=10)
        journal = Journal(rig.scheduler)
        await asyncio.sleep(9.5)
        await journal.cancel(item.id)
        await asyncio.sleep(1)
        await journal.undo()
        await asyncio.sleep(0.1)
        assert rig.rung() == [item.id]


async def test_a_rehearsal_changes_nothing(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store, started(store) as rig:
        item = await rig.scheduler.add(duration_s=600, name="pasta")
        before, seen = rig.scheduler.active(), list(rig.events)
        for name, change in CHANGES.items():
            rehearsal = rig.scheduler.rehearsal()
            assert rehearsal.active() == before
            await change(Journal(rehearsal), item.id)
            if name != "resume":
                assert rehearsal.active() != before
        await asyncio.sleep(100)
        assert rig.scheduler.active() == before
        assert rig.events == seen
        assert await store.open_items() == [item]
