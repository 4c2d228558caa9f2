"""The weather of a day, and the port that knows it. Conditions are Home Assistant's (`sunny`, `rainy` ...)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Weather:
    """One day; temperatures in the unit that was configured."""

    condition: str
    low: float
    high: float
    rain: int | None = None
    """Probability of rain or snow in percent; None when nobody said."""
    now: float | None = None
    """The temperature at this moment; only of today."""


class WeatherPort(Protocol):
    """Where the weather comes from."""

    async def days(self) -> Mapping[date, Weather]:
        """Today and the days that are foreseen.

        Raises:
            HomeError: `weather-unset` when nothing is configured, `weather-offline` (retryable).
        """
