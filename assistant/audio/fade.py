"""Sound that begins quietly. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.audio.format import Chunk

QUIET_DB = -30.0
"""Level at which a fade begins, relative to the end of it: to be heard in a quiet bedroom, and no more."""


def rising_gain(at_s: npt.NDArray[np.float64], over_s: float) -> npt.NDArray[np.float64]:
    """Factors of the amplitude at these times since the fade began; 1 from `over_s` on.

    The level rises by the same number of decibels each second, which is heard as rising evenly.
    """
    if over_s <= 0:
        return np.ones_like(at_s)
    left = 1.0 - np.minimum(at_s, over_s) / over_s
    gain: npt.NDArray[np.float64] = 10.0 ** (QUIET_DB * left / 20.0)
    return gain


def faded_in(sound: Chunk, at_s: float, over_s: float) -> Chunk:
    """A piece of sound as it is `at_s` after the beginning of a fade over `over_s`."""
    if at_s >= over_s:
        return sound
    times_s = at_s + np.arange(len(sound.samples)) / sound.rate_hz
    return Chunk(np.rint(sound.samples * rising_gain(times_s, over_s)).astype(np.int16), sound.rate_hz)
