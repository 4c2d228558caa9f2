"""Whether the user has finished, by how it sounded: Smart Turn v3 (ONNX), a hint for the end of turn, not a judge."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples, to_float
from assistant.errors import SpeechError
from assistant.executor import BoundedExecutor
from assistant.sessions import open_session
from assistant.speech.log_mel import HOP_SAMPLES, MELS, Floats, log_mel

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WINDOW_S = 8.0
"""The model judges the newest sound of this length; shorter sound gets silence in front."""
MAX_WAITING = 2
_WINDOW_SAMPLES = round(WINDOW_S * RATE_HZ)
_SILENT_FRAMES = 4
"""Worked out for the silence in front; all others there are as the first of them, which sees no sound."""
_INPUT = "input_features"
_HINT = "Run `assistant models verify`."


class SmartTurn:
    """A Smart Turn v3 model behind `dialog.ports.TurnEnd`.

    One thread judges; MAX_WAITING callers may wait for it, then BusyError: an answer that comes late is worth nothing.
    """

    def __init__(self, model_file: Path, *, threads: int = 1, timeout_s: float = 2.0) -> None:
        """The file is read by `start`."""
        self._model_file = model_file
        self._threads = threads
        self._timeout_s = timeout_s
        self._executor = BoundedExecutor("turn end", max_pending=MAX_WAITING)
        self._engine: InferenceSession | None = None

    async def start(self) -> None:
        """Load the model and try it, so that the first answer is as fast as the next. Idempotent.

        Raises:
            SpeechError: `turn-model-bad`.
        """
        if self._engine is None:
            await self._executor.run(self._load)

    async def close(self) -> None:
        """Drop what waits. What is being judged ends by itself."""
        self._executor.close()

    async def complete_probability(self, audio: Chunk) -> float:
        """How likely it is, 0..1, that who spoke in the newest 8 s of `audio` has finished.

        Raises:
            SpeechError: `turn-audio`, `turn-model-bad`, `turn-timeout`, `turn-failed`.
            BusyError: MAX_WAITING callers wait already.
        """
        if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
            raise SpeechError("turn-audio", f"speech must be mono int16 at {RATE_HZ} Hz")
        try:
            return await asyncio.wait_for(self._executor.run(self._judge, audio.samples), self._timeout_s)
        except TimeoutError as exc:
            message = f"judging the end of turn took longer than {self._timeout_s:g} s"
            raise SpeechError("turn-timeout", message, retryable=True) from exc

    def _judge(self, samples: Samples) -> float:
        engine = self._load()
        try:
            return _run(engine, turn_features(samples))
        except Exception as exc:
            raise SpeechError("turn-failed", "the end-of-turn model failed", hint=_HINT, retryable=True) from exc

    def _load(self) -> InferenceSession:
        if self._engine is None:
            engine = _open(self._model_file, self._threads)
            try:
                probability = _run(engine, turn_features(np.zeros(0, np.int16)))
            except Exception as exc:
                raise _bad_model(self._model_file, "it can't judge") from exc
            if not 0.0 <= probability <= 1.0:
                raise _bad_model(self._model_file, "it gives no probability")
            self._engine = engine
        return self._engine


def turn_features(samples: Samples) -> Floats:
    """What the model hears of 16 kHz sound: (80, 800) log-mel values of the newest 8 s at zero mean and unit variance,
    silence in front."""
    newest = to_float(samples[-_WINDOW_SAMPLES:])
    window = np.zeros(_WINDOW_SAMPLES, np.float32)
    window[_WINDOW_SAMPLES - len(newest) :] = newest
    window = (window - window.mean()) / np.sqrt(window.var() + np.float32(1e-7))
    frames = min(-(-len(newest) // HOP_SAMPLES) + _SILENT_FRAMES, _WINDOW_SAMPLES // HOP_SAMPLES)
    features = log_mel(window[_WINDOW_SAMPLES - frames * HOP_SAMPLES :])
    silence = np.repeat(features[:, :1], _WINDOW_SAMPLES // HOP_SAMPLES - frames, axis=1)
    return np.concatenate((silence, features), axis=1)


def _run(session: InferenceSession, features: Floats) -> float:
    answers: Any = session.run(None, {_INPUT: features[None]})
    return float(answers[0].item())


def _open(model_file: Path, threads: int) -> InferenceSession:
    try:
        session = open_session(model_file, threads=threads)
        inputs = [(each.name, list(each.shape[1:])) for each in session.get_inputs()]
    except Exception as exc:
        raise _bad_model(model_file, "it can't be loaded") from exc
    if inputs != [(_INPUT, [MELS, _WINDOW_SAMPLES // HOP_SAMPLES])]:
        raise _bad_model(model_file, "it takes another input")
    return session


def _bad_model(model_file: Path, why: str) -> SpeechError:
    return SpeechError("turn-model-bad", f"{model_file} is not a usable Smart Turn model: {why}", hint=_HINT)
