"""One question on its way to the cloud, begun before anybody knows whether its answer is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from assistant.errors import CloudError
from assistant.streams import closing

_MOST = 64
"""Pieces that wait to be read; then the cloud is held back."""


class CloudCall:
    """Streams from its making on. Whoever made it closes it, which hangs up."""

    def __init__(self, stream: AsyncIterator[str]) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue(_MOST)
        self._begun = asyncio.Event()
        self._failed: CloudError | None = None
        self._reading = asyncio.create_task(self._read(stream))

    async def begins(self, within_s: float) -> bool:
        """Whether a piece has come, or comes within that time; False also when the call fails before."""
        waiting = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait({waiting, self._reading}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            return self._begun.is_set()
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})

    async def pieces(self) -> AsyncIterator[str]:
        """What came and comes. Raises CloudError."""
        while (piece := await self._pieces.get()) is not None:
            yield piece
        await self._reading
        if self._failed:
            raise self._failed

    async def close(self) -> None:
        """Hang up. Idempotent."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self, stream: AsyncIterator[str]) -> None:
        try:
            async with closing(stream) as pieces:
                async for piece in pieces:
                    self._begun.set()
                    await self._pieces.put(piece)
        except CloudError as exc:
            self._failed = exc
        await self._pieces.put(None)
