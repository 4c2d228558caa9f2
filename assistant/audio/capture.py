"""The microphone: a sound card's blocks as 16 kHz chunks, through losses of the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections import deque
from collections.abc import AsyncGenerator

import structlog

from assistant.audio.backend import Backend, Stream, StreamOpener
from assistant.audio.format import RATE_HZ, Chunk
from assistant.audio.reopen import FIRST_BLOCK_S, STALL_S, DeviceWatch, Publish
from assistant.audio.resample import Rechunker, Resampler
from assistant.backoff import Backoff
from assistant.errors import AudioError, BusyError
from assistant.events import Failed

LONGEST_BACKLOG_S = 5.0
DEAD_AFTER_S = 10.0

log = structlog.get_logger(__name__)


class SilenceWatch:
    """Tells a dead microphone (nothing but zeros) from a quiet room (noise). Counts samples."""

    def __init__(self, limit_s: float = DEAD_AFTER_S) -> None:
        self._limit_s = limit_s
        self._zeros = 0
        self.dead = False

    def feed(self, block: Chunk) -> bool:
        """True once when `limit_s` of zeros is reached; again only after the microphone lived."""
        if block.samples.any():
            self._zeros, self.dead = 0, False
            return False
        self._zeros += len(block.samples)
        if self.dead or self._zeros < self._limit_s * block.rate_hz:
            return False
        self.dead = True
        return True


class Handoff:
    """Carries blocks from the sound card's thread to the event loop.

    Overflow policy: beyond `longest_s` the oldest blocks are dropped and counted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, longest_s: float = LONGEST_BACKLOG_S) -> None:
        self._loop = loop
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._blocks: deque[Chunk] = deque()
        self._held_s = 0.0
        self._ended = False
        self._arrived = asyncio.Event()
        self.dropped_s = 0.0

    def push(self, block: Chunk) -> None:
        """From any thread."""
        with self._lock:
            self._blocks.append(block)
            self._held_s += block.duration_s
            while self._held_s > self._longest_s and len(self._blocks) > 1:
                dropped_s = self._blocks.popleft().duration_s
                self._held_s -= dropped_s
                self.dropped_s += dropped_s
            wake = len(self._blocks) == 1
        if wake:
            self._wake()

    def end(self) -> None:
        """No more blocks will come. From any thread."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def next(self, timeout_s: float) -> Chunk | None:
        """The oldest block; None when the stream ended or nothing came for `timeout_s`."""
        while True:
            with self._lock:
                if self._blocks:
                    block = self._blocks.popleft()
                    self._held_s -= block.duration_s
                    return block
                self._arrived.clear()
            if self._ended:
                return None
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return None


class MicrophoneSource:
    """A microphone by name, index or "" for the default; see `dialog.ports.AudioSource`.

    Captures at the device's own rate, converts to 16 kHz. A device that vanishes (or was never there) is published as
    AudioDeviceLost and looked for again after 0.5 s, then ever more rarely down to every 10 s; AudioDeviceRestored
    tells when its first sound came. Ten seconds of pure zeros are published as Failed `microphone-silent`.
    """

    def __init__(self, backend: Backend, device: str, publish: Publish) -> None:
        self._backend = backend
        self._device = device
        self._publish = publish
        self.watch = DeviceWatch(device or "default", publish)
        self._backoff = Backoff()
        self._silence = SilenceWatch()
        self._handoff: Handoff | None = None
        self._dropped_s = 0.0

    @property
    def dropped_s(self) -> float:
        """Sound lost because the reader was too slow."""
        return self._dropped_s + (self._handoff.dropped_s if self._handoff else 0.0)

    @property
    def dead(self) -> bool:
        """Whether it gives nothing but zeros."""
        return self._silence.dead

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Endless. One reader at a time; the device is open while it reads.

        Raises:
            AudioError: `portaudio-missing`, which no waiting cures.
        """
        opener = StreamOpener("microphone")
        try:
            while True:
                stream, handoff = await self._open(opener)
                self._handoff = handoff
                try:
                    async with contextlib.aclosing(self._listen(stream, handoff)) as sound:
                        async for chunk in sound:
                            yield chunk
                finally:
                    self._dropped_s, self._handoff = self.dropped_s, None
                    await opener.close(stream)
        finally:
            opener.shutdown()

    async def _open(self, opener: StreamOpener) -> tuple[Stream, Handoff]:
        loop = asyncio.get_running_loop()
        while True:
            if self.watch.lost:
                await asyncio.sleep(self._backoff.next_s())
            handoff = Handoff(loop)
            opening = functools.partial(self._backend.open_input, self._device, handoff.push, handoff.end)
            try:
                return await opener.open(self._backend, opening, look_again=self.watch.lost), handoff
            except (AudioError, BusyError) as exc:
                if exc.code == "portaudio-missing":
                    raise
                log.debug("microphone_not_opened", code=exc.code, error=exc.message)
                self.watch.gone(exc.code, loop.time())

    async def _listen(self, stream: Stream, handoff: Handoff) -> AsyncGenerator[Chunk, None]:
        """The stream's sound, until it is lost or withdrawn."""
        loop = asyncio.get_running_loop()
        resampler, rechunker = Resampler(stream.rate_hz, RATE_HZ), Rechunker()
        timeout_s = FIRST_BLOCK_S
        while (block := await handoff.next(timeout_s)) is not None:
            if timeout_s != STALL_S:
                timeout_s = STALL_S
                self._backoff.reset()
                self.watch.here(stream.device, loop.time())
            if self._silence.feed(block):
                self._tell_silent()
            for piece in rechunker.feed(resampler.feed(block.samples)):
                yield Chunk(piece, RATE_HZ)
        if not stream.withdrawn:
            self.watch.gone("stalled" if stream.active else "stopped", loop.time())

    def _tell_silent(self) -> None:
        self._publish(
            Failed(
                code="microphone-silent",
                message="The microphone gives nothing but silence. Is it muted or unplugged?",
                stage="audio",
                retryable=True,
                turn_id="",
            )
        )
