"""`assistant eval day`: how much of a household's day the edge answers.

300 requests are drawn by the seed from rows `{"text", "kind"}`, such as route/dev.jsonl of the development data: of
each part of the day as many as the mix says (see `mixes`, also for what its shares are worth). Where there are fewer
rows, some are drawn twice.

A request counts as answered on the edge where a skill does it or asks back, and where the model on the device
(`llm.model`, if one is configured) is as sure as the router wants it; where the edge only says that it understood
nothing, it doesn't. Whether it is right is for `eval nlu` and `eval llm` to say. The link is up. `answered_on_edge` is
little else than what isn't a question, so it stands and falls with their share (`share_question`): `edge_PART` is there
to weigh another household's mix. `answered_on_edge_of_all` counts what the mix leaves out as not answered.

The model is asked how sure it is wherever the router would ask it: facts and open questions, not work for a large
model. Here it may take its time (`confidence_ms`), while a turn takes it for unsure after a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from assistant.dialog.router import Action, Decision, local_matters, route
from assistant.errors import EdgewiseError, EvaluateError
from assistant.evaluate.common import (
    EvalOptions,
    Problem,
    Report,
    Row,
    RowResult,
    percentile,
    progress,
    ratio,
    read_manifest,
    text_field,
)
from assistant.evaluate.llm import open_model
from assistant.evaluate.mixes import MIXES, QUESTIONS, Mix
from assistant.evaluate.route import make_decider
from assistant.nlu.understanding import Understanding
from assistant.values import LocalQuestion

ANSWERED = frozenset({Action.SKILL, Action.ASK_BACK, Action.LOCAL})


@dataclass(frozen=True, slots=True)
class DayRow:
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Decided:
    row: Row[DayRow]
    understanding: Understanding
    decision: Decision
    ms: float


@dataclass(frozen=True, slots=True)
class _Sure:
    """What the model on the device said of one question."""

    confidence: float
    ms: float


def run_day(options: EvalOptions, *, now: datetime, mix: str = "logs") -> Report:
    """Measure one day at the user's local time `now`.

    Raises:
        EvaluateError: the manifest can't be used; `manifest-short`, it has too few rows of a part; `mix-unknown`.
        ConfigError, ModelError, LlmError: the model on the device can't be used.
    """
    if mix not in MIXES:
        raise EvaluateError("mix-unknown", f"there is no mix {mix!r}", hint=f"There are {', '.join(MIXES)}.")
    parts = MIXES[mix]
    manifest = read_manifest(options, _parse)
    drawn = draw(manifest.rows, options.seed, parts)
    understander, policy = make_decider(options.config.settings)
    decided = []
    for row in progress(drawn, options, "living"):
        began_s = time.perf_counter()
        understanding = understander.understand(row.value.text, now=now)
        decision = route(understanding, policy, link_up=True)
        decided.append(_Decided(row, understanding, decision, (time.perf_counter() - began_s) * 1000))
    problems = list(manifest.problems)
    sure: dict[int, _Sure] = {}
    if options.config.settings.llm.model:
        asked = {each.row.line: each.row for each in decided if local_matters(each.understanding, each.decision)}
        sure = asyncio.run(_ask_model(options, list(asked.values()), problems))
    results = []
    for each in decided:
        decision, local = each.decision, sure.get(each.row.line)
        if local:
            decision = route(each.understanding, policy, link_up=True, local=local.confidence)
        more: dict[str, Any] = {"part": _part_of(each.row, parts), "reason": decision.reason}
        if local:
            more["confidence"] = round(local.confidence, 4)
        results.append(RowResult(each.row.input, decision.action, each.ms, more))
    figures = _figures(parts, results) | _of_model(options.config.settings.llm.model, results, list(sure.values()))
    return Report("day", len(results), {"mix": mix, **figures}, tuple(problems), tuple(results))


def _figures(mix: Mix, results: Sequence[RowResult]) -> dict[str, float | str | None]:
    actions = Counter(Action(result.output) for result in results)
    answered = Counter(result.more["part"] for result in results if result.output in ANSWERED)
    times_ms = [result.ms for result in results if result.ms is not None]
    edge, left_out = ratio(answered.total(), len(results)), {}
    if mix.left_out:
        of_all = answered.total() * mix.weight / (mix.weight + sum(mix.left_out.values()))
        left_out = {
            "left_out": ", ".join(f"{name} {figure}" for name, figure in mix.left_out.items()),
            "answered_on_edge_of_all": ratio(of_all, len(results)),
        }
    return {
        "answered_on_edge": edge,
        "share_question": ratio(sum(result.input["kind"] in QUESTIONS for result in results), len(results)),
        "to_the_cloud": ratio(actions[Action.CLOUD], len(results)),
        "not_understood": ratio(actions[Action.CLARIFY], len(results)),
        **{f"edge_{part.name}": ratio(answered[part.name], part.requests) for part in mix.parts},
        **{f"requests_{part.name}": part.requests for part in mix.parts},
        **left_out,
        "ms_p50": percentile(times_ms, 50),
        "ms_p95": percentile(times_ms, 95),
    }


def _of_model(name: str, results: Sequence[RowResult], sure: Sequence[_Sure]) -> dict[str, float | str | None]:
    """What the model on the device adds; nothing without one."""
    if not name:
        return {}
    return {
        "local_model": name,
        "answered_by_local_model": ratio(sum(result.output is Action.LOCAL for result in results), len(results)),
        "confidence_ms_p50": percentile([each.ms for each in sure], 50),
        "confidence_ms_p95": percentile([each.ms for each in sure], 95),
    }


async def _ask_model(options: EvalOptions, rows: Sequence[Row[DayRow]], problems: list[Problem]) -> dict[int, _Sure]:
    """How sure the model is of each, by line; a row that it fails on is a problem, and left to the cloud."""
    settings = options.config.settings
    sure = {}
    async with open_model(options, settings.llm.model) as model:
        for row in progress(rows, options, "asking"):
            began_s = time.perf_counter()
            try:
                confidence = await model.confidence(LocalQuestion(row.value.text, (), settings.locale.language))
            except EdgewiseError as exc:
                problems.append(row.problem(exc))
                continue
            sure[row.line] = _Sure(confidence, (time.perf_counter() - began_s) * 1000)
    return sure


def draw(rows: Sequence[Row[DayRow]], seed: int, mix: Mix) -> list[Row[DayRow]]:
    """The day's requests in the manifest's order; the same for the same seed. Raises EvaluateError."""
    chance = Random(seed)  # noqa: S311 - a sample
    drawn: list[Row[DayRow]] = []
    for part in mix.parts:
        fitting = [row for row in rows if row.value.kind in part.kinds]
        if 2 * len(fitting) < part.requests:
            raise EvaluateError(
                "manifest-short",
                f"a day has {part.requests} requests of the part {part.name!r}, and only {len(fitting)} rows are that",
                hint="Name route/dev.jsonl of the development data.",
            )
        again = max(0, part.requests - len(fitting))
        drawn += chance.sample(fitting, part.requests - again) + chance.sample(fitting, again)
    return sorted(drawn, key=lambda row: row.line)


def _part_of(row: Row[DayRow], mix: Mix) -> str:
    return next(part.name for part in mix.parts if row.value.kind in part.kinds)


def _parse(row: Mapping[str, Any], _: Path) -> DayRow:
    return DayRow(text_field(row, "text"), text_field(row, "kind"))
