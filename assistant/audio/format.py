"""What a piece of sound is. The one audio module that other rooms may import."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
"""Inside rate of everything that listens."""

CHUNK_SAMPLES = 640
"""The size in which captured sound travels; at least one wakeup for each."""

CHUNK_S = CHUNK_SAMPLES / RATE_HZ
"""40 ms. Sound cards are asked for blocks of the same length, in and out."""

Samples = npt.NDArray[np.int16]
"""Mono signed 16-bit PCM, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A run of mono samples."""

    samples: Samples
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz


def to_float(samples: Samples) -> npt.NDArray[np.float32]:
    """int16 -> float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(32768.0)


def to_int16(samples: npt.NDArray[np.floating]) -> Samples:
    """Float in [-1, 1] -> int16, clipped."""
    scaled: Samples = np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)
    return scaled


def rms_dbfs(samples: Samples) -> float:
    """Level relative to full scale; -120 for digital silence."""
    if not len(samples):
        return -120.0
    power = float(np.mean(np.square(samples.astype(np.float64)))) / (32768.0**2)
    return max(-120.0, 10.0 * float(np.log10(power))) if power > 0 else -120.0
