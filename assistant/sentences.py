"""Running text into sentences, also while it is still being written (English).

Pure and neutral: the dialog cuts an answer that streams in and the voice a reply that arrives whole, by the same rule.
"""

from __future__ import annotations

import re

MAX_SENTENCE_CHARS = 600
"""A sentence that doesn't end is cut here, so that what is held back stays bounded."""
_LOOKAHEAD_CHARS = 80
"""How far behind a mark the text is read to decide whether it ended a sentence."""

_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s)|[。！？]+|\n")
_NEVER_END = frozenset(
    re.findall(
        r"\S+",
        "adm approx apr aug ave capt cf col dec dept dr e.g est feb fig gen gov hon i.e inc jan jr jul jun lt ltd maj"
        " mar min mr mrs ms mt mx nov oct pp prof rep rev sen sep sept sgt sr st viz vol vs",
    )
)
"""Abbreviations that don't end a sentence, unless they are among the next."""
_ENDS_OFTEN = frozenset({"etc", "a.m", "p.m", "am", "pm", "u.s", "u.k", "inc", "ltd", "jr", "sr", "est", "min"})
"""Abbreviations that end a sentence whenever a capital follows."""
_DAY_OR_MONTH = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august"
    r"|(?:septem|octo|novem|decem)ber",
    re.IGNORECASE,
)
_PAUSE = re.compile(r"[,;:–—]+[\"'”’)\]*_]*(?=\s)")
"""Where a speaker breathes within a sentence."""
_GOES_ON = frozenset({"hundred", "thousand", "million", "billion", "trillion"})
"""Words behind which a number may go on."""
_CLAUSE_WORDS = 3
_LAST_WORD = re.compile(r"([\w.'’-]*)[.!?…]+[\"'”’)\]*_]*$")
_LIST_MARK = re.compile(r"\s*\(?(\d{1,3}|[A-Za-z])[.)]+")


class SentenceSplitter:
    """Feed pieces of text as they come; whole sentences come out as soon as the text after them shows that they ended.

    Every character but white space at the seams comes out again, in order.
    """

    def __init__(self) -> None:
        self._buffer = ""

    @property
    def held(self) -> str:
        """What no sentence was made of yet."""
        return self._buffer

    def feed(self, piece: str) -> list[str]:
        """Sentences that are complete now, stripped, none empty."""
        self._buffer += piece
        found: list[str] = []
        start = 0
        for end in _END.finditer(self._buffer):
            after = self._buffer[end.end() : end.end() + _LOOKAHEAD_CHARS]
            verdict = _is_boundary(self._buffer[start : end.end()], after, end[0])
            if verdict is None:
                break
            if verdict:
                found.append(self._buffer[start : end.end()])
                start = end.end()
        self._buffer = self._buffer[start:]
        while len(self._buffer) > MAX_SENTENCE_CHARS:
            head, self._buffer = _cut(self._buffer, MAX_SENTENCE_CHARS)
            found.append(head)
        return [sentence for part in found if (sentence := part.strip())]

    def take_clause(self) -> list[str]:
        """What is held up to its last pause for breath, where that is a few words: none or one. The rest stays held."""
        for pause in reversed(list(_PAUSE.finditer(self._buffer))):
            clause = self._buffer[: pause.end()].strip()
            after = self._buffer[pause.end() :].lstrip()
            if len(clause.split()) >= _CLAUSE_WORDS and not _is_half_a_number(self._buffer[: pause.start()], after):
                self._buffer = self._buffer[pause.end() :]
                return [clause]
        return []

    def flush(self) -> list[str]:
        """What is left when no more text comes: none or one sentence."""
        rest, self._buffer = self._buffer.strip(), ""
        return [rest] if rest else []


def split_sentences(text: str) -> list[str]:
    """The sentences of a whole text."""
    splitter = SentenceSplitter()
    return splitter.feed(text) + splitter.flush()


def split_long(sentence: str, limit: int) -> list[str]:
    """Cut a sentence into pieces of at most `limit` characters, after commas and the like where there are any."""
    pieces: list[str] = []
    rest = sentence.strip()
    while len(rest) > limit:
        head, rest = _cut(rest, limit)
        pieces.append(head.strip())
        rest = rest.strip()
    return [piece for piece in [*pieces, rest] if piece]


def _cut(text: str, limit: int) -> tuple[str, str]:
    """Cut at the last pause within `limit` but not in its first third, else at the last space, else hard."""
    window = text[: limit + 1]
    for pattern in (r"[,;:)–—](?=\s)", r"(?=\s)"):
        places = [match.end() for match in re.finditer(pattern, window) if limit / 3 < match.end() <= limit]
        if places:
            return text[: places[-1]], text[places[-1] :]
    return text[:limit], text[limit:]


def _is_half_a_number(before: str, after: str) -> bool:
    """Whether a number may end with `before` only in part; what comes `after` may not be there yet."""
    last = before.rsplit(maxsplit=1)[-1]
    return last.lower() in _GOES_ON or (last[-1].isdigit() and not after[:1].isalpha())


def _is_boundary(sentence: str, after: str, mark: str) -> bool | None:
    """Whether a sentence ends with `mark`; None when the text so far can't tell."""
    following = after.lstrip()
    if mark == "\n" or mark[0] in "。！？" or "\n" in after[: len(after) - len(following)]:
        return True
    if not following:
        return None
    if _LIST_MARK.fullmatch(sentence) or following[0].islower():
        return False
    if mark[0] != "." or mark.startswith(".."):
        return True
    last = _LAST_WORD.search(sentence)
    return _ends_after(last[1].rstrip(".") if last else "", following)


def _ends_after(written: str, following: str) -> bool | None:
    """Whether a full stop behind a word ends the sentence, given that `following` doesn't begin in lower case."""
    word = written.lower()
    if word == "no":
        return not following[0].isdigit()
    if word in {"a.m", "p.m", "am", "pm"}:
        next_word = re.match(r"[A-Za-z]+", following)
        if next_word and next_word.end() == len(following) and len(following) < 10:
            return None  # "p.m. Mon" may become "p.m. Monday"
        return not (next_word and _DAY_OR_MONTH.fullmatch(next_word[0]))
    if word in _ENDS_OFTEN:
        return following[0].isupper()
    if word in _NEVER_END:
        return False
    return not (len(written) == 1 and written.isupper() and written != "I")  # an initial: "J. Smith"
