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
from typing import Any

from assistant.nlu.arithmetic import Arithmetic
from assistant.nlu.dates import Dates, Day
from assistant.nlu.durations import Duration, Durations
from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.periods import Periods
from assistant.nlu.targets import HomeNames, Target
from assistant.nlu.tokens import Phrases, Token, tokenise

MARK = "ʘ"
"""A letter (for word boundaries) of no language spoken to us; marks are MARK + kind + number."""
MAX_MARKS = 4


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit: `percent`, `degrees`, `celsius`, `fahrenheit`, or empty for none."""

    value: float
    unit: str

    @property
    def number(self) -> int | float:
        """As a slot has it: whole where it is."""
        return int(self.value) if self.value.is_integer() else self.value


Value = Duration | Day | Target | Amount | str
_Counter = Callable[[tuple[Token, ...], int], tuple[Any, int] | None]
_Finder = Callable[[tuple[Token, ...], int], tuple[Value, int] | None]


@dataclass(frozen=True, slots=True)
class View:
    """The text with one kind of value marked."""

    text: str
    values: tuple[Value, ...]
    """What mark 0, 1 ... stands for."""
    said: tuple[str, ...] = ()
    """The words in whose place mark 0, 1 ... stands."""

    def in_words(self, text: str) -> str:
        """A part of the text as it was said."""
        return _MARKS.sub(lambda mark: self.said[int(mark[2])] if int(mark[2]) < len(self.said) else "", text)


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
        self._amounts = Phrases(language.table("amounts"))
        self._negative = Phrases(language.list("negative"))
        self._amount_units = Phrases(language.table("amount_units"))

    def views(self, text: str, today: date, home: HomeNames | None = None) -> list[View]:
        """The readings of a plain text, each with its marks; the first marks durations (or nothing)."""
        text = self._turned(text)
        tokens = tokenise(text)
        views = [
            self._marked(text, tokens, self._durations.at, "d"),
            self._marked(text, tokens, lambda items, index: self._dates.at(items, index, today), "t"),
            self._marked(text, tokens, self._arithmetic.at, "e"),
        ]
        views.append(self._marked(text, tokens, lambda items, index: self._in_home(items, index, home), "h"))
        views = views[:1] + [view for view in views[1:] if view.values]
        return [*views, View(text, ())] if views[0].values else views  # "how many seconds are in a day"

    def duration(self, text: str) -> Duration | None:
        """The only duration in a plain text."""
        values = self._marked(text, tokens := tokenise(text), self._durations.at, "d").values
        return values[0] if len(values) == 1 and tokens and isinstance(values[0], Duration) else None

    def whole_duration(self, text: str) -> Duration | None:
        """The duration that a plain text is."""
        tokens = tokenise(text)
        found = self._durations.at(tokens, 0) if tokens else None
        return found[0] if found and found[1] == len(tokens) else None

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

    def amount(self, text: str) -> Amount | None:
        """The amount that a plain text is."""
        tokens = tokenise(text)
        found = self._amount(tokens, 0, self._count) if tokens else None
        return found[0] if found and found[1] == len(tokens) else None

    def amount_in(self, text: str) -> Amount | None:
        """The first amount in a plain text: of those in numbers, else of those in words ("half")."""
        tokens = tokenise(text)
        for find in (self._numbers.at, self._amounts.at):
            for index in range(len(tokens)):
                if found := self._amount(tokens, index, find):
                    return found[0]
        return None

    def _in_home(self, tokens: tuple[Token, ...], index: int, home: HomeNames | None) -> tuple[Value, int] | None:
        return (home.at(tokens, index) if home else None) or self._amount(tokens, index, self._count)

    def _amount(self, tokens: tuple[Token, ...], index: int, find: _Counter) -> tuple[Amount, int] | None:
        found = find(tokens, index)
        if found is None:
            return None
        unit = self._amount_units.at(tokens, found[1])
        return Amount(float(found[0]), unit[0] if unit else ""), unit[1] if unit else found[1]

    def _count(self, tokens: tuple[Token, ...], index: int) -> tuple[Any, int] | None:
        if below := self._negative.at(tokens, index):
            number = self._numbers.at(tokens, below[1])
            return (-number[0], number[1]) if number else None
        return self._numbers.at(tokens, index) or self._amounts.at(tokens, index)

    def is_number(self, text: str) -> bool:
        tokens = tokenise(text)
        number = self._numbers.at(tokens, 0)
        return number is not None and number[1] == len(tokens)

    @staticmethod
    def _marked(text: str, tokens: tuple[Token, ...], find: _Finder, kind: str) -> View:
        pieces: list[str] = []
        values: list[Value] = []
        said: list[str] = []
        done = index = 0
        while index < len(tokens) and len(values) < MAX_MARKS:
            found = find(tokens, index)
            if found is None:
                index += 1
                continue
            value, end = found
            mark = (
                "r"
                if isinstance(value, Day) and value.relative
                else _amount_kind(value)
                if isinstance(value, Amount)
                else kind
            )
            pieces += [text[done : tokens[index].start], f" {MARK}{mark}{len(values)} "]
            values.append(value)
            said.append(text[tokens[index].start : tokens[end - 1].end])
            done, index = tokens[end - 1].end, end
        return View(" ".join("".join([*pieces, text[done:]]).split()), tuple(values), tuple(said))


_MARKS = re.compile(rf"{MARK}([drtehnp])(\d)")


def _amount_kind(amount: Amount) -> str:
    return "p" if amount.unit else "n"


def has_mark(text: str) -> bool:
    return MARK in text


def spelled(view: View, units: tuple[str, str, str], joiner: str) -> str:
    """A duration view with its marks written in digits: the form other grammars read."""

    def digits(match: re.Match[str]) -> str:
        value = view.values[int(match[2])]
        return value.digits(units, joiner) if isinstance(value, Duration) else match[0]

    return _MARKS.sub(digits, view.text)
