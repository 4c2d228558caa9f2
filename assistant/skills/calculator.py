"""Sums: says the calculation back, so that a misheard number is noticed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

from assistant.errors import SkillError
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.sums import Number, work_out
from assistant.values import IntentMatch

_MAX_SPOKEN_SIGNS = 12
"""Longer calculations are not said back."""
_DIGITS, _SPOKEN_DECIMALS = 6, 3
"""Decimals of an exact, and of a rounded number."""
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[a-z]+|[^\s\w()]")


class Calculator(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"Calculate": ("expression",)}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:  # noqa: ARG002 - Skill's
        line = str(match.slots["expression"])
        try:
            value = work_out(line)
        except SkillError as exc:
            return SkillReply(self._replies.say("Calculate", exc.code.replace("-", "_")), ok=False)
        result, exact = self._number(value)
        spoken = self._spoken(line)
        reply = ("result" if spoken else "short") + ("" if exact else "_about")
        return SkillReply(self._replies.say("Calculate", reply, expression=spoken, result=result))

    def _spoken(self, line: str) -> str:
        """The calculation in words; empty when it has parentheses around sums or is long."""
        bare = re.sub(r"\((\d+/\d+)\)", lambda match: match[1].replace("/", "∕"), line)  # a fraction stays one word
        tokens = re.findall(r"\d+∕\d+|" + _TOKEN.pattern, bare)
        whole = bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare
        if "(" in whole or len(tokens) > _MAX_SPOKEN_SIGNS:
            return ""
        signs: Mapping[str, str] = self._replies.speech["signs"]
        words = [signs.get(token, token.replace("∕", "/")) for token in tokens]
        return " ".join(words)

    def _number(self, value: Number) -> tuple[str, bool]:
        """A number for the ear, and whether it is exact."""
        size = abs(Fraction(value))
        if size >= 10**15 or 0 < size < Fraction(1, 10**6):
            return self._scientific(value)
        exact = isinstance(value, Fraction) and (value * 10**_DIGITS).denominator == 1
        places = _DIGITS if exact or size < Fraction(1, 100) else _SPOKEN_DECIMALS
        rounded = Fraction(round(Fraction(value), places))
        whole, decimals = divmod(abs(round(rounded * 10**_DIGITS)), 10**_DIGITS)
        text = f"{whole:,}" if whole >= 10_000 else str(whole)
        if decimals:
            text += f".{decimals:0{_DIGITS}}".rstrip("0")
        return (self._replies.speech["minus"].format(text=text) if rounded < 0 else text), exact

    def _scientific(self, value: Number) -> tuple[str, bool]:
        exact = Fraction(value)
        digits = abs(exact.numerator * 10**40 // exact.denominator)
        exponent = len(str(digits)) - 41
        number = f"{int(str(digits)[:4].ljust(4, '0')) / 1000:g}"
        power = self._replies.speech["minus"].format(text=-exponent) if exponent < 0 else str(exponent)
        text = self._replies.speech["scientific"].format(number=number, exponent=power)
        return (self._replies.speech["minus"].format(text=text) if value < 0 else text), False
