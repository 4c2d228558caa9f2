"""Lists and what is on them, saved before they are in force; and what one request changes, to be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from assistant.errors import SkillError
from assistant.values import ListItem

MAX_LISTS = 50
MAX_ITEMS = 500
"""On one list."""
MAX_CHARS = 200
"""Of an item."""


Items = tuple[ListItem, ...]


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

    async def put(self, name: str, items: Items | None) -> None:
        """Have the list hold just this; None: have no such list. Saved first, then in force.

        Raises:
            SkillError: `lists-limit`. StoreError: nothing has changed.
        """
        if items is not None and (
            len(items) > MAX_ITEMS
            or any(len(item.text) > MAX_CHARS for item in items)
            or (name not in self._lists and len(self._lists) >= MAX_LISTS)
        ):
            raise SkillError("lists-limit", "a list, or one of its items, would be too long")
        await asyncio.shield(asyncio.ensure_future(self._put(name, items)))

    async def _put(self, name: str, items: Items | None) -> None:
        """To its end, also when nobody waits for it any more: memory and store must agree."""
        async with self._lock:
            await self._store.put(name, items)
            if items is None:
                self._lists.pop(name, None)
            else:
                self._lists[name] = items

    def rehearsal(self) -> Lists:
        """A copy to try things on, which is saved nowhere."""
        copy = Lists(_Nowhere())
        copy._lists = dict(self._lists)
        return copy


class ListJournal:
    """`Lists` as one request sees them."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._before: dict[str, Items | None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return self._lists.names

    def items(self, name: str) -> Items | None:
        return self._lists.items(name)

    async def put(self, name: str, items: Sequence[ListItem] | None) -> None:
        self._before.setdefault(name, self._lists.items(name))
        await self._lists.put(name, None if items is None else tuple(items))

    async def undo(self) -> None:
        """Every list as it was. Raises StoreError."""
        before, self._before = self._before, {}
        for name, items in before.items():
            await self._lists.put(name, items)


class _Nowhere:
    """ListStore that keeps nothing."""

    async def put(self, name: str, items: Items | None) -> None:
        """Nothing."""

    async def all(self) -> Mapping[str, Items]:
        return {}
