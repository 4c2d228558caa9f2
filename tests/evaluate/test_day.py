"""`assistant eval day`: what it draws and counts."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from assistant.config import Config, find_paths, load_config
from assistant.dialog.router import RouterPolicy
from assistant.errors import EvaluateError, LlmError
from assistant.evaluate import day
from assistant.evaluate.common import EvalOptions, read_manifest
from assistant.evaluate.day import DayRow, _parse, draw, run_day
from assistant.evaluate.mixes import MIXES, REQUESTS, Mix
from assistant.evaluate.route import make_decider
from assistant.nlu.understand import Understander
from assistant.values import LocalQuestion

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
LOGS = MIXES["logs"]
NOT_DONE = [(54 + 12) / 300, 0.0]
TEXTS = {"question": "why is the sky blue", "talk": "thank you", "time": "who wrote faust"}

DOUBTFUL = "do you cut cards to the left or right"
"""A question that is no work for a large model."""


@functools.cache
def _decider() -> tuple[Understander, RouterPolicy]:
    return make_decider(load_config(find_paths()).settings)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model for understanding takes longer than a day."""
    monkeypatch.setattr(day, "make_decider", lambda _: _decider())


def manifest(folder: Path, *, short: str = "", mix: str = "logs") -> Path:
    rows = [
        {"text": TEXTS.get(part.name, "stop"), "kind": sorted(part.kinds)[number % len(part.kinds)]}
        for part in MIXES[mix].parts
        for number in range(part.requests + 5 if part.name != short else 1)
    ]
    file = folder / "m.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "prove it", "kind": "hard"}]))
    return file


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_a_day_has_300_requests_and_each_kind_in_one_part(mix: Mix) -> None:
    assert sum(part.requests for part in mix.parts) == REQUESTS == 300
    kinds = Counter(kind for part in mix.parts for kind in part.kinds)
    assert set(kinds.values()) == {1}


def test_the_logs_have_the_order_that_was_published() -> None:
    assert [part.name for part in LOGS.parts][:3] == ["music", "question", "home"]
    assert [part.requests for part in LOGS.parts] == sorted((part.requests for part in LOGS.parts), reverse=True)


@pytest.mark.parametrize(
    ("mix", "figures"),
    [
        (
            "adobe",
            {"music": 70, "weather": 64, "fun": 53, "question": 82, "timer": 46, "schedule": 32, "home": 31},
        ),
        ("ccs", {"question": 77, "music": 67, "timer": 31, "home": 21}),
    ],
)
def test_the_surveys_have_the_shares_that_were_published_and_no_others(mix: str, figures: dict[str, int]) -> None:
    whole = sum(figures.values())
    assert MIXES[mix].weight == whole
    for part in MIXES[mix].parts:
        assert part.requests == pytest.approx(300 * figures.pop(part.name) / whole, abs=1.0)
    assert not figures


def test_the_seed_chooses(tmp_path: Path, config: Config) -> None:
    rows = read_manifest(EvalOptions(manifest(tmp_path), config), _parse).rows

    def lines(seed: int) -> list[int]:
        return [row.line for row in draw(rows, seed, LOGS)]

    assert lines(1) == lines(1) == sorted(lines(1))
    assert lines(1) != lines(2)
    assert len(lines(1)) == 300
    assert all(isinstance(row.value, DayRow) and row.value.kind != "hard" for row in draw(rows, 1, LOGS))


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


def test_a_part_with_fewer_rows_has_some_of_them_twice(tmp_path: Path, config: Config) -> None:
    file = tmp_path / "m.jsonl"
    rows = [{"text": "stop", "kind": min(part.kinds)} for part in LOGS.parts for _ in range(-(-part.requests // 2))]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    drawn = draw(read_manifest(EvalOptions(file, config), _parse).rows, 1, LOGS)
    assert len(drawn) == 300
    assert set(Counter(row.line for row in drawn).values()) == {1, 2}


def test_what_a_mix_leaves_out_is_told_and_counts_as_unanswered_where_all_is_counted(
    tmp_path: Path, config: Config
) -> None:
    options = EvalOptions(manifest(tmp_path, mix="adobe"), config, progress=False)
    figures = run_day(options, now=NOW, mix="adobe").figures
    assert figures["left_out"] == "news 46, directions 34, sports scores 30, traffic 27, games 20"
    edge = (300 - 65) / 300
    assert figures["answered_on_edge"] == pytest.approx(edge, abs=1e-4)
    assert figures["answered_on_edge_of_all"] == pytest.approx(edge * 378 / (378 + 157), abs=1e-4)
    assert "local_model" not in figures


def test_an_unknown_mix_is_an_error_with_a_way_out(tmp_path: Path, config: Config) -> None:
    with pytest.raises(EvaluateError) as caught:
        run_day(EvalOptions(manifest(tmp_path), config), now=NOW, mix="gallup")
    assert (caught.value.code, caught.value.hint) == ("mix-unknown", "There are logs, adobe, ccs.")


@pytest.mark.parametrize(("confidence", "by_model"), [(0.85, 54 + 12), (None, 0)])
def test_what_the_model_on_the_device_is_sure_of_is_answered_on_the_edge(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch, confidence: float | None, by_model: int
) -> None:
    asked: list[str] = []

    class Sure:
        async def confidence(self, question: LocalQuestion) -> float:
            asked.append(question.text)
            if confidence is None:
                raise LlmError("llm-died", "gone")
            return confidence

    @asynccontextmanager
    async def opened(_options: EvalOptions, _name: str) -> AsyncIterator[Sure]:
        yield Sure()

    monkeypatch.setattr(day, "open_model", opened)
    monkeypatch.setitem(TEXTS, "question", DOUBTFUL)
    monkeypatch.setitem(TEXTS, "list", "write a long poem about the rain")
    local = load_config(config.paths, ['llm.model="qwen2.5-0.5b"'])
    report = run_day(EvalOptions(manifest(tmp_path), local, progress=False), now=NOW)
    assert report.figures["answered_by_local_model"] == pytest.approx(by_model / 300)
    assert report.figures["answered_on_edge"] == pytest.approx((300 - 54 - 12 - 15 + by_model) / 300)
    assert sorted(asked) == [DOUBTFUL] * 54 + ["who wrote faust"] * 12, "only what the router would ask it"
    assert len(report.problems) == (54 + 12 if confidence is None else 0)
