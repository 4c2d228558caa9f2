"""`assistant eval route`: who would answer.

Rows are `{"text", "layer"}`, `edge` or `cloud`. The link is up, private mode off, nothing was said before, and there is
no local model: the layer that the router decides for, before anything is hedged. `accuracy` is the mean of the recalls.
`decision_ms` counts from the understanding on, `ms` from the text.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.dialog.router import RouterPolicy, route
from assistant.encoder.text_model import OnnxTextModel
from assistant.evaluate.common import (
    EvalOptions,
    Report,
    RowResult,
    percentile,
    progress,
    ratio,
    read_manifest,
    text_field,
)
from assistant.nlu.understand import Understander
from assistant.packaged import packaged_text_model
from assistant.settings import Settings
from assistant.skills.book import SkillBook
from assistant.values import Layer


@dataclass(frozen=True, slots=True)
class RouteRow:
    text: str
    layer: Layer


def run_route(options: EvalOptions, *, now: datetime) -> Report:
    """Measure the routing at the user's local time `now`.

    Raises:
        EvaluateError: the manifest can't be used.
    """
    understander, policy = make_decider(options.config.settings)
    manifest = read_manifest(options, _parse)
    wanted, right, reasons = Counter[Layer](), Counter[Layer](), Counter[str]()
    times_ms, decisions_ms, results = [], [], []
    for row in progress(manifest.rows, options, "routing"):
        began_s = time.perf_counter()
        understanding = understander.understand(row.value.text, now=now)
        decided_s = time.perf_counter()
        decision = route(understanding, policy, link_up=True)
        ended_s = time.perf_counter()
        times_ms.append((ended_s - began_s) * 1000)
        decisions_ms.append((ended_s - decided_s) * 1000)
        wanted[row.value.layer] += 1
        right[row.value.layer] += decision.layer is row.value.layer
        reasons[decision.reason] += 1
        intent = understanding.match.intent if understanding.match else ""
        more = {"reason": decision.reason, "intent": intent, "decision_ms": round(decisions_ms[-1], 4)}
        results.append(RowResult(row.input, str(decision.layer), times_ms[-1], more))
    edge, cloud = (ratio(right[layer], wanted[layer]) for layer in (Layer.EDGE, Layer.CLOUD))
    recalls = [recall for recall in (edge, cloud) if recall is not None]
    figures: dict[str, float | None] = {
        "accuracy": ratio(sum(recalls), len(recalls)),
        "edge_recall": edge,
        "cloud_recall": cloud,
        **{f"share_{reason.replace('-', '_')}": count / len(results) for reason, count in reasons.most_common()},
        "ms_p50": percentile(times_ms, 50),
        "ms_p95": percentile(times_ms, 95),
        "decision_ms_p50": percentile(decisions_ms, 50),
        "decision_ms_p95": percentile(decisions_ms, 95),
    }
    return Report("route", len(results), figures, manifest.problems, tuple(results))


def make_decider(settings: Settings) -> tuple[Understander, RouterPolicy]:
    """What a turn is decided with, as configured."""
    understander = Understander(
        names=settings.wake.names,
        model=OnnxTextModel(packaged_text_model()),
        reject_threshold=settings.nlu.reject_threshold,
        served=SkillBook.built_in().intents(),
    )
    return understander, RouterPolicy(settings.router.threshold, settings.nlu.reject_threshold)


def _parse(row: Mapping[str, Any], _: Path) -> RouteRow:
    if row.get("layer") not in list(Layer):
        raise ValueError("`layer` must be edge or cloud")
    return RouteRow(text_field(row, "text"), Layer(row["layer"]))
