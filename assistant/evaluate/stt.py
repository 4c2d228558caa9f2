"""`assistant eval stt`: word error rate and speed of the speech recognition over recordings.

Rows are `{"audio", "text"}`. Each recording is handed over whole, as after its last sample, and decoded once; silence
around the speech is trimmed by the VAD as in a turn. `ms` runs from the last sample in to the text out. Words are
compared after Whisper's English normaliser.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assistant.audio.files import read_audio
from assistant.audio.format import Chunk
from assistant.errors import EdgewiseError
from assistant.evaluate.common import (
    EvalOptions,
    Problem,
    Report,
    Row,
    RowResult,
    audio_field,
    percentile,
    progress,
    ratio,
    read_manifest,
    text_field,
)
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.models import Models
from assistant.speech.stt import WhisperTranscriber
from assistant.values import Transcription


class Engine(Protocol):
    """A transcriber as this evaluation uses it."""

    async def start(self) -> None: ...

    async def transcribe(self, audio: Chunk) -> Transcription: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SttRow:
    audio: Path
    text: str
    """What was said, normalised."""


@dataclass(frozen=True, slots=True)
class _Heard:
    transcription: Transcription
    audio_s: float
    ms: float


def run_stt(options: EvalOptions, *, model: str = "", how: str = "", engine: Engine | None = None) -> Report:
    """Measure with `model` (an id of the manifests) decoding `how` (fast, full), or with an engine given.

    "" for either takes the configured one.

    Raises:
        EvaluateError: the manifest can't be used; `bench-missing` without the extra `bench`.
        ModelError, SpeechError: the model can't be used.
    """
    normalise = load_normaliser()
    manifest = read_manifest(options, lambda row, folder: _parse(row, folder, normalise))
    engine = engine or make_transcriber(options, model, how)
    problems = list(manifest.problems)
    heard = asyncio.run(_measure(engine, manifest.rows, options, problems))
    return _report(heard, problems, normalise)


def make_transcriber(options: EvalOptions, model: str = "", how: str = "") -> WhisperTranscriber:
    """The configured recogniser, or the same with another model or engine. Raises ConfigError, ModelError."""
    config = options.config.settings.stt
    paths = options.config.paths
    models = Models(paths.models_dir, paths.user_manifest)
    return WhisperTranscriber(
        models.path(model or config.model),
        fast=models.get(model or config.model).fast_pass if (how or config.engine) == "fast" else None,
        language=config.language,
        compute_type=config.compute_type,
        threads=config.threads,
        timeout_s=config.timeout_s,
        derived_dir=paths.derived,
    )


def _parse(row: Mapping[str, Any], folder: Path, normalise: Normaliser) -> SttRow:
    text = normalise(text_field(row, "text"))
    if not any(char.isalnum() for char in text):
        raise ValueError("`text` has no words")
    return SttRow(audio_field(row, folder), text)


async def _measure(
    engine: Engine, rows: Sequence[Row[SttRow]], options: EvalOptions, problems: list[Problem]
) -> list[tuple[Row[SttRow], _Heard]]:
    heard: list[tuple[Row[SttRow], _Heard]] = []
    try:
        await engine.start()
        for row in progress(rows, options, "speech recognition"):
            try:
                audio = await asyncio.to_thread(read_audio, row.value.audio)
                started_s = time.perf_counter()
                transcription = await engine.transcribe(audio)
                ms = (time.perf_counter() - started_s) * 1000
            except EdgewiseError as exc:
                problems.append(row.problem(exc))
            else:
                heard.append((row, _Heard(transcription, audio.duration_s, ms)))
    finally:
        await engine.close()
    return heard


def _report(heard: Sequence[tuple[Row[SttRow], _Heard]], problems: Sequence[Problem], normalise: Normaliser) -> Report:
    times_ms = [result.ms for _, result in heard]
    audio_s = sum(result.audio_s for _, result in heard)
    figures = {
        "wer": _word_error_rate(heard, normalise),
        "redone_share": ratio(sum(result.transcription.redone for _, result in heard), len(heard)),
        "empty_share": ratio(sum(not result.transcription.text for _, result in heard), len(heard)),
        "ms_p50": percentile(times_ms, 50),
        "ms_p95": percentile(times_ms, 95),
        "rtf": ratio(sum(times_ms) / 1000, audio_s),
        "audio_s": round(audio_s, 1),
    }
    rows = tuple(RowResult(row.input, result.transcription.text, result.ms) for row, result in heard)
    return Report("stt", len(heard), figures, tuple(problems), rows)


def _word_error_rate(heard: Sequence[tuple[Row[SttRow], _Heard]], normalise: Normaliser) -> float | None:
    """Wrong, missing and added words over words said, of all rows together."""
    if not heard:
        return None
    import jiwer  # noqa: PLC0415 - of the extra `bench`

    said = [row.value.text for row, _ in heard]
    understood = [normalise(result.transcription.text) for _, result in heard]
    return round(float(jiwer.wer(said, understood)), 4)
