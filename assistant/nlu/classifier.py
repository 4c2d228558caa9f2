"""The second reader: a model that knows how people talk. What it says, what that means, and how it goes with a grammar.

The model's probability is calibrated: of the utterances it is 90% sure of, it is right on 90%. The grammar's confidence
is an opinion of the same kind, so the two are taken for independent witnesses (`agreed`): each multiplies the odds, the
model's say being limited, since a template that fits exactly is seldom wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from assistant.nlu.conversions import Conversions
from assistant.nlu.entities import Entities
from assistant.nlu.language import Language
from assistant.nlu.messages import Messages
from assistant.nlu.numbers import Numbers
from assistant.nlu.times import Times, in_half_day
from assistant.nlu.titles import Titles
from assistant.nlu.tokens import Phrases, tokenise
from assistant.nlu.when import AMBIGUOUS, WhenReader, until
from assistant.records import Candidate
from assistant.values import OUT_OF_SCOPE, IntentMatch, Slots, SlotValue, TextReading

SOURCE = "classifier"
_MOST_ODDS = 8.0
"""How far the model may move a grammar's odds, up or down."""
_CERTAIN = 0.999
_SURE = 0.9
_OPEN_SLOTS = frozenset({"item", "message", "query"})
"""Slots whose words a template leaves open."""
_CANDIDATES = 3
"""Of the model's, how many are worth keeping."""
_LONGEST_AHEAD = timedelta(days=1)
_AMOUNTS: Mapping[str, str] = {
    "HassLightSet": "brightness",
    "HassSetVolume": "volume_level",
    "HassSetVolumeRelative": "volume_step",
    "HassClimateSetTemperature": "temperature",
    "HassSetPosition": "position",
    "HassFanSetSpeed": "percentage",
}
_DIRECTED = frozenset({"HassLightSet", "HassClimateSetTemperature", "HassSetVolumeRelative"})
ADDING = frozenset({"HassListAddItem", "HassShoppingListAddItem"})
"""Intents that put things on lists."""
_OF_ITEMS = ADDING | {"HassListRemoveItem", "HassListCompleteItem", "HassShoppingListCompleteItem"}
_IN_PIECES = frozenset({"query", "message"})
"""Tags of which an utterance has one, as a rule."""
_WHEN = frozenset(
    {"SetAlarm", "SetReminder", "CancelAlarm", "CancelReminder", "ListAlarms", "ListReminders", "HassGetWeather"}
)
_SET = frozenset({"SetAlarm", "SetReminder"})
_OF_CLOCK = frozenset({"time", "date", "recurrence", AMBIGUOUS})
_MOMENT = _OF_CLOCK | {"hours", "minutes", "seconds"}
_NAMES = {"name": "name", "place": "name", "list": "name", "timer": "name"}
_AS_SAID = frozenset({"area", "floor", "color", "item", "message", "query"})


class TextModel(Protocol):
    """A model that reads utterances. Blocking, a few milliseconds; thread-safe."""

    def read(self, words: Sequence[str]) -> TextReading:
        """What the plain words of an utterance mean. At least one word."""


class SpanReader:
    """Tagged words -> slots, in one language."""

    def __init__(self, language: Language, entities: Entities) -> None:
        self._entities = entities
        self._numbers = Numbers(language)
        self._times = Times(language, self._numbers)
        self._to = language.set("amount_to")
        self._colors = Phrases(language.list("colors"))
        self._when = WhenReader(language)
        self._conversions = Conversions(language)
        self._units = Phrases(language.table("unit_names"))
        self._directions = {name: Phrases(words) for name, words in language.table("directions").items()}
        self._language = language
        self._titles = Titles(language)
        self._articles = language.set("value_articles")
        self._joints = sorted(language.list("value_joints"), key=len, reverse=True)
        self._openings, self._tails = (
            sorted(language.list(name), key=len, reverse=True) for name in ("item_openings", "item_tails")
        )
        self._no_item = language.set("item_stopwords")
        self._unsaid = language.set("item_unsaid")
        self._shifting = language.set("shifting")
        self.messages = Messages(language, self._when)

    def slots(self, intent: str, text: str, spans: Sequence[tuple[str, str]], now: datetime) -> Slots:
        """What was said with an intent. Of several values for a slot, the first."""
        found: dict[str, SlotValue] = {}
        spans = self._whole(text, spans)
        for tag, words in spans:
            slot, value = self._value(intent, tag, words, now)
            if slot == "volume_step" and self._is_level(text, words):
                slot = "volume_level"
            if slot and value is not None:
                found.setdefault(slot, value)
        if "Timer" in intent or intent == "SnoozeAlarm":
            length = self._entities.duration_in(text)
            found |= length.slots("") if length else {}
            found |= until(found, now) if intent == "HassStartTimer" and not length else {}
        if intent in _DIRECTED and not {"brightness", "color", "temperature", "volume_level"} & set(found):
            found |= self._direction(text)
        if intent in _WHEN:
            found = self._with_moment(found, intent, text, spans, now)
        if title := self._titles.find(text, spans):
            found["query"] = title
        if intent == "ConvertUnit":
            found |= self._conversions.read(text)
        if intent == "Calculate" and (expression := self._entities.expression_in(text)):
            found["expression"] = expression
        if intent in _OF_ITEMS and "item" not in found and (item := self.item(text)):
            found["item"] = item
        if intent == "SetReminder" and "message" not in found and (noted := self.messages.noted(text, now.date())):
            found["message"] = noted
        return found

    def _with_moment(
        self, found: Mapping[str, SlotValue], intent: str, text: str, spans: Sequence[tuple[str, str]], now: datetime
    ) -> dict[str, SlotValue]:
        """What was found, with when it is to be."""
        if intent == "SetAlarm" and not self._shifting.isdisjoint(text.split()) and not self._times.clock(text):
            return {slot: value for slot, value in found.items() if slot not in _MOMENT}
        whole = {**found, **self._moment(spans, now)}
        if _MOMENT.isdisjoint(whole):
            whole |= {slot: value for slot, value in self._when.split(text, now.date())[1].items() if slot in _MOMENT}
        if intent in _SET and self._may_be_either(str(whole.get("time", "")), text):
            whole.setdefault(AMBIGUOUS, True)
        return whole

    def _may_be_either(self, clock: str, text: str) -> bool:
        """Whether a clock time that a text names may be before or after noon."""
        if not clock or clock != self._times.clock(text):
            return False
        tokens = tokenise(text)
        half_said = any(self._times.part_at(tokens, at) for at in range(len(tokens)))
        return not half_said and not in_half_day(60 * int(clock[:2]), "")[1]

    def _whole(self, text: str, spans: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The spans, with those joined that the model took apart: an article and what it stands before, "the fundraiser
        | for | the dolphins"."""
        whole: list[tuple[str, str]] = []
        for tag, words in spans:
            before = whole[-1] if whole and whole[-1][0] == tag and tag in _IN_PIECES else None
            joined = before and self._joined(text, before[1], words)
            if joined:
                whole[-1] = tag, joined
            else:
                whole.append((tag, words))
        return whole

    def _joined(self, text: str, first: str, second: str) -> str:
        """Both with what stands between them; empty when they don't belong together."""
        ways = [f"{first} {joint} {second}" for joint in self._joints]
        if first in self._articles:
            ways.append(f"{first} {second}")
        return next((way for way in ways if f" {way} " in f" {text} "), "")

    def item(self, text: str) -> str:
        """What is to be put on a list, by what stands around it ("add milk too"); empty for nothing."""
        opening = next((words for words in self._openings if text.startswith(f"{words} ")), "")
        item = text.removeprefix(opening).strip() if opening else ""
        for tail in self._tails:
            item = item.removesuffix(f" {tail}")
        return "" if item in self._unsaid or self._no_item.intersection(item.split()) else item

    def day(self, words: str, today: date) -> str | None:
        """The day or days that words name, as `Periods` writes them."""
        return self._entities.period_in(words, today)

    def clock(self, words: str, now: datetime) -> str | None:
        """The time of day that words name, `HH:MM`; "in ten minutes" counts from `now`."""
        clock = self._times.clock(words)
        if clock is None and (ahead := self._entities.duration_in(words)):
            length = timedelta(hours=ahead.hours, minutes=ahead.minutes, seconds=ahead.seconds)
            clock = f"{now + length:%H:%M}" if length < _LONGEST_AHEAD else None
        return clock

    def recurrence(self, words: str) -> str | None:
        """How often, as `Times.recurrence` writes it."""
        return self._times.recurrence(words)

    def amount(self, words: str) -> int | float | None:
        """The first number among the words, or the share that they name: "half" is 50."""
        amount = self._entities.amount_in(words)
        return amount.number if amount else None

    def _moment(self, spans: Sequence[tuple[str, str]], now: datetime) -> Slots:
        """What the tagged words for time and day say together, where that can be read as one moment."""
        words = " ".join(words for tag, words in spans if tag in {"time", "date", "recurrence"})
        moment = (self._when.read(words, now.date()) if words else None) or {}
        return {slot: value for slot, value in moment.items() if slot in _OF_CLOCK}

    def measured(self, text: str) -> Slots:
        """The last amount that has a unit, as `quantity` and `from_unit`; empty for none."""
        tokens = tokenise(text)
        found: dict[str, SlotValue] = {}
        for at in range(len(tokens)):
            number = self._numbers.at(tokens, at)
            unit = self._units.at(tokens, number[1]) if number else None
            if number and unit:
                value = float(number[0])
                found = {"quantity": int(value) if value.is_integer() else value, "from_unit": str(unit[0])}
        return found

    def unit(self, words: str) -> str | None:
        """The unit that words are."""
        tokens = tokenise(words)
        found = self._units.at(tokens, 0) if tokens else None
        return str(found[0]) if found and found[1] == len(tokens) else None

    def _direction(self, text: str) -> Slots:
        """Whether more or less of something is wanted."""
        tokens = tokenise(text)
        for direction, phrases in self._directions.items():
            if any(phrases.at(tokens, at) for at in range(len(tokens))):
                return {"direction": direction}
        return {}

    def without_article(self, words: str) -> str:
        """Without articles in front."""
        return self._language.bare(words)

    def _value(self, intent: str, tag: str, words: str, now: datetime) -> tuple[str, SlotValue | None]:
        readers: Mapping[str, Callable[[], str | None]] = {
            "date": lambda: self.day(words, now.date()),
            "time": lambda: self.clock(words, now),
            "recurrence": lambda: self.recurrence(words),
        }
        if tag in readers:
            return tag, readers[tag]()
        if tag == "amount":
            return _AMOUNTS.get(intent, ""), self.amount(words)
        if tag == "color":
            return tag, self._color(words)
        said = self.without_article(words)
        return (tag if tag in _AS_SAID else _NAMES.get(tag, "")), self._when.message(said) if tag == "message" else said

    def _is_level(self, text: str, words: str) -> bool:
        """Whether an amount is what something is to come to, not by how much: "to seven", "up to level 7"."""
        return not self._to.isdisjoint([*text.partition(words)[0].split()[-2:], words.split(maxsplit=1)[0]])

    def _color(self, words: str) -> str:
        """The colour among the words ("red tone"); as said when there is none that we know."""
        tokens = tokenise(words)
        known = (found for at in range(len(tokens)) if (found := self._colors.at(tokens, at)))
        return str(next(known, (self.without_article(words), 0))[0])


def agreed(match: IntentMatch, reading: TextReading) -> float:
    """The confidence in a grammar's match when the model has read the same utterance."""
    likely = min(reading.intents.get(match.intent, 1 - _CERTAIN), _CERTAIN)
    odds = min(match.confidence, _CERTAIN) / (1 - min(match.confidence, _CERTAIN))
    odds *= min(max(likely / (1 - likely), 1 / _MOST_ODDS), _MOST_ODDS)
    return odds / (1 + odds)


def outvoted(match: IntentMatch, reading: TextReading) -> bool:
    """Whether a template only fits since it takes any words, and the model is sure of another request: "play it louder"
    is nothing to be played."""
    claim = claimed(reading)
    if claim is None or _OPEN_SLOTS.isdisjoint(match.slots) or _alike(claim[0]) == _alike(match.intent):
        return False
    return claim[1] >= _SURE and reading.intents.get(match.intent, 0.0) <= 1 - _SURE


def _alike(intent: str) -> str:
    """One name for what comes to the same: the shopping list or any, done with or off the list."""
    return intent.replace("ShoppingList", "List").replace("Complete", "Remove")


def claimed(reading: TextReading) -> tuple[str, float] | None:
    """The intent that claims the utterance, and its probability; None when it is out of scope."""
    intent, probability = next(iter(reading.intents.items()))
    return None if intent == OUT_OF_SCOPE else (intent, probability)


def candidates_of(match: IntentMatch | None, reading: TextReading | None) -> tuple[Candidate, ...]:
    """What the sentences and the model each made of an utterance, for whoever explains it later."""
    found = [Candidate(match.intent, match.confidence, match.source)] if match else []
    if reading:
        found += [Candidate(intent, round(sure, 4), SOURCE) for intent, sure in reading.intents.items()][:_CANDIDATES]
    return tuple(sorted(found, key=lambda each: -each.confidence))
