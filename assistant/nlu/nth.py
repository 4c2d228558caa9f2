"""Which of several, by its place among those that were told: "the second one", "the last one"."""

from __future__ import annotations

import re

from assistant.nlu.language import Language


class Nth:
    """Reads it in one language."""

    def __init__(self, language: Language) -> None:
        self._places: dict[str, int] = {**language.table("ordinals"), **dict.fromkeys(language.list("nth_last"), -1)}
        ordinals, articles, things = (
            "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
            for words in (self._places, language.list("name_articles"), language.list("nth_things"))
        )
        self._whole = re.compile(rf"(?:(?:{articles}) )?({ordinals})(?: (?:{things}))?")
        self._within = re.compile(rf"\b(?:{articles}) ({ordinals}) (?:{things})\b")
        self._it = str(language.words["pronoun"])

    def read(self, text: str) -> int | None:
        """The place, from 1, or -1 for the last, that a plain text is as a whole; None for none."""
        found = self._whole.fullmatch(text)
        return self._places[found[1]] if found else None

    def split(self, text: str) -> tuple[str, int] | None:
        """A plain text with a pronoun instead of the one by its place, and the place: ("delete it", 2)."""
        found = self._within.search(text)
        if not found:
            return None
        return f"{text[: found.start()]}{self._it}{text[found.end() :]}", self._places[found[1]]
