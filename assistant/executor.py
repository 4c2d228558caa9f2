"""Blocking work off the event loop: one bounded pool an engine, never a shared unbounded one."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from assistant.errors import BusyError

T = TypeVar("T")


class BoundedExecutor:
    """Threads with a bounded queue. A full queue raises BusyError at once instead of growing."""

    def __init__(self, name: str, *, workers: int = 1, max_pending: int = 8, pool: Executor | None = None) -> None:
        """`pool` replaces threads that the process waits for when it ends."""
        self._name = name
        self._pool = pool or ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"edgewise-{name}")
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


class AbandonableThread(Executor):
    """One thread, started when it is first needed, that nobody waits for: for code of others, which may never return.

    It ends with the process. What waits is not bounded here: use it as the `pool` of a BoundedExecutor.
    """

    def __init__(self, name: str) -> None:
        self._name = f"edgewise-{name}"
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._started = False

    def submit(self, work: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.put((future, lambda: work(*args, **options)))
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - never waits
        """Have the thread end once it gets there; what waits is done before, or dropped."""
        while cancel_futures:
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                break
            if waiting:
                waiting[0].cancel()
        self._waiting.put(None)

    def _run(self) -> None:
        while waiting := self._waiting.get():
            future, work = waiting
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as exc:
                future.set_exception(exc)
            else:
                future.set_result(result)
