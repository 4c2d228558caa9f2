"""Async iterators that hold something open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


@contextlib.asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `stream` on leaving, if it can be closed, so that what it holds is let go at once."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def with_filler(stream: AsyncIterator[T], after_s: float, filler: T) -> AsyncIterator[T]:
    """The stream, and before its first item the `filler`, if that takes longer than `after_s`."""
    async with closing(stream):
        first = asyncio.ensure_future(anext(stream))
        try:
            done, _ = await asyncio.wait({first}, timeout=after_s)
            if not done:
                yield filler
            try:
                item = await first
            except StopAsyncIteration:
                return
            yield item
        finally:
            if not first.done():
                first.cancel()
                await asyncio.wait({first})
        async for item in stream:
            yield item
