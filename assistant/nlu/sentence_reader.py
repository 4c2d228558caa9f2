"""What the sentences make of an utterance, before any model is asked: ours, Home Assistant's, those of plugins.

It may be one request as a whole, several, or one among other sentences; in that order, ours first. How sure each way
to read it is, is said in `understand`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from assistant.nlu.answers import IN_HOME, Answers
from assistant.nlu.entities import Entities, View, spelled
from assistant.nlu.follow_ups import EXACT, GRAMMAR, PATCHED
from assistant.nlu.grammar import Grammar, Reading, home_assistant_grammar, load_grammar
from assistant.nlu.language import Language, load_language
from assistant.nlu.normalise import Wrappers, clauses
from assistant.nlu.plugins import PluginGrammar, best_of
from assistant.nlu.several import another_timer, parted, requests
from assistant.nlu.shared import Shared
from assistant.nlu.slots import SlotReader
from assistant.nlu.targets import REFERENCE, HomeNames, retargeted
from assistant.nlu.when import until
from assistant.values import IntentMatch, Slots

Read = Callable[[str], IntentMatch | None]
"""What a text is as a whole."""
SMALLTALK = frozenset({"Greeting", "Thanks", "Affirm", "Farewell"})
"""Never the point of an utterance of several sentences."""
_ALONE = frozenset({"WhatCanYouDo", "WhoAreYou", "RepeatLast", "HassNevermind", "Deny"})
"""Mean something else beside a sentence we don't understand ("I lost my card. Help me.")."""
_HOME_ASSISTANT, _OPEN_WORDS, _EITHER, _DOUBTFUL = 0.95, 0.95, 0.80, 0.60
_MAX_CLAUSES = 4
_MOST_RESPELLED = 12
"""Words of a request whose names are looked for by their sound."""


class SentenceReader:
    """Made by an Understander of its own parts. Pure and thread-safe once built."""

    def __init__(  # noqa: PLR0913 - each is one reader
        self,
        language: Language,
        *,
        wrappers: Wrappers,
        entities: Entities,
        slots: SlotReader,
        answers: Answers,
        home: Callable[[], HomeNames | None],
        timers: Callable[[], Sequence[str]],
        missing: Callable[[IntentMatch], tuple[str, ...]],
        plugins: Sequence[PluginGrammar],
    ) -> None:
        """`home`: the names in it just now, `timers`: of those that run. `missing`: the required slots that a request
        lacks."""
        self._language = language
        self._wrappers = wrappers
        self._entities = entities
        self._slots = slots
        self._answers = answers
        self._home = home
        self._timers = timers
        self._missing = missing
        self._plugins = plugins
        self._shared = Shared(language)
        self._own, self._home_assistant = _grammars(language.code)
        hours, minutes, seconds = (language.unit(unit_s) for unit_s in (3600, 60, 1))
        self._units = hours, minutes, seconds

    def warm_up(self, now: datetime) -> None:
        """Let hassil build what it builds on first use: number lists, patterns."""
        for text in self._language.examples.values():
            self._home_assistant.read(text)
            self.read(text, now)

    def templates(self) -> Iterator[tuple[str, str]]:
        """(intent, template) of every sentence, ours first."""
        grammars: Sequence[Grammar | PluginGrammar] = (self._own, self._home_assistant, *self._plugins)
        for grammar in grammars:
            yield from grammar.templates()

    def at(self, now: datetime) -> Read:
        """`one` at that time, which remembers what it read: the parts of an utterance are looked at again and again."""
        return functools.cache(functools.partial(self.one, now=now))

    def requests(self, text: str, whole: str, now: datetime, own: Read) -> tuple[IntentMatch, ...]:
        """What the sentences make of an utterance: all its requests, or the one among other sentences; ours first.
        `own`: see `at`."""

        @functools.cache
        def of_plugins(part: str) -> IntentMatch | None:
            return self._match(part, lambda words: self._read_plugins(words, now))

        def any_of(part: str) -> IntentMatch | None:
            return own(part) or of_plugins(part)

        if match := own(whole):
            return (match,)
        if several := self._several(text, whole, own, own, now):
            return several
        if self._plugins and (match := of_plugins(whole)):
            return (match,)
        if self._plugins and (several := self._several(text, whole, any_of, own, now)):
            return several
        one = self._one_of(text, any_of)
        return (one,) if one else ()

    def one(self, part: str, now: datetime) -> IntentMatch | None:
        """The best reading of one sentence, by ours and Home Assistant's."""
        return self._match(part, lambda words: self.read(words, now))

    def _match(self, whole: str, read: Read) -> IntentMatch | None:
        """The best reading of one sentence: as it stands, without wrappers, without fillers."""
        core = self._wrappers.core(whole)
        tried: set[str] = {""}
        for text, confidence in (
            (self._wrappers.without_name(whole), EXACT),
            (core, EXACT),
            (self._wrappers.core(self._wrappers.without_fillers(core)), PATCHED),
        ):
            if text in tried:
                continue
            tried.add(text)
            match = read(text)
            if match:
                return replace(match, confidence=min(match.confidence, confidence))
        return None

    def _several(self, text: str, whole: str, read: Read, own: Read, now: datetime) -> tuple[IntentMatch, ...]:
        """The requests of an utterance that is made of nothing else; each once."""
        misheard = functools.cache(lambda part: self._respelled(part, read))

        def request(part: str, before: IntentMatch | None) -> IntentMatch | None:
            match = read(part) or self._for_more(part, before, now, own) or misheard(part)
            return match if match and match.confidence >= PATCHED and match.intent not in _ALONE else None

        def complete(part: str) -> IntentMatch | None:
            match = read(part)
            return match if match and not self._missing(match) else None

        if everywhere := self._in_each_place(whole, complete):
            return everywhere
        parts = parted(text, self._language)
        said = [(joint, self._wrappers.core(part)) for joint, part in parts or [("", whole)]]
        if shared := self._shared.among(said, complete, request):
            return shared
        found = requests(parts, request)
        wanted = {(match.intent, *sorted(match.slots.items())): match for match in found}
        asked = tuple(match for match in wanted.values() if match.intent not in SMALLTALK)
        return asked if len(asked) != 1 else (replace(asked[0], confidence=min(asked[0].confidence, PATCHED)),)

    def _in_each_place(self, whole: str, read: Read) -> tuple[IntentMatch, ...]:
        """One request in each of several places; empty when it isn't the same in all."""
        home = self._home()
        texts = home.one_place_each(self._wrappers.core(whole)) if home else ()
        found = tuple(match for each, _ in texts if (match := read(each)))
        return found if len(found) == len(texts) and len({match.intent for match in found}) == 1 else ()

    def _respelled(self, part: str, read: Read) -> IntentMatch | None:
        """What a part asks of the home with a name in it that it only sounds like."""
        home = self._home() if part.count(" ") < _MOST_RESPELLED else None
        meant = home.respelled(part) if home else None
        match = read(meant) if meant else None
        return replace(match, confidence=PATCHED) if match and match.intent in IN_HOME else None

    def begun(self, text: str, intent: str, now: datetime, own: Read) -> tuple[IntentMatch, ...]:
        """The requests, one of `intent` first, that an utterance begins with, when nobody knows what its rest is."""
        parts = parted(text, self._language)
        misheard = functools.cache(lambda part: self._respelled(part, own))

        def read(part: str, before: IntentMatch | None) -> IntentMatch | None:
            match = own(part) or self._for_more(part, before, now, own) or misheard(part)
            return match if match and match.confidence >= PATCHED and not self._missing(match) else None

        for count in range(len(parts) - 1, 0, -1):
            found = requests(parts[:count], read, most=count) if parts[count][0] else ()
            if found and (found[0].intent == intent or {found[0].intent, intent} <= IN_HOME):
                return found
        return ()

    def _for_more(self, part: str, before: IntentMatch | None, now: datetime, own: Read) -> IntentMatch | None:
        """The request before, for what this part names: "turn on the kitchen light and the fan"."""
        if before and before.intent == "HassStartTimer":
            return another_timer(part, before, self._entities.whole_duration, own)
        if before and (slots := self._answers.more(before, part, now, self._timers())):
            return replace(before, slots=slots)
        home = self._home()
        if not home or not before or before.intent not in IN_HOME:
            return None
        target = home.read(part)
        if target is None and home.named_in(part) and (said := self._otherwise(part, before, home, own)):
            return said
        if target is None and self._language.set("joints").isdisjoint(part.split()):
            target = home.read_nearly(part)
        slots = target.slots if target else home.answer(part)
        return replace(before, slots=retargeted(before.slots, slots)) if slots else None

    def _otherwise(self, part: str, before: IntentMatch, home: HomeNames, own: Read) -> IntentMatch | None:
        """A request that takes the kind of thing from the one before ("and close the living room ones"), or its verb
        ("and the hall lamp to red")."""
        said = home.with_kind(part, str(before.slots.get("domain", "")))
        if said != part and (match := own(said)) and match.intent in IN_HOME:
            return match
        found = (own(f"{verb} {part}") for verb in self._language.list("shared_verbs"))
        return next((match for match in found if match and match.intent == before.intent), None)

    def _one_of(self, text: str, read: Read) -> IntentMatch | None:
        """The one request among several sentences."""
        parts = clauses(text, self._language)
        if not 2 <= len(parts) <= _MAX_CLAUSES:
            return None
        matches = [read(part) for part in parts]
        asked = [match for match in matches if match and match.intent not in SMALLTALK]
        if not asked or (None in matches and asked[0].intent in _ALONE):
            return None
        agree = all(match.intent == asked[0].intent and match.slots == asked[0].slots for match in asked)
        confidence = PATCHED if None not in matches and agree else _DOUBTFUL
        return replace(asked[0], confidence=min(asked[0].confidence, confidence))

    def read(self, text: str, now: datetime) -> IntentMatch | None:
        """The best reading of exactly this text."""
        views = self._entities.views(text, now.date(), self._home())
        timers = self._timers()
        open_words: IntentMatch | None = None
        for view in views:
            match = self._best(self._own, view, view.text, timers, now)
            if match and "query" in match.slots and not open_words:
                open_words = match  # "jazz on the tv": with the home's names marked there may be less to guess
            elif match and (not open_words or match.intent == open_words.intent):
                return match
        if open_words:
            return open_words
        digits = spelled(views[0], self._units, str(self._language.words["joiner"]))
        match = self._best(self._home_assistant, views[0], digits, (), now)
        return replace(match, confidence=min(match.confidence, _HOME_ASSISTANT)) if match else None

    def _read_plugins(self, text: str, now: datetime) -> IntentMatch | None:
        """The best reading of exactly this text by a plugin."""
        if not self._plugins:
            return None
        for view in self._entities.views(text, now.date(), self._home()):
            if found := best_of(self._plugins, view):
                confidence = _DOUBTFUL if len(found) > 1 else _OPEN_WORDS if found[0].leaves_open else EXACT
                return IntentMatch(found[0].intent, found[0].slots, confidence, GRAMMAR)
        return None

    def _best(self, grammar: Grammar, view: View, text: str, known: Sequence[str], now: datetime) -> IntentMatch | None:
        """The most literal reading whose slots make sense."""
        best: tuple[Reading, Slots] | None = None
        confidence = EXACT
        for reading in grammar.read(text, known):
            if best and _rank(reading) > _rank(best[0]):
                break
            slots = self._slots.read(reading, view, now.date())
            if slots is None:
                continue
            slots = {**slots, **until(slots, now)} if reading.intent == "HassStartTimer" else slots
            if best and best[0].intent != reading.intent and REFERENCE not in slots:
                confidence = _EITHER
            best = best or (reading, slots)
        return IntentMatch(best[0].intent, best[1], confidence, GRAMMAR) if best else None


def prepare(language: str = "en") -> None:
    """Compile our sentences, which takes longest, so that a reader is soon built. Blocking; thread-safe."""
    _grammars(language)


@functools.cache
def _grammars(language: str) -> tuple[Grammar, Grammar]:
    """Ours and Home Assistant's. Packaged files don't change while the process runs, and compiling takes longest."""
    facts = load_language(language)
    units = [{"in": said, "out": unit} for said, unit in facts.table("unit_names").items()]
    words = {"color": facts.list("colors"), "unit": units}
    own = load_grammar(facts.sentence_files, facts.required, words, language=language)
    return own, home_assistant_grammar(language, facts.required)


def _rank(reading: Reading) -> tuple[int, int]:
    return len(reading.wildcards), -reading.literal_chars
