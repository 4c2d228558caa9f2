"""What the scheduler needs from the outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assistant.values import DueItem


class DueStore(Protocol):
    """Keeps the newest version of every item. Times come back to the millisecond."""

    async def save(self, *items: DueItem) -> None:
        """Add items, or replace those with their ids: all, or none. Durable when it returns. Raises StoreError."""

    async def open_items(self) -> Sequence[DueItem]:
        """Every item that still matters: all but the done and the cancelled. Raises StoreError."""
