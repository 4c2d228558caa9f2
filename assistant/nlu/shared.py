"""Several of a kind, asked for with the same words: "set timers for five and ten minutes", "two five minute timers".

Each is written out as a request of its own ("set a timer for five minutes"), which the sentences then must read: what
they don't read is no such utterance. A bare number has the unit of the next value that has one, else of the one before;
so a bare day has its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.nlu.language import Language
from assistant.nlu.normalise import either
from assistant.nlu.numbers import Numbers
from assistant.nlu.several import Part, Read, requests
from assistant.nlu.tokens import tokenise
from assistant.values import IntentMatch

_MOST = 5


@dataclass(frozen=True, slots=True)
class _Kind:
    ahead: re.Pattern[str]
    """The first part, when the name of the kind stands there: "set two timers for five"."""
    behind: re.Pattern[str]
    """The last part, when it stands at the end: "ten minute timer"."""
    request: str
    unit: str
    """Of bare numbers, when there is no unit at all."""
    share: re.Pattern[str]
    """What a value that is no number shares with one near by: "monday and tuesday at seven"."""


class Shared:
    """Writes them out, in one language."""

    def __init__(self, language: Language) -> None:
        words = language.table("shared")
        self._numbers = Numbers(language)
        self._counts: dict[str, int] = dict(words["counts"])
        self._number_words = {*language.table("numbers"), *language.table("multipliers")}
        self._units = {*language.table("units"), *(mark.split()[0] for mark in language.list("clock_marks"))}
        verb = either(words["verbs"])
        self._verb = re.compile(rf"{verb} (?=.)")
        self._lead = re.compile(rf"(?:{either([*words['each'], *words['leads']])} )*")
        self._kinds = [
            _Kind(
                re.compile(rf"{verb} (?P<count>.+? )??{either(kind['names'])}(?P<value> .+)?$"),
                re.compile(rf" {either(kind['names'])}$"),
                kind["request"],
                kind.get("unit", ""),
                re.compile(rf"(?<= ){either(kind.get('share', ['(?!)']))} .+$"),
            )
            for kind in words["kinds"]
        ]

    def written_out(self, parts: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The ways to take an utterance for several of a kind: two or more requests each. `parts` (at least one) are
        what stands between its joints, plain and without politeness."""
        for kind in self._kinds:
            count, values = self._ahead(parts, kind) or self._behind(parts, kind) or (0, [])
            values = self._completed([self._lead.sub("", value, count=1) for value in values if value], kind)
            values = values * count if len(values) == 1 else values
            if 2 <= len(values) <= _MOST:
                yield tuple(kind.request.format(value=value) for value in values)

    def requests(self, parts: Sequence[str], read: Callable[[str], IntentMatch | None]) -> tuple[IntentMatch, ...]:
        """The requests, when `read` finds one and the same intent in each; else none."""
        for written in self.written_out(parts):
            found = [match for text in written if (match := read(text))]
            if len(found) == len(written) and len({match.intent for match in found}) == 1:
                return tuple(found)
        return ()

    def among(
        self, parts: Sequence[Part], read: Callable[[str], IntentMatch | None], request: Read
    ) -> tuple[IntentMatch, ...]:
        """The same, with requests of any kind before and behind, as `request` reads them (see `several`)."""
        count = len(parts)
        for start, end in ((begin, end) for begin in range(count) for end in range(count, begin, -1)):
            shared = self.requests([text for _, text in parts[start:end]], read)
            before = requests(parts[:start], request, most=start) if shared and start else ()
            behind = requests(parts[end:], request, most=count - end) if shared and end < count else ()
            if shared and bool(before) == (start > 0) and bool(behind) == (end < count):
                return (*before, *shared, *behind)
        return ()

    def _ahead(self, parts: Sequence[str], kind: _Kind) -> tuple[int, list[str]] | None:
        """How many, and their values: "set [two] timers [one for] five minutes"."""
        found = kind.ahead.match(parts[0])
        count = self._count((found["count"] or "").strip()) if found else 0
        return (count, [(found["value"] or "").strip(), *parts[1:]]) if found and count else None

    def _behind(self, parts: Sequence[str], kind: _Kind) -> tuple[int, list[str]] | None:
        """The same: "set [two] five minute timers", "set a five and a ten minute timer"."""
        verb, name = self._verb.match(parts[0]), kind.behind.search(parts[-1])
        if not verb or not name:
            return None
        values = [*parts[:-1], parts[-1][: name.start()]]
        values[0] = values[0][verb.end() :]
        count, _, value = values[0].partition(" ")
        if len(values) == 1 and self._is_number(value.partition(" ")[0]):
            return self._count(count), [value]
        return 1, values

    def _count(self, said: str) -> int:
        """Zero for what is none."""
        if said in self._counts:
            return self._counts[said]
        tokens = tokenise(said)
        number = self._numbers.at(tokens, 0)
        return int(number[0]) if number and number[1] == len(tokens) and number[0].denominator == 1 else 0

    def _completed(self, values: Sequence[str], kind: _Kind) -> list[str]:
        """With what they share with a value near by."""
        tails = [self._tail(value) for value in values]
        units = [" ".join(tail) if tail and tail[0] in self._units else "" for tail in tails]
        shared = [found[0] if (found := kind.share.search(value)) else "" for value in values]
        completed = []
        for at, (value, tail) in enumerate(zip(values, tails, strict=True)):
            lacked = [*units, kind.unit] if not tail else shared if len(tail) == len(value.split()) else []
            near = next(filter(None, (*lacked[at + 1 :], *lacked[:at][::-1])), "")
            completed.append(f"{value} {near}".strip())
        return completed

    def _tail(self, value: str) -> list[str]:
        """What stands behind the last number; without any number, all."""
        words = value.split()
        last = max((at for at, word in enumerate(words) if self._is_number(word)), default=-1)
        return words[last + 1 :]

    def _is_number(self, word: str) -> bool:
        return word[:1].isdecimal() or word in self._number_words
