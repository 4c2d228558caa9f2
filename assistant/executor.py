"""Blocking work off the event loop: one bounded pool an engine, never a shared unbounded one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from assistant.errors import BusyError

T = TypeVar("T")


class BoundedExecutor:
    """Threads with a bounded queue. A full queue raises BusyError at once instead of growing."""

    def __init__(self, name: str, *, workers: int = 1, max_pending: int = 8) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"edgewise-{name}")
        self._limit = workers + max_pending
        self._pending = 0

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Run `work(*args)` in a thread. A cancelled caller leaves; work that already started ends by itself.

        Raises:
            BusyError: the queue is full.
        """
        if self._pending >= self._limit:
            raise BusyError(self._name)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # retrieved: a caller that was cancelled no longer reads it

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
