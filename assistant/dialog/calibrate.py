"""Where the edge's confidence stops being worth it: agreement by confidence, its break, a threshold. Pure statistics.

Agreement is the share of the edge's replies that were right. The break is the middle of where it falls: a logistic
curve between two levels, `low + (high - low) / (1 + exp(-(confidence - middle) / width))`, fitted by maximum
likelihood. Why not simply the step that fits best, as a curve that falls slowly has a middle too: on simulated users
a step is as good where the truth is one, and off to the crowded side where it isn't (`assistant eval
calibration` prints both).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import EvaluateError
from assistant.records import Aftermath, Route, Verdict

MIN_UTTERANCES = 200
MIN_OF_EACH = 20
"""Right replies, and wrong ones, without which nothing can be said."""
BINS = 8
COVERAGE = 0.95
"""The error bars hold the truth this often, all of them together."""
MIN_GAIN = 8.0
"""By how much the curve must fit better than a constant (log-likelihood): with three parameters more, chance alone does
so once in a thousand times."""
MIN_FALL = 0.1
"""How far agreement must fall for a break to be worth the name."""
_WIDTHS = (0.002, 0.01, 0.02, 0.035, 0.05, 0.07, 0.1, 0.13)
_MIDDLES = 151
_EDGE_SHARE = 0.01
"""A break lies within the confidences seen, not among their outermost."""
_ASKED_BACK = "ask-back"
_COMPLAINTS = frozenset({Aftermath.REPEATED, Aftermath.CORRECTED, Aftermath.DENIED})

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One reply of the edge's."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """Agreement of the replies with about that confidence."""

    confidence: float
    """Their mean."""
    lowest: float
    highest: float
    """Their confidences' bounds."""
    agreement: float
    at_least: float
    at_most: float
    n: int


@dataclass(frozen=True, slots=True)
class Break:
    middle: float
    width: float
    low: float
    high: float
    at_least: float
    at_most: float
    """The middle lies in between, about 95 times of 100."""


@dataclass(frozen=True, slots=True)
class Calibration:
    n: int
    bars: tuple[Bar, ...]
    found: Break
    threshold: float
    """To be set: the break, rounded up to the next half hundredth."""
    kept: float
    """Share of what the edge claims that it then does without asking."""
    agreement_kept: float
    """Agreement of these."""
    kept_before: float
    """The same share with the threshold in force."""


def samples(routes: Iterable[Route], *, signals: bool = False) -> list[Sample]:
    """What the ledger knows of the edge's replies.

    A complaint of the user's outweighs the grader, and a "yes" to our question whether we got it right counts. With
    `signals`, a reply that was neither graded nor complained about counts as right: people are polite, so that is less
    sure, but needs no cloud.
    """
    found = []
    for route in routes:
        right = _was_right(route, signals=signals)
        if right is not None:
            found.append(Sample(route.confidence, right))
    return found


def calibrate(found: Sequence[Sample], threshold: float) -> Calibration:
    """The break in these, and the threshold to set; `threshold` is the one in force.

    Raises:
        EvaluateError: `calibration-data`, with what is missing; `calibration-break`, there is none.
    """
    _check(found)
    confidence = np.array([each.confidence for each in found])
    right = np.array([each.right for each in found], dtype=np.float64)
    fitted = fit_break(confidence, right)
    wanted = min(1.0, math.ceil(round(fitted.middle, 4) * 200) / 200)
    above = confidence >= wanted
    return Calibration(
        n=len(found),
        bars=bars(confidence, right),
        found=fitted,
        threshold=wanted,
        kept=float(above.mean()),
        agreement_kept=float(right[above].mean()) if above.any() else 0.0,
        kept_before=float((confidence >= threshold).mean()),
    )


def bars(confidence: Floats, right: Floats, bins: int = BINS) -> tuple[Bar, ...]:
    """Agreement in bins of about equally many replies; equal confidences stay together.

    Wilson's intervals, widened (Bonferroni) so that COVERAGE holds for all at once.
    """
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    wanted = [round(len(order) * at / bins) for at in range(1, bins)]
    edges = sorted({0, len(order), *(int(np.searchsorted(confidence, confidence[at])) for at in wanted)})
    z = NormalDist().inv_cdf(1 - (1 - COVERAGE) / (2 * (len(edges) - 1)))
    found = []
    for begin, end in itertools.pairwise(edges):
        n, share = end - begin, float(right[begin:end].mean())
        at_least, at_most = wilson(share, n, z)
        lowest, highest = float(confidence[begin]), float(confidence[end - 1])
        mean = float(confidence[begin:end].mean())
        found.append(Bar(mean, lowest, highest, share, at_least, at_most, n))
    return tuple(found)


def wilson(share: float, n: int, z: float) -> tuple[float, float]:
    """Wilson's interval of a share of `n` trials, `z` standard errors wide."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def fit_break(confidence: Floats, right: Floats) -> Break:
    """The likeliest curve, and how far its middle may be off (profile likelihood).

    Raises:
        EvaluateError: `calibration-break`.
    """
    lowest, highest = np.quantile(confidence, (_EDGE_SHARE, 1 - _EDGE_SHARE))
    middles, spacing = np.linspace(lowest, highest, _MIDDLES, retstep=True)
    at_confidence, place = np.unique(np.round(confidence, 3), return_inverse=True)
    n, hits = np.bincount(place).astype(np.float64), np.bincount(place, right).astype(np.float64)
    best: tuple[float, float, float, float, float] | None = None
    profile = np.full(len(middles), -np.inf)
    for width in _WIDTHS:
        for at, middle in enumerate(middles):
            likelihood, low, high = _levels(_rise(at_confidence, middle, width), n, hits)
            profile[at] = max(profile[at], likelihood)
            if high > low and (best is None or likelihood > best[0]):
                best = likelihood, float(middle), width, low, high
    share = min(max(float(right.mean()), 1e-9), 1 - 1e-9)
    constant = len(right) * (share * math.log(share) + (1 - share) * math.log(1 - share))
    if best is None or best[0] - constant < MIN_GAIN or best[4] - best[3] < MIN_FALL:
        raise EvaluateError(
            "calibration-break",
            "agreement doesn't fall with confidence, so there is no break to set a threshold at",
            hint="The threshold in force is as good as any; look again when more was said.",
        )
    likely = middles[profile >= best[0] - 1.92]  # half of chi square's 95 % quantile
    return Break(best[1], best[2], best[3], best[4], float(likely[0] - spacing), float(likely[-1] + spacing))


def step(confidence: Floats, right: Floats) -> float:
    """Where the likeliest step lies; for comparing."""
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    n = len(right)
    below = np.arange(1, n)
    hits = np.cumsum(right)[:-1]
    likelihood = _log(hits, below) + _log(right.sum() - hits, n - below)
    edge = max(1, round(n * _EDGE_SHARE))
    at = edge + int(np.argmax(likelihood[edge : n - edge]))
    return float((confidence[at] + confidence[at + 1]) / 2)


def _was_right(route: Route, *, signals: bool) -> bool | None:
    """None where nobody knows."""
    entry = route.entry
    if route.layer != "edge" or not route.confidence:
        return None
    if route.reason == _ASKED_BACK:  # only whether we got it right was asked; what was missing tells nothing
        known = {Aftermath.CONFIRMED: True, Aftermath.DENIED: False}
        return None if entry.missing else known.get(entry.aftermath)
    if entry.aftermath in _COMPLAINTS:
        return False if signals or entry.verdict not in {Verdict.NONE, Verdict.UNRATED} else None
    if entry.verdict in {Verdict.SAME, Verdict.EDGE}:
        return True
    if entry.verdict is Verdict.CLOUD:
        return False
    return True if signals and route.outcome == "answered" else None


def _check(found: Sequence[Sample]) -> None:
    right = sum(each.right for each in found)
    missing = []
    if len(found) < MIN_UTTERANCES:
        missing.append(f"{MIN_UTTERANCES - len(found)} judged replies (there are {len(found)})")
    if right < MIN_OF_EACH:
        missing.append(f"{MIN_OF_EACH - right} more that were right")
    if len(found) - right < MIN_OF_EACH:
        missing.append(f"{MIN_OF_EACH - (len(found) - right)} more that were wrong")
    if missing:
        raise EvaluateError(
            "calibration-data",
            f"too little is known to set a threshold; missing: {', '.join(missing)}",
            hint="Set calibration.enabled = true and go on as usual, or count the user's own reactions with --signals.",
        )


def _rise(confidence: Floats, middle: float, width: float) -> Floats:
    return 1.0 / (1.0 + np.exp(np.clip((middle - confidence) / width, -60.0, 60.0)))


def _levels(rise: Floats, n: Floats, hits: Floats) -> tuple[float, float, float]:
    """(log-likelihood, low, high) of the best levels around a rise: a few steps of Fisher's scoring.

    `n` replies of each confidence, `hits` of them right.
    """
    fall = 1.0 - rise
    low = _clipped((fall @ hits) / max(float(fall @ n), 1e-9))
    high = _clipped((rise @ hits) / max(float(rise @ n), 1e-9))
    for _ in range(4):
        p = np.clip(low * fall + high * rise, 1e-6, 1 - 1e-6)
        weight = 1.0 / (p * (1.0 - p))
        a, b, c = (weight * n) @ (fall * fall), (weight * n) @ (fall * rise), (weight * n) @ (rise * rise)
        u, v = (weight * hits) @ fall, (weight * hits) @ rise
        determinant = a * c - b * b
        if determinant < 1e-9:
            break
        low, high = _clipped((c * u - b * v) / determinant), _clipped((a * v - b * u) / determinant)
    p = np.clip(low * fall + high * rise, 1e-6, 1 - 1e-6)
    return float(hits @ np.log(p) + (n - hits) @ np.log(1.0 - p)), low, high


def _clipped(level: Any) -> float:
    return min(max(float(level), 0.005), 0.995)


def _log(hits: Floats, n: NDArray[np.int64]) -> Floats:
    """Log-likelihood of so many hits at their own share."""
    share = np.clip(hits / n, 1e-9, 1 - 1e-9)
    return np.asarray(hits * np.log(share) + (n - hits) * np.log(1 - share))
