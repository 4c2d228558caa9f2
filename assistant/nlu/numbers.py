"""Numbers as people say and as Whisper writes them: "ten", "a hundred and five", "2.5", "two and a half"."""

from __future__ import annotations

from fractions import Fraction

from assistant.nlu.language import Language
from assistant.nlu.tokens import Token

_MAX_DIGITS = 24


class Numbers:
    """Reads numbers in one language. Values are exact."""

    def __init__(self, language: Language) -> None:
        self._words: dict[str, int] = dict(language.table("numbers"))
        self._multipliers: dict[str, int] = dict(language.table("multipliers"))
        self._fractions = {word: Fraction(value) for word, value in language.table("fractions").items()}
        self._articles = language.set("articles")
        self._joiner = str(language.words["joiner"])
        self._point = language.set("point")

    def at(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """(value, index behind it) of the longest number that starts at `index`."""
        whole = self._whole(tokens, index)
        if whole is None:
            return None
        value, end = whole
        decimals = self._decimals(tokens, end)
        if decimals:
            return value + decimals[0], decimals[1]
        return self._mixed(tokens, value, end) or (value, end)

    def fraction_at(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """A bare fraction: "half", "a third", "three quarters"."""
        word = self._word(tokens, index)
        article = word in self._articles
        if article:
            index, word = index + 1, self._word(tokens, index + 1)
        if word in self._fractions and (article or self._fractions[word].denominator in {2, 4}):
            return self._fractions[word], index + 1  # a bare "third" is an ordinal
        count = self._words.get(word) or (int(word) if word.isdecimal() and len(word) < 3 else 0)
        name = self._word(tokens, index + 1)
        if count and name in self._fractions:
            return count * self._fractions[name], index + 2
        return None

    def slashed_at(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """A fraction in digits: "1/2"."""
        above, slash, below = (self._word(tokens, index + offset) for offset in range(3))
        if slash != "/" or not (above.isdecimal() and below.isdecimal() and len(above + below) <= 4 and int(below)):
            return None
        return Fraction(int(above), int(below)), index + 3

    def _whole(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """Digits with an optional multiplier word ("2.5 million"), or number words."""
        word = self._word(tokens, index)
        digits = word.replace(",", "").removeprefix(".")
        if digits[:1].isdecimal():
            if len(digits) > _MAX_DIGITS or not digits.isascii():
                return None
            value = Fraction(f"0.{digits}" if word.startswith(".") else digits)
            multiplier = self._multipliers.get(self._word(tokens, index + 1))
            return (value * multiplier, index + 2) if multiplier else (value, index + 1)
        if word in self._articles:
            multiplier = self._multipliers.get(self._word(tokens, index + 1))
            return self._spelled(tokens, index + 1, group=1) if multiplier else None
        return self._spelled(tokens, index) if word in self._words else None

    def _spelled(self, tokens: tuple[Token, ...], index: int, group: int = 0) -> tuple[Fraction, int] | None:
        """Number words. Each must fit behind the one before, so "twenty thirty" stays two numbers.

        `group` is what was collected since the last thousand, `room` what may still be added to it.
        """
        total, room, limit = 0, 0 if group else 100, 10**15
        end = index
        while True:
            joint = self._word(tokens, end)
            step = end + (end > index and joint in {self._joiner, "-"})
            word, after = self._word(tokens, step), self._word(tokens, end - 1)
            number, multiplier = self._words.get(word, -1), self._multipliers.get(word, 0)
            if step > end and (number < 0 or (joint == "-") != (after not in self._multipliers)):
                break  # "and" belongs behind "hundred", a hyphen behind "twenty"
            if 0 <= number < room and (number or end == index):
                group, room = group + number, 10 if number >= 20 else 0
            elif multiplier >= 1000 and group and multiplier < limit:
                total, group, room, limit = total + group * multiplier, 0, 100, multiplier
            elif 0 < multiplier < 1000 and 0 < group < 100:
                group, room = group * multiplier, 100 if multiplier == 100 else 0
            else:
                break
            end = step + 1
        return (Fraction(total + group), end) if end > index else None

    def _decimals(self, tokens: tuple[Token, ...], index: int) -> tuple[Fraction, int] | None:
        """The part behind "point": digits one by one ("six point two five")."""
        if self._word(tokens, index) not in self._point:
            return None
        digits = ""
        end = index + 1
        while len(digits) < 12:
            word = self._word(tokens, end)
            if word.isdecimal() and word.isascii():
                digits += word
            elif word in self._words and (self._words[word] < 10 or not digits):
                digits += str(self._words[word])
            else:
                break
            end += 1
        return (Fraction(int(digits[:12]), 10 ** len(digits[:12])), end) if digits else None

    def _mixed(self, tokens: tuple[Token, ...], value: Fraction, index: int) -> tuple[Fraction, int] | None:
        """The part behind a whole: "and a half", "and three quarters", "1/2" in "2 1/2"."""
        slashed = self.slashed_at(tokens, index) if value.denominator == 1 else None
        if slashed and slashed[0] < 1:
            return value + slashed[0], slashed[1]
        if self._word(tokens, index) != self._joiner:
            return None
        part = self.fraction_at(tokens, index + 1)
        return (value + part[0], part[1]) if part and part[0] < 1 else None

    @staticmethod
    def _word(tokens: tuple[Token, ...], index: int) -> str:
        return tokens[index].text if 0 <= index < len(tokens) else ""
