"""`assistant eval endpoint`: does the assistant wait until the user has finished, and no longer?

Rows are `{"audio", "end_of_speech_s", "text"?}`, played to the whole assistant in real time (see `live`). A row is cut
off when its final transcript lost words that the user said (see `words.lost_words`) and that the same recogniser
finds when it is given the whole recording; without `text`, and where nothing was understood, when the turn ended
before `end_of_speech_s`. `delay` runs from `end_of_speech_s` to the decision, over rows heard and not cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from assistant.audio.files import read_audio
from assistant.audio.format import Chunk
from assistant.errors import EdgewiseError, EvaluateError
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
    seconds_field,
    text_field,
)
from assistant.evaluate.live import EvalEngines, Heard, MakeEngines, Stage, open_stage
from assistant.evaluate.words import Normaliser, load_normaliser, lost_words
from assistant.executor import BoundedExecutor
from assistant.values import Clock

MAX_ROW_S = 60.0


class Spoken(Protocol):
    """What a row must tell to be played."""

    @property
    def audio(self) -> Path: ...

    @property
    def end_of_speech_s(self) -> float: ...

    @property
    def text(self) -> str | None: ...


SpokenRow = TypeVar("SpokenRow", bound=Spoken)


@dataclass(frozen=True, slots=True)
class EndpointRow:
    audio: Path
    end_of_speech_s: float
    text: str | None
    """What is said, normalised; None when that isn't known."""


@dataclass(frozen=True, slots=True)
class Played(Generic[SpokenRow]):
    """A row and what became of it."""

    row: Row[SpokenRow]
    heard: Heard
    cut_off: bool

    @property
    def delay_s(self) -> float | None:
        """From the end of speech to the decision that it is one."""
        ended_s = self.heard.ended_s
        return None if ended_s is None or self.cut_off else ended_s - self.row.value.end_of_speech_s


def run_endpoint(options: EvalOptions) -> Report:
    """Measure.

    Raises:
        EvaluateError: the manifest can't be used; `bench-missing` without the extra `bench`.
        EdgewiseError: the assistant can't be started.
    """
    return asyncio.run(measure_endpoint(options))


async def measure_endpoint(
    options: EvalOptions, engines: MakeEngines = EvalEngines, clock: Clock | None = None
) -> Report:
    """`run_endpoint` on the running loop, with engines and clock given."""
    normalise = load_normaliser()
    manifest = read_manifest(options, lambda row, folder: parse_spoken(row, folder, normalise))
    problems = list(manifest.problems)
    played = await play_rows(manifest.rows, options, problems, normalise, "end of turn", engines, clock)
    results = tuple(
        RowResult(each.row.input, each.heard.text, milliseconds(each.delay_s), {"cut_off": each.cut_off})
        for each in played
    )
    return Report("endpoint", len(played), endpoint_figures(played), tuple(problems), results)


def parse_spoken(row: Mapping[str, Any], folder: Path, normalise: Normaliser) -> EndpointRow:
    """Check a manifest row. Raises ValueError."""
    text = None
    if row.get("text") is not None:
        text = normalise(text_field(row, "text"))
        if not any(char.isalnum() for char in text):
            raise ValueError("`text` has no words")
    return EndpointRow(audio_field(row, folder), seconds_field(row, "end_of_speech_s"), text)


async def play_rows(  # noqa: PLR0913, PLR0917 - one evaluation's own
    rows: Sequence[Row[SpokenRow]],
    options: EvalOptions,
    problems: list[Problem],
    normalise: Normaliser,
    title: str,
    engines: MakeEngines,
    clock: Clock | None,
) -> list[Played[SpokenRow]]:
    """Play every row; those that can't be played are added to `problems`."""
    played: list[Played[SpokenRow]] = []
    async with open_stage(options.config, engines, clock) as stage:
        with contextlib.closing(BoundedExecutor("recordings")) as reading:
            for row in progress(rows, options, title):
                try:
                    audio = await reading.run(_read, row.value)
                    heard = await stage.play(audio)
                    cut_off = await _is_cut_off(row.value, heard, audio, stage, normalise)
                except EdgewiseError as exc:
                    problems.append(row.problem(exc))
                else:
                    played.append(Played(row, heard, cut_off))
    return played


def endpoint_figures(played: Sequence[Played[SpokenRow]]) -> dict[str, float | int | str | None]:
    """What is known of the end of turn."""
    delays_s = [each.delay_s for each in played if each.delay_s is not None]
    return {
        "cutoff_share": ratio(sum(each.cut_off for each in played), len(played)),
        "delay_p50_s": percentile(delays_s, 50),
        "delay_p95_s": percentile(delays_s, 95),
        "unheard_share": ratio(sum(each.heard.ended_s is None for each in played), len(played)),
        "split_share": ratio(sum(each.heard.turns > 1 for each in played), len(played)),
    }


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _read(row: Spoken) -> Chunk:
    audio = read_audio(row.audio, max_s=MAX_ROW_S)
    if row.end_of_speech_s > audio.duration_s + 0.1:
        raise EvaluateError("manifest-invalid", f"`end_of_speech_s` lies behind the end of {row.audio.name}")
    return audio


async def _is_cut_off(row: Spoken, heard: Heard, audio: Chunk, stage: Stage, normalise: Normaliser) -> bool:
    early = heard.ended_s is None or heard.ended_s < row.end_of_speech_s
    if row.text is None or not (heard.text or early):  # sound that was heard to its end but not understood isn't cut
        return early
    lost = lost_words(row.text, normalise(heard.text))
    if not lost:
        return False
    return lost > lost_words(row.text, normalise(await stage.transcribe(audio)))
