"""What a request is bound to that nothing would be made of: "at sunset", "if it rains", "except the kitchen", "don't".

The grammar reads every word, so what it claims is as it was said. The model claims by the drift: of "turn off the
lights when it rains" it makes lights that go off at once. What is found here becomes the slot PROVISO, which is told
instead; but for what is to be done at a time that can be read: that becomes the slot COMMAND, and is done then.
"""

from __future__ import annotations

from datetime import date

from assistant.homes import SPARED
from assistant.nlu.durations import Durations
from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.times import Times
from assistant.nlu.tokens import Phrases, Token, tokenise
from assistant.nlu.when import WhenReader
from assistant.values import PROVISO, IntentMatch, Slots, gives

AT_ONCE = frozenset(
    {
        "HassTurnOn", "HassTurnOff", "HassLightSet", "HassClimateSetTemperature", "HassSetPosition", "HassStopMoving",
        "HassFanSetSpeed", "HassVacuumStart", "HassVacuumReturnToBase", "HassVacuumCleanArea", "HassMediaPause",
        "HassMediaUnpause", "HassSetVolume", "HassSetVolumeRelative", "HassMediaPlayerMute", "HassMediaPlayerUnmute",
        "SetPrivateMode",
    }
)  # fmt: skip
"""Intents that are done at once and as a whole, unless it is said when."""
_AMOUNTS = frozenset(
    {"HassLightSet", "HassClimateSetTemperature", "HassSetPosition", "HassFanSetSpeed", "HassSetVolume"}
)
"""Those in which "at ten" is no time."""
PLAYED = "HassMediaSearchAndPlay"
"""What is to be played may be called anything."""
_OF_ALL = frozenset({"HassCancelTimer", "HassCancelAllTimers", "CancelAlarm", "CancelReminder", "HassListRemoveItem"})
_TIME = "HassGetCurrentTime"
_RECKONED = frozenset({"HassGetCurrentDate", _TIME})
_SCHEDULED = frozenset({"SetAlarm", "SetReminder"})
_TIMER, _ALARM = "HassStartTimer", "SetAlarm"


class Provisos:
    """Finds them in one language."""

    def __init__(self, language: Language) -> None:
        numbers = Numbers(language)
        words = language.table("provisos")
        self._numbers = numbers
        self._durations, self._times = Durations(language, numbers), Times(language, numbers)
        self._when = WhenReader(language)
        self._ahead = Phrases([*language.list("when_ahead"), *words["lasting"]])
        self._at, self._clock_marks = Phrases(words["at"]), Phrases(language.list("clock_marks"))
        self._later, self._reckoning = Phrases(words["later"]), Phrases(words["reckoning"])
        self._condition, self._exception = Phrases(words["condition"]), Phrases(words["exception"])
        self._negation, self._polite = Phrases(words["negation"]), Phrases(words["polite"])
        self._awaited = Phrases(words["awaited"])
        self._lasting = Phrases(words["lasting"])
        self._opposites: dict[str, str] = {}
        for one, other in language.table("opposites").items():
            self._opposites |= {one: other, other: one}
        self._several = Phrases(words["several"])
        self._joint = {str(language.words["joiner"]), ","}

    def find(self, match: IntentMatch, text: str, today: date) -> str:
        """What binds a request that the model claims in a plain text: `later`, `condition`, `exception`, `negation`,
        `several`, `recurrence`, `reckoning`; empty for nothing."""
        tokens = tokenise(text)
        intent = match.intent
        if intent in AT_ONCE:
            return self._of_deed(tokens, today, bare=intent not in _AMOUNTS, spared=SPARED in match.slots)
        if intent == PLAYED:
            around = tokenise(text.replace(str(match.slots.get("query", "")), "", 1))  # a title may hold "at nine"
            return "later" if self._is_later(tokens, bare=False) or self._is_later(around, bare=True) else ""
        several = {_TIMER: self._lengths, _ALARM: self._clocks}.get(intent)
        found = {
            "exception": intent in _OF_ALL and self._inside(tokens, self._exception),
            "condition": intent in _SCHEDULED and "time" not in match.slots and self.awaits(text),
            "reckoning": intent in _RECKONED and self._is_reckoned(match, tokens),
            "recurrence": intent == _TIMER and "recurrence" in match.slots,
            "several": several is not None and several(tokens) > 1,
        }
        return next((proviso for proviso, there in found.items() if there), "")

    def is_later(self, text: str) -> bool:
        """Whether a plain text names a length of time or a time of day at which something is to be."""
        return self._is_later(tokenise(text), bare=True)

    def for_later(self, text: str, today: date) -> tuple[str, Slots] | None:
        """What is to be done, and when, of a plain text that says so at its beginning or end; None without a time."""
        command, moment = self._when.split(text, today)
        return (command, moment) if gives(moment, "time") else None

    def for_a_while(self, text: str) -> tuple[str, str, Slots] | None:
        """What is to be done, what undoes it, and after how long, of a plain text that ends in that: "turn on the fan |
        for ten minutes"; None for another."""
        tokens = tokenise(text)
        for at in range(1, len(tokens)):
            lasting = self._lasting.at(tokens, at)
            length = self._durations.at(tokens, lasting[1]) if lasting else None
            if length and length[1] == len(tokens):
                words = [token.text for token in tokens[:at]]
                turned = next((place for place, word in enumerate(words) if word in self._opposites), None)
                if turned is None:
                    return None
                undone = [*words[:turned], self._opposites[words[turned]], *words[turned + 1 :]]
                return " ".join(words), " ".join(undone), length[0].slots()
        return None

    def _is_reckoned(self, match: IntentMatch, tokens: tuple[Token, ...]) -> bool:
        """Whether a day or a time is asked for that must be worked out: of an event, of another time or place."""
        other = "message" in match.slots or (match.intent == _TIME and "time" in match.slots)
        return other or self._inside(tokens, self._reckoning)

    def awaits(self, text: str) -> bool:
        """Whether something is to be told when something else happens, and not at a time."""
        return self._inside(tokenise(text), self._awaited)

    def _of_deed(self, tokens: tuple[Token, ...], today: date, *, bare: bool, spared: bool) -> str:
        if self._inside(tokens, self._negation):
            return "negation"
        if not spared and self._inside(tokens, self._exception):
            return "exception"
        if self._inside(tokens, self._condition):
            return "condition"
        later = self._inside(tokens, self._later) or self._is_later(tokens, bare=bare) or self._recurs(tokens, today)
        return "later" if later else ""

    def _inside(self, tokens: tuple[Token, ...], phrases: Phrases) -> bool:
        """Whether a phrase is there, none of mere politeness ("when you can"), with something behind or before it."""
        at = 0
        while at < len(tokens):
            if polite := self._polite.at(tokens, at):
                at = polite[1]
            elif phrases.at(tokens, at):
                return True
            else:
                at += 1
        return False

    def _is_later(self, tokens: tuple[Token, ...], *, bare: bool) -> bool:
        """In ten minutes, for an hour; at ten o'clock, until 7 pm; with `bare` also at ten."""
        for index in range(len(tokens)):
            if (ahead := self._ahead.at(tokens, index)) and self._durations.at(tokens, ahead[1]):
                return True
            at = self._at.at(tokens, index)
            if at and self._times.part_at(tokens, at[1]):
                return True
            clock = self._times.clock_at(tokens, at[1]) if at else None
            if clock and (bare or any(self._clock_marks.at(tokens, behind) for behind in (clock[1] - 1, clock[1]))):
                return True
        return False

    def _recurs(self, tokens: tuple[Token, ...], today: date) -> bool:
        """Whether it ends in how often or on which day: "every evening", "on friday"."""
        for at in range(max(0, len(tokens) - 4), len(tokens)):
            moment = self._when.read(" ".join(token.text for token in tokens[at:]), today) or {}
            if "recurrence" in moment or ("date" in moment and moment["date"] != today.isoformat()):
                return True
        return False

    def _lengths(self, tokens: tuple[Token, ...]) -> int:
        """How many lengths of time there are; two where it is said that they are several timers."""
        if self._inside(tokens, self._several):
            return 2
        count = at = 0
        while at < len(tokens):
            found = self._durations.at(tokens, at)
            if found:  # "5, 10 and 15 minutes"
                before = at - 1 if at and tokens[at - 1].text in self._joint else at
                count += 1 + bool(before and self._numbers.at(tokens, before - 1))
            at = found[1] if found else at + 1
        return count

    def _clocks(self, tokens: tuple[Token, ...]) -> int:
        """How many clock times are joined by "and" or a comma."""
        for at, token in enumerate(tokens):
            if token.text in self._joint and at and self._times.clock_at(tokens, at - 1):
                behind = self._at.at(tokens, at + 1)
                if self._times.clock_at(tokens, behind[1] if behind else at + 1):
                    return 2
        return 1


def bound(match: IntentMatch, proviso: str) -> IntentMatch:
    """The request with what it is bound to."""
    return IntentMatch(match.intent, {**match.slots, PROVISO: proviso}, match.confidence, match.source, match.confirmed)
