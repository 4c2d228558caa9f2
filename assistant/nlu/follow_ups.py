"""What an utterance means that refers to the turns before: an answer to a question of ours, a correction, a pronoun,
the same for something else, the same in another unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from assistant.homes import chosen
from assistant.nlu.answers import IN_HOME, Answers
from assistant.nlu.classifier import ADDING, SOURCE, SpanReader
from assistant.nlu.entities import Entities
from assistant.nlu.language import Language
from assistant.nlu.normalise import Wrappers, plain, with_commas
from assistant.nlu.nth import Nth
from assistant.nlu.plugins import PluginGrammar
from assistant.nlu.questions import Questions
from assistant.nlu.references import in_one_topic, is_about, is_about_a_list, is_of_several, resolved
from assistant.nlu.targets import REFERENCE, TARGET_SLOTS, HomeNames, retargeted
from assistant.nlu.understanding import Understanding
from assistant.values import COMMAND, NTH, PROVISO, IntentMatch, Slots

EXACT, PATCHED = 0.98, 0.90
"""How sure a reading is that fits as it stands; and one of which something was left out or made up."""
GRAMMAR = "grammar"
_WEATHER, _TIME, _JOKE, _REMOVED = "HassGetWeather", "HassGetCurrentTime", "TellJoke", "HassListRemoveItem"
SURE = 0.85
"""So sure the model must be of a new request that might go on with the one before."""
_BY_CHANCE = frozenset({"FlipCoin", "RollDice", "RandomNumber"})
_LENGTHENED = frozenset({"HassIncreaseTimer", "HassDecreaseTimer"})
_OPPOSITE = {"up": "down", "down": "up"}
_RESULT, _LONGEST_SUM = "0", 200
_LONGEST_AMOUNT, _LONGEST_ITEM = 4, 3
"""Words."""
_ONE_MORE = {
    "HassStartTimer": "HassStartTimer",
    "HassTimerStatus": "HassStartTimer",
    "HassIncreaseTimer": "HassStartTimer",
    "HassDecreaseTimer": "HassStartTimer",
    "SetAlarm": "SetAlarm",
    "ListAlarms": "SetAlarm",
}
"""What sets one more, by what was asked."""
_TOLD = frozenset({"ListAlarms", "ListReminders"})
_SWITCHING = frozenset({"HassTurnOn", "HassTurnOff"})
_OF_A_KIND = frozenset({"name", "domain", "device_class"})
"""Slots of a thing that is named by what it is."""


class FollowUps:
    """Made by an Understander of its own parts. Pure and thread-safe."""

    def __init__(  # noqa: PLR0913 - each is one reader
        self,
        language: Language,
        *,
        wrappers: Wrappers,
        entities: Entities,
        spans: SpanReader,
        questions: Questions,
        answers: Answers,
        home: Callable[[], HomeNames | None],
        missing: Callable[[IntentMatch], tuple[str, ...]],
        plugin_of: Mapping[str, PluginGrammar],
    ) -> None:
        """`home`: the names in it just now. `missing`: the required slots that a request lacks."""
        self._language = language
        self._wrappers = wrappers
        self._entities = entities
        self._spans = spans
        self._questions = questions
        self._answers = answers
        self._nth = Nth(language)
        self._units: Mapping[str, str] = language.table("unit_names")
        self._home = home
        self._missing = missing
        self._plugin_of = plugin_of

    def complete(self, pending: IntentMatch, text: str, *, now: datetime) -> Understanding | None:
        """`pending` with what an answer to our question adds to it ("ten minutes", "the pasta one").

        None when the text isn't such an answer. Ask `understand` first: a new request goes before an old question.
        """
        said = plain(text, self._language)
        core = self._wrappers.core(said)
        pending = replace(pending, slots={slot: value for slot, value in pending.slots.items() if slot != PROVISO})
        added = self._added(pending, core, now) or self._added(pending, self._wrappers.continuation(said), now)
        if added and COMMAND in pending.slots:
            added = self._answers.in_command(pending.slots, added)
        if not added:
            return None
        match = replace(pending, slots={**pending.slots, **added}, confidence=EXACT)
        return Understanding(core, match, self._missing(match), open_question=False, unfinished=False)

    def _added(self, pending: IntentMatch, core: str, now: datetime) -> Slots | None:
        missing, home = self._missing(pending), self._home()
        plugin = self._plugin_of.get(pending.intent)
        if plugin is None:
            return self._answers.slots(pending, core, missing, now, home)
        return plugin.answer(missing[0], self._entities.views(core, now.date(), home)) if missing else None

    def corrected(self, done: IntentMatch, text: str, *, now: datetime) -> Understanding | None:
        """What was done, with another value ("no, fifteen", "i meant the pasta one"); None when the text isn't that."""
        core = plain(text, self._language)
        if done.intent in _LENGTHENED and (whole := self._set_to(done, core)):
            return Understanding(core, whole, (), open_question=False, unfinished=False)
        alone = self._answers.stands_alone(done, core, now)
        said = self._wrappers.correction(core) or (core if alone else "")
        changed = self._answers.correction(done, said, now, self._home())
        if changed is None:
            return None
        match = replace(done, slots=changed, confidence=EXACT)
        return Understanding(core, match, (), open_question=False, unfinished=False, corrects=True)

    def said_instead(self, text: str) -> str:
        """What stands behind "no", "i meant" and the like; empty when it doesn't begin so."""
        return self._wrappers.correction(plain(text, self._language))

    def _set_to(self, done: IntentMatch, core: str) -> IntentMatch | None:
        """A timer that was made longer or shorter, set to a length: "make it one hour"."""
        said = _without(core, self._language.list("set_to"))
        length = self._answers.length(said, done.slots) if said != core else None
        which = {slot: value for slot, value in done.slots.items() if slot == "name" or slot.startswith("start_")}
        slots = {**which, **length.slots(), "moved": True} if length else {}
        return replace(done, intent="HassStartTimer", slots=slots, confidence=EXACT) if length else None

    def resolved(self, understanding: Understanding, mentioned: IntentMatch | None) -> Understanding:
        """With what a pronoun stands for: what the request before was about, in the same utterance or the `mentioned`
        one; missing when that is none."""
        found: list[IntentMatch] = []
        for each in understanding.requests:
            meant = resolved(each, next(filter(is_about, reversed(found)), mentioned))
            found.append(self._in_words(each, meant) if COMMAND in each.slots and REFERENCE in each.slots else meant)
        if tuple(found) == understanding.requests:
            return understanding
        match, *also = found
        return replace(understanding, match=match, also=tuple(also), missing=() if also else self._missing(match))

    def same_thing(self, understanding: Understanding, before: IntentMatch) -> Understanding:
        """With the thing that was talked about, where one of several is named by its kind alone: "turn on the hall
        lamp", "turn off the lamp". Not for what was done with it already: then another is meant."""
        match, home = understanding.match, self._home()
        done = match and match.intent == before.intent and match.intent in _SWITCHING
        if not match or not home or understanding.also or done or match.intent not in IN_HOME:
            return understanding
        named = match.slots.keys() & TARGET_SLOTS
        about = {slot: value for slot, value in before.slots.items() if slot in TARGET_SLOTS}
        if "name" not in named or not named <= _OF_A_KIND or not about or COMMAND in match.slots:
            return understanding
        meant, may_be = chosen(home.home, about), home.may_be(match.slots)
        if len(meant) != 1 or meant[0] not in may_be or len(chosen(home.home, match.slots)) == 1:
            return understanding
        return replace(understanding, match=replace(match, slots={**match.slots, **about}))

    def is_for_all(self, text: str, read: Understanding) -> bool:
        """Whether a request with a pronoun is for all that was asked for before: "turn them off"."""
        single = self._language.set("plural_pronouns").isdisjoint(plain(text, self._language).split())
        asked = read.match.slots if read.match else {}
        return not single and REFERENCE in asked and COMMAND not in asked and not read.also

    def for_all(self, understanding: Understanding, mentioned: Sequence[IntentMatch]) -> Understanding:
        """The same request for what each of those before was about."""
        assert understanding.match
        found = [resolved(understanding.match, each) for each in mentioned]
        wanted = {(each.intent, *sorted(each.slots.items())): each for each in found}
        match, *also = wanted.values()
        return replace(understanding, match=match, also=tuple(also), missing=() if also else self._missing(match))

    def is_place(self, text: str) -> bool:
        """Whether a text is nothing but which of several: "the second one"."""
        return self._nth.read(self._wrappers.core(plain(text, self._language))) is not None

    def names_a_place(self, text: str) -> bool:
        """Whether something is asked of one by its place: "cancel the last one"."""
        return self._nth.split(plain(text, self._language)) is not None

    def by_place(self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]) -> Understanding | None:
        """What is asked of one by its place among those that were told: "cancel the second one"; None for no such
        thing. `read` reads a text by itself."""
        found = self._nth.split(plain(text, self._language)) if is_of_several(mentioned) else None
        if not found:
            return None
        said, place = found
        understanding = self.resolved(read(said), mentioned)
        match = understanding.match
        if match is None or understanding.also or not is_of_several(match):
            return None
        named = {"name"} if is_about_a_list(match) else frozenset()
        slots = {slot: value for slot, value in match.slots.items() if slot not in mentioned.slots or slot in named}
        slots.pop("whole", None)
        return self.with_slots(understanding, replace(match, slots={**slots, NTH: place}))

    def _in_words(self, match: IntentMatch, meant: IntentMatch) -> IntentMatch:
        """What is for later, with what its pronoun stands for in its words, which are read when it is due; as it was
        where that can't be said."""
        home = self._home()
        what = str(meant.slots.get("name", ""))
        if not what and home and {"area", "domain"} <= meant.slots.keys():
            what = f"{meant.slots['area']} {home.things(str(meant.slots['domain']))}"
        words = str(match.slots[COMMAND]).split()
        at = next((at for at, word in enumerate(words) if word in self._language.words["home"]["pronouns"]), None)
        if not what or at is None:
            return match
        return replace(
            meant,
            slots={**meant.slots, COMMAND: plain(" ".join([*words[:at], what, *words[at + 1 :]]), self._language)},
        )

    def with_slots(self, understanding: Understanding, match: IntentMatch) -> Understanding:
        """The same as a request of its own, which may lack something."""
        return replace(understanding, match=match, missing=self._missing(match), open_question=False)

    def aimless(self, understanding: Understanding) -> Understanding:
        """A request whose pronoun stands for nothing of the home: it must be asked what is meant."""
        match = understanding.match
        if (
            match is None
            or REFERENCE not in match.slots
            or not match.slots.keys().isdisjoint(TARGET_SLOTS - {REFERENCE})
        ):
            return understanding
        slots = {slot: value for slot, value in match.slots.items() if slot != REFERENCE}
        bare = replace(match, slots=slots)
        missing = ("target",) if match.intent in IN_HOME else self._missing(bare)
        return replace(understanding, match=bare, missing=missing)

    def continued(self, mentioned: IntentMatch, text: str, otherwise: Understanding) -> Understanding | None:
        """The request `mentioned` before, for something else ("and the bedroom", "and eggs"); None when the text isn't
        that. `otherwise` is what it means by itself."""
        if COMMAND in mentioned.slots:
            return None
        if is_about_a_list(mentioned) and (less := self._taken_off(mentioned, text, otherwise)):
            return less
        if mentioned.intent in ADDING:
            return self._put_on_too(mentioned, text, otherwise)
        home = self._home()
        core = self._wrappers.continuation(plain(text, self._language))
        target = home.answer(core) if home and core and mentioned.intent in IN_HOME else None
        if not target:
            return None
        match = replace(mentioned, slots=retargeted(mentioned.slots, target), confidence=PATCHED, confirmed=False)
        return Understanding(core, match, self._missing(match), open_question=False, unfinished=False)

    def one_more(self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]) -> Understanding | None:
        """Another of the kind that was just set: "and another one for the sauce", "and at nine on weekends"; None when
        the text doesn't ask that. `read` reads a text by itself."""
        words = self._language.table("shared")
        core = plain(text, self._language)
        rest = self._wrappers.continuation(core) or core
        value = _without(_without(rest, words["each"]), words["leads"])
        wanted = _ONE_MORE.get(mentioned.intent)
        if not wanted or value == core or not value:
            return None
        number, _, name = value.partition(" ")
        with_unit = [f"{number} {kind['unit']} {name}" for kind in words["kinds"] if name and "unit" in kind]
        found = [
            read(str(kind["request"]).format(value=each)) for each in (value, *with_unit) for kind in words["kinds"]
        ]
        same = [each for each in found if each.match and each.match.intent == wanted and each.match.source == GRAMMAR]
        named = value != rest  # "and the bedroom" is no timer called so
        return next((each for each in same if not each.missing), same[0] if same and named else None)

    def moved(self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]) -> Understanding | None:
        """An alarm, a reminder or a timer that was told, at another time: "make it half past eight"; None for no such
        thing. `read` reads a text by itself."""
        core = plain(text, self._language)
        if mentioned.intent == "HassTimerStatus" and (whole := self._set_to(mentioned, core)):
            return Understanding(core, whole, (), open_question=False, unfinished=False)
        moment = _without(core, self._language.list("set_to"))
        if moment == core or mentioned.intent not in _TOLD:
            return None
        found = read(str(self._language.words["moving"]).format(moment=moment))
        meant = self.resolved(found, mentioned)
        return meant if found.match and found.match.intent == "SetAlarm" and not meant.missing else None

    def of_that_kind(
        self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]
    ) -> Understanding | None:
        """What is asked of one of the kind that was talked about: "cancel the weekend one"; None for no such thing.
        `read` reads a text by itself."""
        words, ones = plain(text, self._language).split(), set(self._language.table("home")["ones"])
        if ones.isdisjoint(words):  # "the bob one to two" is written down as "the Bob 1 to 2"
            ones = {str(self._language.table("numbers").get(one, one)) for one in ones}
        if not is_of_several(mentioned) or ones.isdisjoint(words):
            return None
        for noun in self._language.list("kinds_of_several"):
            found = read(" ".join(noun if word in ones else word for word in words))
            match = found.match
            if match and match.source == GRAMMAR and in_one_topic(mentioned, match) and not found.missing:
                return found
        return None

    def anew(self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]) -> Understanding | None:
        """The request `mentioned` before once more: what turns out otherwise each time ("another one", "roll again"),
        a step further or back ("a bit more"), a sum gone on with ("times two", "divide that by three"); None when the
        text isn't that. `read` reads a text by itself."""
        core = self._wrappers.core(plain(text, self._language))
        if COMMAND in mentioned.slots:
            return None
        if "expression" in mentioned.slots:
            slots = self._sum(mentioned, core) or self._sum_with(mentioned, core, read)
        else:
            slots = self._converted(mentioned, core) if "to_unit" in mentioned.slots else self._anew(mentioned, core)
        if slots is None:
            return None
        match = replace(mentioned, slots=slots, confidence=PATCHED)
        return Understanding(core, match, (), open_question=False, unfinished=False)

    def _anew(self, mentioned: IntentMatch, core: str) -> Slots | None:
        words, slots = self._language.table("anew"), mentioned.slots
        if "direction" in slots:
            if core in words["less"]:
                return {**slots, "direction": _OPPOSITE.get(str(slots["direction"]), "")}
            ways = words["more"] + words["again"]
        elif mentioned.intent == _JOKE:  # "again" is the same one
            ways = words["another"]
        else:
            ways = words["another"] + words["again"] if mentioned.intent in _BY_CHANCE else []
        return slots if core in ways else None

    def _converted(self, mentioned: IntentMatch, core: str) -> Slots | None:
        """Another amount, in the unit asked for before: "and in two pounds"."""
        more = self._wrappers.continuation(core) or core
        unit = next((name for name, unit in self._units.items() if unit == mentioned.slots.get("from_unit")), "")
        more = f"{more} {unit}" if self._entities.is_number(more) else more  # "and 35"
        amount = self._spans.measured(more) if len(more.split()) <= _LONGEST_AMOUNT else {}
        other = amount.get("from_unit", mentioned.slots["to_unit"]) != mentioned.slots["to_unit"]
        return {**amount, "to_unit": mentioned.slots["to_unit"]} if other else None

    def _sum(self, mentioned: IntentMatch, core: str) -> Slots | None:
        """A calculation whose first number is the result before."""
        core = self._language.table("sums").get(core, core)
        for more in (core, self._wrappers.continuation(core)):
            line = self._entities.expression(f"{_RESULT} {more}") or ""
            if more and line.startswith(f"{_RESULT} ") and len(line) < _LONGEST_SUM:
                return {"expression": f"({mentioned.slots['expression']}){line.removeprefix(_RESULT)}"}
        return None

    def _sum_with(self, mentioned: IntentMatch, core: str, read: Callable[[str], Understanding]) -> Slots | None:
        """A calculation that a pronoun brings the result before into: "add five to that"."""
        words = core.split()
        pronouns = self._language.words["home"]["pronouns"]
        if sum(word in pronouns for word in words) != 1 or _RESULT in words:
            return None
        match = read(" ".join(_RESULT if word in pronouns else word for word in words)).match
        terms = str(match.slots.get("expression", "")).split() if match and match.source == GRAMMAR else []
        if terms.count(_RESULT) != 1 or len(terms) < 2 or len(str(mentioned.slots["expression"])) > _LONGEST_SUM:
            return None
        before = f"({mentioned.slots['expression']})"
        return {"expression": " ".join(before if term == _RESULT else term for term in terms)}

    def carried(self, text: str, reply: str, otherwise: Understanding) -> Understanding | None:
        """What an amount in the `reply` before, whoever gave it, is in another unit ("and in celsius?"); None when the
        text doesn't ask that. `otherwise` is what it means by itself."""
        match = otherwise.match
        core = otherwise.text
        free = match is None or match.source == SOURCE or match.intent == "ConvertUnit"
        more = self._wrappers.continuation(plain(text, self._language)) if free else ""
        unit = (self._questions.other_unit(core, self._spans.unit) if free else None) or self._spans.unit(more)
        amount = self._spans.measured(plain(reply, self._language)) if unit else {}
        if not unit or not amount or amount["from_unit"] == unit:
            return None
        slots = {**amount, "to_unit": unit}
        return Understanding(
            core, IntentMatch("ConvertUnit", slots, PATCHED, GRAMMAR), (), open_question=False, unfinished=False
        )

    def of_another_day(self, mentioned: IntentMatch, text: str, now: datetime) -> Understanding | None:
        """The weather asked for before, of another day ("and tomorrow?"); None when the text doesn't ask that."""
        core = self._wrappers.continuation(plain(text, self._language))
        day = self._entities.period_in(core, now.date()) if core and mentioned.intent == _WEATHER else None
        if not day:
            return None
        match = replace(mentioned, slots={**mentioned.slots, "date": day}, confidence=PATCHED)
        return Understanding(core, match, (), open_question=False, unfinished=False)

    def elsewhere(
        self, mentioned: IntentMatch, text: str, read: Callable[[str], Understanding]
    ) -> Understanding | None:
        """The time asked for before, of another place ("and in new york?"); None when the text doesn't ask that. `read`
        reads a text by itself."""
        place = self._wrappers.continuation(plain(text, self._language)) if mentioned.intent == _TIME else ""
        found = read(f"{self._language.words['asks_time']} {place}") if place else None
        asked = found and found.match and found.match.intent == _TIME and "name" in found.match.slots
        return found if asked else None

    def other_item(self, done: IntentMatch, rest: str, meant: Understanding) -> Understanding | None:
        """The `rest` behind "no" or "i meant", on a list instead of the one thing that was put there; None when it is
        no mere thing. `meant` is what the rest means by itself."""
        match, item = meant.match, str(done.slots.get("item", ""))
        if done.intent not in ADDING or not item or self._questions.is_open(rest, asked=False):
            return None
        other = match and match.intent not in ADDING and (match.source == GRAMMAR or match.confidence >= SURE)
        several = "," in item or str(self._language.words["joiner"]) in item.split()
        unsaid = self._language.set("item_unsaid") | self._language.set("corrections")
        if other or several or not 0 < len(rest.split()) <= _LONGEST_ITEM or not unsaid.isdisjoint(rest.split()):
            return None
        match = replace(done, slots={**done.slots, "item": rest}, confidence=PATCHED)
        return Understanding(rest, match, (), open_question=False, unfinished=False, corrects=True)

    def _taken_off(self, mentioned: IntentMatch, text: str, otherwise: Understanding) -> Understanding | None:
        """Something taken off the list that was talked about: "and remove the milk"."""
        core = self._wrappers.core(plain(text, self._language))
        item = _without(core, self._language.list("item_removals"))
        match = otherwise.match
        if item == core or (match and match.intent != _REMOVED and match.confidence >= SURE):
            return None
        name = {slot: value for slot, value in mentioned.slots.items() if slot == "name"}
        slots = {**name, "item": with_commas(item, text, self._language)}
        match = IntentMatch(_REMOVED, slots, PATCHED, GRAMMAR)
        return Understanding(core, match, (), open_question=False, unfinished=False)

    def _put_on_too(self, mentioned: IntentMatch, text: str, otherwise: Understanding) -> Understanding | None:
        """One more thing for the list, unless the text is a question or asks for something else."""
        if otherwise.open_question or (otherwise.match and otherwise.match.intent not in ADDING):
            return None
        core = plain(text, self._language)
        item = self._spans.item(core)
        if not item:
            return None
        slots = {slot: value for slot, value in mentioned.slots.items() if slot == "name"}
        match = replace(mentioned, slots={**slots, "item": with_commas(item, text, self._language)}, confidence=PATCHED)
        return Understanding(core, match, (), open_question=False, unfinished=False)


def _without(text: str, openings: Iterable[str]) -> str:
    """A text without the longest of the openings that it begins with."""
    fitting = [opening for opening in openings if text.startswith(f"{opening} ")]
    return text[len(max(fitting, key=len, default="")) :].strip()
