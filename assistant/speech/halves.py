"""Whisper's two halves (see `split_whisper`) in memory, and what they are shown for the end of a recording. Blocking.

The end: the encoder's view of the silence that follows a sound, taken from a whole window when the halves are made and
kept beside them, since a whole window costs a second and 40 MB that CTranslate2 doesn't give back. What the decoder
makes of it (its keys and values) is kept too, and read from the file where it is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ
from assistant.errors import SpeechError
from assistant.speech.derived import open_derived
from assistant.speech.english import languages, read_vocabulary
from assistant.speech.silero import silero_as_products, silero_file
from assistant.speech.split_whisper import split_whisper
from assistant.speech.token_decoder import Floats, TokenDecoder, View
from assistant.speech.whisper import Whisper, bad_model, check_files, check_language, open_whisper

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

HOP_SAMPLES = 160
WHOLE_FRAMES = 3000
READY_POSITIONS = 750
"""Of the end, for which what the decoder sees is kept: enough for 7 s of speech, and 18 MB for the base model."""
_END, _END_VIEW, _SILERO = "end.npy", "end_view.npy", "silero.onnx"
_SOUND_S = 0.5
"""Of the noise that is encoded to see the silence behind it."""


@dataclass(frozen=True, slots=True)
class Halves:
    """A Whisper model split."""

    encoder: Whisper
    """Its `decode` is of no use."""
    decoder: TokenDecoder
    end: Floats
    """The encoder's output for a sound and the silence behind it, a whole window: (1, positions, width)."""
    end_view: View
    """Of the first READY_POSITIONS."""

    def features(self, samples: Floats, frames: int) -> Floats:
        """Whisper's, of so many frames: (bands, frames). Samples are -1..1."""
        return _features(self.encoder.model, samples, frames)

    def encode(self, features: Floats) -> Floats:
        """The encoder's output (1, positions, width)."""
        return _encode(self.encoder.model, features)


def load_halves(model_dir: Path, *, language: str, compute_type: str, threads: int, folder: Path | None) -> Halves:
    """The model split. What is made for that is kept in `folder`, which is for this model, language and compute type
    alone, and made in a process of its own; None makes it each time.

    Raises:
        SpeechError: as `load_whisper`.
    """
    check_files(model_dir)
    try:
        known = languages(read_vocabulary(model_dir))
    except (OSError, ValueError) as exc:
        raise bad_model(model_dir, "its vocabulary can't be read") from exc
    check_language(language in known, model_dir, language)
    how = (model_dir, language, compute_type, threads)
    try:
        return open_derived(folder, partial(_make, *how), partial(_open, *how))
    except SpeechError:
        raise
    except Exception as exc:
        raise bad_model(model_dir, "it can't be loaded") from exc


def _make(model_dir: Path, language: str, compute_type: str, threads: int, place: Path) -> None:
    for name, content in split_whisper(model_dir, language).items():
        (place / name).write_bytes(content)
    with contextlib.suppress(Exception):  # another Silero than we know: it does as it is
        (place / _SILERO).write_bytes(silero_as_products(silero_file()))
    model = open_whisper(place, model_dir, language, compute_type, threads).model
    end = _encode(model, _features(model, _sound(), WHOLE_FRAMES))
    np.save(place / _END, end)
    view = TokenDecoder(place).view(end[:, :READY_POSITIONS])
    np.save(place / _END_VIEW, np.stack([view[name] for name in sorted(view)]))


def _open(model_dir: Path, language: str, compute_type: str, threads: int, place: Path) -> Halves:
    decoder = TokenDecoder(place)
    end, views = (np.load(place / name, mmap_mode="r") for name in (_END, _END_VIEW))
    view: Mapping[str, npt.NDArray[np.floating]] = dict(zip(sorted(decoder.views), views, strict=True))
    silero = place / _SILERO
    known = silero if silero.exists() else None
    encoder = open_whisper(place, model_dir, language, compute_type, threads, silero=known)
    return Halves(encoder, decoder, end, view)


def _features(model: WhisperModel, samples: Floats, frames: int) -> Floats:
    padded = np.zeros(frames * HOP_SAMPLES, np.float32)
    kept = samples[: len(padded)]
    padded[: len(kept)] = kept
    return np.ascontiguousarray(model.feature_extractor(padded)[:, :frames], np.float32)


def _encode(model: WhisperModel, features: Floats) -> Floats:
    from ctranslate2 import DataType  # noqa: PLC0415 - heavy

    return np.array(model.encode(features).to(DataType.float32))


def _sound() -> Floats:
    """A short noise that swells and fades."""
    samples = round(_SOUND_S * RATE_HZ)
    swell = np.abs(np.sin(np.arange(samples) / RATE_HZ * 4 * np.pi))
    return (np.random.default_rng(0).normal(0, 0.1, samples) * swell).astype(np.float32)
