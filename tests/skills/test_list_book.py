"""Lists: what is changed at once, what is taken back, what a full disk leaves."""

from __future__ import annotations

import asyncio

import pytest

from assistant.errors import SkillError, StoreError
from assistant.skills.list_book import MAX_ITEMS, Change, Items, ListJournal, Lists
from assistant.values import ListItem
from tests.fakes import FakeListStore


def adding(text: str) -> Change:
    return lambda now: (*(now or ()), ListItem(text))


def texts(lists: Lists) -> list[str]:
    return [item.text for item in lists.items("shopping") or ()]


async def test_what_is_added_at_once_is_all_there() -> None:
    store = FakeListStore()
    lists = Lists(store)
    await asyncio.gather(*(ListJournal(lists).change("shopping", adding(text)) for text in "abcdef"))
    assert sorted(texts(lists)) == list("abcdef")
    assert store.kept["shopping"] == lists.items("shopping")


async def test_only_what_one_did_is_taken_back() -> None:
    lists = Lists(FakeListStore())
    bread, tea = ListJournal(lists), ListJournal(lists)
    await bread.change("shopping", adding("bread"))
    await tea.change("shopping", adding("tea"))
    await bread.undo()
    assert texts(lists) == ["tea"]
    await bread.undo()
    assert texts(lists) == ["tea"], "once is enough"


async def test_what_was_removed_comes_back() -> None:
    lists = Lists(FakeListStore())
    await lists.change("shopping", lambda _: (ListItem("milk"), ListItem("eggs")))
    journal = ListJournal(lists)
    await journal.change("shopping", lambda _: None)
    assert lists.items("shopping") is None
    await journal.undo()
    assert texts(lists) == ["milk", "eggs"]


async def test_a_full_disk_changes_nothing() -> None:
    class Full(FakeListStore):
        async def put(self, name: str, items: Items | None) -> None:
            raise StoreError("disk-full", "full")

    lists = Lists(Full())
    with pytest.raises(StoreError):
        await lists.change("shopping", lambda _: (ListItem("milk"),))
    assert lists.items("shopping") is None


async def test_a_list_has_an_end() -> None:
    lists = Lists(FakeListStore())
    with pytest.raises(SkillError) as caught:
        await lists.change("shopping", lambda _: tuple(ListItem(str(number)) for number in range(MAX_ITEMS + 1)))
    assert caught.value.code == "lists-limit"
    assert lists.items("shopping") is None
