"""Several commands in one utterance: "set a timer for ten minutes and tell me the time".

An utterance is cut at the ends of its sentences (or at commas) and at words that join ("and", "then"). Each stretch
between cuts must be a whole request of its own, else the utterance isn't taken apart: "and" joins numbers and names
too. Of several ways to cut, the one whose first stretch is longest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.nlu.durations import Duration
from assistant.nlu.language import Language
from assistant.nlu.normalise import clauses
from assistant.values import IntentMatch

_MOST_PARTS = 5
_UNITS = ("minutes", "hours", "seconds")

Part = tuple[str, str]
"""The word that joins it to the part before (empty: nothing, or the end of a sentence), and the part."""


def parted(text: str, language: Language) -> list[Part]:
    """All the parts of a text, plain; empty when there is one only, or far too many for commands."""
    joints = sorted(language.list("joints"), key=len, reverse=True)
    joint = re.compile(rf" ({'|'.join(map(re.escape, joints))}) (?=.)")
    parts: list[Part] = []
    for clause in clauses(text, language):
        first, *rest = joint.split(clause)
        parts += [("", first), *zip(rest[::2], rest[1::2], strict=True)]
    return parts if 2 <= len(parts) <= _MOST_PARTS else []


Read = Callable[[str, IntentMatch | None], IntentMatch | None]
"""What a stretch asks for, given the request before it."""


def requests(parts: Sequence[Part], read: Read, most: int = 0) -> tuple[IntentMatch, ...]:
    """The requests that the parts are made of, in order, two or more; empty when a stretch is none. With `most`, the
    first may be made of so many parts."""
    return _from(parts, read, None, most or len(parts) - 1)


def another_timer(
    part: str,
    before: IntentMatch,
    length: Callable[[str], Duration | None],
    read: Callable[[str], IntentMatch | None],
) -> IntentMatch | None:
    """Another timer, by its length alone; a bare number is of the unit said before ("another for 10")."""
    unit = next((slot for slot in _UNITS if slot in before.slots), "minutes")
    for said in (part, f"{part} {unit}"):
        if found := length(said):
            return replace(before, slots=found.slots())
        match = read(said)
        if match and match.intent == before.intent and not match.slots.keys().isdisjoint(_UNITS):
            return match
    return None


def _from(parts: Sequence[Part], read: Read, before: IntentMatch | None, most: int) -> tuple[IntentMatch, ...]:
    for count in range(most, 0, -1):
        match = read(_joined(parts[:count]), before)
        if match is None:
            continue
        rest = parts[count:]
        if not rest:
            return (match,)
        if following := _from(rest, read, match, len(rest)):
            return (match, *following)
    return ()


def _joined(parts: Sequence[Part]) -> str:
    return " ".join(
        word for at, (joint, text) in enumerate(parts) for word in ((joint, text) if at else (text,)) if word
    )
