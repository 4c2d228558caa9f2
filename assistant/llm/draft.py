"""What the model would begin to answer, and how sure it was of each token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """One step of the model."""

    text: str
    log_probability: float
    """Of this token; natural logarithm."""
    likeliest: tuple[float, ...]
    """Log probabilities of the likeliest tokens at this place, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The beginning of an answer."""

    text: str
    tokens: tuple[Token, ...]
    finished: bool
    """Whether the answer ends here."""
