"""Clock times and how often: "half past seven", "7:30 pm", "in the morning"; "every monday", "daily"."""

from __future__ import annotations

from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import Phrases, Token, tokenise

_HOUR_MIN, _DAY_MIN, _HALF_DAY_H = 60, 24 * 60, 12


class Times:
    """Reads clock times in one language."""

    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._numbers = numbers
        self._parts = Phrases(language.table("day_parts"))
        clock = language.table("clock")
        self._half_days = Phrases(clock["half_days"])
        self._past, self._to = (Phrases(clock[name]) for name in ("past", "to"))
        self._minutes = Phrases(clock["minutes"])
        self._whole, self._unit = Phrases(clock["whole"]), Phrases(clock["minute_words"])
        self._recurrences = Phrases(language.table("recurrences"))
        self._every = Phrases(language.list("every"))
        self._lengths = language.table("units")
        self._weekdays = {name: number for number, name in enumerate(language.list("weekdays"))}

    def clock(self, text: str) -> str | None:
        """The clock time a plain text names, `HH:MM`; a part of the day stands for its usual hour. None for none."""
        tokens = tokenise(text)
        index = 0
        while index < len(tokens):
            found = self._at(tokens, index)
            if found is not None:
                minute, end = found
                minute = self._in_half_day(minute, tokens, end)
                return f"{minute // _HOUR_MIN:02}:{minute % _HOUR_MIN:02}"
            number = self._numbers.at(tokens, index)  # no hour; nor is its end: "seventy five"
            index = number[1] if number else index + 1
        for index in range(len(tokens)):
            part = self._parts.at(tokens, index)
            if part:
                return str(part[0])
        return None

    def recurrence(self, text: str) -> str | None:
        """How often, as `hourly`, `daily`, `weekly`, `monthly`, `yearly`, `weekdays`, `weekends` or `weekly:0` (monday)
        to `weekly:6`. None for none.
        """
        tokens = tokenise(text)
        found = next(filter(None, (self.recurrence_at(tokens, index) for index in range(len(tokens)))), None)
        return found[0] if found else None

    def recurrence_at(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """(how often, index behind it) of the phrase that starts here."""
        found = self._recurrences.at(tokens, index)
        if found:
            return str(found[0]), found[1]
        every = self._every.at(tokens, index)
        day = every and every[1] < len(tokens) and self._weekdays.get(tokens[every[1]].text)
        return (f"weekly:{day}", every[1] + 1) if every and day is not False and day is not None else None

    def clock_at(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """(minute of the day or of half a day, index behind it) of the clock time that starts here."""
        return self._at(tokens, index)

    def part_at(self, tokens: tuple[Token, ...], index: int) -> tuple[tuple[str, str], int] | None:
        """((its usual time, `am` or `pm`), index behind it) of the part of a day that starts here; each may be ""."""
        part, half = self._parts.at(tokens, index), self._half_days.at(tokens, index)
        end = max((found[1] for found in (part, half) if found), default=0)
        return ((str(part[0]) if part else "", str(half[0]) if half else ""), end) if end else None

    def _at(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """(minute of the day, index behind it) of the time that starts here."""
        return self._around_the_hour(tokens, index) or self._hour(tokens, index)

    def _around_the_hour(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """Quarter to nine, twenty past ten, half past seven."""
        counted = self._minutes.at(tokens, index) or self._number(tokens, index, _HOUR_MIN)
        if counted is None:
            return None
        minutes, end = counted
        unit = self._unit.at(tokens, end)
        end = unit[1] if unit else end
        past, to = self._past.at(tokens, end), self._to.at(tokens, end)
        side = past or to
        hour = side and self._number(tokens, side[1], 25)
        if not side or not hour:
            return None
        minute = hour[0] * _HOUR_MIN + (minutes if past else -minutes)
        return minute % _DAY_MIN, hour[1]

    def _hour(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """Seven, seven thirty, 7:30, 730 am, 7.30, five o'clock. A bare number is an hour only up to 24."""
        return (
            self._in_one_word(tokens[index].text, index + 1)
            or self._in_hundreds(tokens, index)
            or self._in_words(tokens, index)
        )

    def _in_one_word(self, text: str, end: int) -> tuple[int, int] | None:
        if text.isdecimal() and 3 <= len(text) <= 4:
            return self._checked(int(text[:-2]), int(text[-2:]), end)
        hour, point, minute = text.partition(".")
        if point and hour.isdecimal() and minute.isdecimal() and len(minute) == 2:
            return self._checked(int(hour), int(minute), end)
        return None

    def _in_hundreds(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """Eight hundred, seven hundred and thirty."""
        found = self._number(tokens, index, 2400)
        return self._checked(*divmod(found[0], 100), found[1]) if found and found[0] >= 100 else None

    def _in_words(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        hour = self._number(tokens, index, 25)
        if hour is None:
            return None
        value, end = hour
        behind = tokens[end].text if end < len(tokens) else ""
        if behind in self._lengths:
            return None  # in twenty minutes
        if behind == ":":
            minutes = self._number(tokens, end + 1, _HOUR_MIN)
            return self._checked(value, *minutes) if minutes else None
        minutes = self._number(tokens, end, _HOUR_MIN)
        if minutes and (minutes[0] >= 10 or len(behind) == 2):
            return self._checked(value, *minutes)
        whole = self._whole.at(tokens, end)
        return self._checked(value, 0, whole[1] if whole else end)

    @staticmethod
    def _checked(hour: int, minute: int, end: int) -> tuple[int, int] | None:
        fits = hour <= 24 and minute < _HOUR_MIN
        return (hour % 24 * _HOUR_MIN + minute, end) if fits else None

    def _in_half_day(self, minute: int, tokens: tuple[Token, ...], end: int) -> int:
        """Moved to the afternoon or the morning, if the rest of the text says which."""
        for index in range(end, len(tokens)):
            half = self._half_days.at(tokens, index)
            if half:
                return in_half_day(minute, half[0])[0]
        return minute

    def _number(self, tokens: tuple[Token, ...], index: int, below: int) -> tuple[int, int] | None:
        if index >= len(tokens):
            return None
        found = self._numbers.at(tokens, index)
        if found is None or found[0].denominator != 1 or not 0 <= found[0] < below:
            return None
        return int(found[0]), found[1]


def in_half_day(minute: int, half: str) -> tuple[int, bool]:
    """A minute of the day, moved to the half it is said to be in, and whether it is certain which is meant."""
    hour = minute // _HOUR_MIN
    if half == "pm" and hour < _HALF_DAY_H:
        return minute + _HALF_DAY_H * _HOUR_MIN, True
    if half == "am" and hour == _HALF_DAY_H:
        return minute - _HALF_DAY_H * _HOUR_MIN, True
    return minute, bool(half) or not 1 <= hour <= _HALF_DAY_H
