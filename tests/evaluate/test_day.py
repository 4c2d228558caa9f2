"""`assistant eval day`: what it draws and counts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from assistant.config import Config
from assistant.errors import EvaluateError
from assistant.evaluate.common import EvalOptions, read_manifest
from assistant.evaluate.day import DAY, DayRow, _parse, draw, run_day

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
NOT_DONE = [(54 + 12) / 300, 0.0]
TEXTS = {"question": "why is the sky blue", "talk": "thank you", "time": "who wrote faust"}


def manifest(folder: Path, *, short: str = "") -> Path:
    rows = [
        {"text": TEXTS.get(part.name, "stop"), "kind": sorted(part.kinds)[number % len(part.kinds)]}
        for part in DAY
        for number in range(part.requests + 5 if part.name != short else 1)
    ]
    file = folder / "m.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "prove it", "kind": "hard"}]))
    return file


def test_a_day_has_300_requests_each_kind_in_one_part_and_the_order_that_was_published() -> None:
    assert sum(part.requests for part in DAY) == 300
    kinds = Counter(kind for part in DAY for kind in part.kinds)
    assert set(kinds.values()) == {1}
    assert [part.name for part in DAY][:3] == ["music", "question", "home"]
    assert [part.requests for part in DAY] == sorted((part.requests for part in DAY), reverse=True)


def test_the_seed_chooses(tmp_path: Path, config: Config) -> None:
    rows = read_manifest(EvalOptions(manifest(tmp_path), config), _parse).rows

    def lines(seed: int) -> list[int]:
        return [row.line for row in draw(rows, seed)]

    assert lines(1) == lines(1) == sorted(lines(1))
    assert lines(1) != lines(2)
    assert len(lines(1)) == 300
    assert all(isinstance(row.value, DayRow) and row.value.kind != "hard" for row in draw(rows, 1))


def test_counts_who_answers(tmp_path: Path, config: Config) -> None:
    report = run_day(EvalOptions(manifest(tmp_path), config, progress=False), now=NOW)
    figures = report.figures
    assert report.n == 300
    assert (figures["edge_music"], figures["edge_talk"], figures["edge_question"]) == (1.0, 1.0, 0.0)
    assert figures["edge_time"] == 0.0
    assert figures["share_question"] == pytest.approx(54 / 300)
    assert figures["answered_on_edge"] == pytest.approx((300 - 54 - 12) / 300)
    assert [figures["to_the_cloud"], figures["not_understood"]] == pytest.approx(NOT_DONE)


def test_too_few_rows_are_an_error_with_a_way_out(tmp_path: Path, config: Config) -> None:
    with pytest.raises(EvaluateError) as caught:
        run_day(EvalOptions(manifest(tmp_path, short="weather"), config, progress=False), now=NOW)
    assert caught.value.code == "manifest-short"
    assert "weather" in caught.value.message
    assert caught.value.hint
