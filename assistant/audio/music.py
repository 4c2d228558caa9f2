"""The device's own music player: files and radio stations through the mixer, beneath everything else that it says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from assistant.audio.decode import Reader
from assistant.audio.format import Chunk
from assistant.audio.mixer import Mixer
from assistant.audio.voice import Voice
from assistant.errors import AudioError, EdgewiseError
from assistant.executor import BoundedExecutor
from assistant.media import Playing, Track, matching

log = structlog.get_logger(__name__)

MUSIC_PRIORITY = 0
"""Below rings and replies: it is turned down for them."""
START_TIMEOUT_S = 4.0
"""Below what a skill may take, so that it is the skill that says what happened."""
MAX_FILES = 50_000
FILES_KEPT_S = 60.0
"""What was put into a folder is found after this long at the latest."""
RETRIES, RETRY_S = 3, 1.0
"""A station that breaks off is tried again so many times in a row, each after this long."""
_KINDS = frozenset({".mp3", ".flac", ".ogg", ".opus", ".oga", ".m4a", ".m4b", ".aac", ".wav", ".wma", ".aiff"})


class MusicPlayer:
    """media.MusicPort. `changed` is told "playing", "paused" or "idle", and the title. Belongs to the event loop."""

    def __init__(
        self,
        mixer: Mixer | None,
        stations: Sequence[Track],
        folders: Sequence[Path],
        changed: Callable[[str, str], None],
    ) -> None:
        self._mixer = mixer
        self._stations = tuple(stations)
        self._folders = tuple(folders)
        self._changed = changed
        self._work = BoundedExecutor("music", max_pending=4)
        self._playing: Playing | None = None
        self._voice: Voice | None = None
        self._task: asyncio.Task[None] | None = None
        self._told = ("idle", "")
        self._files: tuple[float, tuple[Track, ...]] | None = None
        """When the folders were looked through, and what is there."""

    @property
    def playing(self) -> Playing | None:
        if self._playing and self._voice and not self._playing.track.live:
            return replace(self._playing, at_s=self._playing.at_s + self._voice.played_s)
        return self._playing

    async def find(self, query: str) -> tuple[Track, ...]:
        return await self._work.run(self._find, query)

    def _find(self, query: str) -> tuple[Track, ...]:
        """In the music's own thread: a large collection takes a second to be walked through."""
        now_s = time.monotonic()
        if self._files is None or now_s - self._files[0] > FILES_KEPT_S:
            self._files = now_s, tuple(files_in(self._folders))
        return matching(query, self._stations, self._files[1])

    async def put(self, wanted: Playing | None) -> None:
        await self._silence()
        if wanted and not wanted.paused:
            if self._mixer is None:
                raise AudioError("no-speaker", "there is no speaker to play music on")
            started = asyncio.get_running_loop().create_future()
            self._playing = wanted
            self._task = asyncio.create_task(self._play(self._mixer, wanted, started), name="music")
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await started
            except TimeoutError as exc:
                await self.put(None)
                raise AudioError("media-offline", "a stream doesn't begin", retryable=True) from exc
            except asyncio.CancelledError:  # whoever wanted it has gone: it must not begin later
                await self.put(None)
                raise
        else:
            self._playing = wanted
            self._tell()

    async def close(self) -> None:
        await self._silence()
        self._work.close()

    async def _silence(self) -> None:
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def _play(self, mixer: Mixer, wanted: Playing, started: asyncio.Future[None]) -> None:
        """Everything of `wanted` in turn, leaving out what can't be played; a station that breaks off is tried again.
        When nothing could be heard `started` says why."""
        error = AudioError("media-unreadable", "there is nothing that can be played")
        silent = 0
        while silent < (RETRIES if wanted.track.live and started.done() else len(wanted.tracks)):
            self._playing = wanted
            voice = self._voice = mixer.play(self._sound(wanted.track, wanted.at_s), priority=MUSIC_PRIORITY)
            try:
                await voice.started()
                if voice.played_s:
                    self._tell()
                    if not started.done():
                        started.set_result(None)
                await voice.finished()
            except EdgewiseError as exc:
                error = exc if isinstance(exc, AudioError) else AudioError("media-unreadable", exc.message)
                log.warning("music broke off", code=exc.code)
            finally:
                voice.stop()
                self._voice = None
            silent = 0 if voice.played_s else silent + 1
            if wanted.track.live and started.done():
                await asyncio.sleep(RETRY_S)
            elif wanted.index + 1 < len(wanted.tracks):
                wanted = replace(wanted, index=wanted.index + 1, at_s=0.0)
            else:
                break
        self._playing = None
        self._tell()
        if not started.done():
            started.set_exception(error)

    async def _sound(self, track: Track, start_s: float) -> AsyncIterator[Chunk]:
        reader = await self._work.run(Reader, track.url, start_s)
        try:
            while chunk := await self._work.run(reader.read):
                yield chunk
        finally:
            with contextlib.suppress(Exception):
                await self._work.run(reader.close)

    def _tell(self) -> None:
        playing = self._playing
        state = "idle" if playing is None else "paused" if playing.paused else "playing"
        told = state, playing.track.title if playing else ""
        if told != self._told:
            self._told = told
            self._changed(*told)


def files_in(folders: Sequence[Path]) -> Iterator[Track]:
    """The music in some folders and theirs, by path; at most MAX_FILES. Folders that can't be read are left out."""
    count = 0
    for folder in folders:
        for place, inner, names in os.walk(folder.expanduser()):
            inner.sort()
            around = Path(place).relative_to(folder.expanduser()).parts
            for name in sorted(names):
                path = Path(place, name)
                if path.suffix.lower() in _KINDS and count < MAX_FILES:
                    count += 1
                    yield Track(_title(path.stem), str(path), words=frozenset(_words(" ".join((*around, path.stem)))))


def _title(stem: str) -> str:
    """A file's name without the track's number: "03 - Blue Train" is "Blue Train"."""
    words = _spaced(stem).split()
    while len(words) > 1 and words[0].isdigit():
        words = words[1:]
    return " ".join(words)


def _words(text: str) -> list[str]:
    return _spaced(text).casefold().split()


def _spaced(text: str) -> str:
    return "".join(char if char.isalnum() or char in "'’" else " " for char in text)
