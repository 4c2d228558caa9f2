"""A grammar's reading -> normalised slots; readings in which a template caught too much are turned away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from assistant.homes import ALL, SPARED
from assistant.nlu.dates import Day
from assistant.nlu.durations import Duration
from assistant.nlu.entities import Amount, Entities, View, has_mark
from assistant.nlu.grammar import MAX_NAME_WORDS, Reading
from assistant.nlu.language import Language
from assistant.nlu.targets import REFERENCE, Target
from assistant.nlu.when import WhenReader
from assistant.values import Slots, SlotValue

_PREFIXES = {"duration": "", "start": "start_"}
_AMOUNTS = {
    "brightness", "temperature", "position", "percentage", "step", "volume_level", "volume_step", "quantity", "count",
    "sides", "low", "high", "degrees",
}  # fmt: skip
_MARKED = _PREFIXES.keys() | {"date", "day", "expression"}
_READ = _AMOUNTS | _MARKED
"""Slots whose values are marks."""
_TEXTS = {"item", "message", "query"}
_SCALES = {"celsius": "degC", "fahrenheit": "degF"}
"""Scales of temperature, and their units."""
_SHARES = frozenset({"brightness", "position", "percentage", "volume_level", "volume_step"})
_PERCENT = "percent"
_PLACE = "place"
"""The `kind` of a verb that is for rooms."""
_NO_PLACE = ("name", "domain", REFERENCE)


class SlotReader:
    """Turns what templates caught into slots, in one language."""

    def __init__(self, language: Language, entities: Entities) -> None:
        self._entities = entities
        self._language = language
        fillers = language.set("fillers")
        self._stopwords = language.set("name_stopwords") | fillers, language.set("place_stopwords") | fillers
        self._other_requests = language.set("item_stopwords")
        self._when = WhenReader(language)
        self._no_list = language.set("list_stopwords")
        self._unsaid = language.set("item_unsaid")
        self._any_media = language.set("query_unsaid")
        self._trailing = sorted(language.list("name_trailing"), key=len, reverse=True)

    def read(self, reading: Reading, view: View, today: date) -> Slots | None:
        """The slots of a reading; None when it can't be meant."""
        values = dict(reading.values)
        target = self._target(values, view)
        moment = self._moment(values, today)
        if target is None or moment is None:
            return None
        slots: dict[str, SlotValue] = {**target, **moment}
        for slot, value in values.items():
            is_read = slot in reading.wildcards or slot in reading.marked & _READ
            found = self._slot(slot, value, view) if is_read else {slot: value}
            if found is None:
                return None
            slots.update(found)
        return slots

    def _moment(self, values: dict[str, Any], today: date) -> Slots | None:
        """Takes from `values` when something is to be, and when it was to be; None when the words left open for that
        aren't a moment."""
        before = self._when.read(str(values.pop("from")), today) if "from" in values else {}
        moment = self._new_moment(values, today) if before is not None else None
        if before is None or moment is None:
            return None
        return {**{f"from_{slot}": value for slot, value in before.items()}, **moment}

    def _new_moment(self, values: dict[str, Any], today: date) -> Slots | None:
        """Takes from `values` when something is to be; None when the words left open for it aren't a moment."""
        if "when" in values:
            said = str(values.get("message", ""))
            if self._when.recurs(said, today) or self._when.goes_on(str(values["when"]), said, today):
                return None  # "on the first | of | every month to pay the rent", "at ten | to | nine to call mum"
            return self._with_time_behind(str(values.pop("when")), values, today)
        if "message" in values and not {"date", "time"} & values.keys():
            said = str(values["message"]).strip()
            if whole := self._when.read(said, today):
                values.pop("message")  # "a reminder for friday"
                return whole
            if self._when.is_double(said, today):
                return None
            values["message"], moment = self._when.split(said, today)
            return moment
        return {}

    def _with_time_behind(self, when: str, values: dict[str, Any], today: date) -> Slots | None:
        """A moment with the time of day that stands behind the message: "in two weeks | call the dentist at ten"."""
        moment = self._when.read(when, today)
        if not moment or "time" in moment or "message" not in values:
            return moment
        rest, whole = self._when.split(f"{when} {values['message']}", today)
        if "time" not in whole or not (moment.items() <= whole.items() or ("hours" in moment and "date" in whole)):
            return moment
        values["message"] = rest
        return whole

    def _slot(self, slot: str, value: Any, view: View) -> Slots | None:
        """One slot, or the several that its value is made of; None when it can't be."""
        if slot in {"name", "place"}:
            name = self.name(str(value), place=slot == "place")
            return None if name is None else {"name": name} if name else {}
        if slot == "list":
            called = self._text("name", str(value))
            return called if called and not self._no_list.intersection(str(value).split()) else None
        if slot in _TEXTS:
            return self._text(slot, str(value))
        if slot in _AMOUNTS:
            amount = _value(value, view)
            return amount_slots(slot, amount) if isinstance(amount, Amount) and _is_of(slot, amount) else None
        return self._marked(slot, value, view) if slot in _MARKED else {slot: value}

    def _text(self, slot: str, words: str) -> Slots | None:
        """What is to be put on a list and the like; None when another request is within."""
        text = words.strip()
        if not text or has_mark(text) or self._other_requests.intersection(text.split()):
            return None
        if slot == "message":
            text = self._language.bare(text)
        unsaid = text in self._unsaid or (slot == "query" and self._any_media.issuperset(text.split()))
        return {} if unsaid else {slot: text}

    def name(self, words: str, *, place: bool = False) -> str | None:
        """What a timer or place is called, without article; empty for "ten" in "a timer for ten"; None for no name."""
        articles, stopwords = "place_articles" if place else "name_articles", self._stopwords[place]
        text = words.strip()
        for tail in self._trailing:
            text = text.removesuffix(f" {tail}")
        parts = self._language.bare(text, articles).split()
        if not parts or len(parts) > MAX_NAME_WORDS or has_mark(text) or stopwords.intersection(parts):
            return None
        if parts[0] in self._language.set(articles):
            return None
        return "" if self._entities.is_number(" ".join(parts)) else " ".join(parts)

    @staticmethod
    def _target(values: dict[str, Any], view: View) -> Slots | None:
        """Takes from `values` what a request is about; None when its verb isn't for that."""
        kind, only = (str(values.pop(name, "")) for name in ("kind", "only"))
        if "it" in values:  # "how warm is it" is about nothing
            pronoun = _value(values.pop("it"), view)
            if isinstance(pronoun, Target) and REFERENCE not in pronoun.slots:
                return None
        if "target" not in values:
            return {}
        slots = _fit(_value(values.pop("target"), view), kind, only.split())
        if slots is None or "where" not in values:
            return slots
        place = _fit(_value(values.pop("where"), view), _PLACE, ())
        return None if place is None else _put(slots, place)

    @staticmethod
    def _marked(slot: str, index: Any, view: View) -> dict[str, SlotValue] | None:
        value = _value(index, view)
        if isinstance(value, Duration):
            return dict(value.slots(_PREFIXES.get(slot, "")))
        if isinstance(value, Day):
            return {"date": value.date.isoformat()}
        return {"expression": value} if isinstance(value, str) else None


def _fit(target: Any, kind: str, only: Sequence[str]) -> Slots | None:
    """The slots of a target of a verb for devices of that kind, or only for named ones; None when it can't be."""
    if not isinstance(target, Target):
        return None
    if kind == _PLACE:
        return None if any(slot in target.slots for slot in _NO_PLACE) else target.slots
    if REFERENCE in target.slots or not (kind or only):
        return target.slots
    if target.domains or only:
        return None if target.domains.isdisjoint(only or [kind]) else target.slots
    return {**target.slots, "domain": kind}


def _put(slots: Slots, place: Slots) -> dict[str, SlotValue]:
    """A target, in a place that was named apart from it, or but for one: "turn everything off upstairs"."""
    kept = {slot: value for slot, value in slots.items() if SPARED in place or not (slot == "name" and value == ALL)}
    return {**kept, **place}


def amount_slots(slot: str, amount: Amount) -> dict[str, SlotValue]:
    """An amount as a slot, with the unit of a temperature where it was said."""
    if slot == "degrees":
        return {"quantity": amount.number, "from_unit": _SCALES.get(amount.unit, "degree")}
    unit = amount.unit if slot == "temperature" and amount.unit in _SCALES else ""
    return {slot: amount.number, "temperature_unit": unit} if unit else {slot: amount.number}


def _is_of(slot: str, amount: Amount) -> bool:
    """Whether an amount may be one of that slot: no light has degrees, no warmth percents."""
    return amount.unit != _PERCENT if slot == "temperature" else slot not in _SHARES or amount.unit in {"", _PERCENT}


def _value(index: Any, view: View) -> Any:
    """What a mark stands for; None for a mark of another view."""
    return view.values[index] if isinstance(index, int) and index < len(view.values) else None
