"""What capture and playback need from a sound card, so that their logic runs without one.

`PortAudioBackend` is the real one; tests/fakes.py has a sound card that can be unplugged.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from assistant.audio.format import Chunk, Samples
from assistant.errors import AudioError, BusyError
from assistant.executor import BoundedExecutor

OnBlock = Callable[[Chunk], None]
"""Takes a captured block, mono at the stream's rate. Called from the sound card's thread."""

Pull = Callable[[int], Samples]
"""Gives that many mono samples to play. Called from the sound card's thread."""

OnEnd = Callable[[], None]
"""The stream ended by itself. Called from the sound card's thread."""


class Stream(Protocol):
    """An open device."""

    device: str
    """Its name."""
    rate_hz: int

    @property
    def active(self) -> bool:
        """Whether sound still flows, as far as the sound card knows."""

    @property
    def withdrawn(self) -> bool:
        """Closed by the backend itself, to look for new devices: reopen at once."""

    def close(self) -> None:
        """Blocks until what was handed over has been played. Idempotent; never raises."""


class Backend(Protocol):
    """A sound system. Every method blocks and may be called from any thread."""

    def open_input(self, device: str, on_block: OnBlock, on_end: OnEnd) -> Stream:
        """Start capturing at the device's own rate. `device` as in the configuration. Raises AudioError."""

    def open_output(self, device: str, source: Callable[[int], Pull], on_end: OnEnd) -> Stream:
        """Start playing what `source(rate_hz)` pulls. Raises AudioError."""

    def refresh(self) -> None:
        """Look for devices that came or went since the last look. Raises AudioError."""


class _Attempt:
    """An opening that may be given up while its thread is still at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._given_up = False

    def opened(self, stream: Stream) -> Stream:
        """In the thread: the stream is there; closed again if nobody wants it any more."""
        with self._lock:
            self._stream = stream
            wanted = not self._given_up
        if not wanted:
            stream.close()
        return stream

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            stream = self._stream
        if stream is not None:  # it was opened in the very moment in which it was given up
            threading.Thread(target=stream.close, name="edgewise-late-close").start()


class StreamOpener:
    """Opens and closes streams off the event loop, with a time limit.

    A driver that hangs costs one thread and no turn: the attempt is given up, and a stream that it yields later is
    closed again.
    """

    def __init__(self, name: str, *, timeout_s: float = 5.0) -> None:
        self._executor = BoundedExecutor(name, workers=1, max_pending=2)
        self._timeout_s = timeout_s

    async def open(self, backend: Backend, opening: Callable[[], Stream], *, look_again: bool) -> Stream:
        """Open a stream, after a new look at the devices when `look_again`.

        Raises:
            AudioError: what the backend raises, or `device-timeout`. BusyError when earlier attempts still hang.
        """
        attempt = _Attempt()

        def work() -> Stream:
            if look_again:
                backend.refresh()
            return attempt.opened(opening())

        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._executor.run(work)
        except TimeoutError as exc:
            attempt.give_up()
            raise AudioError("device-timeout", "The sound device does not respond.", retryable=True) from exc
        except asyncio.CancelledError:
            attempt.give_up()
            raise

    async def close(self, stream: Stream) -> None:
        """Close a stream; one that hangs is left to its thread."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._executor.run(stream.close)
        except (TimeoutError, BusyError):
            pass

    def shutdown(self) -> None:
        self._executor.close()
