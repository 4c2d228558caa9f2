"""Sample-rate conversion of mono int16 sound (soxr), and cutting a run of sound into chunks of one size.

soxr works in float32 inside: its int16 mode dithers, which would turn digital silence into noise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from assistant.audio.format import CHUNK_SAMPLES, Samples

EMPTY: Samples = np.zeros(0, np.int16)
EMPTY.flags.writeable = False


class Resampler:
    """Streaming conversion between two rates. The output lags the input by up to about 40 ms until `flush`."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def feed(self, samples: Samples) -> Samples:
        """The samples that are complete so far; may be empty."""
        if self._stream is None:
            return samples
        return _round(self._stream.resample_chunk(samples.astype(np.float32)))

    def flush(self) -> Samples:
        """The end of the sound; afterwards the resampler is ready for a new one."""
        if self._stream is None:
            return EMPTY
        tail = _round(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        self._stream.clear()
        return tail


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Convert a whole sound at once."""
    if from_hz == to_hz or not len(samples):
        return samples
    return _round(soxr.resample(samples.astype(np.float32), from_hz, to_hz))


def _round(values: npt.NDArray[np.floating]) -> Samples:
    """Floats in int16 units -> int16, clipped (a resampled square wave overshoots)."""
    rounded: Samples = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return rounded


class Rechunker:
    """Cuts a run of samples into pieces of exactly `size`."""

    def __init__(self, size: int = CHUNK_SAMPLES) -> None:
        self._size = size
        self._rest: Samples = EMPTY

    def feed(self, samples: Samples) -> list[Samples]:
        """The pieces that are complete; the rest waits for more."""
        joined = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(joined) - len(joined) % self._size
        self._rest = joined[whole:]
        return [joined[at : at + self._size] for at in range(0, whole, self._size)]

    def flush(self) -> list[Samples]:
        """The rest, filled up with silence; empty when nothing waits."""
        if not len(self._rest):
            return []
        last = np.zeros(self._size, np.int16)
        last[: len(self._rest)] = self._rest
        self._rest = EMPTY
        return [last]
