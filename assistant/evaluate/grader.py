"""`assistant eval grader`: does the grader of `calibration` see what people see?

Rows are `{"question", "edge", "cloud", "better"}`; `better` is `same`, `edge` or `cloud`, as a person labelled it.
Each pair is graded by the configured gateway as the daemon has it done, in both orders. `rated_share` of the pairs got
the same verdict both times; `agreement` is the share of these where the verdict is the person's. `one_order_agreement`
is what a single grading would come to, `first_share` how often the reply that stood first was named: 0.5 or so for one
that doesn't favour a place. `unreadable_share` of the gradings were no verdict at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import Link, LinkState
from assistant.config import Config, read_secret
from assistant.daemon.calibration import whole
from assistant.dialog.grade import agreed, grader_prompt, read_verdict
from assistant.errors import CloudError, EvaluateError
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
from assistant.records import Verdict
from assistant.values import CloudQuestion, SystemClock, new_id

PAIRS = Path(__file__).with_name("grader_pairs.jsonl")
"""A hundred pairs, written and labelled by hand."""
_WINNERS = frozenset({Verdict.EDGE, Verdict.CLOUD})
_NONE = Verdict.UNRATED


@dataclass(frozen=True, slots=True)
class Pair:
    question: str
    edge: str
    cloud: str
    better: Verdict


def run_grader(options: EvalOptions) -> Report:
    """Have a gateway grade the pairs.

    Raises:
        EvaluateError: the manifest can't be used; `grader-gateway`, no gateway is configured.
    """
    if not options.config.settings.cloud.address:
        raise EvaluateError(
            "grader-gateway",
            "grading needs a gateway",
            hint="Start one (`assistant gateway run --local`) and name it: --set 'cloud.address=\"127.0.0.1:50051\"'",
        )
    manifest = read_manifest(options, _parse)
    results, problems = asyncio.run(_graded(manifest.rows, options))
    return _report(results, (*manifest.problems, *problems))


async def _graded(rows: tuple[Row[Pair], ...], options: EvalOptions) -> tuple[list[RowResult], list[Problem]]:
    cloud = _client(options.config)
    results, problems = [], []
    try:
        for row in progress(rows, options, "grading"):
            pair = row.value
            began_s = perf_counter()
            try:
                orders = [
                    await _ask(cloud, options.config, pair, edge_first=True),
                    await _ask(cloud, options.config, pair, edge_first=False),
                ]
            except CloudError as exc:
                problems.append(row.problem(exc))
                continue
            ms = (perf_counter() - began_s) * 500  # of one
            more = {"better": pair.better, "orders": orders}
            results.append(RowResult(row.input, agreed(*orders), ms, more))
    finally:
        await cloud.close()
    return results, problems


async def _ask(cloud: GrpcCloud, config: Config, pair: Pair, *, edge_first: bool) -> Verdict:
    prompt = grader_prompt(pair.question, pair.edge, pair.cloud, edge_first=edge_first)
    deadline_s = config.settings.cloud.answer_timeout_s
    question = CloudQuestion(new_id(), new_id(), prompt, (), config.settings.locale.language, deadline_s)
    return read_verdict(await whole(cloud.converse(question)), edge_first=edge_first)


def _report(results: list[RowResult], problems: tuple[Problem, ...]) -> Report:
    labels = [row.more["better"] for row in results]
    verdicts = [Verdict(row.output) for row in results]
    rated = [(label, verdict) for label, verdict in zip(labels, verdicts, strict=True) if verdict is not _NONE]
    single = [(row.more["better"], each) for row in results for each in row.more["orders"]]
    first = [
        verdict is (Verdict.EDGE if at == 0 else Verdict.CLOUD)
        for row in results
        for at, verdict in enumerate(row.more["orders"])
        if verdict in _WINNERS
    ]
    figures: dict[str, float | int | str | None] = {
        "agreement": ratio(sum(label == verdict for label, verdict in rated), len(rated)),
        "rated_share": ratio(len(rated), len(results)),
        "one_order_agreement": ratio(sum(label == verdict for label, verdict in single), len(single)),
        "first_share": ratio(sum(first), len(first)),
        "unreadable_share": ratio(sum(verdict is _NONE for _, verdict in single), len(single)),
        **{
            f"{better.value}_agreement": ratio(
                sum(label == verdict == better for label, verdict in rated), sum(label == better for label, _ in rated)
            )
            for better in (Verdict.SAME, *sorted(_WINNERS))
        },
        "ms_p50": percentile([row.ms for row in results if row.ms is not None], 50),
    }
    return Report("grader", len(results), figures, problems, tuple(results))


def _client(config: Config) -> GrpcCloud:
    cloud, clock = config.settings.cloud, SystemClock()
    state = LinkState(configured=True, interval_s=cloud.probe_interval_s, now_s=clock.steady_s())
    link = Link(state, lambda _event: None, clock.steady_s)
    return GrpcCloud(cloud, read_secret(cloud.token, cloud.token_file, name="cloud.token_file"), link)


def _parse(row: Mapping[str, Any], _: Path) -> Pair:
    if row.get("better") not in {"same", "edge", "cloud"}:
        raise ValueError("`better` must be same, edge or cloud")
    question, edge, cloud = (text_field(row, name) for name in ("question", "edge", "cloud"))
    return Pair(question, edge, cloud, Verdict(row["better"]))
