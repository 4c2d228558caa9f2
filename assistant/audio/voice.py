"""One thing being played: a buffer between its synthesis on the event loop and the thread that renders it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

import numpy as np
import numpy.typing as npt

from assistant.audio.format import Samples
from assistant.audio.resample import EMPTY

FADE_S = 0.02
AHEAD_S = 1.0
"""Synthesis runs ahead of the speaker by this much, then waits until half of it was played."""


class Voice:
    """See `dialog.ports.PlaybackHandle`. `lock` is the mixer's: it guards all that both sides touch.

    Overflow policy: the feeder waits while AHEAD_S is queued, so synthesis is held back and nothing is dropped.
    Underrun: silence, and the voice goes on when more comes.
    """

    def __init__(self, priority: int, rate_hz: int, lock: threading.Lock, *, least_gain: float = 0.0) -> None:
        self.priority = priority
        self.least_gain = least_gain
        """It is not turned down below this by the mixer's volume."""
        self.error: Exception | None = None
        """What the audio iterator raised."""
        self.complete = False
        """Nothing more will be queued."""
        self.done = False
        """Nothing more will be rendered."""
        self.queued = 0
        """Frames waiting to be rendered."""
        self.feeder: asyncio.Task[None] | None = None
        self._lock = lock
        self._rate_hz = rate_hz
        self._pieces: deque[Samples] = deque()
        self._played = 0
        self._gain: float | None = None
        self._interrupted = False
        self._started = asyncio.Event()
        self._room = asyncio.Event()
        self._finished = asyncio.Event()

    @property
    def played_s(self) -> float:
        return self._played / self._rate_hz

    @property
    def audible(self) -> bool:
        """It has begun, or will with the next block; others are ducked for it."""
        return self._played > 0 or self.queued > 0

    def stop(self) -> None:
        with self._lock:
            if not self.done and not self._interrupted:
                self._interrupted = True
                self.complete = True
                self._cut(round(FADE_S * self._rate_hz) if self._played else 0)
        if self.feeder is not None:
            self.feeder.cancel()
        self.tell()

    async def started(self) -> None:
        await self._started.wait()

    async def finished(self) -> bool:
        await self._finished.wait()
        if self.error is not None and not self._interrupted:
            raise self.error
        return not self._interrupted

    async def room(self) -> None:
        """Wait until more may be queued."""
        if self.queued < AHEAD_S * self._rate_hz:
            return
        while self.queued >= AHEAD_S * self._rate_hz / 2:
            self._room.clear()
            await self._room.wait()

    def queue(self, samples: Samples) -> None:
        with self._lock:
            if len(samples) and not self.complete:
                self._pieces.append(samples)
                self.queued += len(samples)

    def finish_queueing(self, error: Exception | None = None) -> None:
        """What is queued is the end of it; `error` is raised to whoever waits, after that was played."""
        with self._lock:
            self.error = error
            self.complete = True
            self.done = self.queued == 0
        self.tell()

    def add_to(self, mix: npt.NDArray[np.float32], target_gain: float, most_change: float) -> bool:
        """Add the next samples to a block (render thread, lock held). True when the event loop should be told.

        The gain moves towards `target_gain` by at most `most_change` over the block; a new voice begins with it.
        """
        samples = self._take(len(mix))
        begin = target_gain if self._gain is None else self._gain
        self._gain = begin + min(max(target_gain - begin, -most_change), most_change)
        if len(samples):
            mix[: len(samples)] += samples * ramp(begin, self._gain, len(samples))
        low = AHEAD_S * self._rate_hz / 2
        first = self._played == 0 and len(samples) > 0
        crossed = self.queued < low <= self.queued + len(samples)
        self._played += len(samples)
        self.done = self.complete and self.queued == 0
        return first or crossed or self.done

    def tell(self) -> None:
        """Wake whoever waits for what happened since. On the event loop."""
        if self._played or self.done:
            self._started.set()
        if self.queued < AHEAD_S * self._rate_hz / 2:
            self._room.set()
        if self.done:
            self._finished.set()

    def _take(self, frames: int) -> Samples:
        taken: list[Samples] = []
        while frames and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > frames:
                self._pieces.appendleft(piece[frames:])
                piece = piece[:frames]
            taken.append(piece)
            frames -= len(piece)
            self.queued -= len(piece)
        if len(taken) == 1:
            return taken[0]
        return np.concatenate(taken) if taken else EMPTY

    def _cut(self, keep: int) -> None:
        """Keep at most `keep` frames, faded out."""
        rest = self._take(keep)
        self._pieces.clear()
        self.queued = len(rest)
        if self.queued:
            self._pieces.append((rest * ramp(1.0, 0.0, len(rest))).astype(np.int16))
        self.done = self.queued == 0


def ramp(begin: float, end: float, frames: int) -> npt.NDArray[np.float32] | np.float32:
    """A gain for each frame, reaching `end` with the last one; a single number when nothing changes."""
    if begin == end:
        return np.float32(end)
    return np.linspace(begin, end, frames + 1, dtype=np.float32)[1:]
