"""`assistant eval wake`: misses, false accepts and cost of the wake words over recordings.

Rows are `{"audio", "wake"}`: `wake` names the word that is said in it, or is null where none is; rows without the key
are not scored. Listening are the configured words and those that the manifest names.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.audio.files import read_audio
from assistant.audio.format import CHUNK_SAMPLES, RATE_HZ, Chunk
from assistant.config import Config
from assistant.errors import EdgewiseError
from assistant.evaluate.common import EvalOptions, Problem, Report, Row, RowResult, audio_field, progress, read_manifest
from assistant.models import Models
from assistant.speech.wake import BUILT_IN_CUTOFFS, MicroWakeWords, WakeModel, find_wake_models

LEAD_IN_S = 1.0
TAIL_S = 3.0
MAX_AUDIO_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class WakeRow:
    audio: Path
    word: str | None
    """Said in it; None where no wake word is."""


@dataclass(frozen=True, slots=True)
class _Heard:
    words: tuple[str, ...]
    """Detections, in order."""
    audio_s: float
    """Length of the row's own audio."""
    streamed_s: float
    cpu_s: float


def run_wake(options: EvalOptions) -> Report:
    """Measure.

    Raises:
        EvaluateError: the manifest can't be used.
        SpeechError: a word that listens can't be used.
        ConfigError, ModelError: the user's own words can't be used.
    """
    custom = _own_words(options.config)
    installed = {*BUILT_IN_CUTOFFS, *custom}
    manifest = read_manifest(options, lambda row, folder: _parse(row, folder, installed))
    rows = [Row(row.line, row.input, row.value) for row in manifest.rows if row.value is not None]
    config = options.config.settings.wake
    words = [*config.words, *(row.value.word for row in rows if row.value.word)]
    models = find_wake_models(words, cutoff=config.cutoff, custom=custom)
    problems = list(manifest.problems)
    heard: list[tuple[Row[WakeRow], _Heard]] = []
    for row in progress(rows, options, "wake words"):
        try:
            heard.append((row, _listen(row.value.audio, models, config.refractory_s)))
        except EdgewiseError as exc:
            problems.append(row.problem(exc))
    return _report(heard, problems, not_scored=len(manifest.rows) - len(rows))


def _own_words(config: Config) -> dict[str, Path]:
    """The user's own wake words that are installed, by id: their .tflite files."""
    models = Models(config.paths.models_dir, config.paths.user_manifest)
    words = [spec for spec in models.specs().values() if spec.kind == "wake" and models.present(spec.id)]
    return {spec.id: models.path(spec.id) / spec.main for spec in words}


def _parse(row: Mapping[str, Any], folder: Path, installed: set[str]) -> WakeRow | None:
    if "wake" not in row:
        return None
    word = row["wake"]
    if word is not None and (not isinstance(word, str) or word not in installed):
        raise ValueError("`wake` must be null or one of " + ", ".join(sorted(installed)))
    return WakeRow(audio_field(row, folder), word)


def _listen(path: Path, models: Sequence[WakeModel], refractory_s: float) -> _Heard:
    audio = read_audio(path, max_s=MAX_AUDIO_S)
    detector = MicroWakeWords(models, refractory_s=refractory_s)
    words: list[str] = []
    cpu_s = streamed_s = 0.0
    for chunk in _stream(audio):
        started_s = time.process_time()
        detection = detector.process(chunk)
        cpu_s += time.process_time() - started_s
        streamed_s += chunk.duration_s
        if detection:
            words.append(detection.word)
    return _Heard(tuple(words), audio.duration_s, streamed_s, cpu_s)


def _stream(audio: Chunk) -> Iterator[Chunk]:
    """The audio between silences, in the pieces a microphone delivers."""
    lead_in, tail = (np.zeros(round(seconds * RATE_HZ), np.int16) for seconds in (LEAD_IN_S, TAIL_S))
    samples = np.concatenate((lead_in, audio.samples, tail))
    for start in range(0, len(samples), CHUNK_SAMPLES):
        yield Chunk(samples[start : start + CHUNK_SAMPLES], RATE_HZ)


def _report(heard: Sequence[tuple[Row[WakeRow], _Heard]], problems: Sequence[Problem], *, not_scored: int) -> Report:
    said = [(row.value.word, result) for row, result in heard if row.value.word]
    null = [result for row, result in heard if row.value.word is None]
    misses = sum(word not in result.words for word, result in said)
    false_accepts = sum(len(result.words) for result in null)
    null_hours = sum(result.audio_s for result in null) / 3600
    figures = {
        "misses": misses,
        "wake_rows": len(said),
        "miss_share": _ratio(misses, len(said)),
        "false_accepts": false_accepts,
        "null_hours": round(null_hours, 4),
        "false_accepts_per_hour": _ratio(false_accepts, null_hours),
        "cpu_share": _ratio(sum(r.cpu_s for _, r in heard), sum(r.streamed_s for _, r in heard)),
        "not_scored": not_scored,
    }
    return Report("wake", len(heard), figures, tuple(problems), tuple(_results(heard)))


def _results(heard: Iterable[tuple[Row[WakeRow], _Heard]]) -> Iterator[RowResult]:
    for row, result in heard:
        yield RowResult(row.input, _first(row.value.word, result.words), result.cpu_s * 1000)


def _first(expected: str | None, words: Sequence[str]) -> str | None:
    """The word a row is judged by: the expected one if it was heard, else whatever was heard first."""
    return expected if expected in words else next(iter(words), None)


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 5) if whole else None
