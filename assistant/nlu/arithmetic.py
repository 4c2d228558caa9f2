"""Calculations as people say them -> one line of signs that the calculator reads.

    twelve times seven               12 * 7
    15 percent of 80                 15% of 80
    30% off 235                      235 - 30%
    square root of 144               sqrt 144
    subtract six from ten            10 - 6
    three quarters of 12             (3/4) of 12

Signs: numbers, ``+ - * / ^ mod of`` between them, ``sqrt cbrt -`` before and ``% !`` behind a number, parentheses.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from assistant.nlu.language import Language
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import Phrases, Token

_MAX_DEPTH = 8


class Arithmetic:
    """Finds calculations in one language."""

    def __init__(self, language: Language, numbers: Numbers) -> None:
        table = language.table("arithmetic")
        self._numbers = numbers
        self._infix, self._postfix = Phrases(table["infix"]), Phrases(table["postfix"])
        self._prefix, self._reversed = Phrases(table["prefix"]), Phrases(table["reversed"])
        self._of, self._off = Phrases(table["of"]), Phrases(table["off"])
        self._constants = Phrases(table["constants"])
        self._power_before, self._power_after = Phrases(table["power"][:1]), Phrases(table["power"][1:])
        self._ordinals, self._endings = Phrases(language.table("ordinals")), language.set("ordinal_endings")
        self._noise = frozenset(table["noise"])
        self._never = frozenset(table["never"])
        self._starts = Phrases({start: phrase for phrase in table["phrases"] for start in phrase["start"]})
        self._joins = {str(phrase["sign"]): Phrases(phrase["join"]) for phrase in table["phrases"]}

    def at(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """(line of signs, index behind it) of the longest calculation that starts at `index`; never a lone number."""
        found = self._phrase(tokens, index) or self._sum(tokens, index, 0)
        if found is None:
            return None
        line, end = found
        if not _calculates(line) or "".join(token.text for token in tokens[index:end]) in self._never:
            return None
        return line, end

    def _phrase(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """Verb first: "multiply 7 and 42", "the sum of 3, 7 and 9", "subtract 6 from 10"."""
        start = self._starts.at(tokens, index)
        if start is None:
            return None
        phrase: dict[str, Any] = start[0]
        joins = Phrases([*phrase["join"], ",", ", and"])
        parts: list[str] = []
        end = position = start[1]
        while len(parts) < 12:
            part = self._sum(tokens, position, 1)
            if part is None:
                break
            parts.append(part[0])
            end = part[1]
            join = joins.at(tokens, end)
            position = join[1] if join else end  # "2 3 and 5": Whisper may drop a comma
        if len(parts) < 2:
            return (parts[0], end) if parts and _calculates(parts[0]) else None
        if phrase.get("turned"):
            parts.reverse()
        return f" {phrase['sign']} ".join(_closed(part) for part in parts), end

    def _sum(self, tokens: tuple[Token, ...], index: int, depth: int) -> tuple[str, int] | None:
        """Numbers with signs between them, as far as they go."""
        operand = self._operand(tokens, index, depth)
        if operand is None:
            return None
        line, end = operand
        while True:
            sign = self._power(tokens, end) or self._infix.at(tokens, end)
            if sign and sign[0].startswith("^ "):
                line, end = f"{line} {sign[0]}", sign[1]
                continue
            operand = self._operand(tokens, sign[1], depth) if sign else None
            if sign is None or operand is None:
                return line, end
            line, end = f"{line} {sign[0]} {operand[0]}", operand[1]

    def _operand(self, tokens: tuple[Token, ...], index: int, depth: int) -> tuple[str, int] | None:
        """One number with what stands before and behind it."""
        if depth > _MAX_DEPTH:
            return None
        turned = self._reversed.at(tokens, index)
        if turned:
            inner = self._operand(tokens, turned[1], depth + 1)
            return (f"({inner[0]} {turned[0]})", inner[1]) if inner else None
        prefix = self._prefix.at(tokens, index)
        if prefix:
            inner = self._operand(tokens, prefix[1], depth + 1)
            return (f"{prefix[0]} {inner[0]}".strip(), inner[1]) if inner else None
        if index < len(tokens) and tokens[index].text == "(":
            group = self._sum(tokens, index + 1, depth + 1)
            closed = group and group[1] < len(tokens) and tokens[group[1]].text == ")"
            return self._behind(f"({group[0]})", tokens, group[1] + 1, depth) if group and closed else None
        return self._amount(tokens, index, depth)

    def _amount(self, tokens: tuple[Token, ...], index: int, depth: int) -> tuple[str, int] | None:
        """A number, a fraction of something ("half of 12") or a constant."""
        part = self._numbers.fraction_at(tokens, index)
        if part:
            fraction = f"({part[0].numerator}/{part[0].denominator})"
            of = self._of.at(tokens, part[1])
            inner = self._operand(tokens, of[1], depth + 1) if of else None
            return (f"{fraction} of {inner[0]}", inner[1]) if inner else (fraction, part[1])
        number = self._numbers.at(tokens, index)
        constant = None if number else self._constants.at(tokens, index)
        line, end = (_written(number[0]), number[1]) if number else constant or ("", index)
        if not line:
            return None
        if end < len(tokens) and tokens[end].text in self._noise:
            end += 1
        return self._behind(line, tokens, end, depth)

    def _behind(self, line: str, tokens: tuple[Token, ...], end: int, depth: int) -> tuple[str, int] | None:
        """Signs behind a number, and "percent of", "percent off"."""
        postfix = self._postfix.at(tokens, end)
        while postfix:
            line, end = f"{line}{'' if len(postfix[0]) == 1 else ' '}{postfix[0]}", postfix[1]
            if postfix[0] == "%":
                for joint, pattern in ((self._off, "{1} - {0}"), (self._of, "{0} of {1}")):
                    found = joint.at(tokens, end)
                    inner = self._operand(tokens, found[1], depth + 1) if found else None
                    if inner:
                        return pattern.format(line, inner[0]), inner[1]
            postfix = self._postfix.at(tokens, end)
        return line, end

    def _power(self, tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
        """To the third power, to the 12th power ("to the power of 3" is an infix)."""
        before = self._power_before.at(tokens, index)
        if before is None:
            return None
        digits = tokens[before[1]].text if before[1] < len(tokens) else ""
        if digits.isdecimal() and digits.isascii():
            exponent, end = digits, before[1] + 1
            end += end < len(tokens) and tokens[end].text in self._endings
        else:
            ordinal = self._ordinals.at(tokens, before[1])
            if ordinal is None:
                return None
            exponent, end = str(ordinal[0]), ordinal[1]
        after = self._power_after.at(tokens, end)
        return (f"^ {exponent}", after[1]) if after else None


_FRACTION = re.compile(r"\(\d+/\d+\)")
_SIGNS = re.compile(r"[+*/^!]|\b(?:mod|of|sqrt|cbrt)\b|(?<=.) - ")


def _calculates(line: str) -> bool:
    """Whether there is anything to calculate: a sign between, or a function."""
    return _SIGNS.search(_FRACTION.sub("1", line)) is not None


def _closed(line: str) -> str:
    return f"({line})" if _calculates(line) else line


def _written(value: Fraction) -> str:
    """A number in digits: decimals where they end, a fraction otherwise."""
    scaled = value * 10**12
    if scaled.denominator > 1:
        return f"({value.numerator}/{value.denominator})"
    whole, decimals = divmod(int(scaled), 10**12)
    return f"{whole}.{decimals:012d}".rstrip("0").rstrip(".")
