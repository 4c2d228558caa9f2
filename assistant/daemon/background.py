"""Parts that run beside each other for as long as the assistant does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import structlog

from assistant.errors import EdgewiseError
from assistant.events import Event, failure

log = structlog.get_logger(__name__)

RESTART_S = 1.0
"""A part that crashed starts again after this long."""
HEALTHY_S = 5.0
"""A part that then runs for this long is well again."""


class Background:
    """Starts parts and keeps them running. `problems` says why a part isn't running, or wasn't until just now."""

    def __init__(self, stack: AsyncExitStack, publish: Callable[[Event], None]) -> None:
        self._stack = stack
        self._publish = publish
        self.problems: dict[str, str] = {}
        self._unfinished: set[asyncio.Task[Any]] = set()

    def run(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part until it ends by itself or the stack unwinds."""
        task = asyncio.create_task(self._keep_running(name, part), name=name)
        self._stack.push_async_callback(_end, task)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run work to its end without waiting for it here; `finish` waits."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)

    async def finish(self) -> None:
        """Wait a moment for what was begun `later`."""
        if self._unfinished:
            await asyncio.wait(self._unfinished, timeout=1.0)

    async def _keep_running(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            recovery = loop.call_later(HEALTHY_S, self.problems.pop, name, None)
            try:
                await part()
                self.problems.pop(name, None)
                return
            except EdgewiseError as exc:
                log.error("part failed", part=name, code=exc.code, stage=exc.stage)
                self.problems[name] = str(exc)
                self._publish(failure(exc))
                if not exc.retryable:
                    return
            except Exception:
                log.exception("part crashed", part=name)
                self.problems[name] = f"The part {name!r} crashed and was started again."
            finally:
                recovery.cancel()
            await asyncio.sleep(RESTART_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
