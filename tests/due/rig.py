"""A scheduler under test: events collected, its clock under control, its process killed, its machine rebooted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, tzinfo

from assistant.due.ports import DueStore
from assistant.due.scheduler import Scheduler
from assistant.events import DueChanged, Event, RingStarted, RingStopped
from assistant.values import DueItem, DueState
from tests.virtual_time import VirtualClock

RING_TIMEOUT_S = 300.0


class MachineClock(VirtualClock):
    """A clock of a machine that reboots and sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._booted_at_s = 0.0
        self._slept_s = 0.0
        self._boots = 1

    def steady_s(self) -> float:
        return super().steady_s() + self._slept_s - self._booted_at_s

    def wall_s(self) -> float:
        return super().wall_s() + self._slept_s

    def reboot(self) -> None:
        """Now is the moment of a boot."""
        self._booted_at_s = super().steady_s() + self._slept_s
        self._boots += 1
        self.boot_id = f"boot-{self._boots}"

    def suspend(self, seconds: float) -> None:
        """The machine slept: clocks went on, the loop's timers did not."""
        self._slept_s += seconds


class Rig:
    """One scheduler after another on the same store."""

    def __init__(self, store: DueStore) -> None:
        self.store = store
        self.clock = MachineClock()
        self.zone: tzinfo = UTC
        self.events: list[Event] = []
        self.scheduler = self._new()

    def _new(self) -> Scheduler:
        return Scheduler(
            self.store, self.clock, self.events.append, ring_timeout_s=RING_TIMEOUT_S, zone=lambda: self.zone
        )

    async def kill(self) -> None:
        """The process dies: nothing more is saved or published."""
        task = self.scheduler._loop_task
        assert task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def start_again(self) -> tuple[DueItem, ...]:
        """Events begin anew, too."""
        self.events.clear()
        self.scheduler = self._new()
        return await self.scheduler.start()

    async def reboot(self, off_s: float) -> tuple[DueItem, ...]:
        """Power fails, and is back after `off_s`."""
        await self.kill()
        await asyncio.sleep(off_s)
        self.clock.reboot()
        return await self.start_again()

    def rung(self) -> list[str]:
        return [event.due_id for event in self.events if isinstance(event, RingStarted)]

    def stopped(self) -> list[tuple[str, str]]:
        return [(event.due_id, event.by) for event in self.events if isinstance(event, RingStopped)]

    def states(self, item_id: str) -> list[DueState]:
        return [event.item.state for event in self.events if isinstance(event, DueChanged) and event.item.id == item_id]


@contextlib.asynccontextmanager
async def started(store: DueStore) -> AsyncIterator[Rig]:
    rig = Rig(store)
    await rig.scheduler.start()
    try:
        yield rig
    finally:
        await rig.scheduler.stop()
