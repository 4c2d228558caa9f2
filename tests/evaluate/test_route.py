"""`assistant eval route`: what it counts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from assistant.config import Config
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.route import run_route

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
ROWS = (
    ("set a timer for ten minutes", "edge"),
    ("what time is it", "cloud"),
    ("write a python function that sorts a list of names", "cloud"),
    ("can you see to it that the coffee maker is ready with my coffee in approximately ten minutes from now", "edge"),
)


def test_who_would_answer_and_how_long_deciding_takes(tmp_path: Path, config: Config) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps({"text": text, "layer": layer}) + "\n" for text, layer in ROWS))
    report = run_route(EvalOptions(manifest, config, progress=False), now=NOW)
    figures = report.figures
    assert report.n == len(ROWS)
    assert [row.output for row in report.rows][:3] == ["edge", "edge", "cloud"]
    assert figures["cloud_recall"] == 0.5
    decision_ms, whole_ms = figures["decision_ms_p95"], figures["ms_p50"]
    assert isinstance(decision_ms, float)
    assert isinstance(whole_ms, float)
    assert 0 < decision_ms < whole_ms
