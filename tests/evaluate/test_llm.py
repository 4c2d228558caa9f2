"""Questions whose answers are known, and what is worked out of them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest

from assistant.config import Config
from assistant.errors import EvaluateError
from assistant.evaluate.answers import auroc, calibration_error, is_right, read_asked
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.llm import Scored, run_llm, summary
from assistant.evaluate.make_questions import parts, read_by_hand
from assistant.evaluate.tune_llm import Tried, fit
from assistant.evaluate.words import load_normaliser
from assistant.llm.confidence import FEATURES
from assistant.packaged import packaged_questions
from tests.local_models import MODEL_ID

ROWS = {
    part: [json.loads(line) for line in packaged_questions(part).read_text("utf-8").splitlines()]
    for part in ("tune", "test")
}


def test_the_questions_are_many_of_every_kind_and_each_has_its_source() -> None:
    rows = [*ROWS["tune"], *ROWS["test"]]
    assert len(rows) >= 400
    assert min(Counter(row["kind"] for row in rows).values()) >= 50
    assert sum(row["made"] == "hand" for row in rows) >= 150
    assert len({row["text"] for row in rows}) == len(rows), "none is tuned with and tested with"
    for row in rows:
        assert row["source"]
        assert read_asked(row, Path())


def test_what_templates_make_is_what_is_there() -> None:
    assert json.loads(json.dumps(parts(read_by_hand()))) == ROWS


@pytest.mark.parametrize(
    ("said", "answers", "right"),
    [
        ("The capital of France is Paris.", ["Paris"], True),
        ("It's Parisian.", ["Paris"], False),
        ("A spider has eight legs.", ["8"], True),
        ("Twelve times twelve is one hundred and forty-four.", ["144"], True),
        ("There are 1,000 meters.", ["1000"], True),
        ("There are 10000 meters.", ["1000"], False),
        ("Bogota", ["Bogotá"], True),
        ("", ["Paris"], False),
        ("word " * 45 + "Paris", ["Paris"], False),
    ],
)
def test_what_counts_as_right(said: str, answers: list[str], right: bool) -> None:
    assert is_right(said, answers, load_normaliser()) is right


def test_figures_of_scores() -> None:
    assert auroc([0.9, 0.8, 0.2], [True, True, False]) == 1.0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.5], [True]) is None
    assert calibration_error([1.0, 1.0, 0.0, 0.0], [True, True, False, False]) == 0.0
    assert calibration_error([0.95, 0.95], [True, False]) == pytest.approx(0.45)
    assert calibration_error([], []) is None
    scored = [Scored("facts", 0.9, True, 1.0), Scored("facts", 0.9, False, 1.0), Scored("units", 0.1, False, 1.0)]
    found = summary(scored, 0.85)
    assert (found["answered_share"], found["answered_accuracy"]) == (0.6667, 0.5)
    assert (found["facts_accuracy"], found["units_answered_share"]) == (0.5, 0.0)
    assert found["units_answered_accuracy"] is None


@pytest.mark.slow
def test_the_regression_finds_what_tells() -> None:
    still = dict.fromkeys(FEATURES, 0.0)
    tried = [
        Tried("facts", at % 3 != 0, {**still, "new_least": -0.1 if at % 3 else -3.0 - at % 5}, None, None, (1, 0, 0))
        for at in range(60)
    ]
    weights, intercept, unseen = fit(tried)
    assert max(weights, key=lambda name: abs(weights[name])) == "new_least"
    assert auroc(unseen, [each.right for each in tried]) == 1.0
    assert intercept > 0


def test_without_a_model_it_says_which_to_name(config: Config) -> None:
    with pytest.raises(EvaluateError) as caught:
        run_llm(EvalOptions(packaged_questions("test"), config))
    assert caught.value.code == "llm-none"


@pytest.mark.models
@pytest.mark.slow
def test_a_real_model_is_measured(config: Config) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra `llm`")
    options = EvalOptions(packaged_questions("test"), config, limit=6, progress=False)
    report = run_llm(dataclasses.replace(options), model=MODEL_ID)
    assert (report.n, report.problems) == (6, ())
    assert report.figures["model"] == MODEL_ID
    assert all(0.0 <= row.more["confidence"] <= 1.0 for row in report.rows)
