"""Music for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def tune(path: Path, *, seconds: float = 1.0, hz: float = 440.0, rate_hz: int = 44_100) -> Path:
    """A steady tone at a quarter of full scale, in both channels, in the format that the path's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = 0.25 * np.sin(2 * np.pi * hz * t)
    opus = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    soundfile.write(path, np.column_stack([tone, tone]), rate_hz, **opus)
    return path
