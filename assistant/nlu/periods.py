"""The day, or the stretch of days, that a piece of text names, when it is known to name one.

Days are ISO dates; a week is `2026-W48`, its weekend `2026-W48-WE`, a month `2026-11`, a year `2026` (ISO 8601, and
TimeML's TIMEX3 for the weekend). A bare ordinal is the next day of the month with that number.
"""

from __future__ import annotations

from datetime import date, timedelta

from assistant.nlu.dates import Dates, months_of
from assistant.nlu.language import Language
from assistant.nlu.tokens import Phrases, Token, tokenise


class Periods:
    """Reads them in one language."""

    def __init__(self, language: Language, dates: Dates) -> None:
        self._dates = dates
        self._units = Phrases(language.table("periods"))
        self._steps = Phrases(language.table("period_steps"))
        self._ordinals = Phrases(language.table("ordinals"))
        self._months = months_of(language)
        self._weekdays = frozenset(language.list("weekdays"))
        self._endings = language.list("word_endings")

    def read(self, text: str, today: date) -> str | None:
        """What a plain text names; None when it names neither a day nor a stretch of days."""
        tokens = tokenise(" ".join(self._bare(word) for word in text.split()))
        for index in range(len(tokens)):
            day = self._dates.at(tokens, index, today)
            if day:
                return day[0].date.isoformat()
        try:
            return self._stretch(tokens, today) or self._month(tokens, today) or self._ordinal(tokens, today)
        except (OverflowError, ValueError):
            return None  # beyond the calendar

    def _bare(self, word: str) -> str:
        """A weekday without what says that it is several, or whose: "tuesday's", "mondays"."""
        for ending in self._endings:
            if word.endswith(ending) and word.removesuffix(ending) in self._weekdays:
                return word.removesuffix(ending)
        return word

    def _stretch(self, tokens: tuple[Token, ...], today: date) -> str | None:
        step = 0
        for index in range(len(tokens)):
            unit = self._units.at(tokens, index)
            if unit:
                return _period(str(unit[0]), today, step)
            found = self._steps.at(tokens, index)
            step = int(found[0]) if found else step
        return None

    def _month(self, tokens: tuple[Token, ...], today: date) -> str | None:
        number = next((self._months[token.text] for token in tokens if token.text in self._months), 0)
        return f"{today.year + (number < today.month)}-{number:02}" if number else None

    def _ordinal(self, tokens: tuple[Token, ...], today: date) -> str | None:
        for index in range(len(tokens)):
            found = self._ordinals.at(tokens, index)
            if found and found[1] == len(tokens):
                day = today
                while day.day != found[0]:
                    day += timedelta(days=1)
                return day.isoformat()
        return None


def _period(unit: str, today: date, step: int) -> str:
    if unit == "year":
        return str(today.year + step)
    if unit == "month":
        months = today.year * 12 + today.month - 1 + step
        return f"{months // 12}-{months % 12 + 1:02}"
    year, week, _ = (today + timedelta(weeks=step)).isocalendar()
    return f"{year}-W{week:02}" + ("-WE" if unit == "weekend" else "")
