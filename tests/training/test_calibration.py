"""How far a model is believed: fitted on what it claimed, against what a simulated one is right about."""

import numpy as np
import pytest

from assistant.training.calibration import platt


def test_honest_probabilities_stay_and_boasting_ones_are_lowered() -> None:
    chance = np.random.default_rng(0)
    sure = chance.uniform(0.5, 0.99, 4000)
    honest = [(float(p), bool(chance.random() < p)) for p in sure]
    slope, offset = platt(honest)
    assert slope == pytest.approx(1.0, abs=0.15)
    assert offset == pytest.approx(0.0, abs=0.15)
    boasting = [(float(p), bool(chance.random() < p - 0.3)) for p in sure]
    slope, offset = platt(boasting)
    at_90 = 1 / (1 + np.exp(-(slope * np.log(9) + offset)))
    assert at_90 == pytest.approx(0.6, abs=0.05)


def test_few_claims_and_none() -> None:
    assert platt([]) == (1.0, 0.0)
    slope, offset = platt([(0.9, True)] * 20)
    assert np.isfinite([slope, offset]).all()
