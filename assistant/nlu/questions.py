"""Whether an utterance that no local intent claims asks for an answer or a text."""

from __future__ import annotations

import re

from assistant.nlu.language import Language


class Questions:
    """Knows the openings of questions in one language."""

    def __init__(self, language: Language) -> None:
        self._start = _either(language.list("open_start"), anchor="^")
        self._inside = _either(language.list("open_inside"), anchor=r"\b")
        self._never = _either(language.list("open_never"), anchor="^")

    def is_open(self, text: str, *, asked: bool) -> bool:
        """Whether a plain text is an open question or a request for a text; `asked`: it was written with "?"."""
        if not text or self._never.search(text):
            return False
        return asked or bool(self._start.search(text) or self._inside.search(text))


def _either(phrases: tuple[str, ...], *, anchor: str) -> re.Pattern[str]:
    return re.compile(rf"{anchor}(?:{'|'.join(re.escape(phrase) for phrase in phrases)})\b")
