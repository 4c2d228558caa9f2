"""Speech to text with Whisper models in CTranslate2's format (faster-whisper). Greedy, on the CPU."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ, Chunk, Samples, to_float
from assistant.errors import BusyError, SpeechError
from assistant.executor import BoundedExecutor
from assistant.speech.presence import (
    BLOCK_SAMPLES,
    Decoded,
    Span,
    believable,
    blocks_of,
    speech_certainty,
    speech_s,
    speech_windows,
)
from assistant.values import Transcription

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

    _Engine = tuple[WhisperModel, Callable[[npt.NDArray[np.float32]], Any]]
    """The model, and Silero: float samples, whole blocks, to probabilities."""

T = TypeVar("T")

MAX_WAITING = 4
"""Utterances that may wait for the one being decoded; more are refused with BusyError."""
_MAX_THREADS = 4
_TOKENS_PER_S = 10
"""Budget of the decoder, so that a loop ends soon; people speak about 4."""
_FEWEST_TOKENS = 24
_MOST_TOKENS = 220
"""About half of Whisper's context, as CTranslate2 uses it."""
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
_MODEL_HINT = "Run `assistant models verify`, or name another model in stt.model."


class WhisperTranscriber:
    """A Whisper model behind `dialog.ports.Transcriber`. Utterances are decoded one after the other, in order."""

    def __init__(
        self,
        model_dir: Path,
        *,
        language: str = "en",
        compute_type: str = "int8",
        threads: int = 0,
        timeout_s: float = 20.0,
    ) -> None:
        """`threads` 0 takes all cores, 4 at most. `timeout_s` is for each 30 s of speech. Files are read by `start`."""
        self._model_dir = model_dir
        self._language = language
        self._compute_type = compute_type
        self._threads = threads or min(os.cpu_count() or 1, _MAX_THREADS)
        self._timeout_s = timeout_s
        self._executor = BoundedExecutor("speech recognition")
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._engine: _Engine | None = None

    async def start(self) -> None:
        """Load the model and try it, so that the first utterance is as fast as the next. Idempotent.

        Raises:
            SpeechError: `stt-model-bad`, `stt-compute-type`, `stt-language-unknown`, `stt-timeout`.
        """
        if self._engine is None:
            await self._run(self._load)

    async def close(self) -> None:
        """Drop what waits. What is being decoded ends by itself."""
        self._executor.close()

    async def transcribe(self, audio: Chunk) -> Transcription:
        """Decode one utterance. Silence and noise give empty text; beyond 30 s of speech it is cut in pauses.

        Raises:
            SpeechError: `stt-audio`, `stt-model-bad`, `stt-compute-type`, `stt-language-unknown`, `stt-timeout`,
                `stt-failed`.
            BusyError: MAX_WAITING utterances wait already.
        """
        if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
            raise SpeechError("stt-audio", f"speech must be mono int16 at {RATE_HZ} Hz")
        if self._waiting > MAX_WAITING:
            raise BusyError("speech recognition")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._transcribe(audio.samples)
        finally:
            self._waiting -= 1

    async def draft(self, audio: Chunk) -> Transcription | None:
        """One pass over sound that may not be whole yet; None when decoding is busy. Raises as `transcribe`."""
        return None if self._waiting else await self.transcribe(audio)

    async def _transcribe(self, samples: Samples) -> Transcription:
        windows, probabilities = await self._run(self._listen, samples)
        kept: list[Decoded] = []
        audio_s = 0.0
        for window in windows:
            decoded = await self._run(self._decode, samples[window.start : window.end])
            heard = blocks_of(probabilities, window)
            audio_s += window.duration_s
            if believable(decoded, speech_certainty(heard), speech_s(heard)):
                kept.append(decoded)
        if not kept:
            return Transcription("", audio_s, 0.0, redone=False)
        confidence = min(1.0, math.exp(float(np.mean([decoded.mean_log_probability for decoded in kept]))))
        return Transcription(" ".join(decoded.text for decoded in kept), audio_s, confidence, redone=False)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        try:
            return await asyncio.wait_for(self._executor.run(work, *args), self._timeout_s)
        except TimeoutError as exc:
            raise SpeechError(
                "stt-timeout",
                f"speech recognition took longer than {self._timeout_s:g} s",
                hint="Raise stt.timeout_s or choose a smaller stt.model.",
                retryable=True,
            ) from exc

    def _listen(self, samples: Samples) -> tuple[list[Span], npt.NDArray[np.floating]]:
        """Where speech is, and Silero's probabilities."""
        _, vad = self._load()
        if not len(samples):
            return [], np.zeros(0)
        blocks = -(-len(samples) // BLOCK_SAMPLES)
        padded = np.zeros(blocks * BLOCK_SAMPLES, np.float32)
        padded[: len(samples)] = to_float(samples)
        try:
            probabilities = np.asarray(vad(padded)).ravel()
        except Exception as exc:
            raise _failed() from exc
        return speech_windows(probabilities, len(samples)), probabilities

    def _decode(self, samples: Samples) -> Decoded:
        return self._decode_with(self._load()[0], samples)

    def _decode_with(self, model: WhisperModel, samples: Samples) -> Decoded:
        budget = min(_FEWEST_TOKENS + math.ceil(_TOKENS_PER_S * len(samples) / RATE_HZ), _MOST_TOKENS)
        try:
            segments, _ = model.transcribe(
                to_float(samples),
                language=self._language,
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
                max_new_tokens=2 * budget,  # CTranslate2 takes half of it for the text
                no_speech_threshold=None,  # judged by `believable` instead, as the next two
                log_prob_threshold=None,
                compression_ratio_threshold=None,
            )
            found = list(segments)
        except Exception as exc:
            raise _failed() from exc
        if not found:
            return Decoded("", -math.inf, 1.0, 0.0, finished=True)
        return Decoded(
            re.sub(r"\s+", " ", " ".join(segment.text for segment in found)).strip(),
            float(np.mean([segment.avg_logprob for segment in found])),
            max(segment.no_speech_prob for segment in found),
            max(segment.compression_ratio for segment in found),
            finished=sum(len(segment.tokens) for segment in found) < budget,
        )

    def _load(self) -> _Engine:
        """The engine; the first time it is loaded and decodes a second of nothing, which shows whether it works."""
        if self._engine is None:
            model, vad = self._load_files()
            try:
                self._decode_with(model, np.zeros(RATE_HZ, np.int16))
            except SpeechError as exc:
                raise _bad_model(self._model_dir, "it can't decode") from exc
            self._engine = model, vad
        return self._engine

    def _load_files(self) -> _Engine:
        missing = [name for name in _MODEL_FILES if not (self._model_dir / name).is_file()]
        if missing:  # looked for here, because the library would fetch a tokenizer from the network
            raise _bad_model(self._model_dir, f"no {missing[0]}")
        from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy
        from faster_whisper.vad import get_vad_model  # noqa: PLC0415 - heavy

        try:
            model = WhisperModel(
                str(self._model_dir),
                device="cpu",
                compute_type=self._compute_type,
                cpu_threads=self._threads,
                local_files_only=True,
            )
            vad = get_vad_model()
        except ValueError as exc:
            if "compute type" not in str(exc):
                raise _bad_model(self._model_dir, "it can't be loaded") from exc
            raise SpeechError(
                "stt-compute-type",
                f"this CPU can't compute in {self._compute_type}",
                hint="Set stt.compute_type to int8 or float32.",
            ) from exc
        except Exception as exc:
            raise _bad_model(self._model_dir, "it can't be loaded") from exc
        if self._language not in model.supported_languages:
            raise SpeechError(
                "stt-language-unknown",
                f"the model {self._model_dir.name} doesn't know the language {self._language!r}",
                hint="Change stt.language, or choose a multilingual stt.model.",
            )
        return model, vad


def _bad_model(model_dir: Path, why: str) -> SpeechError:
    return SpeechError("stt-model-bad", f"{model_dir} is not a usable Whisper model: {why}", hint=_MODEL_HINT)


def _failed() -> SpeechError:
    return SpeechError("stt-failed", "speech recognition failed", hint=_MODEL_HINT, retryable=True)
