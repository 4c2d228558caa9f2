"""What every DueStore does, real or fake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.values import DueItem, DueState
from tests.store.kinds import KINDS, open_due_store

ITEM = DueItem(
    id="0190a000-0000-7000-8000-000000000001",
    kind="timer",
    name="pasta",
    state=DueState.RUNNING,
    duration_s=600.125,
    due_wall_s=1_750_000_600.123,
    due_steady_s=1_600.001,
    boot_id="boot-1",
    remaining_s=0.0,
    created_wall_s=1_750_000_000.0,
)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_begins_empty(kind: str, tmp_path: Path) -> None:
    async with open_due_store(kind, tmp_path) as store:
        assert list(await store.open_items()) == []


@pytest.mark.parametrize("state", [DueState.RUNNING, DueState.PAUSED, DueState.RINGING, DueState.MISSED])
async def test_open_items_come_back_whole(kind: str, tmp_path: Path, state: DueState) -> None:
    item = replace(ITEM, state=state, remaining_s=12.345)
    async with open_due_store(kind, tmp_path) as store:
        await store.save(item)
        assert list(await store.open_items()) == [item]


@pytest.mark.parametrize("state", [DueState.DONE, DueState.CANCELLED])
async def test_closed_items_do_not(kind: str, tmp_path: Path, state: DueState) -> None:
    async with open_due_store(kind, tmp_path) as store:
        await store.save(ITEM)
        await store.save(replace(ITEM, id="other"))
        await store.save(replace(ITEM, state=state))
        assert [item.id for item in await store.open_items()] == ["other"]


async def test_several_are_saved_at_once(kind: str, tmp_path: Path) -> None:
    other = replace(ITEM, id="other", due_wall_s=ITEM.due_wall_s + 1)
    async with open_due_store(kind, tmp_path) as store:
        await store.save(ITEM)
        await store.save(replace(ITEM, state=DueState.CANCELLED), other)
        assert list(await store.open_items()) == [other]


async def test_the_newest_version_counts_in_every_field(kind: str, tmp_path: Path) -> None:
    changed = DueItem(ITEM.id, "alarm", "tea", DueState.PAUSED, 1.0, 2.0, 3.0, "boot-2", 4.0, 5.0)
    async with open_due_store(kind, tmp_path) as store:
        await store.save(ITEM)
        await store.save(changed)
        assert list(await store.open_items()) == [changed]


@pytest.mark.parametrize("name", ["", "  ", "Käse\u00a0🧀", "a\nb", "'; DROP TABLE due; --", "nul\0nul", "x" * 10_000])
async def test_any_name_comes_back(kind: str, tmp_path: Path, name: str) -> None:
    async with open_due_store(kind, tmp_path) as store:
        await store.save(replace(ITEM, name=name))
        assert [item.name for item in await store.open_items()] == [name]


async def test_times_before_1970_and_far_ahead(kind: str, tmp_path: Path) -> None:
    items = {
        "past": replace(ITEM, id="past", due_wall_s=-0.001, created_wall_s=-86_400.0),
        "future": replace(ITEM, id="future", due_wall_s=32_503_680_000.0),
    }
    async with open_due_store(kind, tmp_path) as store:
        for item in items.values():
            await store.save(item)
        assert {item.id: item for item in await store.open_items()} == items


async def test_many(kind: str, tmp_path: Path) -> None:
    items = {f"id-{number:03}": replace(ITEM, id=f"id-{number:03}") for number in range(200)}
    async with open_due_store(kind, tmp_path) as store:
        for item in items.values():
            await store.save(item)
        assert {item.id: item for item in await store.open_items()} == items
