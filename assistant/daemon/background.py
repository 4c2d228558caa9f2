"""Parts that run beside each other for as long as the assistant does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from assistant.errors import EdgewiseError
from assistant.events import Event, Failed

log = structlog.get_logger(__name__)

RESTART_S = 1.0
"""A part that crashed starts again after this long."""


class Background:
    """Starts parts and keeps them running. `problems` collects, once each, why a part had to give up."""

    def __init__(self, stack: AsyncExitStack, publish: Callable[[Event], None]) -> None:
        self._stack = stack
        self._publish = publish
        self.problems: dict[str, str] = {}

    def run(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part until it ends by itself or the stack unwinds."""
        task = asyncio.create_task(self._keep_running(name, part), name=name)
        self._stack.push_async_callback(_end, task)

    async def _keep_running(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await part()
                return
            except EdgewiseError as exc:
                log.error("part failed", part=name, code=exc.code, stage=exc.stage)
                self.problems[name] = str(exc)
                self._publish(
                    Failed(code=exc.code, message=exc.message, stage=exc.stage, retryable=exc.retryable, turn_id="")
                )
                if not exc.retryable:
                    return
            except Exception:
                log.exception("part crashed", part=name)
            await asyncio.sleep(RESTART_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
