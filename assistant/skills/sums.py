"""Works out one line of signs (``12 * 7``, ``15% of 80``, ``sqrt 144``), exactly where possible. Never `eval`.

binds    loosest to tightest: ``+ -``, ``* / mod``, ``of``, sign and roots, ``^``, ``% !``
percent  ``100 + 10%`` is 110, as on a pocket calculator; elsewhere ``10%`` is 0.1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from assistant.errors import SkillError

Number = Fraction | float

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(sqrt|cbrt|mod|of|[-+*/^%!()]))")
_MAX_CHARS, _MAX_DEPTH, _MAX_BITS, _MAX_FACTORIAL = 400, 40, 4_000, 170
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "mod": 2, "of": 3, "^": 5}
_PREFIX_BINDING = 4


@dataclass(frozen=True, slots=True)
class _Percent:
    value: Number


def work_out(line: str) -> Number:
    """The value of a line: a Fraction when it is exact, else a float.

    Raises:
        SkillError: `zero-division`, `negative-root`, `too-big`, `factorial` or `unclear`.
    """
    if len(line) > _MAX_CHARS:
        raise _error("unclear")
    try:
        return _Parser(line).parse()
    except ZeroDivisionError as exc:
        raise _error("zero-division") from exc
    except OverflowError as exc:
        raise _error("too-big") from exc


class _Parser:
    """A Pratt parser that computes as it reads."""

    def __init__(self, line: str) -> None:
        self._tokens = list(_tokens(line))
        self._position = 0
        self._depth = 0

    def parse(self) -> Number:
        value = _plain(self._expression(0))
        if self._next():
            raise _error("unclear")
        return value

    def _expression(self, binding: int) -> Number | _Percent:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _error("unclear")
        value = self._operand()
        while True:
            sign = self._next()
            if sign in {"%", "!"}:
                self._position += 1
                value = _Percent(_plain(value)) if sign == "%" else _factorial(_plain(value))
                continue
            tightness = _BINDING.get(sign, 0)
            if tightness <= binding:
                self._depth -= 1
                return value
            self._position += 1
            right = self._expression(tightness - (sign == "^"))
            value = _bounded(_apply(sign, value, right))

    def _operand(self) -> Number | _Percent:
        sign = self._next()
        self._position += 1
        if sign == "(":
            value = self._expression(0)
            if self._next() != ")":
                raise _error("unclear")
            self._position += 1
            return value
        if sign in {"-", "sqrt", "cbrt"}:
            return _prefix(sign, _plain(self._expression(_PREFIX_BINDING)))
        if not sign or not sign[0].isdecimal():
            raise _error("unclear")
        return _bounded(Fraction(sign))

    def _next(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""


def _tokens(line: str) -> Iterator[str]:
    position, line = 0, line.strip()
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None or not match[0].isascii():
            raise _error("unclear")
        yield match[1] or match[2]
        position = match.end()


def _apply(sign: str, left: Number | _Percent, right: Number | _Percent) -> Number:
    if sign in {"+", "-"} and isinstance(right, _Percent) and not isinstance(left, _Percent):
        right = left * right.value / 100
    a, b = _plain(left), _plain(right)
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*" | "of":
            return a * b
        case "/":
            return a / b
        case "mod":
            return a % b
    return _power(a, b)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent.numerator) * bits > _MAX_BITS:
            raise _error("too-big")
        return Fraction(base**exponent.numerator)
    if base == 0 and exponent < 0:
        raise _error("zero-division")
    if base < 0 and exponent != int(exponent):
        raise _error("negative-root")
    return math.pow(base, exponent)


def _prefix(sign: str, value: Number) -> Number:
    if sign == "-":
        return -value
    degree = 2 if sign == "sqrt" else 3
    if value < 0 and degree == 2:
        raise _error("negative-root")
    if isinstance(value, Fraction):
        top, bottom = _root(abs(value.numerator), degree), _root(value.denominator, degree)
        if top is not None and bottom is not None:
            return Fraction(top if value >= 0 else -top, bottom)
    return math.copysign(abs(float(value)) ** (1 / degree), value)


def _root(number: int, degree: int) -> int | None:
    """The whole root, if there is one."""
    root = math.isqrt(number) if degree == 2 else round(number ** (1 / 3))
    return root if root**degree == number else None


def _factorial(value: Number) -> Number:
    if value < 0 or value > _MAX_FACTORIAL or value != int(value):
        raise _error("factorial")
    return Fraction(math.factorial(int(value)))


def _plain(value: Number | _Percent) -> Number:
    return value.value / 100 if isinstance(value, _Percent) else value


def _bounded(value: Number) -> Number:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _error("too-big")
    elif max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise _error("too-big")
    return value


def _error(code: str) -> SkillError:
    return SkillError(code, "this can't be calculated", hint="Say it in smaller steps.")
