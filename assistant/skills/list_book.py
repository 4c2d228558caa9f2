"""Lists and what is on them, saved before they are in force; and what one request changes, to be undone."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from assistant.errors import SkillError
from assistant.values import ListItem

MAX_LISTS = 50
MAX_ITEMS = 500
"""On one list."""
MAX_CHARS = 200
"""Of an item."""


Items = tuple[ListItem, ...]
Change = Callable[[Items | None], Items | None]
"""What a list holds -> what it is to hold; None for no such list."""


class ListStore(Protocol):
    """Keeps lists. Both raise StoreError."""

    async def put(self, name: str, items: Items | None) -> None:
        """Have the list hold just this; None: have no such list. Durable when it returns."""

    async def all(self) -> Mapping[str, Items]:
        """Every list, the oldest first."""


class Lists:
    """All lists. Methods belong to one event loop."""

    def __init__(self, store: ListStore) -> None:
        self._store = store
        self._lists: dict[str, Items] = {}
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Load. Raises StoreError."""
        self._lists = dict(await self._store.all())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._lists)

    def items(self, name: str) -> Items | None:
        """What is on a list; None when there is no such list."""
        return self._lists.get(name)

    async def change(self, name: str, change: Change) -> tuple[Items | None, Items | None]:
        """Have the list hold what `change` makes of it (None: no such list). Saved first, then in force.

        Changes come one after the other, each to what the one before has left. Returns what was there, and what is.

        Raises:
            SkillError: `lists-limit`. StoreError: nothing has changed.
        """
        return await asyncio.shield(asyncio.ensure_future(self._change(name, change)))

    async def _change(self, name: str, change: Change) -> tuple[Items | None, Items | None]:
        """To its end, also when nobody waits for it any more: memory and store must agree."""
        async with self._lock:
            before = self._lists.get(name)
            after = change(before)
            if after is not None and (
                len(after) > MAX_ITEMS
                or any(len(item.text) > MAX_CHARS for item in after)
                or (before is None and len(self._lists) >= MAX_LISTS)
            ):
                raise SkillError("lists-limit", "a list, or one of its items, would be too long")
            if after != before:
                await self._store.put(name, after)
                if after is None:
                    self._lists.pop(name, None)
                else:
                    self._lists[name] = after
            return before, after

    def rehearsal(self) -> Lists:
        """A copy to try things on, which is saved nowhere."""
        copy = Lists(_Nowhere())
        copy._lists = dict(self._lists)
        return copy


class ListJournal:
    """`Lists` as one request sees them."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._changes: list[tuple[str, Items | None, Items | None]] = []
        """(list, before, after) of each."""

    @property
    def names(self) -> tuple[str, ...]:
        return self._lists.names

    def items(self, name: str) -> Items | None:
        return self._lists.items(name)

    async def change(self, name: str, change: Change) -> None:
        before, after = await self._lists.change(name, change)
        self._changes.append((name, before, after))

    @property
    def changed(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._changes)

    async def undo(self) -> None:
        """Take back what was changed, and nothing that others have changed since. Raises StoreError."""
        changes, self._changes = self._changes, []
        for name, before, after in reversed(changes):
            await self._lists.change(name, functools.partial(_without, before, after))


def added(texts: Iterable[str], now: Items | None) -> Items:
    """A list with these things on it, each once; what was crossed off comes again, at the end."""
    there = {item.text for item in now or () if not item.done}
    new = [text for text in dict.fromkeys(texts) if text not in there]
    return (*(item for item in now or () if item.text not in new), *map(ListItem, new))


def removed(gone: Collection[ListItem], now: Items | None) -> Items:
    """A list without some of its items."""
    return tuple(item for item in now or () if item not in gone)


def completed(done: Collection[ListItem], now: Items | None) -> Items:
    """A list with some of its items crossed off."""
    return tuple(replace(item, done=True) if item in done else item for item in now or ())


def _without(before: Items | None, after: Items | None, now: Items | None) -> Items | None:
    """A list as it is `now`, without what turned `before` into `after`."""
    if now == after:
        return before
    kept = [item for item in now or () if item not in (after or ()) or item in (before or ())]
    return (*(item for item in before or () if item not in (after or ()) and item not in kept), *kept)


class _Nowhere:
    """ListStore that keeps nothing."""

    async def put(self, name: str, items: Items | None) -> None:
        """Nothing."""

    async def all(self) -> Mapping[str, Items]:
        return {}
