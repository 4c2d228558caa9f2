"""What is to be converted into what: "5 foot 11 in cm", "half a pound in ounces", "a stone in pounds"."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import Phrases, Token, tokenise
from assistant.values import Slots, SlotValue

_SMALLER: Mapping[str, tuple[str, int]] = {
    "foot": ("inch", 12), "yard": ("foot", 3), "stone": ("pound", 14), "pound": ("ounce", 16), "hour": ("minute", 60),
    "minute": ("second", 60), "meter": ("centimeter", 100), "kilogram": ("gram", 1000),
}  # fmt: skip
"""The unit that may be counted behind another, and how many of it make one."""
_WORDS_OF_A_COUNT = 5


class Conversions:
    """Reads them in one language."""

    def __init__(self, language: Language) -> None:
        self._numbers = Numbers(language)
        self._units = Phrases(language.table("unit_names"))
        self._articles = language.set("articles")
        self._of, self._joiner = (str(language.words[name]) for name in ("of", "joiner"))

    def read(self, text: str) -> Slots:
        """`quantity` and `from_unit`, the unit that is counted (else the last), and `to_unit`, another one; empty
        without units.
        """
        tokens = tokenise(text)
        units = self._named(tokens)
        if not units:
            return {}
        counts = [(place, self._count_before(tokens, at)) for place, (at, _, _) in enumerate(units)]
        source, count = next(((place, count) for place, count in counts if count), (len(units) - 1, Fraction(1)))
        unit, used = units[source][2], {source}
        if more := self._more(tokens, units, source):
            unit, count, used = more[0], count * _SMALLER[unit][1] + more[1], used | {source + 1} if more[2] else used
        number = float(count)
        slots: dict[str, SlotValue] = {"from_unit": unit, "quantity": int(number) if number.is_integer() else number}
        if others := [name for place, (_, _, name) in enumerate(units) if place not in used]:
            slots["to_unit"] = others[0]
        return slots

    def _named(self, tokens: tuple[Token, ...]) -> list[tuple[int, int, str]]:
        """(index, index behind it, unit) of every unit."""
        found, at = list[tuple[int, int, str]](), 0
        while at < len(tokens):
            unit = self._units.at(tokens, at)
            found += [(at, unit[1], str(unit[0]))] if unit else []
            at = unit[1] if unit else at + 1
        return found

    def _count_before(self, tokens: tuple[Token, ...], index: int) -> Fraction | None:
        """How many of the unit at `index`: a number, "half a", "a"."""
        for start in range(max(0, index - _WORDS_OF_A_COUNT), index):
            for found in (self._numbers.fraction_at(tokens, start), self._numbers.at(tokens, start)):
                if found and self._past(tokens, found[1], index) == index:
                    return found[0]
        return Fraction(1) if index and tokens[index - 1].text in self._articles else None

    def _past(self, tokens: tuple[Token, ...], index: int, end: int) -> int:
        """Behind "of a"."""
        index += index < end and tokens[index].text == self._of
        return index + (index < end and tokens[index].text in self._articles)

    def _more(
        self, tokens: tuple[Token, ...], units: list[tuple[int, int, str]], source: int
    ) -> tuple[str, Fraction, bool] | None:
        """(the smaller unit, how many of it, whether it was named) of what is counted right behind a unit."""
        _, end, unit = units[source]
        if unit not in _SMALLER:
            return None
        smaller = _SMALLER[unit][0]
        start = end + (end < len(tokens) and tokens[end].text == self._joiner)
        number = self._numbers.at(tokens, start)
        if number is None:
            return None
        following = units[source + 1] if source + 1 < len(units) else None
        if following and following[0] == number[1]:
            return (smaller, number[0], True) if following[2] == smaller else None
        return smaller, number[0], False
