"""Fakes of every port, each passing the same contract tests as the real adapter (tests/contract)."""

from __future__ import annotations

import asyncio

from assistant.errors import StoreError
from assistant.values import DueItem, DueState, TurnRecord


# --- due and store -----------------------------------------------------------------------------------------------------


class FakeDueStore:
    """due.ports.DueStore in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, DueItem] = {}
        self.error: StoreError | None = None
        """Raised by every call while set."""
        self.unblocked = asyncio.Event()
        """Clear it and saves wait: a stalled disk."""
        self.unblocked.set()

    async def save(self, item: DueItem) -> None:
        await self.unblocked.wait()
        self._check()
        self.rows[item.id] = item

    async def open_items(self) -> list[DueItem]:
        self._check()
        items = [item for item in self.rows.values() if item.state not in {DueState.DONE, DueState.CANCELLED}]
        return sorted(items, key=lambda item: (item.due_wall_s, item.id))

    def _check(self) -> None:
        if self.error:
            raise self.error


class FakeTurnStore:
    """dialog.ports.TurnStore in memory."""

    def __init__(self) -> None:
        self.records: dict[str, TurnRecord] = {}
        self.error: StoreError | None = None
        """Raised by every call while set."""

    async def append(self, record: TurnRecord) -> None:
        self._check()
        self.records.setdefault(record.id, record)

    async def recent(self, limit: int) -> list[TurnRecord]:
        self._check()
        return list(self.records.values())[-limit:] if limit > 0 else []

    def _check(self) -> None:
        if self.error:
            raise self.error
