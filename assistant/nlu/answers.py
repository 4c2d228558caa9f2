"""Answers to what we asked back: they fill the slots of the request that is waiting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from assistant.nlu.durations import Duration
from assistant.nlu.entities import Amount, Entities
from assistant.nlu.language import Language
from assistant.nlu.nth import Nth
from assistant.nlu.slots import SlotReader, amount_slots
from assistant.nlu.targets import TARGET_SLOTS, HomeNames, retargeted
from assistant.nlu.when import WhenReader
from assistant.values import COMMAND, NTH, IntentMatch, Slots

_MAX_WORDS = 10
_CHOOSING = frozenset(
    {
        "HassCancelTimer", "HassIncreaseTimer", "HassDecreaseTimer", "HassPauseTimer", "HassUnpauseTimer",
        "HassTimerStatus",
    }
)  # fmt: skip
"""Intents for which we may ask which timer is meant."""
_AMOUNTS = {
    "HassLightSet": "brightness",
    "HassClimateSetTemperature": "temperature",
    "HassSetPosition": "position",
    "HassFanSetSpeed": "percentage",
    "HassSetVolume": "volume_level",
}
_SCHEDULED = frozenset({"CancelAlarm", "CancelReminder"})
_MOVED = frozenset({"SetAlarm", "SetReminder"})
_CLOCK = frozenset({"time", "ambiguous", "hours", "minutes", "seconds"})
_ITEMS = frozenset({"HassListAddItem", "HassShoppingListAddItem", "HassListCompleteItem"})
IN_HOME = frozenset(
    {*_AMOUNTS.keys() - {"HassSetVolume"}, "HassTurnOn", "HassTurnOff", "HassGetState", "HassClimateGetTemperature"}
)
"""Intents that are for things of the home."""
_WHICH_DEVICE = IN_HOME | {"HassMediaSearchAndPlay"}
"""Intents for which we may ask which device is meant."""
_DURATION = ("hours", "minutes", "seconds")


class Answers:
    """Reads short answers in one language."""

    def __init__(self, language: Language, entities: Entities, slots: SlotReader) -> None:
        self._units = language.table("unit_names")
        self._when = WhenReader(language)
        self._recurring: Mapping[str, str] = language.table("recurring")
        self._nth = Nth(language)
        self._in_place = str(language.words["in_place"])
        self._ones = frozenset(language.table("home")["ones"])
        self._tails = language.set("choice_tails")
        self._leads: tuple[str, ...] = tuple(language.table("shared")["leads"])
        self._unit_names = {name: language.unit(unit_s) for name, unit_s in zip(_DURATION, (3600, 60, 1), strict=True)}
        self._language = language
        self._entities = entities
        self._slots = slots
        self._readers: Mapping[str, Callable[[str, datetime], Slots | None]] = {
            "duration": self._duration,
            "expression": self._expression,
            "time": lambda text, now: self._when.read(text, now.date()),
            **{slot: functools.partial(self._amount, slot) for slot in _AMOUNTS.values()},
        }
        """For each of `language.ASKED` whose answer doesn't depend on what was said before."""

    def slots(
        self, pending: IntentMatch, text: str, missing: tuple[str, ...], now: datetime, home: HomeNames | None
    ) -> Slots | None:
        """What the answer to the question for the first that is `missing`, or for which one is meant, adds to
        `pending`; None when it is no answer.
        """
        if not text or len(text.split()) > _MAX_WORDS:
            return None
        if missing and missing[0] == "target":
            target = home.read(text) if home else None
            return target.slots if target else None
        if missing and missing[0] == "message":
            return self._message(pending, text, now)
        if not missing:
            return self._other(pending, text, now, home)
        return self._readers[missing[0]](text, now) or self._timer_name(pending, text)

    def _timer_name(self, pending: IntentMatch, text: str) -> Slots | None:
        """What a timer whose length is asked for is for: "for the pizza"."""
        lead = next((each for each in self._leads if text.startswith(f"{each} ")), "")
        new = pending.intent == "HassStartTimer" and pending.slots.keys().isdisjoint({"name", "moved"})
        name = self._slots.name(text.removeprefix(lead).strip()) if lead and new else None
        return {"name": name} if name else None

    def _message(self, pending: IntentMatch, text: str, now: datetime) -> Slots:
        """What one is to be reminded of; when, too, as far as that isn't known yet; or nothing but when."""
        if moment := self._when.read(text, now.date()):
            return moment
        rest, moment = self._when.split(text, now.date())
        if not moment or not moment.keys().isdisjoint(pending.slots):
            return {"message": self._when.message(text)}
        return {"message": self._when.message(rest), **moment}

    def in_command(self, slots: Slots, answer: Slots) -> Slots | None:
        """What is answered about something for later, with its words made so; None when they can't be."""
        command = str(slots[COMMAND])
        if "area" in answer:
            return {**answer, COMMAND: f"{command} {self._in_place.format(place=answer['area'])}"}
        if TARGET_SLOTS.isdisjoint(answer):
            return answer
        if "name" not in answer or f" {slots.get('name')} " not in f" {command} ":
            return None
        kind, name = str(slots["name"]), str(answer["name"])
        name = name if kind.casefold() in name.casefold().split() else f"{name} {kind}"  # "the bedside one"
        told = f" {command} ".replace(f" {kind} ", f" {name} ", 1).strip()
        return {**answer, COMMAND: told}

    def _other(self, pending: IntentMatch, text: str, now: datetime, home: HomeNames | None) -> Slots | None:
        """What the answer to a question of the skill's own adds."""
        if pending.intent in _AMOUNTS and (amount := self._entities.amount(text)):
            return amount_slots(_AMOUNTS[pending.intent], amount)
        if pending.intent in _SCHEDULED or "moved" in pending.slots:
            return self._which(pending, text, now)
        if pending.intent == "ConvertUnit" and (unit := self._units.get(text)):
            return {"to_unit": str(unit)}
        if pending.intent in _ITEMS and "item" not in pending.slots:
            return {"item": text}
        if pending.intent in _WHICH_DEVICE:
            return (home.answer(text) if home else None) or self._by_place(text)
        return self._choice(text) if pending.intent in _CHOOSING else None

    def more(self, before: IntentMatch, text: str, now: datetime, timers: Sequence[str]) -> Slots | None:
        """The slots of the same request for one more: another time of an alarm or a reminder, another of the `timers`
        that run."""
        if before.intent in _MOVED and (moment := self._when.read(text, now.date())):
            return self._moved(before.slots, moment)
        if before.intent not in _CHOOSING:
            return None
        chosen = self._choice(text) or {}
        parts = {slot: value for slot, value in before.slots.items() if slot in _DURATION}
        return {**parts, **chosen} if chosen.get("name", "") in timers or chosen.keys() - {"name"} else None

    @staticmethod
    def _moved(slots: Slots, moment: Slots) -> Slots:
        """A moment, with what it leaves open as it was before."""
        clock = not _CLOCK.isdisjoint(moment)
        return {**{slot: value for slot, value in slots.items() if not (clock and slot in _CLOCK)}, **moment}

    def _which(self, pending: IntentMatch, text: str, now: datetime) -> Slots | None:
        """Which alarm, reminder or timer is to be cancelled or moved."""
        if place := self._by_place(text):
            return place
        if pending.intent == "HassStartTimer":
            return self._choice(text)
        if "moved" not in pending.slots:
            return self._scheduled(text, now)
        moment = self._moment(self._one(text), now)
        return {f"from_{slot}": value for slot, value in moment.items()} if moment else None

    def _scheduled(self, text: str, now: datetime) -> Slots | None:
        """Which alarm or reminder: by its time, else by what it is about."""
        said = self._one(text)
        return self._moment(said, now) or {"message": said}

    def _moment(self, said: str, now: datetime) -> Slots | None:
        """The time, the day or how often of what is meant."""
        often = self._recurring.get(said)
        return {"recurrence": often} if often else self._when.read(said, now.date())

    def _by_place(self, text: str) -> Slots | None:
        """Which of those that were told: "the second one"."""
        place = self._nth.read(text)
        return {NTH: place} if place else None

    def _one(self, text: str) -> str:
        """The words of "the 9 am one" that tell which."""
        words = self._language.bare(text, "name_articles").split()
        words = words[1:] if words and words[0] in self._ones else words
        return " ".join(words[:-1] if words and words[-1] in self._ones else words)

    def correction(self, done: IntentMatch, text: str, now: datetime, home: HomeNames | None) -> Slots | None:
        """The slots of what was done, with the value said instead; None when the text names none, or the same."""
        if not text or len(text.split()) > _MAX_WORDS:
            return None
        parts = {name: value for name, value in done.slots.items() if name in _DURATION}
        others = {name: value for name, value in done.slots.items() if name not in _DURATION}
        moved = done.intent in _MOVED or COMMAND in done.slots
        changed: Slots | None = None
        if parts and (duration := self._entities.duration(text) or (None if moved else self._in_unit(text, parts))):
            changed = {**others, **duration.slots()}
        elif "expression" in done.slots and (expression := self._entities.expression(text)):
            changed = {**done.slots, "expression": expression}
        elif moved and (clock := self.half_day(done, text)):
            changed = {**{slot: value for slot, value in done.slots.items() if slot != "ambiguous"}, "time": clock}
        elif moved and (moment := self._when.read(text, now.date())):
            changed = self._moved(done.slots, moment)
        elif COMMAND in done.slots:  # its words stand for everything but when
            return None
        elif done.intent in _AMOUNTS and (amount := self._amount_in(done, text)):
            kept = {slot: value for slot, value in done.slots.items() if slot != "direction"}
            changed = {**kept, **amount_slots(_AMOUNTS[done.intent], amount)}
        elif done.intent in _WHICH_DEVICE and home and (target := home.answer(text)):
            changed = retargeted(done.slots, target)
        elif done.intent in _CHOOSING and self._without_tail(text) != text and (chosen := self._choice(text)):
            changed = {**parts, **chosen}
        return None if changed == done.slots else changed

    def stands_alone(self, done: IntentMatch, text: str, now: datetime) -> bool:
        """Whether a text is another value of what was set, without a word like "no" in front: "in the morning",
        "tomorrow", "to 20"."""
        if self.half_day(done, text) or self.comes_to(done, text):
            return True
        moment = self._when.read(text, now.date()) if done.intent in _MOVED else None
        return bool(moment and moment.keys() <= {"date", "recurrence"})

    def half_day(self, done: IntentMatch, text: str) -> str | None:
        """The time of what was set, in the half of the day that the text is; None for one without, or another text."""
        waits = done.intent in _MOVED or COMMAND in done.slots
        return self._when.in_half(str(done.slots["time"]), text) if waits and "time" in done.slots else None

    def _duration(self, text: str, now: datetime) -> Slots | None:  # noqa: ARG002 - all are called alike
        duration = self._entities.duration(text) or self._in_unit(text, {})
        return duration.slots() if duration else None

    def _amount(self, slot: str, text: str, now: datetime) -> Slots | None:  # noqa: ARG002 - all are called alike
        amount = self._entities.amount(text)
        return amount_slots(slot, amount) if amount else None

    def _expression(self, text: str, now: datetime) -> Slots | None:  # noqa: ARG002 - all are called alike
        expression = self._entities.expression(text)
        return {"expression": expression} if expression else None

    def length(self, text: str, parts: Slots) -> Duration | None:
        """A length of time; a bare number is of the unit among `parts`."""
        said = {name: value for name, value in parts.items() if name in _DURATION}
        return self._entities.duration(text) or self._in_unit(text, said)

    def comes_to(self, done: IntentMatch, text: str) -> bool:
        """Whether a text is what an amount that was set is to come to instead: "to 20"."""
        first, _, rest = text.partition(" ")
        return (
            done.intent in _AMOUNTS and first in self._language.set("amount_to") and bool(self._entities.amount(rest))
        )

    def _amount_in(self, done: IntentMatch, text: str) -> Amount | None:
        return self._entities.amount(text.partition(" ")[2] if self.comes_to(done, text) else text)

    def _in_unit(self, text: str, parts: Slots) -> Duration | None:
        """A bare number is of the unit said before; of several or none, minutes ("for how long?" "ten")."""
        unit = self._unit_names[next(iter(parts)) if len(parts) == 1 else "minutes"]
        return self._entities.duration(f"{text} {unit}") if self._entities.is_number(text) else None

    def _without_tail(self, text: str) -> str:
        """Without the words that say that it is one of several."""
        words = text.split()
        while words and words[-1] in self._tails:
            words.pop()
        return " ".join(words)

    def _choice(self, text: str) -> Slots | None:
        """Which timer: by its length ("the ten minute one") or its name ("the pasta one")."""
        if place := self._by_place(text):
            return place
        duration = self._entities.duration(text)
        if duration:
            return duration.slots("start_")
        name = self._slots.name(self._without_tail(text))
        return {"name": name} if name else None
