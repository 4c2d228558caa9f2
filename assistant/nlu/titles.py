"""What is to be played, among other words: "yesterday by the beatles", not "the beatles" alone.

The model marks titles, artists, stations and kinds of music, but knows few names and marks a part of many. What it
marks is taken from the first to the last word, and made longer to both sides until a word that is part of no title
("for", "podcast"); and by what stands before "by", unless that is just a kind ("my favourite song by").
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.nlu.language import Language

_QUERY = "query"


class Titles:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._edges = language.set("title_edges")
        self._by = language.set("title_by")

    def find(self, text: str, spans: Sequence[tuple[str, str]]) -> str:
        """What is to be played, of a text with the model's tagged words; empty where it marks nothing."""
        words = text.split()
        marked = [at for tag, part in spans if tag == _QUERY for at in _places(words, part.split())]
        if not marked:
            return ""
        first, last = min(marked), max(marked)
        while last + 1 < len(words) and (words[last + 1] not in self._edges or words[last] in self._by):
            last += 1
        first = self._begin(words, first)
        if first > 1 and words[first - 1] in self._by and words[first - 2] not in self._edges:
            first = self._begin(words, first - 2)
        return self._language.bare(" ".join(words[first : last + 1]))

    def _begin(self, words: Sequence[str], at: int) -> int:
        """Where a title begins that goes on at `at`; an article before its artist is no edge ("by the beatles")."""
        begin = at
        while begin > 0 and words[begin - 1] not in self._edges:
            begin -= 1
        articled = begin > 1 and self._language.bare(f"{words[begin - 1]} x") == "x" and words[begin - 2] in self._by
        return begin - 1 if articled else begin


def _places(words: Sequence[str], part: Sequence[str]) -> range:
    """Where in the words a part of them stands first."""
    at = next((at for at in range(len(words)) if list(words[at : at + len(part)]) == list(part)), len(words))
    return range(at, min(at + len(part), len(words)))
