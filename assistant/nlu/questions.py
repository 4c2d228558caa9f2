"""What the shape of an utterance tells: whether it asks for an answer or a text, whether more is to come."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.nlu.language import Language


class Questions:
    """Knows the openings of questions in one language."""

    def __init__(self, language: Language) -> None:
        self._start = _either(language.list("open_start"), anchor="^")
        self._inside = _either(language.list("open_inside"), anchor=r"\b")
        self._never = _either(language.list("open_never"), anchor="^")
        self._in_other = sorted(language.list("unit_asked"), key=len, reverse=True)
        self._wants_more = _either(language.list("unfinished"), anchor=r"\b", end=r"$")
        numbers = [*language.table("numbers"), *language.table("multipliers")]
        self._number = re.compile(rf"\b(?:\d+|{'|'.join(map(re.escape, numbers))})$")

    def is_open(self, text: str, *, asked: bool) -> bool:
        """Whether a plain text is an open question or a request for a text; `asked`: it was written with "?"."""
        if not text or self._never.search(text):
            return False
        return asked or bool(self._start.search(text) or self._inside.search(text))

    def other_unit(self, text: str, unit: Callable[[str], str | None]) -> str | None:
        """The unit in which a plain text wants an amount told ("in celsius"); None when it wants something else."""
        for opening in self._in_other:
            if text.startswith(f"{opening} "):
                return unit(text.removeprefix(opening).strip())
        return None

    def is_unfinished(self, text: str, *, claimed: bool) -> bool:
        """Whether a plain text stops where nobody stops. A claimed one (a whole request) may: "what do you do"."""
        if claimed or not text:
            return False
        return bool(self._wants_more.search(text) or self._number.search(text))


def _either(phrases: tuple[str, ...], *, anchor: str, end: str = r"\b") -> re.Pattern[str]:
    return re.compile(rf"{anchor}(?:{'|'.join(re.escape(phrase) for phrase in phrases)}){end}")
