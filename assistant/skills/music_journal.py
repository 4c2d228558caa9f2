"""What one request does to the device's own music, so that it can be taken back; and music that nobody hears."""

from __future__ import annotations

import structlog

from assistant.errors import AudioError
from assistant.media import MusicPort, Playing, Track

_log = structlog.get_logger(__name__)


class MusicJournal:
    """media.MusicPort as one request sees it."""

    def __init__(self, port: MusicPort) -> None:
        self._port = port
        self._before: tuple[Playing | None] | None = None
        """What was played first; None while nothing was changed."""

    @property
    def playing(self) -> Playing | None:
        return self._port.playing

    async def find(self, query: str) -> tuple[Track, ...]:
        return await self._port.find(query)

    async def put(self, wanted: Playing | None) -> None:
        if self._before is None:
            self._before = (self._port.playing,)
        await self._port.put(wanted)

    @property
    def changed(self) -> bool:
        """Whether there is something to take back."""
        return self._before is not None

    async def undo(self) -> None:
        """Play what was played before; what can't be played any more stays silent."""
        before, self._before = self._before, None
        if before:
            try:
                await self._port.put(before[0])
            except AudioError as exc:
                _log.warning("not taken back", code=exc.code)


class UnheardMusic:
    """media.MusicPort that only remembers what it was told, to rehearse on."""

    def __init__(self, port: MusicPort) -> None:
        self._port = port
        self.playing = port.playing

    async def find(self, query: str) -> tuple[Track, ...]:
        return await self._port.find(query)

    async def put(self, wanted: Playing | None) -> None:
        self.playing = wanted
