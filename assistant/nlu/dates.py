"""Days: "tomorrow", "in 10 days", "next monday", "march third", "christmas"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from dateutil.easter import easter

from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import Phrases, Token, tokenise

_LONGEST_MONTH = 31
_FURTHEST_DAYS = 366 * 400
_CENTURIES = frozenset({19, 20})
_YEARS = range(1950, 2100)
"""Years in words: "nineteen thirty" behind a day is rather a time."""


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    relative: bool
    """Said relative to today ("tomorrow", "in 10 days"), not by name."""


class Dates:
    """Finds days in one language."""

    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._numbers = numbers
        self._relative = Phrases(language.table("dates"))
        self._units: dict[str, int] = dict(language.table("date_units"))
        self._shifts = Phrases(language.table("day_shifts"))
        self._before, self._from = (str(language.words[name]) for name in ("date_before", "date_from"))
        self._articles = language.set("articles")
        self._before_day = language.set("date_articles")
        self._after = Phrases(language.list("date_after"))
        self._weekdays = {name: number for number, name in enumerate(language.list("weekdays"))}
        self._months = months_of(language)
        self._next, self._last = Phrases(language.list("next")), Phrases(language.list("last"))
        self._holidays = Phrases(language.table("holidays"))
        self._ordinals = Phrases(language.table("ordinals"))
        self._endings = language.set("ordinal_endings")
        self._of = str(language.words["of"])

    def at(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """(day, index behind it) of the one that starts at `index`."""
        try:
            return self._at(tokens, index, today)
        except (OverflowError, ValueError):
            return None  # beyond the calendar

    def day_of_month_at(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """The next day of that number, today included, when an ordinal starts at `index`: "(on the) fifteenth"."""
        found = self._ordinal(tokens, index)
        if found is None or not 1 <= found[0] <= _LONGEST_MONTH:
            return None
        day = today
        while day.day != found[0]:
            day += timedelta(days=1)
        return Day(day, relative=False), found[1]

    def yearly_at(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """The next time of a day that every year has: "(every) june third", "(every) christmas"."""
        try:
            return self._holiday(tokens, index, today) or self._named(tokens, index, today)
        except (OverflowError, ValueError):
            return None

    def _at(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        relative = self._relative.at(tokens, index)
        if relative:
            return Day(today + timedelta(days=relative[0]), relative=True), relative[1]
        if shift := self._shifts.at(tokens, index):
            beside = self._at(tokens, shift[1], today)
            return (Day(beside[0].date + timedelta(days=shift[0]), relative=False), beside[1]) if beside else None
        return (
            self._counted(tokens, index, today)
            or self._weekday_of_month(tokens, index, today)
            or self._weekday(tokens, index, today)
            or self._holiday(tokens, index, today)
            or self._named(tokens, index, today)
        )

    def _counted(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """In 10 days, a week from now, two weeks from monday."""
        before = self._word(tokens, index) == self._before
        start = index + before
        article = self._word(tokens, start) in self._articles
        number = (Fraction(1), start + 1) if article else self._numbers.at(tokens, start)
        if number is None or number[0].denominator > 1:
            return None
        end = number[1] + 1
        days = int(number[0]) * self._units.get(self._word(tokens, number[1]), 0)
        if not 0 < days <= _FURTHEST_DAYS:
            return None
        if after := self._after.at(tokens, end):
            return Day(today + timedelta(days=days), relative=True), after[1]
        if self._word(tokens, end) == self._from and (first := self._at(tokens, end + 1, today)):
            return Day(first[0].date + timedelta(days=days), relative=False), first[1]
        told = before and not (article and days == 1)  # how many hours there are in a day
        return (Day(today + timedelta(days=days), relative=True), end) if told else None

    def _weekday(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """The nearest one after today; with "last", before today."""
        back = self._last.at(tokens, index)
        ahead = self._next.at(tokens, index)
        start = (back or ahead or (None, index))[1]
        weekday = self._weekdays.get(self._word(tokens, start))
        if weekday is None:
            return None
        days = (weekday - today.weekday() - 1) % 7 + 1
        return Day(today + timedelta(days=days - 7 - 7 * (days == 7) if back else days), relative=False), start + 1

    def _weekday_of_month(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """The second monday of march, the last friday in may: the next one, today included."""
        start = index + (self._word(tokens, index) in self._before_day)
        last = self._last.at(tokens, start)
        number = (-1, last[1]) if last else self._ordinal(tokens, start)
        weekday = self._weekdays.get(self._word(tokens, number[1])) if number else None
        if number is None or weekday is None or self._word(tokens, number[1] + 1) not in {self._of, self._before}:
            return None
        month = self._months.get(self._word(tokens, number[1] + 2))
        if not month:
            return None
        for year in (today.year, today.year + 1):
            first = date(year, month, 1)
            days = [first + timedelta(days=day) for day in range(_LONGEST_MONTH)]
            fitting = [day for day in days if day.month == month and day.weekday() == weekday]
            if not -1 <= number[0] <= len(fitting):
                return None
            found = fitting[number[0] - (number[0] > 0)]
            if found >= today:
                return Day(found, relative=False), number[1] + 3
        return None

    def _holiday(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """Christmas; easter in 2030."""
        found = self._holidays.at(tokens, index)
        if found is None:
            return None
        holiday, end = found
        year = self._year(tokens, end + (self._word(tokens, end) == self._before))
        day = self._next_of(holiday, date(year[0], 1, 1) if year else today)
        return (day, year[1] if year else end) if day else None

    def _next_of(self, holiday: Any, today: date) -> Day | None:
        """The next time of a holiday, as the language has it: a month and a day, "the last monday of may", or how many
        days it is from Easter Sunday."""
        if isinstance(holiday, str):
            found = self._weekday_of_month(tokenise(holiday), 0, today)
            return found[0] if found else None
        if isinstance(holiday, int):
            days = (easter(year) + timedelta(days=holiday) for year in (today.year, today.year + 1))
            return Day(next(day for day in days if day >= today), relative=False)
        return _on(today, *holiday)

    def _named(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """March third, march 3rd, the 3rd of march, third march; with a year behind it."""
        month = self._months.get(self._word(tokens, index))
        start = index + 1 if month else index
        start += self._word(tokens, start) in self._before_day
        found = self._ordinal(tokens, start) or (self._cardinal(tokens, start) if month else None)
        if found is None:
            return None
        number, end = found
        if not month:
            end += self._word(tokens, end) == self._of
            month = self._months.get(self._word(tokens, end))
            end += 1
        if not month:
            return None
        year = self._year(tokens, end)
        try:
            if year:
                return Day(date(year[0], month, number), relative=False), year[1]
            return _on(today, month, number), end
        except ValueError:
            return None  # no such day

    def _year(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """2017, two thousand and seventeen, twenty seventeen."""
        digits = self._word(tokens, index)
        if len(digits) == 4 and digits.isdecimal() and 1 <= int(digits) <= 9998:
            return int(digits), index + 1
        found = None if digits.isdecimal() else self._numbers.at(tokens, index)
        if found is None or found[0].denominator > 1:
            return None
        whole, end = int(found[0]), found[1]
        if whole in _CENTURIES and (rest := self._numbers.at(tokens, end)) and rest[0].denominator == 1:
            whole, end = whole * 100 + int(rest[0]), rest[1]
        return (whole, end) if whole in _YEARS else None

    def _ordinal(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        word = self._word(tokens, index)
        if word.isdecimal() and len(word) <= 2 and self._word(tokens, index + 1) in self._endings:
            return int(word), index + 2
        found = self._ordinals.at(tokens, index)
        return (int(found[0]), found[1]) if found else None

    def _cardinal(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        number = self._numbers.at(tokens, index)
        if number is None or number[0].denominator > 1 or not 1 <= number[0] <= 31:
            return None
        return int(number[0]), number[1]

    @staticmethod
    def _word(tokens: tuple[Token, ...], index: int) -> str:
        return tokens[index].text if 0 <= index < len(tokens) else ""


def months_of(language: Language) -> dict[str, int]:
    """The months by their names, short ones too."""
    months = {name: number for number, name in enumerate(language.list("months"), 1)}
    return {**months, **language.table("months_short")}


def _on(today: date, month: int, number: int) -> Day:
    """The next time that day comes, today included. Raises ValueError when no year has it."""
    for year in range(today.year, min(today.year + 9, 9999)):
        if (month, number) == (2, 29) and not (year % 4 == 0 and (year % 100 or year % 400 == 0)):
            continue
        day = date(year, month, number)
        if day >= today:
            return Day(day, relative=False)
    raise ValueError("no such day")
