"""Questions whose answers are known, and whether a text holds the right one.

Rows are `{"text", "answers", "kind"}`: any of the answers is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.evaluate.common import text_field
from assistant.evaluate.words import Normaliser

MAX_WORDS = 40
"""An answer further behind is none."""


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    answers: tuple[str, ...]
    kind: str


def read_asked(row: Mapping[str, Any], _: Path) -> Asked:
    """One row. Raises ValueError."""
    answers = row.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(each, str) and each for each in answers):
        raise ValueError("`answers` must be a list of texts")
    return Asked(text_field(row, "text"), tuple(answers), str(row.get("kind", "any")))


def is_right(said: str, answers: Sequence[str], normalise: Normaliser) -> bool:
    """Whether one of the answers is among the first words of what was said; numbers count as digits and as words."""
    words = f" {' '.join(normalise(said).split()[:MAX_WORDS])} "
    return any(f" {normalise(answer)} " in words for answer in answers)


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """The chance that a right answer scores higher than a wrong one (a tie counts half); None without either."""
    score, good = np.asarray(scores, float), np.asarray(right, bool)
    above, below = score[good], score[~good]
    if not len(above) or not len(below):
        return None
    wins = (above[:, None] > below[None]).mean() + 0.5 * (above[:, None] == below[None]).mean()
    return round(float(wins), 4)


def calibration_error(scores: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """Expected calibration error: how far confidence and accuracy are apart, over tenths, weighted; None of nothing."""
    if not len(scores):
        return None
    score, good = np.asarray(scores, float), np.asarray(right, float)
    tenth = np.minimum((score * bins).astype(int), bins - 1)
    apart = sum(abs(float((score - good)[tenth == each].sum())) for each in range(bins))
    return round(apart / len(score), 4)
