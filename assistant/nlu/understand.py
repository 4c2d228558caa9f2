"""Text -> Understanding: by grammar (exact sentences, nothing guessed), then by a model that knows how people talk.

How sure a match of the grammar is, before the model has read the utterance too (`classifier.agreed`):

    0.98   a template fits the whole, or the whole without politeness and run-ups; or fits each of `several` requests
    0.95   the same by one of Home Assistant's templates, or by a plugin's that leaves words open
    0.90   only without filler words
    0.90   one sentence of several fits and the rest is smalltalk, or says the same
    0.80   templates of two intents fit equally well
    0.60   one sentence of several fits, the rest is unknown; or those of two plugins fit

A plugin's intents are asked last: what our own sentences make of the whole, or of all its parts, goes first. The model
doesn't know them: it claims none, and takes one only where a template left words open and it is surer of one of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from assistant.homes import Home
from assistant.names import closest
from assistant.nlu.answers import IN_HOME, Answers
from assistant.nlu.classifier import SOURCE, SpanReader, TextModel, agreed, candidates_of, claimed, outvoted
from assistant.nlu.entities import Entities
from assistant.nlu.follow_ups import EXACT, GRAMMAR, PATCHED, FollowUps
from assistant.nlu.language import load_language
from assistant.nlu.normalise import MAX_CHARS, MAX_WORDS, Wrappers, plain, with_commas
from assistant.nlu.plugins import PluginGrammar
from assistant.nlu.provisos import AT_ONCE, PLAYED, Provisos, bound
from assistant.nlu.questions import Questions
from assistant.nlu.sentence_reader import SMALLTALK, Read, SentenceReader
from assistant.nlu.slots import SlotReader
from assistant.nlu.targets import REFERENCE, TARGET_SLOTS, HomeNames
from assistant.nlu.tasks import OPEN_TASKS, task_for
from assistant.nlu.titles import Titles
from assistant.nlu.understanding import Understanding
from assistant.nlu.when import WhenReader
from assistant.values import COMMAND, LASTING, PROVISO, IntentMatch, Layer, Slots, TextReading, gives

_PLACES = frozenset({"area", "floor"})
_UNDONE_BY = {
    one: other
    for pair in (
        ("HassTurnOn", "HassTurnOff"),
        ("HassMediaPlayerMute", "HassMediaPlayerUnmute"),
        ("HassMediaPause", "HassMediaUnpause"),
        ("SetPrivateMode", "SetPrivateMode"),
    )
    for one, other in (pair, pair[::-1])
}
_FOR_LATER = AT_ONCE | {PLAYED}
_ANY_MOMENT = datetime(2025, 1, 1)  # noqa: DTZ001 - for what doesn't depend on it
_PARTIAL = 0.8
"""How sure it can be that the model's claim is what was asked, where several things are named, or nothing but when."""
_OPEN = 0.5
"""How sure the model must be of a task type that needs an answer from somewhere else."""


@dataclass(frozen=True, slots=True)
class Known:
    """What people may mean by a name just now."""

    timer_names: tuple[str, ...] = ()
    """Of the timers that are running."""
    home: Home = field(default_factory=Home)


class Understander:
    """Reads utterances. Pure CPU and thread-safe once built; building takes some hundred milliseconds.

    `names` are what people call the assistant; `known` gives what has a name at the moment. Without a `model` the
    grammar reads alone. What the model is less than `reject_threshold` sure of isn't claimed, nor are intents that
    aren't `served` (None: all are). `plugins` add sentences and intents.
    """

    def __init__(  # noqa: PLR0913 - settings, all by name
        self,
        *,
        names: Sequence[str] = (),
        known: Callable[[], Known] = Known,
        language: str = "en",
        model: TextModel | None = None,
        reject_threshold: float = 0.0,
        served: Container[str] | None = None,
        plugins: Sequence[PluginGrammar] = (),
    ) -> None:
        self._language = load_language(language)
        self._plugins = plugins
        self._plugin_of = {intent: plugin for plugin in plugins for intent in plugin.required}
        self._required = {**self._language.required}
        for plugin in plugins:
            self._required |= plugin.required
        self._wrappers = Wrappers(self._language, names)
        self._entities = Entities(self._language)
        slots = SlotReader(self._language, self._entities)
        answers = Answers(self._language, self._entities, slots)
        self._questions = Questions(self._language)
        self._spans = SpanReader(self._language, self._entities)
        self._titles = Titles(self._language)
        self._when = WhenReader(self._language)
        self._provisos = Provisos(self._language)
        self._model = model
        self._reject_threshold = reject_threshold
        self._served = served
        self._known = known
        self._home: tuple[Home, HomeNames] | None = None
        self._sentences = SentenceReader(
            self._language,
            wrappers=self._wrappers,
            entities=self._entities,
            slots=slots,
            answers=answers,
            home=self._home_names,
            timers=self._timer_names,
            missing=self.missing,
            plugins=plugins,
        )
        self.follow_ups = FollowUps(
            self._language,
            wrappers=self._wrappers,
            entities=self._entities,
            spans=self._spans,
            questions=self._questions,
            answers=answers,
            home=self._home_names,
            missing=self.missing,
            plugin_of=self._plugin_of,
        )
        self._sentences.warm_up(_ANY_MOMENT)

    def understand(self, text: str, *, now: datetime) -> Understanding:
        """The best reading of an utterance at the user's local time `now`. Total over `str`; some milliseconds."""
        return self._read(text, now, at_once=False)

    def _read(self, text: str, now: datetime, *, at_once: bool) -> Understanding:
        """The same; with `at_once` only what is to be done at once: it is a part of what is for later."""
        whole = plain(text, self._language)
        core = self._wrappers.core(whole)
        layer, asked = self._wrappers.addressed(core)
        if layer is Layer.CLOUD:  # whatever it is: it was said who is to answer
            return Understanding(asked, None, (), open_question=True, unfinished=False, layer=layer)
        if layer:
            return replace(self._read(asked, now, at_once=at_once), layer=layer)
        match: IntentMatch | None = None
        also: Sequence[IntentMatch] = ()
        own = self._sentences.at(now)
        short = len(text) <= MAX_CHARS and len(whole.split()) <= MAX_WORDS
        if short and (found := self._sentences.requests(text, whole, now, own)):
            match, *also = found
        reading = (
            self._model.read(words) if self._model and (words := self._wrappers.without_name(whole).split()) else None
        )
        unread = False
        candidates = candidates_of(match, reading)
        if reading and not also:
            match = self._weighed(match, whole, reading, now)
            told_when = short and not at_once and (match is None or match.source == SOURCE)
            if told_when and (later := self._claimed_later(match, core, now, own)):
                match = later
            elif match and match.source == SOURCE and (begun := self._sentences.begun(text, match.intent, now, own)):
                (match, *also), unread = begun, True
            elif match and match.source == SOURCE:
                match, *also = self._in_each_place(match, whole)
        if at_once or not short:
            pass
        elif match and not also and (passing := self._for_a_while(match, core, now)):
            match = passing
        elif match and also and (later := self._all_later((match, *also), core, now)):
            match, also = later, ()
        match = self._misheard(match, whole, now)
        if match and "item" in match.slots:
            item = with_commas(str(match.slots["item"]), text, self._language)
            match = replace(match, slots={**match.slots, "item": item})
        match = match if also else self._bound(match, core, now, at_once=at_once or not short)
        missing = self.missing(match) if match and not also else ()
        is_open = match is None and (
            self._questions.is_open(core, asked=text.rstrip().endswith("?"))
            or bool(reading and reading.task in OPEN_TASKS and reading.task_probability > _OPEN)
        )
        exact = match is not None and match.source == GRAMMAR and not any(map(self.missing, (match, *also)))
        unfinished = self._questions.is_unfinished(whole, claimed=exact)
        task = task_for(match, reading)
        return Understanding(
            core, match, missing, is_open, unfinished, task, tuple(also), candidates=candidates, unread=unread
        )

    def missing(self, match: IntentMatch) -> tuple[str, ...]:
        """The required slots a match lacks."""
        if PROVISO in match.slots:
            return ()  # it isn't done anyway
        aimed = {"target"} if not TARGET_SLOTS.isdisjoint(match.slots) else set()
        required = (slot for slot in self._required.get(match.intent, ()) if slot not in aimed)
        return tuple(slot for slot in required if not gives(match.slots, slot))

    def examples(self) -> Mapping[str, str]:
        """Every intent with one way to say it."""
        return {
            **self._language.examples,
            **{key: text for each in self._plugins for key, text in each.examples.items()},
        }

    def intents(self) -> dict[str, tuple[str, ...]]:
        """Every intent with its templates, ours first."""
        found: dict[str, list[str]] = {intent: [] for intent in self._required}
        for intent, template in self._sentences.templates():
            found[intent].append(template)
        return {intent: tuple(templates) for intent, templates in found.items()}

    def _timer_names(self) -> tuple[str, ...]:
        names = (plain(name, self._language) for name in self._known().timer_names)
        return tuple(name for name in names if name)

    def _home_names(self) -> HomeNames | None:
        """The names of the home; None without one. They are read again when anything there is called otherwise."""
        home = self._known().home
        if not home.devices:
            return None
        kept = self._home
        if kept is None or (kept[0] is not home and kept[0].names != home.names):
            kept = home, HomeNames(self._language, home)
        self._home = home, kept[1]
        return kept[1]

    def _weighed(self, match: IntentMatch | None, text: str, reading: TextReading, now: datetime) -> IntentMatch | None:
        """The grammar's match as sure as both readers make it; without one, the model's."""
        if match and REFERENCE in match.slots and "item" not in match.slots:
            return match  # what it is for depends on what was said before, and the model doesn't know that
        if match and match.intent in self._plugin_of:
            ours = self._weighed(None, text, reading, now) if match.confidence < EXACT else None
            return ours if ours and ours.confidence > match.confidence else match
        if match and not outvoted(match, reading):
            query = self._said(match, reading)
            return replace(match, slots={**match.slots, **query}, confidence=agreed(match, reading))
        claim = claimed(reading)
        if (
            claim is None
            or self._is_unkind(claim[0], text)
            or claim[1] < self._reject_threshold
            or not (self._served is None or claim[0] in self._served)
        ):
            return None
        slots = self._spans.slots(claim[0], text, reading.spans, now)
        home = self._home_names() if claim[0] in IN_HOME else None  # a timer may be called kitchen
        if home:
            slots = home.meant(slots)
            if TARGET_SLOTS & slots.keys() <= _PLACES:
                slots = {**home.named_in(text), **slots}
            if not home.is_device(slots) and (nearly := home.nearly_in(text)):
                slots = {**slots, **nearly}
        unsaid = bool(home and home.several_named_in(text)) or self._when.read(text, now.date()) is not None
        confidence = min(claim[1], _PARTIAL) if unsaid else claim[1]
        return IntentMatch(claim[0], slots, confidence, SOURCE)

    def _in_each_place(self, match: IntentMatch, text: str) -> tuple[IntentMatch, ...]:
        """What the model claims for one of several joined places, for each of them."""
        home = self._home_names() if match.intent in IN_HOME and not _PLACES.isdisjoint(match.slots) else None
        places = home.one_place_each(text) if home else ()
        anywhere = {slot: value for slot, value in match.slots.items() if slot not in _PLACES}
        return tuple(replace(match, slots={**anywhere, **place}) for _, place in places) or (match,)

    def _is_unkind(self, intent: str, text: str) -> bool:
        """Whether the model takes for thanks or a yes what is none: "you are stupid"."""
        return intent in SMALLTALK and not self._language.set("unkind").isdisjoint(text.split())

    def _said(self, match: IntentMatch, reading: TextReading) -> Slots:
        """What is to be played, as the model cuts it out of the words that a template left open."""
        if "query" not in match.slots or match.intent != next(iter(reading.intents), ""):
            return {}
        query = self._titles.find(str(match.slots["query"]), reading.spans)
        return {"query": query} if query else {}

    def _bound(self, match: IntentMatch | None, core: str, now: datetime, *, at_once: bool) -> IntentMatch | None:
        """What the model claims with what it is bound to that can't be had; and so reminders of what happens."""
        if match is None:
            return None
        if match.source == SOURCE or "query" in match.slots:
            proviso = self._provisos.find(match, core, now.date())
            if proviso == "later" and not at_once and (later := self._for_later(core, now)):
                return later
        else:
            awaits = match.intent == "SetReminder" and self.missing(match) and self._provisos.awaits(core)
            proviso = "condition" if awaits else ""
        unsure = "message" not in match.slots or self._provisos.awaits(core)
        told = proviso == "condition" or (match.intent == "SetReminder" and unsure)
        if told and match.source == SOURCE and (message := self._spans.messages.behind(core, now.date())):
            message, moment = (message, {}) if proviso else self._when.split(message, now.date())
            match = replace(match, slots={**match.slots, **moment, "message": message})
        return bound(match, proviso) if proviso else match

    def _all_later(self, matches: Sequence[IntentMatch], core: str, now: datetime) -> IntentMatch | None:
        """Several requests of which it is said at the end, or first, when to do them."""
        bound = (self._provisos.find(each, core, now.date()) == "later" for each in matches)
        whole = all(each.intent in _FOR_LATER for each in matches) and all(bound)
        return self._for_later(core, now) if whole else None

    def _claimed_later(self, match: IntentMatch | None, core: str, now: datetime, own: Read) -> IntentMatch | None:
        """What the sentences know of what is for later, whatever the model takes the whole for: "turn it off at ten"
        for an alarm. What the model claims is what both are."""
        if match and match.intent in _FOR_LATER:
            return self._all_later((match,), core, now)
        found = self._provisos.for_later(core, now.date()) if self._provisos.is_later(core) else None
        known = own(found[0]) if found else None
        if not found or not known or known.intent not in _FOR_LATER or self.missing(known):
            return None
        return replace(known, slots={**known.slots, **found[1], COMMAND: found[0]})

    def _for_a_while(self, match: IntentMatch, core: str, now: datetime) -> IntentMatch | None:
        """What is to be done now and undone later: "turn on the fan for ten minutes"; None where that can't be."""
        found = self._provisos.for_a_while(core) if match.source == SOURCE else None
        if found is None:
            return None
        command, undoing, moment = found
        done, undone = (self._read(text, now, at_once=True) for text in (command, undoing))
        if not done.match or not undone.match or any(each.missing or each.also for each in (done, undone)):
            return None
        slots = done.match.slots
        several = done.match.intent == "HassTurnOff" and "name" not in slots  # some may be off already
        if undone.match.intent != _UNDONE_BY.get(done.match.intent) or PROVISO in slots or COMMAND in slots or several:
            return None
        return replace(done.match, slots={**slots, **moment, COMMAND: undoing, LASTING: True})

    def _for_later(self, core: str, now: datetime) -> IntentMatch | None:
        """What is to be done at a time, when it can be done as it is said."""
        found = self._provisos.for_later(core, now.date())
        if found is None:
            return None
        command, moment = found
        read = self._read(command, now, at_once=True)
        now_or_never = any(each.intent not in _FOR_LATER or PROVISO in each.slots for each in read.requests)
        if read.match is None or read.missing or read.unread or now_or_never:
            return None
        return replace(read.match, slots={**read.match.slots, **moment, COMMAND: command})

    def _misheard(self, match: IntentMatch | None, whole: str, now: datetime) -> IntentMatch | None:
        """What the words sound like, where the sentences don't know them as they are."""
        home = self._home_names()
        if match is None:
            meant = closest(whole, self._language.list("alone")) if " " not in whole else None
        elif match.source == SOURCE and match.intent in IN_HOME and home:
            meant = home.respelled(whole)
        else:
            meant = None
        again = self._sentences.one(meant, now) if meant else None
        if again is None or (match and match.intent != again.intent):
            return match
        return replace(again, confidence=PATCHED)
