"""Random sentences of hassil's templates, with their words tagged by the list that they came from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hassil import Intents, parse_sentence
from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference, TextChunk
from hassil.intents import RangeSlotList, TextSlotList

Tagged = tuple[str, str]
"""A piece of text, and its tag; empty for none."""

_MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Sampler:
    """Fills templates. `tags` maps lists to tags, `words` tags to what may stand there."""

    intents: Intents
    words: Mapping[str, Sequence[str]]
    tags: Mapping[str, str]
    random: random.Random

    def sentences(self, template: str, count: int) -> Iterator[list[Tagged]]:
        """Up to `count` different ones."""
        seen: set[str] = set()
        expression = parse_sentence(template).expression
        for _ in range(2 * count):
            pieces = list(self._walk(expression, 0))
            text = "".join(piece for piece, _ in pieces)
            if text.strip() and text not in seen:
                seen.add(text)
                yield pieces
            if len(seen) == count:
                return

    def _walk(self, expression: Expression, depth: int) -> Iterator[Tagged]:
        if depth > _MAX_DEPTH:
            return
        if isinstance(expression, TextChunk):
            yield expression.original_text, ""
        elif isinstance(expression, Alternative):
            yield from self._walk(self.random.choice(expression.items), depth + 1)
        elif isinstance(expression, Permutation):
            for item in self.random.sample(expression.items, len(expression.items)):
                yield " ", ""
                yield from self._walk(item, depth + 1)
        elif isinstance(expression, Group):
            for item in expression.items:
                yield from self._walk(item, depth + 1)
        elif isinstance(expression, RuleReference):
            yield from self._walk(self.intents.expansion_rules[expression.rule_name].expression, depth + 1)
        elif isinstance(expression, ListReference):
            yield from self._value(expression, depth)

    def _value(self, reference: ListReference, depth: int) -> Iterator[Tagged]:
        name = reference.list_name
        tag = self.tags.get(name, "")
        found: Any = self.intents.slot_lists.get(name)
        if words := self.words.get(tag or name):
            yield self.random.choice(words), tag
        elif isinstance(found, RangeSlotList):
            yield str(self.random.randrange(found.start, max(found.start, min(found.stop, 100)) + 1)), tag
        elif isinstance(found, TextSlotList) and found.values:
            for text, _ in self._walk_text(self.random.choice(found.values).text_in, depth):
                yield text, tag
        else:
            yield "something", ""

    def _walk_text(self, text: Any, depth: int) -> Iterator[Tagged]:
        yield from self._walk(text, depth + 1)
