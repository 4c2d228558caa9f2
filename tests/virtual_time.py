"""An event loop whose clock jumps to the next timer instead of waiting for it.

Time stands still while executor work runs, so real inference in a virtual-time test costs no virtual seconds. A test
that waits for something that can't come (no timer, no work, no ready callback) fails at once instead of hanging.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

START_WALL_S = 1_750_000_000.0
"""2025-06-15T15:06:40Z: a Sunday."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never sleeps while nothing real is under way: it moves the loop's clock instead."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.working:
            return super().select(0.5 if timeout is None else min(timeout, 0.5))
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer is set")
        self.loop.now_s += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self.now_s = 1_000.0
        self.working = 0
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self.working += 1
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self.working -= 1


class VirtualClock:
    """`values.Clock` on the running loop's virtual time; `shift_wall_s` makes the wall clock jump."""

    def __init__(self) -> None:
        self.shift_wall_s = 0.0
        self.boot_id = "boot-1"

    def wall_s(self) -> float:
        return START_WALL_S + self.shift_wall_s + asyncio.get_running_loop().time() - 1_000.0

    def steady_s(self) -> float:
        return asyncio.get_running_loop().time()
