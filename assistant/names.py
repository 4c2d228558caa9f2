"""Which of the names that exist somebody means: as heard, which is not always as written ("kitchin lite")."""

from __future__ import annotations

from collections.abc import Iterable

import jellyfish

_ALIKE = 0.85
"""How alike a name and what was heard must be, 0 to 1: in letters, or in sound where the letters are `_NEARLY`."""
_NEARLY = 0.7
_SHORT = 0.9
"""How alike a word of a letter or two is to what sounds the same ("t" and "tea")."""
_LEAD = 0.03
"""How much the best must be ahead of the second."""


def closest(heard: str, known: Iterable[str]) -> str | None:
    """The name that was meant; None when none is alike, or two are about equally. Case doesn't matter."""
    ranked = sorted(((alike(heard, name), name) for name in set(known)), reverse=True)
    if not ranked or ranked[0][0] < _ALIKE:
        return None
    return None if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _LEAD else ranked[0][1]


def _sound(text: str) -> str:
    """Metaphone, which takes the w of "whole" for one that is heard."""
    return jellyfish.metaphone(text.replace("who", "ho"))


def alike(heard: str, name: str) -> float:
    """How alike they are in letters or, if that is more, in sound (Metaphone), 0 to 1; spaces don't count. No more than
    what is left of them without the words that they share: a night light is no counter light.
    """
    whole, parts = _alike(heard, name), _unshared(heard.casefold().split(), name.casefold().split())
    return min(whole, max(_alike(*parts), _in_sound(*parts))) if parts else whole


def _unshared(heard: list[str], name: list[str]) -> tuple[str, str] | None:
    """Both without the words that they begin or end with alike; None where that leaves nothing of one, or they share
    none."""
    first, second = list(heard), list(name)
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    while first and second and first[0] == second[0]:
        first, second = first[1:], second[1:]
    return (" ".join(first), " ".join(second)) if first and second and len(first) < len(heard) else None


def _in_sound(heard: str, name: str) -> float:
    sound, other = (_sound("".join(text.split())) for text in (heard, name))
    return jellyfish.jaro_winkler_similarity(sound, other) if sound and other else 0.0


def _alike(heard: str, name: str) -> float:
    first, second = ("".join(text.casefold().split()) for text in (heard, name))
    letters = jellyfish.jaro_winkler_similarity(first, second)
    sound, other = _sound(first), _sound(second)
    if letters < _NEARLY:
        return _SHORT if sound == other and sound and min(len(first), len(second)) <= 2 else letters
    return max(letters, _in_sound(first, second))


def sounds_like(heard: str, name: str) -> bool:
    """Whether one word may be how another was written down by ear: the same sound in much the same letters."""
    first, second = heard.casefold(), name.casefold()
    sound = _sound(first)
    return len(sound) > 1 and sound == _sound(second) and jellyfish.jaro_winkler_similarity(first, second) >= _NEARLY
