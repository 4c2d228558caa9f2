"""Words and signs of a plain text, with where they stand; and how phrases are found among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+(?:\.\d+)?|\.\d+|[^\W\d_]+(?:'[^\W\d_]+)*|[^\s\w]")


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int
    """Character offsets in the text."""


def tokenise(text: str) -> tuple[Token, ...]:
    return tuple(Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text))


class Phrases:
    """A table of phrases (one or more words) with values, for finding the longest one at a place."""

    def __init__(self, table: Mapping[str, Any] | Iterable[str]) -> None:
        pairs = table.items() if isinstance(table, Mapping) else ((phrase, phrase) for phrase in table)
        self._table = {tuple(token.text for token in tokenise(str(phrase))): value for phrase, value in pairs}
        self._longest: dict[str, int] = {}
        """By first word: most places begin no phrase."""
        for key in self._table:
            if key:
                self._longest[key[0]] = max(len(key), self._longest.get(key[0], 0))

    def at(self, tokens: tuple[Token, ...], index: int) -> tuple[Any, int] | None:
        """(value, index behind it) of the longest phrase that starts at `index`."""
        if index >= len(tokens):
            return None
        for length in range(min(self._longest.get(tokens[index].text, 0), len(tokens) - index), 0, -1):
            key = tuple(token.text for token in tokens[index : index + length])
            if key in self._table:
                return self._table[key], index + length
        return None
