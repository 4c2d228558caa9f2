"""Where confidence stops being worth it: what counts as evidence, and what is made of it."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.dialog.calibrate import BINS, Sample, bars, calibrate, samples, wilson
from assistant.errors import EvaluateError
from assistant.evaluate.calibration import NEAR, SHAPES, SPREADS, measured, run_calibration, simulated
from assistant.records import Aftermath, Verdict
from tests.fakes import ledger_line


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spread", SPREADS)
def test_the_break_is_found_within_0_03_of_where_it_is(shape: str, spread: str) -> None:
    assert measured(simulated(shape, spread, seed=1)).off <= NEAR


@pytest.mark.slow
def test_in_many_homes() -> None:
    """Near in 95 of 100 (a logistic curve with most confidences high leaves the least to see), covered in 90."""
    report = run_calibration(60, 2_000, seed=100, progress=False)
    for name in (f"{shape}_{spread}" for shape in SHAPES for spread in SPREADS):
        assert float(report.figures[f"{name}_near"] or 0) >= 0.95, name
        assert float(report.figures[f"{name}_covered"] or 0) >= 0.9, name


def test_the_error_bars_hold_the_truth_all_together_in_9_of_10_homes() -> None:
    held = 0
    for seed in range(100):
        users = simulated(SHAPES[seed % 2], SPREADS[seed // 2 % 2], seed)
        found = bars(users.confidence, users.right)
        assert sum(bar.n for bar in found) == len(users.right)
        held += all(
            bar.at_least
            <= users.agreement[(users.confidence >= bar.lowest) & (users.confidence <= bar.highest)].mean()
            <= bar.at_most
            for bar in found
        )
    assert held >= 90


def test_equal_confidences_share_a_bar() -> None:
    found = bars(np.array([0.5] * 300 + [0.98] * 700), np.array([0.0, 1.0] * 500))
    assert [(bar.lowest, bar.highest, bar.n) for bar in found] == [(0.5, 0.5, 300), (0.98, 0.98, 700)]
    assert len(bars(np.linspace(0, 1, 800), np.ones(800))) == BINS


def test_wilsons_interval() -> None:
    assert wilson(0.5, 100, 1.96) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(1.0, 20, 1.96)[1] == 1.0
    assert wilson(0.0, 20, 1.96)[0] == 0.0


@pytest.mark.parametrize(
    ("n_right", "n_wrong", "missing"),
    [
        (0, 0, "200 judged replies (there are 0), 20 more that were right, 20 more that were wrong"),
        (150, 10, "40 judged replies (there are 160), 10 more that were wrong"),
        (5, 400, "15 more that were right"),
    ],
)
def test_with_too_little_it_says_how_much_is_missing(n_right: int, n_wrong: int, missing: str) -> None:
    found = [Sample(0.9, right=True)] * n_right + [Sample(0.4, right=False)] * n_wrong
    with pytest.raises(EvaluateError) as caught:
        calibrate(found, 0.85)
    assert caught.value.code == "calibration-data"
    assert missing in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("low", [0.8, 0.95])
def test_where_agreement_does_not_fall_there_is_no_break(low: float) -> None:
    """Nor where it rises: low confidences that are right more often."""
    random = np.random.default_rng(1)
    confidence = random.uniform(0.3, 1.0, 2_000)
    right = random.random(2_000) < np.where(confidence > 0.7, 0.8, low)
    with pytest.raises(EvaluateError) as caught:
        calibrate([Sample(float(sure), bool(hit)) for sure, hit in zip(confidence, right, strict=True)], 0.85)
    assert caught.value.code == "calibration-break"


def test_what_is_proposed() -> None:
    rows = [Sample(0.9, right=True)] * 300 + [Sample(0.5, right=False)] * 100
    found = calibrate(rows, 0.95)
    assert 0.5 < found.threshold <= 0.9
    assert (found.kept, found.kept_before, found.agreement_kept) == (0.75, 0.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "plain", "with_signals"),
    [
        ({}, None, True),
        ({"outcome": "failed"}, None, None),
        ({"verdict": Verdict.SAME}, True, True),
        ({"verdict": Verdict.EDGE}, True, True),
        ({"verdict": Verdict.CLOUD}, False, False),
        ({"verdict": Verdict.UNRATED}, None, True),
        ({"verdict": Verdict.SAME, "aftermath": Aftermath.CORRECTED}, False, False),
        ({"aftermath": Aftermath.REPEATED}, None, False),
        ({"reason": "ask-back", "aftermath": Aftermath.CONFIRMED}, True, True),
        ({"reason": "ask-back", "aftermath": Aftermath.DENIED}, False, False),
        ({"reason": "ask-back", "aftermath": Aftermath.CONFIRMED, "missing": ("duration",)}, None, None),
        ({"reason": "ask-back"}, None, None),
        ({"layer": "cloud", "verdict": Verdict.SAME}, None, None),
        ({"confidence": 0.0, "reason": "default"}, None, None),
    ],
)
def test_what_counts_as_evidence(changes: dict[str, object], plain: bool | None, with_signals: bool | None) -> None:
    line = ledger_line(1, **changes)  # type: ignore[arg-type]
    for signals, right in ((False, plain), (True, with_signals)):
        expected = [] if right is None else [Sample(line.confidence, right)]
        assert samples([line], signals=signals) == expected
