"""A Whisper model and Silero in memory: where speech is, and what was said, on the whole 30 s window. Blocking."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ, Samples, to_float
from assistant.errors import SpeechError
from assistant.speech.presence import BLOCK_SAMPLES, Decoded, Span, speech_windows
from assistant.speech.silero import load_silero

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_TOKENS_PER_S = 10
"""Budget of the decoder, so that a loop ends soon; people speak about 4."""
_FEWEST_TOKENS = 24
_MOST_TOKENS = 220
"""About half of Whisper's context, as CTranslate2 uses it."""
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
_MODEL_HINT = "Run `assistant models verify`, or name another model in stt.model."


class Whisper:
    """The model in the language spoken."""

    def __init__(self, model: WhisperModel, vad: Callable[[npt.NDArray[np.float32]], Any], language: str) -> None:
        """`vad` is Silero: float samples, whole blocks, to probabilities."""
        self.model = model
        self.language = language
        self._vad = vad

    def listen(self, samples: Samples) -> tuple[list[Span], npt.NDArray[np.floating]]:
        """Where speech is, and Silero's probabilities. Raises SpeechError: `stt-failed`."""
        if not len(samples):
            return [], np.zeros(0)
        blocks = -(-len(samples) // BLOCK_SAMPLES)
        padded = np.zeros(blocks * BLOCK_SAMPLES, np.float32)
        padded[: len(samples)] = to_float(samples)
        try:
            probabilities = np.asarray(self._vad(padded)).ravel()
        except Exception as exc:
            raise failed() from exc
        return speech_windows(probabilities, len(samples)), probabilities

    def decode(self, samples: Samples) -> Decoded:
        """On the whole window, by faster-whisper itself. Raises SpeechError: `stt-failed`."""
        budget = whole_budget(samples)
        try:
            segments, _ = self.model.transcribe(
                to_float(samples),
                language=self.language,
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
            raise failed() from exc
        if not found:
            return Decoded("", -math.inf, 1.0, 0.0, finished=True)
        return Decoded(
            re.sub(r"\s+", " ", " ".join(segment.text for segment in found)).strip(),
            float(np.mean([segment.avg_logprob for segment in found])),
            max(segment.no_speech_prob for segment in found),
            max(segment.compression_ratio for segment in found),
            finished=sum(len(segment.tokens) for segment in found) < budget,
        )


def whole_budget(samples: Samples) -> int:
    """The most tokens that speech of this length is given on the whole window."""
    return min(_FEWEST_TOKENS + math.ceil(_TOKENS_PER_S * len(samples) / RATE_HZ), _MOST_TOKENS)


def load_whisper(model_dir: Path, *, language: str, compute_type: str, threads: int) -> Whisper:
    """Read the files. Whether the model works is seen when it decodes.

    Raises:
        SpeechError: `stt-model-bad`, `stt-compute-type`, `stt-language-unknown`.
    """
    check_files(model_dir)
    whisper = open_whisper(model_dir, model_dir, language, compute_type, threads)
    check_language(language in whisper.model.supported_languages, model_dir, language)
    return whisper


def check_files(model_dir: Path) -> None:
    """Raises SpeechError: `stt-model-bad`."""
    missing = [name for name in _MODEL_FILES if not (model_dir / name).is_file()]
    if missing:  # looked for here, because the library would fetch a tokenizer from the network
        raise bad_model(model_dir, f"no {missing[0]}")


def open_whisper(  # noqa: PLR0913 - each is another matter
    place: Path, model_dir: Path, language: str, compute_type: str, threads: int, *, silero: Path | None = None
) -> Whisper:
    """The files in `place`, which are of the model `model_dir`; `silero` is what `silero_as_products` made, None where
    faster-whisper's own is to do. Raises SpeechError as `load_whisper`.
    """
    from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy
    from faster_whisper.vad import get_vad_model  # noqa: PLC0415 - heavy

    try:
        model = WhisperModel(
            str(place), device="cpu", compute_type=compute_type, cpu_threads=threads, local_files_only=True
        )
        return Whisper(model, load_silero(silero) if silero else get_vad_model(), language)
    except Exception as exc:
        if not isinstance(exc, ValueError) or "compute type" not in str(exc):
            raise bad_model(model_dir, "it can't be loaded") from exc
        raise SpeechError(
            "stt-compute-type",
            f"this CPU can't compute in {compute_type}",
            hint="Set stt.compute_type to int8 or float32.",
        ) from exc


def check_language(known: bool, model_dir: Path, language: str) -> None:
    """Raises SpeechError: `stt-language-unknown`."""
    if not known:
        raise SpeechError(
            "stt-language-unknown",
            f"the model {model_dir.name} doesn't know the language {language!r}",
            hint="Change stt.language, or choose a multilingual stt.model.",
        )


def bad_model(model_dir: Path, why: str) -> SpeechError:
    """The error for files that are no model."""
    return SpeechError("stt-model-bad", f"{model_dir} is not a usable Whisper model: {why}", hint=_MODEL_HINT)


def failed() -> SpeechError:
    """The error for a library that gave up."""
    return SpeechError("stt-failed", "speech recognition failed", hint=_MODEL_HINT, retryable=True)
