"""Which sentence templates may fit a text: most can't, by the words they spell out, and hassil needs not try them.

A template is passed on when

    its words    it spells out every word of the text, or all but a stretch as long as what it may leave open
    needs        the text holds every piece that each way through the template has (hassil's required clauses)
"""

from __future__ import annotations

import functools
import itertools
import operator
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hassil import Intents, TextSlotList
from hassil.expression import Expression, Group, ListReference, RuleReference, TextChunk
from hassil.expression import Sequence as ExpressionSequence
from hassil.intents import IntentData

from assistant.nlu.entities import MARK

_LONG_WORDS = 24
"""Longest text that a template leaves open as one of _LONG: what is to be put on a list, what to remind of."""
_LONG = frozenset({"item", "message", "query", "when"})
_PUNCTUATION = str.maketrans("", "", string.punctuation)


_NEEDS = 3
"""How many of its needs are looked up for a template; hassil looks at all."""
_WORDS = 2048
"""How many words are remembered with what they are good for."""


class _Needed:
    """One need of each template: pieces of which the text must hold one."""

    def __init__(self, needs: Iterable[Iterable[str] | None]) -> None:
        self._whatever = 0
        """The templates that have no such need, a bit each."""
        self._holding: dict[str, int] = {}
        """Piece -> the templates that are content with it."""
        for number, pieces in enumerate(needs):
            if pieces is None:
                self._whatever |= 1 << number
            else:
                for piece in pieces:
                    self._holding[piece] = self._holding.get(piece, 0) | 1 << number
        self._longest = max(map(len, self._holding), default=0)
        self._content = functools.lru_cache(_WORDS)(self._look)

    def met(self, words: Iterable[str]) -> int:
        """The templates whose need a text of these words meets."""
        met = self._whatever
        for word in words:
            met |= self._content(word)
        return met

    def _look(self, word: str) -> int:
        """The templates that are content with a word: a piece has no space in it."""
        met = 0
        for begin in range(len(word)):
            for end in range(begin + 1, min(begin + self._longest, len(word)) + 1):
                met |= self._holding.get(word[begin:end], 0)
        return met


class Prefilter:
    """What `intents` know. Thread-safe once built."""

    def __init__(self, intents: Intents, open_words: int) -> None:
        """`open_words`: the most words of a text that a template may leave open."""
        self._intents = intents
        self._open_words = open_words
        self._templates = list(_templates(intents))
        needs = [_needs(data, intents) for _, data in self._templates]
        self._needed = [_Needed(each[at] if at < len(each) else None for each in needs) for at in range(_NEEDS)]
        self._spelling: dict[str, int] = {}
        """Word -> the templates that spell it out, a bit each."""
        self._open, self._long = 0, 0
        """The templates that leave words open, and those that leave many open."""
        spelled = _Spelled(intents)
        for number, (_, data) in enumerate(self._templates):
            expression = data.sentences[0].expression
            self._open |= spelled.leaves_open(expression) << number
            self._long |= _leaves_much(expression) << number
            for word in spelled.by([expression]):
                self._spelling[word] = self._spelling.get(word, 0) | 1 << number

    def hopeful(self, text: str, known: Sequence[str]) -> Intents:
        """The intents with the templates that may fit the text; `known` are the names of the running timers."""
        words = f"{text} {text.translate(_PUNCTUATION)}".lower().split()  # hassil takes it out before it compares
        hopeful = self._by_words(text, known)
        for needed in self._needed:
            hopeful = hopeful and hopeful & needed.met(words)
        found: dict[str, list[IntentData]] = {}
        while hopeful:
            first = hopeful & -hopeful
            intent, data = self._templates[first.bit_length() - 1]
            found.setdefault(intent, []).append(data)
            hopeful ^= first
        intents = {name: replace(self._intents.intents[name], data=data) for name, data in found.items()}
        return replace(self._intents, intents=intents)

    def _by_words(self, text: str, known: Sequence[str]) -> int:
        """The templates whose words allow the text, a bit each."""
        named = {word for name in known for word in name.split()}
        every = (1 << len(self._templates)) - 1
        spelling = [
            every if word in named or word[0] == MARK or word.isdecimal() else self._spelling.get(word, 0)
            for word in text.split()
        ]
        up_to = list(itertools.accumulate(spelling, operator.and_, initial=every))
        behind = list(itertools.accumulate(reversed(spelling), operator.and_, initial=every))[::-1]
        hopeful = up_to[-1]
        for begin, before in enumerate(up_to):
            hopeful |= before & behind[min(begin + self._open_words, len(spelling))] & self._open
            hopeful |= before & behind[min(begin + _LONG_WORDS, len(spelling))] & self._long
        return hopeful


def _templates(intents: Intents) -> Iterator[tuple[str, IntentData]]:
    """Each template with its intent, as a block of its own."""
    for name, intent in intents.intents.items():
        for block in intent.data:
            for sentence in block.sentences:
                data = replace(block)
                data.__dict__["sentences"] = [sentence]  # hassil keeps them there when it has parsed them
                yield name, data


def _needs(data: IntentData, intents: Intents) -> list[frozenset[str]]:
    """Of each, a text that the template fits holds one; the hardest to meet first."""
    clauses = data.sentences[0].get_required_clauses({**intents.expansion_rules, **data.expansion_rules})
    return sorted(clauses, key=lambda pieces: (len(pieces), -min(map(len, pieces)), sorted(pieces)))


def _leaves_much(expression: Expression) -> bool:
    """Whether a template leaves a text of many words open."""
    if isinstance(expression, ListReference):
        return expression.slot_name in _LONG
    return isinstance(expression, Group) and any(map(_leaves_much, expression.items))


def _glued(first: Expression, second: Expression) -> bool:
    """Whether a word may go from one piece of a template into the next, other than by a plural's s."""
    ends = first.original_text[-1:] if isinstance(first, TextChunk) else ""
    begins = second.original_text[:1] if isinstance(second, TextChunk) else ""
    if _is_plural(second):
        return False
    if isinstance(first, TextChunk) and isinstance(second, TextChunk):
        return not (ends.isspace() or begins.isspace())
    return (bool(ends) and not ends.isspace()) or (bool(begins) and not begins.isspace())


def _is_plural(expression: Expression) -> bool:
    """Whether it is `[s]`."""
    texts = [text for text in _texts(expression) if text]
    return texts == ["s"]


def _texts(expression: Expression) -> Iterator[str]:
    if isinstance(expression, TextChunk):
        yield expression.text
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from _texts(item)


class _Spelled:
    """Which words templates spell out."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._known: dict[str, frozenset[str]] = {}
        self._open_rules: dict[str, bool] = {}

    def by(self, expressions: Iterable[Expression]) -> frozenset[str]:
        """The words, with the plural that a template may add: "timer[s]" spells two."""
        words = {word for expression in expressions for word in self._words(expression)}
        return frozenset({*words, *(f"{word}s" for word in words)})

    def leaves_open(self, expression: Expression) -> bool:
        """Whether a template takes words it doesn't spell out: any, numbers, words made of pieces ("un[-]do")."""
        if isinstance(expression, ListReference):
            return not isinstance(self._intents.slot_lists.get(expression.list_name), TextSlotList)
        if isinstance(expression, RuleReference):
            return self._rule_leaves_open(expression.rule_name)
        if not isinstance(expression, Group):
            return False
        glued = isinstance(expression, ExpressionSequence) and any(map(_glued, expression.items, expression.items[1:]))
        return glued or any(self.leaves_open(item) for item in expression.items)

    def _rule_leaves_open(self, name: str) -> bool:
        if name not in self._open_rules:
            rule = self._intents.expansion_rules.get(name)
            self._open_rules[name] = rule is not None and self.leaves_open(rule.expression)
        return self._open_rules[name]

    def _words(self, expression: Expression) -> Iterator[str]:
        if isinstance(expression, TextChunk):
            yield from expression.text.lower().split()
        elif isinstance(expression, Group):
            for item in expression.items:
                yield from self._words(item)
        elif isinstance(expression, RuleReference):
            rule = self._intents.expansion_rules.get(expression.rule_name)
            yield from self._of(f"<{expression.rule_name}>", [rule.expression] if rule else [])
        elif isinstance(expression, ListReference):
            values = self._intents.slot_lists.get(expression.list_name)
            texts = values.values if isinstance(values, TextSlotList) else []
            yield from self._of(f"{{{expression.list_name}}}", [value.text_in for value in texts])

    def _of(self, name: str, expressions: Iterable[Expression]) -> frozenset[str]:
        if name not in self._known:
            self._known[name] = frozenset()  # a rule that holds itself adds nothing
            self._known[name] = frozenset(word for each in expressions for word in self._words(each))
        return self._known[name]
