"""The ways to transcribe that `assistant models choose` measures: which first, and what one will take. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_THREADS = 4
_SLOWER_TYPE = 4.0
"""How much longer than int8 another compute type may take, at worst."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to transcribe."""

    model: str
    compute_type: str
    threads: int

    def __str__(self) -> str:
        return f"{self.model} {self.compute_type}, {self.threads} thread{'s' if self.threads > 1 else ''}"


def plan(models: Sequence[str], compute_types: Sequence[str], cores: int) -> list[Way]:
    """Every way to transcribe, the most telling first: each model as fast as it gets, then with fewer threads, then the
    other compute types."""
    most = min(cores, MOST_THREADS)
    counts = [most, *sorted(range(1, most), key=lambda count: abs(count - most / 2))]
    first, *others = compute_types
    rounds = [
        *((first, count) for count in counts),
        *((kind, count) for count in counts for kind in others),
    ]
    return [Way(model, kind, count) for kind, count in rounds for model in models]


def expected_s(way: Way, took_s: Mapping[Way, float], weights: Mapping[str, int]) -> float | None:
    """How long measuring a way takes at worst, judged by the ones that were measured; None when nothing tells.

    `weights` are the sizes that models have beside each other.
    """
    guesses = []
    for other, seconds in took_s.items():
        guess = seconds * max(1.0, other.threads / way.threads)
        guess *= _SLOWER_TYPE if way.compute_type != other.compute_type and other.compute_type == "int8" else 1.0
        if way.model != other.model:
            guess *= max(1.0, weights.get(way.model, 0) / max(1, weights.get(other.model, 0))) ** 1.5
        guesses.append((way.model != other.model, way.compute_type != other.compute_type, guess))
    return min(guesses)[2] if guesses else None
