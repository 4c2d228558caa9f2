"""Requests as they might have been misheard: what speech recognition made of words in some, put into others.

Speaking and hearing a request takes half a second, and an epoch has tens of thousands. Of those that were heard, each
stretch of words that came out as others is kept (a confusion: "dim the" -> "demo"); another request that has the same
words gets what was heard for them, as often as that happened, times a factor that is drawn for the request: some are
heard well, some badly. A model of the noise between a text and its recognition, as in Simonnet et al., "Simulating ASR
errors for training SLU systems" (LREC 2018).
"""

from __future__ import annotations

import difflib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.training.data import Example

_LONGEST = 3
"""Words of a confusion, on either side."""
_WORST = 4.0
"""The largest factor."""

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confusions:
    """What was heard for which words, and how often; `said`: how often they were said at all."""

    heard: Mapping[Words, Counter[Words]]
    said: Mapping[Words, int]

    def mishear(self, example: Example, pick: random.Random) -> Example | None:
        """The example with words exchanged, each new one tagged as what it stands for; None when all was understood."""
        factor = pick.uniform(0.0, _WORST)
        words: list[str] = []
        tags: list[str] = []
        changed, at = False, 0
        while at < len(example.words):
            size, new = self._instead(example.words, at, factor, pick)
            old_tags = example.tags[at : at + size] if example.tags else ("",) * size
            changed = changed or new != example.words[at : at + size]
            words += new
            tags += (old_tags[min(place, size - 1)] for place in range(len(new)))
            at += size
        if not changed or not words:
            return None
        return replace(example, words=tuple(words), tags=tuple(tags) if example.tags else None, source="misheard")

    def _instead(self, words: Words, at: int, factor: float, pick: random.Random) -> tuple[int, Words]:
        """How many words from `at` on are heard as one stretch, and as what."""
        for size in range(min(_LONGEST, len(words) - at), 0, -1):
            stretch = words[at : at + size]
            found = self.heard.get(stretch)
            if found and pick.random() < factor * found.total() / self.said[stretch]:
                return size, pick.choices(list(found), list(found.values()))[0]
        return 1, words[at : at + 1]


def confusions(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Confusions:
    """Of texts and what was heard for them, both in plain words."""
    heard: dict[Words, Counter[Words]] = {}
    said: Counter[Words] = Counter()
    for was, now in pairs:
        said.update(tuple(was[at : at + size]) for size in range(1, _LONGEST + 1) for at in range(len(was) - size + 1))
        for old, new in _exchanged(was, now):
            heard.setdefault(old, Counter())[new] += 1
    return Confusions(heard, said)


def misheard(examples: Iterable[Example], known: Confusions, share: float, pick: random.Random) -> Iterator[Example]:
    """A share of the examples, as far as anything in them is misheard."""
    for example in examples:
        if example.intents and pick.random() < share and (other := known.mishear(example, pick)):
            yield other


def _exchanged(was: Sequence[str], now: Sequence[str]) -> Iterator[tuple[Words, Words]]:
    """Stretches that were heard as others, or not at all; longer ones are too much guessed."""
    for kind, from_, to, new_from, new_to in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if kind in {"replace", "delete"} and to - from_ <= _LONGEST and new_to - new_from <= _LONGEST:
            yield tuple(was[from_:to]), tuple(now[new_from:new_to])
