"""Lengths of time: "10 minutes", "an hour and a half", "1 hour 20", "half an hour", "5:30", "90 seconds"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import Phrases, Token

_HOUR_S, _MINUTE_S = 3600, 60


@dataclass(frozen=True, slots=True)
class Duration:
    """Split as it was said, in whole numbers: 90 seconds stay 90 seconds, 1.5 hours are 1 hour 30 minutes."""

    hours: int = 0
    minutes: int = 0
    seconds: int = 0

    def slots(self, prefix: str = "") -> dict[str, int]:
        """The parts that aren't zero; none for no time at all."""
        parts = {"hours": self.hours, "minutes": self.minutes, "seconds": self.seconds}
        return {f"{prefix}{name}": value for name, value in parts.items() if value}

    def digits(self, units: tuple[str, str, str], joiner: str) -> str:
        """As digits and unit words: "1 hours and 20 minutes"."""
        values = zip((self.hours, self.minutes, self.seconds), units, strict=True)
        return f" {joiner} ".join(f"{value} {unit}" for value, unit in values if value)


class Durations:
    """Finds lengths of time in one language."""

    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._numbers = numbers
        self._units: dict[str, int] = dict(language.table("units"))
        self._articles = language.set("articles")
        self._joiner = str(language.words["joiner"])
        self._of = str(language.words["of"])
        self._clock_marks = Phrases(language.list("clock_marks"))

    def at(self, tokens: tuple[Token, ...], index: int) -> tuple[Duration, int] | None:
        """(length, index behind it) of the longest one that starts at `index`."""
        clock = self._clock(tokens, index)
        if clock:
            return clock
        parts: list[tuple[int, Fraction]] = []
        end = index
        while True:
            step = end
            while parts and self._word(tokens, step) in {self._joiner, ",", "-"}:
                step += 1
            part = self._part(tokens, step, parts[-1][0] if parts else 0)
            if part is None:
                break
            unit_s, value, end = part
            parts.append((unit_s, value))
        return (_split(parts), end) if parts else None

    def _part(self, tokens: tuple[Token, ...], index: int, above_s: int) -> tuple[int, Fraction, int] | None:
        """(seconds in the unit, how many of it, index behind) smaller than the unit `above_s` before it, if any."""
        number = self._count(tokens, index)
        if number is None:
            return None
        value, end = number
        while self._word(tokens, end) == "-":
            end += 1
        unit_s = self._units.get(self._word(tokens, end), 0)
        if not unit_s:
            return self._bare(tokens, index, above_s)
        if above_s and unit_s >= above_s:
            return None
        end += 1
        if self._word(tokens, end) == self._joiner:
            half = self._numbers.fraction_at(tokens, end + 1)
            if half and half[0] < 1 and self._word(tokens, half[1]) not in {*self._units, self._of, *self._articles}:
                return unit_s, value + half[0], half[1]
        return unit_s, value, end

    def _count(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """How many: a number, an article ("an hour", not "a second timer"), "half an", "three quarters of an"."""
        part = self._numbers.fraction_at(tokens, index) or self._numbers.slashed_at(tokens, index)
        if part:
            value, end = part
            end += self._word(tokens, end) == self._of
            end += self._word(tokens, end) in self._articles
            if self._word(tokens, end) in self._units:
                return value, end
        number = self._numbers.at(tokens, index)
        if number:
            return number
        unit_s = self._units.get(self._word(tokens, index + 1), 0)
        if self._word(tokens, index) in self._articles and unit_s > 1 and len(self._word(tokens, index + 1)) > 1:
            return Fraction(1), index + 1
        return None

    def _bare(self, tokens: tuple[Token, ...], index: int, above_s: int) -> tuple[int, Fraction, int] | None:
        """A number without unit behind hours or minutes: "an hour twenty"."""
        number = self._numbers.at(tokens, index)
        if number is None or above_s not in {_HOUR_S, _MINUTE_S} or self._word(tokens, index - 1) == self._joiner:
            return None
        value, end = number
        if not 0 < value < 60 or value.denominator > 1:
            return None
        return above_s // 60, value, end

    def _clock(self, tokens: tuple[Token, ...], index: int) -> tuple[Duration, int] | None:
        """Minutes and seconds as "5:30", hours, minutes and seconds as "1:30:00"; no time of day ("5:30 pm")."""
        values: list[int] = []
        end = index
        while len(values) < 3 and self._word(tokens, end).isdecimal() and len(self._word(tokens, end)) <= 3:
            values.append(int(tokens[end].text))
            end += 1
            if self._word(tokens, end) != ":":
                break
            end += 1
        if len(values) < 2 or any(value > 59 for value in values[1:]) or self._word(tokens, end - 1) == ":":
            return None
        if self._clock_marks.at(tokens, end):
            return None
        hours, minutes, seconds = values if len(values) == 3 else (0, *values)
        return Duration(hours, minutes, seconds), end

    @staticmethod
    def _word(tokens: tuple[Token, ...], index: int) -> str:
        return tokens[index].text if 0 <= index < len(tokens) else ""


def _split(parts: list[tuple[int, Fraction]]) -> Duration:
    """Whole hours, minutes and seconds; what is left of a unit goes into the next smaller one, a second is rounded."""
    found = {_HOUR_S: Fraction(0), _MINUTE_S: Fraction(0), 1: Fraction(0)}
    for unit_s, value in parts:
        unit = min(unit_s, _HOUR_S)
        found[unit] += value * (unit_s // unit)
    for unit, smaller in ((_HOUR_S, _MINUTE_S), (_MINUTE_S, 1)):
        rest = found[unit] - math.floor(found[unit])
        found[unit] -= rest
        found[smaller] += rest * (unit // smaller)
    return Duration(int(found[_HOUR_S]), int(found[_MINUTE_S]), round(found[1]))
