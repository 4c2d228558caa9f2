"""How far the model's probability of an intent is to be believed: fitted on requests that served nothing else.

A temperature makes the probabilities of all answers honest at once, those that the sentences know too. What counts is
how often the model is right where it decides alone: Platt's scaling (1999), `logistic(slope * logit(p) + offset)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from assistant.encoder.text_model import OnnxTextModel
from assistant.nlu.classifier import SOURCE
from assistant.nlu.understand import Understander
from assistant.training.data import Example

_ANY_MOMENT = datetime(2025, 1, 1)  # noqa: DTZ001 - intents don't depend on it
_CLAIMED = 0.3
"""Less likely ones are claimed by no skill, calibrated or not (`nlu.reject_threshold`)."""
_STEPS = 50
_RIDGE = 1e-3
"""Keeps the fit finite where every claim is right."""


def claims_of(folder: Path, examples: Sequence[Example]) -> list[tuple[float, bool]]:
    """What the model in `folder` claims alone of the examples with known intents: its probability, and whether it is
    right."""
    understander = Understander(model=OnnxTextModel(folder), reject_threshold=_CLAIMED)
    matches = ((one, understander.understand(one.text, now=_ANY_MOMENT).match) for one in examples if one.intents)
    return [
        (match.confidence, match.intent in one.intents) for one, match in matches if match and match.source == SOURCE
    ]


def platt(claims: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """(slope, offset) that make the probabilities likeliest, by Newton's method; (1, 0) for no claims."""
    if not claims:
        return 1.0, 0.0
    sure = np.clip([probability for probability, _ in claims], 1e-4, 1 - 1e-4)
    right = np.array([is_right for _, is_right in claims], np.float64)
    inputs = np.stack([np.log(sure / (1 - sure)), np.ones_like(sure)], axis=1)
    start = np.array([1.0, 0.0])
    weights = start
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (likely - right) + _RIDGE * (weights - start)
        curve = (inputs * (likely * (1 - likely))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        weights = weights - np.linalg.solve(curve, slope)
    return round(float(weights[0]), 4), round(float(weights[1]), 4)
