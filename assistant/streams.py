"""Async iterators that hold something open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")

_LONGEST_WORD = 200
"""Characters. Languages without spaces come in stretches of this."""


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


async def whole_words(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """A text that arrives in pieces, as far as its words are whole: one that breaks off ends in no half word."""
    held = ""
    async with closing(pieces):
        async for piece in pieces:
            held += piece
            end = max(map(held.rfind, " \n\t")) + 1 or (len(held) if len(held) > _LONGEST_WORD else 0)
            if end:
                yield held[:end]
                held = held[end:]
    if held:
        yield held


async def in_time(stream: AsyncIterator[T], first_s: float, next_s: float) -> AsyncIterator[T]:
    """The stream, as long as it keeps coming: the first item within `first_s`, each further one within `next_s`.

    Raises TimeoutError.
    """
    async with closing(stream):
        limit_s = first_s
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            yield item
            limit_s = next_s
