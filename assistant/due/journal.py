"""What one request changes on the scheduler, so that it can be taken back when the user meant more than that."""

from __future__ import annotations

from datetime import datetime

import structlog

from assistant.due.scheduler import Scheduler
from assistant.errors import SkillError
from assistant.values import DueItem, DueState

_log = structlog.get_logger(__name__)


class Journal:
    """The scheduler as one request sees it. Methods and errors are those of `Scheduler`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._before: dict[str, DueItem | None] = {}
        """How what was changed stood first; None for what is new."""

    async def add(self, *, duration_s: float, name: str = "") -> DueItem:
        item = await self._scheduler.add(duration_s=duration_s, name=name)
        self._before[item.id] = None
        return item

    async def add_at(
        self, kind: str, local: datetime, *, name: str = "", recurrence: str = "", length_s: float = 0.0
    ) -> DueItem:
        item = await self._scheduler.add_at(kind, local, name=name, recurrence=recurrence, length_s=length_s)
        self._before[item.id] = None
        return item

    async def skip(self, item_id: str) -> DueItem:
        self._note(item_id)
        item = await self._scheduler.skip(item_id)
        self._before.setdefault(item.id, None)
        return item

    def snoozable(self) -> tuple[DueItem, ...]:
        return self._scheduler.snoozable()

    async def snooze(self, item_id: str, seconds: float) -> DueItem:
        """Stands: nobody wants a ring back."""
        return await self._scheduler.snooze(item_id, seconds)

    async def cancel(self, item_id: str) -> DueItem:
        self._note(item_id)
        return await self._scheduler.cancel(item_id)

    async def pause(self, item_id: str) -> DueItem:
        self._note(item_id)
        return await self._scheduler.pause(item_id)

    async def resume(self, item_id: str) -> DueItem:
        self._note(item_id)
        return await self._scheduler.resume(item_id)

    async def extend(self, item_id: str, seconds: float) -> DueItem:
        self._note(item_id)
        return await self._scheduler.extend(item_id, seconds)

    async def dismiss(self) -> tuple[DueItem, ...]:
        """Silence stands: nobody wants a ring back."""
        return await self._scheduler.dismiss()

    def active(self, kind: str | None = "timer") -> tuple[DueItem, ...]:
        return self._scheduler.active(kind)

    def remaining_s(self, item: DueItem) -> float:
        return self._scheduler.remaining_s(item)

    @property
    def changed(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._before)

    async def undo(self) -> None:
        """Take back what was changed, all but silence. Raises StoreError."""
        before, self._before = self._before, {}
        for item_id, item in reversed(before.items()):
            try:
                if item is None:
                    await self._scheduler.cancel(item_id)
                else:
                    await self._scheduler.restore(item)
            except SkillError as exc:  # gone by itself meanwhile
                _log.info("nothing to take back", code=exc.code)

    def _note(self, item_id: str) -> None:
        found = next((item for item in self._scheduler.active(kind=None) if item.id == item_id), None)
        if found and found.state is not DueState.RINGING:
            self._before.setdefault(item_id, found)
