"""Numbers as English words: no hyphens, no "and"."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

_MAX_DIGITS = 15
"""Longer digit runs aren't quantities: they are read digit by digit."""
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@functools.cache
def _engine() -> RbnfEngine:
    from unicode_rbnf import RbnfEngine  # noqa: PLC0415 - parsed only when something is spoken

    return RbnfEngine.for_language("en")


def cardinal(number: int) -> str:
    """`105` -> `one hundred five`. Up to 15 digits."""
    return _spell(number, "spellout-cardinal")


def ordinal(number: int) -> str:
    """`21` -> `twenty first`."""
    return _spell(number, "spellout-ordinal")


def year(number: int) -> str:
    """`2025` -> `twenty twenty five`, `1905` -> `nineteen oh five`."""
    return _spell(number, "spellout-numbering-year")


def digits(number: str) -> str:
    """`007` -> `zero zero seven`; digits of any script."""
    return " ".join(_DIGITS[int(digit)] for digit in number)


def spoken_number(number: str) -> str:
    """A written number (`1,234`, `3.14`, `007`) as words. Digits of any script, thousands separators, one point."""
    whole, point, part = number.replace(",", "").partition(".")
    leading_zero = len(whole) > 1 and whole.startswith("0")
    words = digits(whole) if leading_zero or len(whole) > _MAX_DIGITS else cardinal(int(whole))
    return f"{words} point {digits(part)}" if point and part else words


def fraction(above: int, below: int) -> str:
    """`1/2` -> `one half`, `3/4` -> `three quarters`; what isn't a part of one is read as two numbers."""
    if not 0 < above < below or below > 100:
        return f"{cardinal(above)} {cardinal(below)}"
    name = {2: "half", 4: "quarter"}.get(below) or ordinal(below)
    if above > 1:
        name = "halves" if below == 2 else f"{name}s"
    return f"{cardinal(above)} {name}"


def _spell(number: int, ruleset: str) -> str:
    return _engine().format_number(number, ruleset_names=[ruleset]).text.replace("-", " ")
