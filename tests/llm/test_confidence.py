"""How sure the model is taken to be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from assistant.errors import LlmError
from assistant.llm.confidence import FEATURES, UNTUNED_MOST, Calibration, estimate, features
from assistant.llm.draft import Draft, Token
from assistant.models import Models
from assistant.packaged import packaged_calibrations

QUESTION = "What is the capital of France?"


def token(text: str, sure: float) -> Token:
    return Token(text, math.log(sure), (math.log(sure), math.log((1 - sure) * 0.9 + 1e-9)))


def draft(*tokens: tuple[str, float], finished: bool = True) -> Draft:
    made = tuple(token(*each) for each in tokens)
    return Draft("".join(each.text for each in made), made, finished)


BEGUN = ((" capital", 0.9), (" of", 0.9), (" France", 0.9), (" is", 0.9))
SURE = draft(*BEGUN, (" Paris", 0.99))
UNSURE = draft(*BEGUN, (" Par", 0.2), ("me", 0.9))


def test_only_what_the_question_did_not_say_counts_as_new() -> None:
    found = features(QUESTION, UNSURE)
    assert found["new_least"] == pytest.approx(math.log(0.2))
    assert found["new_mean"] == pytest.approx((math.log(0.2) + math.log(0.9)) / 2)
    assert features(QUESTION, SURE)["new_least"] == pytest.approx(math.log(0.99))


def test_every_feature_is_finite_whatever_was_drafted() -> None:
    odd = Draft("", (Token("", -math.inf, ()), Token("\n", 0.5, (0.5,))), finished=False)
    for each in (SURE, UNSURE, odd):
        found = features(QUESTION, each)
        assert found.keys() == FEATURES
        assert all(math.isfinite(value) for value in found.values())


def test_a_model_that_nobody_tuned_is_never_believed() -> None:
    certain = draft(("Paris", 1 - 1e-9))
    assert estimate(QUESTION, SURE, None) < estimate(QUESTION, certain, None) <= UNTUNED_MOST
    assert estimate(QUESTION, draft(("I'm", 0.9), (" sorry", 0.9)), None) == 0.0
    assert estimate(QUESTION, Draft("", (), finished=True), None) == 0.0


def test_a_calibration_weighs_the_features() -> None:
    calibration = Calibration({"new_least": 2.0}, 1.0)
    assert estimate(QUESTION, UNSURE, calibration) == pytest.approx(1 / (1 + math.exp(-(1 + 2 * math.log(0.2)))))
    assert estimate(QUESTION, SURE, Calibration({"new_least": 1e9}, 0.0)) == pytest.approx(0.0, abs=1e-9)


def test_a_calibration_counts_for_its_own_model_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    assert Calibration.read(file, 7) is None
    file.write_text(json.dumps({"bytes": 7, "intercept": 1, "weights": {"mean": 2}}), "utf-8")
    assert Calibration.read(file, 7) == Calibration({"mean": 2.0}, 1.0)
    assert Calibration.read(file, 8) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"bytes": 7, "intercept": 1, "weights": {"luck": 1}}',
        '{"bytes": 7, "weights": []}',
        '{"bytes": 7, "intercept": 1, "weights": {"mean": NaN}}',
        '{"bytes": 7, "intercept": Infinity, "weights": {"mean": 1}}',
    ],
)
def test_what_is_no_calibration_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, "utf-8")
    with pytest.raises(LlmError) as caught:
        Calibration.read(file, 7)
    assert caught.value.code == "llm-calibration"


def test_what_we_ship_fits_the_models_of_the_manifest(tmp_path: Path) -> None:
    models = Models(tmp_path)
    shipped = sorted(packaged_calibrations().glob("*.json"))
    assert shipped
    for file in shipped:
        spec = models.get(file.stem)
        assert Calibration.read(file, spec.bytes) is not None, "made for another file"
