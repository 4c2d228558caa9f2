"""`assistant eval turns`: spoken requests to a whole assistant: the right action, how soon the reply sounds, cut-offs.

Rows are `{"audio", "intent", "slots"?, "end_of_speech_s", "text"?}`, played in real time (see `live`); cut-offs as in
`endpoint`. `right_action` is the share of rows whose final intent is right and where every slot the row names matches.
`voice_to_voice` runs from `end_of_speech_s` to the first audible sample of the reply that stood, over the rows that
got one and were not cut off.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.evaluate.common import EvalOptions, Report, RowResult, percentile, ratio, read_manifest
from assistant.evaluate.endpoint import Played, endpoint_figures, milliseconds, parse_spoken, play_rows
from assistant.evaluate.live import EvalEngines, MakeEngines
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.values import Clock, Slots, SlotValue

_DURATION_S = {"hours": 3600, "minutes": 60, "seconds": 1}
_NOT_WORDS = re.compile(r"[^\w.:+-]+")
_ARTICLES = frozenset({"the", "a", "an", "my"})


@dataclass(frozen=True, slots=True)
class TurnsRow:
    audio: Path
    end_of_speech_s: float
    text: str | None
    """What is said, normalised; None when that isn't known."""
    intents: tuple[str, ...]
    """Any of them is right."""
    slots: Slots


def run_turns(options: EvalOptions) -> Report:
    """Measure.

    Raises:
        EvaluateError: the manifest can't be used; `bench-missing` without the extra `bench`.
        EdgewiseError: the assistant can't be started.
    """
    return asyncio.run(measure_turns(options))


async def measure_turns(options: EvalOptions, engines: MakeEngines = EvalEngines, clock: Clock | None = None) -> Report:
    """`run_turns` on the running loop, with engines and clock given."""
    normalise = load_normaliser()
    manifest = read_manifest(options, lambda row, folder: _parse(row, folder, normalise))
    problems = list(manifest.problems)
    played = await play_rows(manifest.rows, options, problems, normalise, "spoken turns", engines, clock)
    waits_ms = [wait_ms for each in played if (wait_ms := _voice_to_voice_ms(each)) is not None]
    figures = {
        "right_action": ratio(sum(_is_right(each) for each in played), len(played)),
        "voice_to_voice_p50_ms": percentile(waits_ms, 50),
        "voice_to_voice_p95_ms": percentile(waits_ms, 95),
        **endpoint_figures(played),
        "silent_share": ratio(sum(each.heard.reply_s is None for each in played), len(played)),
    }
    return Report("turns", len(played), figures, tuple(problems), tuple(map(_result, played)))


def slots_match(wanted: Slots, found: Slots) -> bool:
    """Whether every slot of `wanted` is in `found`; lengths of time are compared as a whole, texts without articles."""
    if _DURATION_S.keys() & wanted.keys() and _duration_s(wanted) != _duration_s(found):
        return False
    rest = {name: value for name, value in wanted.items() if name not in _DURATION_S}
    return all(name in found and _plain(found[name]) == _plain(value) for name, value in rest.items())


def _parse(row: Mapping[str, Any], folder: Path, normalise: Normaliser) -> TurnsRow:
    spoken = parse_spoken(row, folder, normalise)
    intent = row.get("intent")
    intents = (intent,) if isinstance(intent, str) else intent
    if not isinstance(intents, list | tuple) or not intents or not all(isinstance(i, str) and i for i in intents):
        raise ValueError("`intent` must be a name or a list of names")
    slots = row.get("slots") or {}
    if not isinstance(slots, dict) or not all(isinstance(value, str | int | float) for value in slots.values()):
        raise ValueError("`slots` must map names to texts or numbers")
    return TurnsRow(spoken.audio, spoken.end_of_speech_s, spoken.text, tuple(intents), slots)


def _is_right(played: Played[TurnsRow]) -> bool:
    heard, wanted = played.heard, played.row.value
    return not heard.failed and heard.intent in wanted.intents and slots_match(wanted.slots, heard.slots)


def _voice_to_voice_ms(played: Played[TurnsRow]) -> float | None:
    reply_s = played.heard.reply_s
    return None if reply_s is None or played.cut_off else (reply_s - played.row.value.end_of_speech_s) * 1000


def _result(played: Played[TurnsRow]) -> RowResult:
    heard = played.heard
    more = {
        "slots": dict(heard.slots),
        "transcript": heard.text,
        "right": _is_right(played),
        "cut_off": played.cut_off,
        "delay_ms": milliseconds(played.delay_s),
        "failed": heard.failed,
    }
    return RowResult(played.row.input, heard.intent, _voice_to_voice_ms(played), more)


def _duration_s(slots: Slots) -> float:
    return sum(float(slots.get(name, 0)) * factor for name, factor in _DURATION_S.items())


def _plain(value: SlotValue) -> float | str:
    try:
        return float(value)
    except ValueError:
        words = _NOT_WORDS.sub(" ", str(value).casefold()).split()
        return " ".join(word for word in words if word not in _ARTICLES)
