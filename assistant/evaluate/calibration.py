"""`assistant eval calibration`: is the break found where it is? Simulated users whose edge's quality is known.

Each run draws `utterances` confidences, evenly or mostly high as a good understander's are, and replies that are right
with a probability that falls at a known confidence: in a step, or in a logistic curve of width 0.05.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from assistant.dialog.calibrate import Floats, Sample, bars, calibrate, step
from assistant.errors import EvaluateError
from assistant.evaluate.common import Report, RowResult, percentile, ratio

SHAPES = ("step", "logistic")
SPREADS = ("even", "skewed")
WIDTH = 0.05
LOW, HIGH = 0.35, 0.95
LOWEST = 0.3
"""`nlu.reject_threshold`: below it no skill claims anything."""
NEAR = 0.03


@dataclass(frozen=True, slots=True)
class Users:
    """What simulated users got, and what was true."""

    shape: str
    spread: str
    middle: float
    confidence: Floats
    agreement: Floats
    """Probability that the reply was right, of each utterance."""
    right: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """How one run came out."""

    off: float
    """How far the proposed threshold is from the true break."""
    step_off: float
    """The same of the likeliest step."""
    covered: bool
    """Every error bar holds its truth."""
    held: bool
    """The break's interval holds the true one."""


def simulated(shape: str, spread: str, seed: int, utterances: int = 2_000) -> Users:
    """Users whose edge falls off somewhere between 0.6 and 0.85."""
    random = np.random.default_rng(seed)
    middle = float(random.uniform(0.6, 0.85))
    drawn = random.uniform(0, 1, utterances) if spread == "even" else random.beta(2.2, 1.0, utterances)
    confidence: Floats = LOWEST + (1 - LOWEST) * drawn
    width = WIDTH if shape == "logistic" else 1e-6
    agreement = LOW + (HIGH - LOW) / (1 + np.exp(np.clip((middle - confidence) / width, -60, 60)))
    right = (random.random(utterances) < agreement).astype(np.float64)
    return Users(shape, spread, middle, confidence, agreement, right)


def measured(users: Users) -> Found:
    """Calibrate on what these users got. Raises EvaluateError."""
    pairs = zip(users.confidence, users.right, strict=True)
    found = calibrate([Sample(float(sure), bool(right)) for sure, right in pairs], threshold=0.85)
    covered = all(
        bar.at_least <= float(users.agreement[_within(users.confidence, bar.lowest, bar.highest)].mean()) <= bar.at_most
        for bar in bars(users.confidence, users.right)
    )
    return Found(
        off=abs(found.threshold - users.middle),
        step_off=abs(step(users.confidence, users.right) - users.middle),
        covered=covered,
        held=found.found.at_least <= users.middle <= found.found.at_most,
    )


def run_calibration(runs: int, utterances: int, seed: int, *, progress: bool = True) -> Report:
    """So many runs of each shape and spread."""
    results = []
    figures: dict[str, float | int | str | None] = {"utterances": utterances, "runs": runs}
    for shape, spread in ((shape, spread) for shape in SHAPES for spread in SPREADS):
        found = list(_runs(shape, spread, range(seed, seed + runs), utterances, progress=progress))
        known = [each for each in found if each is not None]
        name = f"{shape}_{spread}"
        figures |= {
            f"{name}_near": ratio(sum(each.off <= NEAR for each in known), runs),
            f"{name}_off_p50": round(median(each.off for each in known), 4) if known else None,
            f"{name}_off_p95": percentile([each.off for each in known], 95),
            f"{name}_step_near": ratio(sum(each.step_off <= NEAR for each in known), runs),
            f"{name}_covered": ratio(sum(each.covered for each in known), runs),
            f"{name}_held": ratio(sum(each.held for each in known), runs),
        }
        results += [
            RowResult({"users": name, "seed": seed + at}, each and round(each.off, 4), None)
            for at, each in enumerate(found)
        ]
    return Report("calibration", len(results), figures, (), tuple(results))


def _runs(shape: str, spread: str, seeds: range, utterances: int, *, progress: bool) -> Iterator[Found | None]:
    """None where no break was found."""
    console = Console(stderr=True)
    for seed in track(seeds, f"{shape}, {spread}", console=console, transient=True, disable=not progress):
        try:
            yield measured(simulated(shape, spread, seed, utterances))
        except EvaluateError:
            yield None


def _within(confidence: Floats, lowest: float, highest: float) -> NDArray[np.bool_]:
    return (confidence >= lowest) & (confidence <= highest)
