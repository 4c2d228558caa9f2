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
        self._directly, self._zero = Phrases(clock["directly"]), Phrases(clock["zero"])
        self._minutes = Phrases(clock["minutes"])
        self._whole, self._unit = Phrases(clock["whole"]), Phrases(clock["minute_words"])
        self._recurrences = Phrases(language.table("recurrences"))
        self._every = Phrases(language.list("every"))
        self._other = Phrases(language.list("every_other"))
        self._without = Phrases(language.list("without"))
        self._span = Phrases(language.list("day_span"))
        self._joint = {str(language.words["joiner"]), ","}
        self._endings = language.list("word_endings")
        self._genitive = language.list("genitive_endings")
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
        """How often, as `hourly`, `daily`, `weekly`, `monthly`, `yearly`, `weekdays`, `weekends`, `weekly:0` (monday)
        to `weekly:6`, `weekly:1,4` or `every:90` (minutes). None for none.
        """
        tokens = tokenise(text)
        found = next(filter(None, (self.recurrence_at(tokens, index) for index in range(len(tokens)))), None)
        return found[0] if found else None

    def recurrence_at(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """(how often, index behind it) of the phrase that starts here."""
        every = self._every.at(tokens, index)
        found = self._interval(tokens, every[1]) if every else None
        found = found or self._recurrences.at(tokens, index)
        if found is None and every and (part := self.part_at(tokens, every[1])):
            found = "daily", part[1]
        if found is None and (days := self._days(tokens, every[1] if every else index, said=bool(every))):
            found = often_on(days[0]), days[1]
        if found is None:
            return None
        return str(found[0]), found[1]

    def left_out_at(self, tokens: tuple[Token, ...], index: int) -> tuple[frozenset[int], int] | None:
        """(the weekdays, index behind it) of "except sundays", "but not on weekends"."""
        left = self._without.at(tokens, index)
        if left is None:
            return None
        part = self._recurrences.at(tokens, left[1])
        if part and (days := days_of(str(part[0]))):
            return days, part[1]
        return self._days(tokens, left[1], said=True)

    def _interval(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """Behind "every": two weeks, other day, 30 minutes."""
        other = self._other.at(tokens, index)
        if other and self._weekday(tokens, other[1]):
            return f"every:{14 * _DAY_MIN}", other[1]  # the day itself is read as the date it begins with
        number = (2, other[1]) if other else self._number(tokens, index, 1000)
        if number is None or number[1] >= len(tokens):
            return None
        minutes, rest = divmod(number[0] * self._lengths.get(tokens[number[1]].text, 0), _HOUR_MIN)
        return (f"every:{minutes}", number[1] + 1) if minutes and not rest else None

    def _days(self, tokens: tuple[Token, ...], index: int, *, said: bool) -> tuple[frozenset[int], int] | None:
        """Monday, wednesday and friday; monday to friday; mondays. `said`: that they are several was said before."""
        first = self._weekday(tokens, index)
        if first is None:
            return None
        days, end = {first[0]}, index + 1
        span = self._span.at(tokens, end)
        if span and (last := self._weekday(tokens, span[1])):
            return frozenset((first[0] + ahead) % 7 for ahead in range((last[0] - first[0]) % 7 + 1)), span[1] + 1
        if not (said or first[1]):
            return None
        while True:
            step = end
            while step < len(tokens) and tokens[step].text in self._joint:
                step += 1
            more = self._every.at(tokens, step)
            following = self._weekday(tokens, more[1] if more else step)
            if following is None:
                return frozenset(days), end
            days.add(following[0])
            end = (more[1] if more else step) + 1

    def _weekday(self, tokens: tuple[Token, ...], index: int) -> tuple[int, bool] | None:
        """(the day, whether it was said to be several) of a weekday."""
        word = tokens[index].text if index < len(tokens) else ""
        if word in self._weekdays:
            return self._weekdays[word], False
        bare = next((word.removesuffix(each) for each in self._endings if word.endswith(each)), "")
        return (self._weekdays[bare], not word.endswith(self._genitive)) if bare in self._weekdays else None

    def clock_at(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """(minute of the day or of half a day, index behind it) of the clock time that starts here."""
        return self._at(tokens, index) if index < len(tokens) else None

    def part_at(self, tokens: tuple[Token, ...], index: int) -> tuple[tuple[str, str], int] | None:
        """((its usual time, `am` or `pm`), index behind it) of the part of a day that starts here; each may be ""."""
        part, half = self._parts.at(tokens, index), self._half_days.at(tokens, index)
        end = max((found[1] for found in (part, half) if found), default=0)
        return ((str(part[0]) if part else "", str(half[0]) if half else ""), end) if end else None

    def _at(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """(minute of the day, index behind it) of the time that starts here."""
        return self._around_the_hour(tokens, index) or self._hour(tokens, index)

    def _around_the_hour(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """Quarter to nine, twenty past ten, half past seven, half seven."""
        counted = self._minutes.at(tokens, index) or self._number(tokens, index, _HOUR_MIN)
        if counted is None:
            return self._half_an_hour_on(tokens, index)
        minutes, end = counted
        unit = self._unit.at(tokens, end)
        end = unit[1] if unit else end
        past, to = self._past.at(tokens, end), self._to.at(tokens, end)
        side = past or to
        if side is None:
            return self._half_an_hour_on(tokens, index)
        hour = self._number(tokens, side[1], 25)
        if hour is None:
            return None
        minute = hour[0] * _HOUR_MIN + (minutes if past else -minutes)
        return minute % _DAY_MIN, hour[1]

    def _half_an_hour_on(self, tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
        """Half seven, as it is said in Britain; in German it is half an hour before."""
        half = self._directly.at(tokens, index)
        hour = self._number(tokens, half[1], _HALF_DAY_H + 1) if half else None
        if not half or not hour or not hour[0] or self._is_unit(tokens, hour[1]):
            return None
        return (hour[0] * _HOUR_MIN + half[0]) % _DAY_MIN, hour[1]

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
        if hour is None or self._is_unit(tokens, hour[1]):
            return None  # in twenty minutes
        minutes = self._minutes_behind(tokens, hour[1])
        return self._checked(hour[0], *minutes) if minutes else None

    def _minutes_behind(self, tokens: tuple[Token, ...], end: int) -> tuple[int, int] | None:
        """The minutes behind an hour, none for a full one; None where they are no minutes."""
        behind = tokens[end].text if end < len(tokens) else ""
        if behind == ":":
            return self._number(tokens, end + 1, _HOUR_MIN)
        zero = self._zero.at(tokens, end)  # "seven oh five"
        if zero and (digit := self._number(tokens, zero[1], 10)):
            return digit
        minutes = self._number(tokens, end, _HOUR_MIN)
        if minutes and (minutes[0] >= 10 or len(behind) == 2):
            return minutes
        whole = self._whole.at(tokens, end)
        later = self._number(tokens, whole[1], _HOUR_MIN) if whole else None
        if later and not self._is_unit(tokens, later[1]):  # "7 o'clock 30"
            return later
        return 0, whole[1] if whole else end

    def _is_unit(self, tokens: tuple[Token, ...], index: int) -> bool:
        return index < len(tokens) and tokens[index].text in self._lengths

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


def days_of(often: str) -> frozenset[int]:
    """The weekdays of a recurrence that is for whole weeks; none for one that isn't."""
    kind, _, detail = often.partition(":")
    if kind == "weekly":
        return frozenset(int(day) for day in detail.split(",") if day)
    return frozenset({"daily": range(7), "weekdays": range(5), "weekends": (5, 6)}.get(kind, ()))


def often_on(days: frozenset[int]) -> str:
    """The recurrence that is for these weekdays."""
    for kind in ("daily", "weekdays", "weekends"):
        if days_of(kind) == days:
            return kind
    return "weekly:" + ",".join(map(str, sorted(days)))


def in_half_day(minute: int, half: str) -> tuple[int, bool]:
    """A minute of the day, moved to the half it is said to be in, and whether it is certain which is meant."""
    hour = minute // _HOUR_MIN
    if half == "pm" and hour < _HALF_DAY_H:
        return minute + _HALF_DAY_H * _HOUR_MIN, True
    if half == "am" and hour == _HALF_DAY_H:
        return minute - _HALF_DAY_H * _HOUR_MIN, True
    return minute, bool(half) or not 1 <= hour <= _HALF_DAY_H
