"""The one line that every question waits in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from assistant.errors import BusyError


class Gate:
    """Lets `running` through at once and `waiting` wait in line; the next one is refused with BusyError."""

    def __init__(self, running: int, waiting: int) -> None:
        self._seats = asyncio.Semaphore(running)
        self._max_waiting = waiting
        self.waiting = 0
        self.seated = 0

    @contextlib.asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        if self._seats.locked() and self.waiting >= self._max_waiting:
            raise BusyError("the gateway")
        self.waiting += 1
        try:
            await self._seats.acquire()
        finally:
            self.waiting -= 1
        self.seated += 1
        try:
            yield
        finally:
            self.seated -= 1
            self._seats.release()
