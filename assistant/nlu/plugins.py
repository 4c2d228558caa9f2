"""Sentences that others bring: each plugin's are compiled apart, so that none can change how another's are read.

Intents go out as `plugin.Intent`. Templates may use the lists of marks beside their own lists and rules:

    {duration}    hours, minutes, seconds (of {duration:start}: start_hours ...)
    {date} {day}  `date`, ISO
    {expression}  a calculation
    {target}      name, area, floor, domain ... of `homes.chosen`
    {amount}      a number

What a `wildcard` list caught is given as it was said, in lower case.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hassil import Intents, parse_sentence
from hassil.errors import HassilError
from hassil.expression import Expression, Group, ListReference

from assistant.errors import UnderstandError
from assistant.nlu.dates import Day
from assistant.nlu.durations import Duration
from assistant.nlu.entities import Amount, Entities, View
from assistant.nlu.grammar import Grammar, Reading, mark_lists, read_sentences
from assistant.nlu.language import Language
from assistant.nlu.normalise import MAX_WORDS, plain
from assistant.nlu.targets import Target
from assistant.values import Slots, SlotValue

_SLOW_S = 0.05
"""Longest time that reading one sentence may take, of the thread's own CPU time."""
_TRIES = 3
"""A garbage collection may fall into any one."""
_ANY_DAY = date(2025, 1, 1)
_HINT = "The skill's author can mend that."


@dataclass(frozen=True, slots=True)
class PluginSentences:
    """What one plugin can be told."""

    plugin: str
    source: str
    """The file that errors name."""
    text: str
    """hassil's YAML, on the lines that it has in `source`."""
    required: Mapping[str, tuple[str, ...]]
    """Every intent by the plugin's own name -> the slots it can't do without."""
    examples: Mapping[str, str]
    """Every intent -> how one says it."""


@dataclass(frozen=True, slots=True)
class PluginReading:
    """How a plugin's template fits a whole text."""

    intent: str
    """With the plugin's name."""
    slots: Slots
    leaves_open: bool
    """Whether the template left words open."""
    literal_chars: int
    """How much of the text the template itself spells out."""


class PluginGrammar:
    """One plugin's compiled sentences. Thread-safe once built.

    Raises:
        UnderstandError: `sentences-syntax`, `sentences-invalid`, `sentences-slow` or `example-unread`.
    """

    def __init__(self, sentences: PluginSentences, language: Language, entities: Entities) -> None:
        self.plugin = sentences.plugin
        self.problem: UnderstandError | None = None
        """Why it reads nothing any more; None while it does."""
        lists = mark_lists()
        content = read_sentences(sentences.source, sentences.text, frozenset(sentences.required), lists)
        content = {**content, "language": language.code, "lists": {**lists, **content.get("lists", {})}}
        self._check_intents(sentences, content)
        self._grammar = _compiled(sentences.source, content)
        self._answers = _answer_grammar(sentences, content)
        self.required = {self._full(intent): tuple(slots) for intent, slots in sentences.required.items()}
        self.examples = {self._full(intent): text for intent, text in sentences.examples.items()}
        self._try_out(sentences, language, entities)

    def read(self, view: View) -> PluginReading | None:
        """The best reading of a whole text; none from the first on that fails."""
        if self.problem:
            return None
        try:
            return self._read(view)
        except Exception as exc:
            message = f"its sentences can't be read: {type(exc).__name__}"
            self.problem = UnderstandError("sentences-failing", message, hint=_HINT)
            import structlog  # noqa: PLC0415 - heavy

            structlog.get_logger(__name__).error("plugin off", plugin=self.plugin, code=self.problem.code, exc_info=exc)
            return None

    def _read(self, view: View) -> PluginReading | None:
        for reading in self._grammar.read(view.text):
            slots = _slots(reading, view)
            if slots is not None:
                intent = self._full(reading.intent)
                return PluginReading(intent, slots, bool(reading.wildcards), reading.literal_chars)
        return None

    def answer(self, slot: str, views: Iterable[View]) -> Slots | None:
        """What the answer to the question for a required slot adds; None when it is no answer."""
        for view in views:
            for reading in self._answers.read(view.text):
                slots = _slots(reading, view) if reading.intent == slot else None
                if slots:
                    return slots
        return None

    def templates(self) -> Iterator[tuple[str, str]]:
        """(intent, template) of every sentence."""
        for intent, template in self._grammar.templates():
            yield self._full(intent), template

    def _full(self, intent: str) -> str:
        return f"{self.plugin}.{intent}"

    @staticmethod
    def _check_intents(sentences: PluginSentences, content: Mapping[str, Any]) -> None:
        for intent in sentences.required:
            if intent not in content["intents"]:
                raise _invalid(sentences.source, f"{intent} has no sentences")

    def _try_out(self, sentences: PluginSentences, language: Language, entities: Entities) -> None:
        """Each example is read, and nothing that people say to us takes long to be read, however long it is."""
        own, ours = tuple(sentences.examples.values()), tuple(language.examples.values())
        longest = (" ".join(" ".join(texts * MAX_WORDS).split()[:MAX_WORDS]) for texts in (own, ours, own + ours))
        for text in (*own, *ours, *longest):
            views = entities.views(plain(text, language), _ANY_DAY)
            if all(self._is_slow(views) for _ in range(_TRIES)):
                message = f"{sentences.source}: its sentences take too long to read"
                raise UnderstandError("sentences-slow", message, hint=_HINT)
        of_home = {intent for intent, template in self._grammar.templates() if "{target" in template}
        for intent, text in sentences.examples.items():
            views = entities.views(plain(text, language), _ANY_DAY)
            found = [reading.intent for view in views if (reading := self.read(view))]
            if self._full(intent) not in found and intent not in of_home:  # no home is known here
                message = f"{sentences.source}: no sentence of {intent} fits its example"
                raise UnderstandError("example-unread", message, hint=_HINT)

    def _is_slow(self, views: Iterable[View]) -> bool:
        began_s = time.thread_time()
        for view in views:
            self.read(view)
        return time.thread_time() - began_s > _SLOW_S


def best_of(grammars: Sequence[PluginGrammar], view: View) -> list[PluginReading]:
    """The most literal readings of all plugins: one, or several that fit equally well."""
    readings = [reading for grammar in grammars if (reading := grammar.read(view))]
    best = min(map(_rank, readings), default=None)
    return [reading for reading in readings if _rank(reading) == best]


def _rank(reading: PluginReading) -> tuple[bool, int]:
    return reading.leaves_open, -reading.literal_chars


def _compiled(source: str, content: dict[str, Any]) -> Grammar:
    try:
        return Grammar(Intents.from_dict(content), open_words=MAX_WORDS)
    except (HassilError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise _invalid(source, f"its sentences can't be compiled: {type(exc).__name__}") from exc


def _answer_grammar(sentences: PluginSentences, content: Mapping[str, Any]) -> Grammar:
    """A required slot is answered by what its list holds: a grammar whose intents are slots."""
    used: dict[str, dict[str, None]] = {}
    for reference in _references(content):
        used.setdefault(reference.slot_name, {})[f"{{{reference.list_name}:{reference.slot_name}}}"] = None
    required = {slot for slots in sentences.required.values() for slot in slots}
    if missing := sorted(required - used.keys()):
        raise _invalid(sentences.source, f"no sentence holds the required slot {{{missing[0]}}}")
    intents = {slot: {"data": [{"sentences": list(used[slot])}]} for slot in required}
    return _compiled(sentences.source, {**content, "intents": intents, "expansion_rules": {}})


def _references(content: Mapping[str, Any]) -> Iterator[ListReference]:
    blocks = [block for body in content["intents"].values() for block in body["data"]]
    templates = [text for block in blocks for text in block["sentences"]]
    for text in (*templates, *content.get("expansion_rules", {}).values()):
        yield from _references_in(parse_sentence(text).expression)


def _references_in(expression: Expression) -> Iterator[ListReference]:
    if isinstance(expression, ListReference):
        yield expression
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from _references_in(item)


def _slots(reading: Reading, view: View) -> Slots | None:
    """The slots of a reading; None when one of its marks means something else in this view."""
    slots: dict[str, SlotValue] = {}
    for slot, value in reading.values.items():
        if slot in reading.marked:
            if not isinstance(value, int) or value >= len(view.values):
                return None
            slots.update(_marked(slot, view.values[value]))
        elif slot in reading.wildcards:
            slots[slot] = view.in_words(str(value)).strip()
        else:
            slots[slot] = _flat(value)
    return slots


def _marked(slot: str, value: Duration | Day | Target | Amount | str) -> Slots:
    if isinstance(value, Duration):
        return value.slots("" if slot == "duration" else f"{slot}_")
    if isinstance(value, Day):
        return {"date" if slot == "day" else slot: value.date.isoformat()}
    if isinstance(value, Target):
        return value.slots
    return {slot: value.number if isinstance(value, Amount) else value}


def _flat(value: Any) -> SlotValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # hassil reads digits as floats
    return value if isinstance(value, str | int | float) else str(value)


def _invalid(source: str, problem: str) -> UnderstandError:
    return UnderstandError("sentences-invalid", f"{source}: {problem}", hint=_HINT)
