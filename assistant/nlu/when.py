"""When something is to be: "tomorrow at seven", "every weekday at half past six", "in twenty minutes".

Read piece by piece, in any order: a day, a time, a part of the day, how often, or a length of time from now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from assistant.due.calendar import step_of
from assistant.nlu.dates import Dates, Day
from assistant.nlu.durations import Duration, Durations
from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.times import Times, days_of, in_half_day, often_on
from assistant.nlu.tokens import Phrases, Token, tokenise
from assistant.values import Slots, SlotValue

AMBIGUOUS = "ambiguous"
"""The slot of a time that may be before or after noon."""
_MOST_WORDS, _WORDS_OF_A_TIME = 12, 4
_DAY_H = 24


class WhenReader:
    """Reads moments in one language."""

    def __init__(self, language: Language) -> None:
        numbers = Numbers(language)
        self._dates = Dates(language, numbers)
        self._times = Times(language, numbers)
        self._durations = Durations(language, numbers)
        self._joints, self._ahead = Phrases(language.list("when_joints")), Phrases(language.list("when_ahead"))
        self._every, self._from_now = Phrases(language.list("every")), Phrases(language.list("date_after"))
        self._joiner = str(language.words["joiner"])
        self._openings = language.set("when_openings")
        self._articles = language.set("value_articles")

    def read(self, text: str, today: date) -> Slots | None:
        """The slots (`time`, `date`, `recurrence`, or `hours`, `minutes`, `seconds` from now) of a plain text that is
        a moment as a whole; None when it isn't.
        """
        tokens = tokenise(text)
        moment = _Moment()
        index = 0
        while index < len(tokens):
            joint = self._joints.at(tokens, index)
            found = self._piece(tokens, index, today, moment) or (joint and joint[1])
            if not found:
                return None
            index = found
        both = moment.ahead and not moment.ahead_date and moment.minute is not None  # "to 20 | in an hour"
        return None if both else moment.slots() or None

    def recurs(self, text: str, today: date) -> bool:
        """Whether a plain text begins with how often something is to be."""
        words = text.split()[:_MOST_WORDS]
        moments = (self.read(" ".join(words[:count]), today) for count in range(1, len(words) + 1))
        return any(moment and "recurrence" in moment for moment in moments)

    def begins(self, text: str, today: date) -> bool:
        """Whether a plain text begins with a moment."""
        return self._piece(tokenise(text), 0, today, _Moment()) is not None

    def in_half(self, clock: str, text: str) -> str | None:
        """A clock time (`HH:MM`) in the half of the day that a plain text is, as a whole: "in the morning", "pm"."""
        tokens = tokenise(text)
        joint = self._joints.at(tokens, 0)
        part = self._times.part_at(tokens, joint[1] if joint else 0)
        half = part[0][1] if part and part[1] == len(tokens) else ""
        hour, _, minute = clock.partition(":")
        return f"{int(hour) % 12 + 12 * (half == 'pm'):02}:{minute}" if half else None

    def goes_on(self, moment: str, text: str, today: date) -> bool:
        """Whether a moment goes on in the text behind it, and what is to be then stands behind that, if anywhere."""
        words = text.split()
        ends = [at for at, word in enumerate(words[: _WORDS_OF_A_TIME + 1]) if at and word in self._openings]
        ends += [len(words)] if 0 < len(words) <= _WORDS_OF_A_TIME else []
        longer = (f"{moment} {opening} {' '.join(words[:at])}" for at in ends for opening in sorted(self._openings))
        return any(self.read(whole, today) for whole in longer)

    def is_double(self, text: str, today: date) -> bool:
        """Whether a plain text ends in two times of day: "take my pills at nine am and nine pm"."""
        first, joint, second = text.rpartition(f" {self._joiner} ")
        later = self.read(second, today) if joint else None
        words = first.split()
        earlier = (self.read(" ".join(words[-count:]), today) for count in range(1, _WORDS_OF_A_TIME + 1))
        return bool(later and "time" in later) and any(moment and "time" in moment for moment in earlier)

    def split(self, text: str, today: date) -> tuple[str, Slots]:
        """A plain text without the moment at its end, its beginning, or both ("tomorrow | call bob | at nine")."""
        words = text.split()
        for count in range(min(len(words) - 1, _MOST_WORDS), 0, -1):
            for inner, outer in ((words[:-count], words[-count:]), (words[count:], words[:count])):
                if slots := self.read(" ".join(outer), today):
                    rest, whole = self._at_both_ends(inner, outer, today) or (inner, slots)
                    return self._bare(rest), whole
        return text, {}

    def _at_both_ends(self, words: list[str], moment: list[str], today: date) -> tuple[list[str], Slots] | None:
        """The words without what stands at an end of them and is one moment with another; and that moment."""
        for count in range(min(len(words) - 1, _MOST_WORDS), 0, -1):
            for inner, outer in ((words[count:], words[:count]), (words[:-count], words[-count:])):
                if self.read(" ".join(outer), today) and (slots := self.read(" ".join([*outer, *moment]), today)):
                    return inner, slots
        return None

    def message(self, text: str) -> str:
        """What is answered to "what should I remind you of?": "to pay the rent" is to pay the rent, without "to"."""
        return self._bare(text.split())

    def _bare(self, words: list[str]) -> str:
        while len(words) > 1 and words[0] in self._openings:
            words = words[1:]
        return " ".join(words)

    def _day(self, tokens: tuple[Token, ...], index: int, today: date) -> tuple[Day, int] | None:
        """A day; one of this month or the next behind "on the": "the first" alone may be anything."""
        if day := self._dates.at(tokens, index, today):
            return day
        on_the = index > 1 and self._joints.at(tokens, index - 2) and tokens[index - 1].text in self._articles
        return self._dates.day_of_month_at(tokens, index, today) if on_the else None

    def _piece(self, tokens: tuple[Token, ...], index: int, today: date, moment: _Moment) -> int | None:
        """Adds what starts here to the moment; the index behind it, None when nothing does."""
        if end := self._length(tokens, index, today, moment):
            return end
        if often := self._often(tokens, index, today, moment):
            return often
        if day := self._day(tokens, index, today):
            again = moment.date and moment.date != day[0].date.isoformat()  # two days are two moments
            moment.date = day[0].date.isoformat()
            return None if again else day[1]
        if part := self._times.part_at(tokens, index):
            moment.part, moment.half = part[0]
            return part[1]
        if clock := self._times.clock_at(tokens, index):
            again = moment.minute is not None  # two times are two moments
            moment.minute = clock[0]
            return None if again else clock[1]
        return None

    def _length(self, tokens: tuple[Token, ...], index: int, today: date, moment: _Moment) -> int | None:
        """Adds how long it is until then: "in ten minutes", "ten minutes from now"."""
        ahead = self._ahead.at(tokens, index)
        length = self._durations.at(tokens, ahead[1] if ahead else index)
        behind = self._from_now.at(tokens, length[1]) if length else None
        day = self._dates.at(tokens, index, today)
        if not length or not (ahead or (behind and not day)):
            return None
        moment.ahead, moment.ahead_date = length[0].slots(), day[0].date.isoformat() if day else ""
        return behind[1] if behind else length[1]

    def _often(self, tokens: tuple[Token, ...], index: int, today: date, moment: _Moment) -> int | None:
        """Adds how often it is, or what is left out."""
        every = self._every.at(tokens, index)
        if every and (day := self._dates.yearly_at(tokens, every[1], today)):
            moment.recurrence, moment.date = "yearly", day[0].date.isoformat()
            return day[1]
        if often := self._times.recurrence_at(tokens, index):
            moment.recurrence = often[0]
            part = self._times.part_at(tokens, often[1] - 1)
            if part and part[1] == often[1]:  # "every evening at nine"
                moment.part, moment.half = part[0]
            return often[1]
        if less := self._times.left_out_at(tokens, index):
            moment.less = less[0]
            return less[1]
        return None


@dataclass(slots=True)
class _Moment:
    """The pieces so far."""

    ahead: Slots = field(default_factory=dict)
    ahead_date: str = ""
    """The day that is so far ahead, when it is whole days."""
    recurrence: str = ""
    less: frozenset[int] = frozenset()
    """Weekdays that are left out."""
    date: str = ""
    minute: int | None = None
    """Of the day, or of half a day."""
    part: str = ""
    """The usual time of a part of the day."""
    half: str = ""

    def slots(self) -> dict[str, SlotValue]:
        if self.ahead_date and (self.minute is not None or self.part):  # "in two weeks at ten"
            self.date = self.ahead_date
        elif self.ahead:
            return dict(self.ahead)
        if self.less and (days := days_of(self.recurrence or "daily") - self.less):
            self.recurrence = often_on(days)
        found: dict[str, SlotValue] = {}
        if self.minute is not None:
            minute, certain = in_half_day(self.minute, self.half)
            found["time"] = f"{minute // 60:02}:{minute % 60:02}"
            found |= {} if certain else {AMBIGUOUS: True}
        elif self.part:
            found["time"] = self.part
        elif step := step_of(self.recurrence):
            hours, minutes = divmod(step // timedelta(minutes=1), 60)
            found |= Duration(hours, minutes).slots() if hours < _DAY_H else {}  # every hour: the first in an hour
        return found | {name: value for name, value in (("date", self.date), ("recurrence", self.recurrence)) if value}


def until(slots: Slots, now: datetime) -> Slots:
    """How long it is to the moment among the slots ("a timer for 7 pm"), in whole minutes; without a time, nothing."""
    if "time" not in slots:
        return {}
    try:
        day = date.fromisoformat(str(slots["date"])) if "date" in slots else now.date()
    except ValueError:
        return {}  # a month, a year
    clock = datetime.combine(day, time.fromisoformat(str(slots["time"])), now.tzinfo)
    half = timedelta(hours=12 if AMBIGUOUS in slots else 24)
    if clock <= now:
        clock += half * ((now - clock) // half + 1)
    minutes = math.ceil((clock - now) / timedelta(minutes=1))
    return Duration(minutes // 60, minutes % 60).slots()
