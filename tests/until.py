"""Waiting in tests for what other processes or sockets do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(fits: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Wait until it fits."""
    async with asyncio.timeout(timeout_s):
        while not fits():  # noqa: ASYNC110 - what another process does gives us no event
            await asyncio.sleep(0.005)
