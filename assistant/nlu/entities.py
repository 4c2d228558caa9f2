"""Finds the values in an utterance before the grammar reads it, and puts marks in their place.

"set a timer for an hour and a half" becomes "set a timer for ʘd0" with `durations[0]` = 1 h 30 min, so templates say
{duration} instead of spelling out every number. There is one view of the text for each kind of value it holds: "in
two days" is a length for timers and a day for dates, and only the grammar knows which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from assistant.nlu.arithmetic import Arithmetic
from assistant.nlu.dates import Dates, Day
from assistant.nlu.durations import Duration, Durations
from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.periods import Periods
from assistant.nlu.tokens import Token, tokenise

MARK = "ʘ"
"""A letter (for word boundaries) of no language spoken to us; marks are MARK + kind + number."""
MAX_MARKS = 4

Value = Duration | Day | str
_Finder = Callable[[tuple[Token, ...], int], tuple[Value, int] | None]


@dataclass(frozen=True, slots=True)
class View:
    """The text with one kind of value marked."""

    text: str
    values: tuple[Value, ...]
    """What mark 0, 1 ... stands for."""


class Entities:
    """Reads durations, days and calculations in one language."""

    def __init__(self, language: Language) -> None:
        more, units = ("|".join(map(re.escape, language.words[name])) for name in ("more", "units"))
        self._more = re.compile(rf"\b({more}) ({units})\b")
        self._numbers = Numbers(language)
        self._durations = Durations(language, self._numbers)
        self._dates = Dates(language, self._numbers)
        self._periods = Periods(language, self._dates)
        self._arithmetic = Arithmetic(language, self._numbers)

    def views(self, text: str, today: date) -> list[View]:
        """The readings of a plain text, each with its marks; the first marks durations (or nothing)."""
        text = self._turned(text)
        tokens = tokenise(text)
        views = [
            self._marked(text, tokens, self._durations.at, "d"),
            self._marked(text, tokens, lambda items, index: self._dates.at(items, index, today), "t"),
            self._marked(text, tokens, self._arithmetic.at, "e"),
        ]
        return views[:1] + [view for view in views[1:] if view.values]

    def duration(self, text: str) -> Duration | None:
        """The only duration in a plain text."""
        values = self._marked(text, tokens := tokenise(text), self._durations.at, "d").values
        return values[0] if len(values) == 1 and tokens and isinstance(values[0], Duration) else None

    def expression(self, text: str) -> str | None:
        """The only calculation in a plain text."""
        values = self._marked(text, tokenise(text), self._arithmetic.at, "e").values
        return values[0] if len(values) == 1 and isinstance(values[0], str) else None

    def duration_in(self, text: str) -> Duration | None:
        """The first duration in a plain text."""
        return next((value for value in self._values(text, self._durations.at) if isinstance(value, Duration)), None)

    def expression_in(self, text: str) -> str | None:
        """The first calculation in a plain text."""
        return next((value for value in self._values(text, self._arithmetic.at) if isinstance(value, str)), None)

    def period_in(self, text: str, today: date) -> str | None:
        """The day or days that a plain text names, as `Periods` writes them."""
        return self._periods.read(text, today)

    def _values(self, text: str, find: _Finder) -> tuple[Value, ...]:
        text = self._turned(text)
        return self._marked(text, tokenise(text), find, "x").values

    def _turned(self, text: str) -> str:
        """Without marks, and "5 more minutes" as "5 minutes more"."""
        return self._more.sub(r"\2 \1", text.replace(MARK, ""))

    def is_number(self, text: str) -> bool:
        tokens = tokenise(text)
        number = self._numbers.at(tokens, 0)
        return number is not None and number[1] == len(tokens)

    @staticmethod
    def _marked(text: str, tokens: tuple[Token, ...], find: _Finder, kind: str) -> View:
        pieces: list[str] = []
        values: list[Value] = []
        done = index = 0
        while index < len(tokens) and len(values) < MAX_MARKS:
            found = find(tokens, index)
            if found is None:
                index += 1
                continue
            value, end = found
            mark = "r" if isinstance(value, Day) and value.relative else kind
            pieces += [text[done : tokens[index].start], f" {MARK}{mark}{len(values)} "]
            values.append(value)
            done, index = tokens[end - 1].end, end
        return View(" ".join("".join([*pieces, text[done:]]).split()), tuple(values))


_MARKS = re.compile(rf"{MARK}([drte])(\d)")


def has_mark(text: str) -> bool:
    return MARK in text


def spelled(view: View, units: tuple[str, str, str], joiner: str) -> str:
    """A duration view with its marks written in digits: the form other grammars read."""

    def digits(match: re.Match[str]) -> str:
        value = view.values[int(match[2])]
        return value.digits(units, joiner) if isinstance(value, Duration) else match[0]

    return _MARKS.sub(digits, view.text)
