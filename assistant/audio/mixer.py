"""Everything the speaker plays, mixed: voices with priorities, ducking, volume. Pulled by whatever renders it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

import numpy as np
import structlog

from assistant.audio.format import Chunk, Samples
from assistant.audio.resample import Resampler
from assistant.audio.voice import Voice, ramp

log = structlog.get_logger(__name__)

_DUCK_RAMP_S = 0.15
_VOLUME_RAMP_S = 0.05
_PIECE_S = 0.25
"""Longer chunks are resampled in pieces, so that the event loop is never held up."""


class Mixer:
    """See `dialog.ports.Player`. `play` and `close` belong to the event loop; `render` may run in any one thread.

    `volume` 0 to 100 follows a square law: 50 is a quarter of the amplitude, heard as about half as loud. `duck_db` is
    how far a voice is turned down while one of higher priority is audible. Sums beyond full scale are clipped.
    """

    def __init__(self, rate_hz: int = 48_000, *, volume: int = 70, duck_db: float = 18.0) -> None:
        self.rate_hz = rate_hz
        self.duck_db = duck_db
        self.floor = 0
        """Voices of lower priority are turned down, whatever else sounds: somebody is listened to."""
        self._volume = volume
        self._gain = _volume_gain(volume)
        self._lock = threading.Lock()
        self._voices: tuple[Voice, ...] = ()
        self._feeders: set[asyncio.Task[None]] = set()
        """Also of voices that are no longer heard, until their audio iterators are closed."""
        self._silence: Samples = np.zeros(0, np.int16)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def volume(self) -> int:
        return self._volume

    @volume.setter
    def volume(self, percent: int) -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"volume {percent} is not within 0 to 100")
        self._volume = percent

    @property
    def playing(self) -> bool:
        """Whether there is a voice, even one that still waits for its first sound."""
        return bool(self._voices)

    def play(self, audio: AsyncIterator[Chunk], *, priority: int, at_least: int = 0) -> Voice:
        """Start playing chunks of any rate; lower priorities are ducked meanwhile. After `close` it ends at once.

        `at_least` is a volume that it is not below, however low the mixer's is.
        """
        self._loop = asyncio.get_running_loop()
        voice = Voice(priority, self.rate_hz, self._lock, least_gain=_volume_gain(at_least))
        if self._closed:
            voice.stop()
            return voice
        with self._lock:
            self._voices = (*self._voices, voice)
        voice.feeder = asyncio.create_task(self._feed(voice, audio))
        self._feeders.add(voice.feeder)
        voice.feeder.add_done_callback(self._feeder_ended)
        self._changed.set()
        return voice

    async def close(self) -> None:
        """Drop every voice, and wait until the audio iterators are closed."""
        self._closed = True
        with self._lock:
            voices, self._voices = self._voices, ()
        for voice in voices:
            voice.stop()
            voice.done = True
            voice.tell()
        await asyncio.gather(*self._feeders, return_exceptions=True)
        self._changed.set()

    async def wait_playing(self) -> None:
        """Return when there is a voice."""
        while not self._voices:
            await self._next_change()

    async def wait_renderable(self, frames: int) -> None:
        """Return when the next `frames` hold no underrun: every voice has that much queued, or its end is."""
        while not all(voice.complete or voice.queued >= frames for voice in self._voices):
            await self._next_change()

    async def pump(self, on_block: Callable[[Samples], None], *, block_s: float, until_s: float = float("inf")) -> None:
        """Render at the pace of the loop's clock while something plays, at most until that loop time."""
        loop = asyncio.get_running_loop()
        frames = round(block_s * self.rate_hz)
        next_s = loop.time()
        while self._voices and next_s < until_s:
            on_block(self.render(frames))
            next_s += frames / self.rate_hz
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    def render(self, frames: int) -> Samples:
        """The next `frames` samples. From any thread, one at a time; costs next to nothing while nothing plays."""
        if not self._voices:
            return self._silent(frames)
        mix = np.zeros(frames, np.float32)
        volume = self._volume_ramp(frames)
        with self._lock:
            voices = self._voices
            top = max((voice.priority for voice in voices if voice.audible), default=0)
            top = max(top, self.floor)
            ducked = 10 ** (-self.duck_db / 20)
            most_change = frames / (_DUCK_RAMP_S * self.rate_hz)
            news = False
            loud = np.zeros(frames, np.float32)
            for voice in voices:
                target = ducked if voice.priority < top else 1.0
                if voice.least_gain:
                    own = np.zeros(frames, np.float32)
                    news |= voice.add_to(own, target, most_change)
                    loud += own * np.maximum(volume, voice.least_gain)
                else:
                    news |= voice.add_to(mix, target, most_change)
            self._voices = tuple(voice for voice in voices if not voice.done)
        mix = mix * volume + loud
        if news:
            self._tell(voices)
        out: Samples = np.clip(np.rint(mix), -32768, 32767).astype(np.int16)
        return out

    def _silent(self, frames: int) -> Samples:
        if len(self._silence) != frames:
            self._silence = np.zeros(frames, np.int16)
            self._silence.flags.writeable = False
        return self._silence

    def _volume_ramp(self, frames: int) -> np.float32 | np.ndarray[tuple[int], np.dtype[np.float32]]:
        begin, target = self._gain, _volume_gain(self._volume)
        most_change = frames / (_VOLUME_RAMP_S * self.rate_hz)
        self._gain = begin + min(max(target - begin, -most_change), most_change)
        return ramp(begin, self._gain, frames)

    def _tell(self, voices: tuple[Voice, ...]) -> None:
        """Wake those who wait for these voices. From the render thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop closed meanwhile: nobody waits any more
                self._loop.call_soon_threadsafe(self._told, voices)

    def _told(self, voices: tuple[Voice, ...]) -> None:
        for voice in voices:
            voice.tell()
        self._changed.set()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _feed(self, voice: Voice, audio: AsyncIterator[Chunk]) -> None:
        error: Exception | None = None
        try:
            async with contextlib.aclosing(self._converted(audio, voice)) as converted:
                async for samples in converted:
                    voice.queue(samples)
                    self._changed.set()
        except Exception as exc:
            log.warning("playback_source_failed", code=getattr(exc, "code", type(exc).__name__))
            error = exc
        finally:
            voice.finish_queueing(error)
            self._drop_done()
            close = getattr(audio, "aclose", None)
            if close is not None:
                with contextlib.suppress(Exception):  # the sound is over; how its source cleans up is its own affair
                    await close()

    async def _converted(self, audio: AsyncIterator[Chunk], voice: Voice) -> AsyncGenerator[Samples, None]:
        """The audio at the mixer's rate, piece by piece as there is room for it."""
        resampler = Resampler(self.rate_hz, self.rate_hz)
        error: Exception | None = None
        try:
            async for chunk in audio:
                if resampler.from_hz != chunk.rate_hz:
                    yield resampler.flush()
                    resampler = Resampler(chunk.rate_hz, self.rate_hz)
                for piece in _pieces(chunk):
                    await voice.room()
                    yield resampler.feed(piece)
        except Exception as exc:
            error = exc
        yield resampler.flush()
        if error is not None:
            raise error

    def _feeder_ended(self, feeder: asyncio.Task[None]) -> None:
        self._feeders.discard(feeder)
        self._drop_done()

    def _drop_done(self) -> None:
        """Forget voices that ended without the renderer's help: nothing was left to render."""
        with self._lock:
            self._voices = tuple(voice for voice in self._voices if not voice.done)
        self._changed.set()


def _pieces(chunk: Chunk) -> Iterator[Samples]:
    size = max(1, round(_PIECE_S * chunk.rate_hz))
    for at in range(0, len(chunk.samples), size):
        yield chunk.samples[at : at + size]


def _volume_gain(percent: int) -> float:
    return (percent / 100) ** 2
