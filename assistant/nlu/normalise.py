"""Spoken or written text -> the plain form the grammar reads. Pure; total over `str`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from assistant.nlu.language import Language
from assistant.values import Layer

MAX_CHARS = 600
"""Longer utterances are no commands: only their beginning is looked at."""
MAX_WORDS = 50

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "−": "-", "–": "-", "—": " , ", "…": " . "})
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_DROPPED = re.compile(r"[^\w\s'.,:;?!%+*/^()=×÷-]|_")
_STRAY = re.compile(r"(?<!\w)'|'(?!\w)")
_STOPS = re.compile(r"(?<!\d)[.,:](?!\d)|(?<=\d)[.,:](?!\d)|(?<!\d)[,:](?=\d)|[;?]|(?<=\s)\.(?=\s|$)|(?<!\d)!")
_CLAUSE_ENDS = re.compile(r"[.?!;]+(?:\s+|$)")
_COMMA = "ʘcomma"
_COMMAS = re.compile(r"(?<!\d),|,(?!\d)|;")


def plain(text: str, language: Language) -> str:
    """Lower case, no punctuation but that of numbers and sums, contractions written out, single spaces."""
    text = _VULGAR.sub(r" \g<0>", text[: MAX_CHARS * 2])  # "1½" is 1 1/2, not 11/2
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/").translate(_QUOTES).lower()
    text = _DROPPED.sub(" ", text)[:MAX_CHARS]
    text = _STRAY.sub(" ", text)
    text = _STOPS.sub(" ", text)
    table = language.table("contractions")
    return " ".join(table.get(word, word) for word in text.split())


def clauses(text: str, language: Language) -> list[str]:
    """The sentences of a text; when there is only one, its parts between commas; plain."""
    text = text[: MAX_CHARS * 2].translate(_QUOTES)
    parts = [plain(part, language) for part in _CLAUSE_ENDS.split(text)]
    if sum(map(bool, parts)) < 2:
        parts = [plain(part, language) for part in _COMMAS.split(text)]
    return [part for part in parts if part]


def with_commas(words: str, text: str, language: Language) -> str:
    """Some of the plain words of a text, with the commas that stood between them there: "milk, eggs and bread"."""
    wanted, found = words.split(), plain(_COMMAS.sub(f" {_COMMA} ", text[: MAX_CHARS * 2].translate(_QUOTES)), language)
    tokens = found.split()
    for start in range(len(tokens)):
        taken: list[str] = []
        rest = iter(wanted)
        word = next(rest, None)
        for token in tokens[start:]:
            if token == _COMMA:
                taken += [","] if taken else []
            elif token == word:
                taken.append(token)
                word = next(rest, None)
            else:
                break
            if word is None:
                return " ".join(taken).replace(" ,", ",")
    return words


class Wrappers:
    """Takes off what people put around a request: the assistant's name, politeness, run-ups."""

    def __init__(self, language: Language, names: Iterable[str]) -> None:
        called = [re.escape(name) for name in (plain(name, language) for name in names) if name]
        called += [re.escape(name) for name in language.list("names")]
        calls, name = either(language.list("calls"), escape=True), either(called)
        self._leading_name = re.compile(rf"(?:{calls} )?{name} (?=.)")
        self._trailing_name = re.compile(rf"(?<=.) (?:{calls} )?{name}$")
        self._leading = re.compile(rf"{either(language.list('leading'), escape=True)} (?=.)")
        self._trailing = re.compile(rf"(?<=.) {either(language.list('trailing'), escape=True)}$")
        self._corrections = re.compile(rf"{either(language.list('corrections'), escape=True)} (?=.)")
        table = language.table("answer_by")
        self._layers = {
            layer: (
                re.compile(rf"{either(table[layer]['before'], escape=True)} (?=.)"),
                re.compile(rf"(?<=.) {either(table[layer]['behind'], escape=True)}$"),
            )
            for layer in Layer
        }
        self._continuing = re.compile(rf"{either(language.list('continuing'), escape=True)} (?=.)")
        self._fillers = re.compile(rf"\b{either(language.list('fillers'), escape=True)}\b ?")

    def without_name(self, text: str) -> str:
        """Without the name in front."""
        match = self._leading_name.match(text)
        return text[match.end() :] if match else text

    def core(self, text: str) -> str:
        """Without names and wrappers on either side; never empty unless `text` is."""
        while True:
            before = text
            text = self._trailing_name.sub("", self.without_name(text))
            match = self._leading.match(text)
            text = text[match.end() :] if match else text
            text = self._trailing.sub("", text)
            if text == before:
                return text

    def correction(self, text: str) -> str:
        """What is said instead: the text behind "no", "i meant" and the like; empty when it doesn't begin so."""
        rest = self._trailing_name.sub("", self.without_name(text))
        corrects = False
        while match := self._corrections.match(rest):
            rest, corrects = rest[match.end() :], True
        return self._trailing.sub("", rest) if corrects else ""

    def continuation(self, text: str) -> str:
        """What is added: the text behind "and", "what about" and the like; empty when it doesn't begin so."""
        rest = self._trailing_name.sub("", self.without_name(text))
        match = self._continuing.match(rest)
        return self._trailing.sub("", rest[match.end() :]) if match else ""

    def addressed(self, text: str) -> tuple[Layer | None, str]:
        """Who is asked to answer, and what: "ask the cloud who wrote hamlet"."""
        for layer, (before, behind) in self._layers.items():
            for match in (before.match(text), behind.search(text)):
                if match:
                    return layer, self.core(text[: match.start()] + text[match.end() :])
        return None, text

    def without_fillers(self, text: str) -> str:
        """Without filler words anywhere."""
        return self._fillers.sub("", text).strip()


def either(phrases: Sequence[str], *, escape: bool = False) -> str:
    """A pattern for any of the phrases, longest first."""
    ordered = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join(re.escape(phrase) if escape else phrase for phrase in ordered) + ")"
