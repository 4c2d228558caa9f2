"""`assistant eval day`: how much of a household's day the edge answers.

300 requests are drawn by the seed from rows `{"text", "kind"}`, such as route/dev.jsonl of the development data: of
each part of the day as many as `DAY` says. Two studies of logs say what is used most:

- T. Ammari, J. Kaye, J. Y. Tsai, F. Bentley: Music, Search, and IoT: How People (Really) Use Voice Assistants. TOCHI
  26(3), 2019, doi:10.1145/3311956. 193,665 commands to 82 Alexa devices and 65,499 to 88 Google Home devices: music,
  search and things of the home are used most; music is first on Alexa, search on Google Home.
- F. Bentley, C. LuVogt, M. Silverman, R. Wirasinghe, B. White, D. Lottridge: Understanding the Long-Term Use of Smart
  Speaker Assistants. IMWUT 2(3), 2018, doi:10.1145/3264901. The same 65,499 commands, by kind and hour of the day.

The order is theirs as on Alexa, the numbers are ours. `answered_on_edge` is little else than what isn't a question, so
it stands and falls with their share (`share_question`): `edge_PART` is there to weigh another household's mix. Left out
is what neither device understood, and what was asked for and no skill does (mail, news, calls): the rows hold none.

A request counts as answered on the edge where a skill does it or asks back; where the edge only says that it understood
nothing, it doesn't. The link is up, and there is no local model.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.dialog.router import Action, route
from assistant.errors import EvaluateError
from assistant.evaluate.common import (
    EvalOptions,
    Report,
    Row,
    RowResult,
    percentile,
    progress,
    ratio,
    read_manifest,
    text_field,
)
from assistant.evaluate.route import make_decider


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day."""

    name: str
    requests: int
    kinds: frozenset[str]
    """Of the manifest's rows."""


def _part(name: str, requests: int, kinds: str) -> Part:
    return Part(name, requests, frozenset(kinds.split()))


_QUESTIONS = frozenset({"factoid", "instruction"})
DAY = (
    _part("music", 84, "play_music play_radio play_podcasts play_audiobook next_song"),
    Part("question", 54, _QUESTIONS),
    _part(
        "home",
        51,
        "iot_cleaning iot_coffee iot_hue_lightchange iot_hue_lightdim iot_hue_lightoff iot_hue_lighton iot_hue_lightup "
        "iot_wemo_off iot_wemo_on",
    ),
    _part("timer", 33, "timer alarm alarm_query alarm_remove alarm_set"),
    _part("weather", 24, "weather weather_query"),
    _part("volume", 18, "audio_volume_down audio_volume_mute audio_volume_up change_volume general_commandstop"),
    _part("list", 15, "shopping_list shopping_list_update todo_list todo_list_update lists_createoradd reminder"),
    _part("time", 12, "time date datetime_query"),
    _part("talk", 9, "greeting goodbye thank_you general_joke tell_joke"),
)
ANSWERED = frozenset({Action.SKILL, Action.ASK_BACK})


@dataclass(frozen=True, slots=True)
class DayRow:
    text: str
    kind: str


def run_day(options: EvalOptions, *, now: datetime) -> Report:
    """Measure one day at the user's local time `now`.

    Raises:
        EvaluateError: the manifest can't be used; `manifest-short`, it has too few rows of a part.
    """
    manifest = read_manifest(options, _parse)
    drawn = draw(manifest.rows, options.seed)
    understander, policy = make_decider(options.config.settings)
    part_of = {kind: part.name for part in DAY for kind in part.kinds}
    answered, actions = Counter[str](), Counter[Action]()
    times_ms, results = [], []
    for row in progress(drawn, options, "living"):
        began_s = time.perf_counter()
        decision = route(understander.understand(row.value.text, now=now), policy, link_up=True)
        times_ms.append((time.perf_counter() - began_s) * 1000)
        actions[decision.action] += 1
        answered[part_of[row.value.kind]] += decision.action in ANSWERED
        more = {"part": part_of[row.value.kind], "reason": decision.reason}
        results.append(RowResult(row.input, str(decision.action), times_ms[-1], more))
    figures: dict[str, float | None] = {
        "answered_on_edge": ratio(answered.total(), len(drawn)),
        "share_question": ratio(sum(row.value.kind in _QUESTIONS for row in drawn), len(drawn)),
        "to_the_cloud": ratio(actions[Action.CLOUD], len(drawn)),
        "not_understood": ratio(actions[Action.CLARIFY], len(drawn)),
        **{f"edge_{part.name}": ratio(answered[part.name], part.requests) for part in DAY},
        "ms_p50": percentile(times_ms, 50),
        "ms_p95": percentile(times_ms, 95),
    }
    return Report("day", len(results), figures, manifest.problems, tuple(results))


def draw(rows: Sequence[Row[DayRow]], seed: int) -> list[Row[DayRow]]:
    """The day's requests in the manifest's order; the same for the same seed. Raises EvaluateError."""
    chance = random.Random(seed)  # noqa: S311 - a sample
    drawn: list[Row[DayRow]] = []
    for part in DAY:
        fitting = [row for row in rows if row.value.kind in part.kinds]
        if len(fitting) < part.requests:
            raise EvaluateError(
                "manifest-short",
                f"a day has {part.requests} requests of the part {part.name!r}, and only {len(fitting)} rows are that",
                hint="Name route/dev.jsonl of the development data.",
            )
        drawn += chance.sample(fitting, part.requests)
    return sorted(drawn, key=lambda row: row.line)


def _parse(row: Mapping[str, Any], _: Path) -> DayRow:
    return DayRow(text_field(row, "text"), text_field(row, "kind"))
