"""Hiding names and numbers in what leaves the device, and putting them back into what comes home. Pure.

Each hidden thing becomes a placeholder such as `[name 1]`, the same one wherever it stands in a question and its
context, so that the answer can speak of it. Names are found as they sound, too: recognition spells as it likes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from assistant.names import sounds_like
from assistant.nlu.language import Language, load_language
from assistant.streams import closing
from assistant.values import CloudQuestion

NAMES, NUMBERS = "names", "numbers"
_PLACEHOLDER = re.compile(r"\[\s*(name|number|text)\s+(\d{1,3})\s*\]", re.IGNORECASE)
_LONGEST = 24
"""No placeholder has more characters."""
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class Hidden:
    """What was hidden in one message, for its answer."""

    of: dict[str, str] = field(default_factory=dict)
    """Placeholder, without brackets and in lower case -> what it stands for."""
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def placeholder(self, kind: str, words: str) -> str:
        """The same one for the same words."""
        known = kind, words.casefold()
        if known not in self._known:
            self._known[known] = f"{kind} {sum(each == kind for each, _ in self._known) + 1}"
            self.of[self._known[known]] = words
        return f"[{self._known[known]}]"

    def shown(self, text: str) -> str:
        """The text with every placeholder replaced by what it stands for; one that nothing is known of stays."""
        return _PLACEHOLDER.sub(self._meant, text)

    async def restored(self, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
        """The same for a stream; a placeholder that comes in pieces is waited for."""
        held = ""
        async with closing(pieces) as stream:
            async for piece in stream:
                text = self.shown(held + piece)
                at = text.rfind("[")
                whole = at < 0 or "]" in text[at:] or len(text) - at > _LONGEST
                text, held = (text, "") if whole else (text[:at], text[at:])
                if text:
                    yield text
        if held:
            yield held

    def _meant(self, found: re.Match[str]) -> str:
        return self.of.get(f"{found[1].lower()} {int(found[2])}", found[0])


class Redactor:
    """Rules of `privacy.redact`: `names` (those of `privacy.names`), `numbers`, and regular expressions."""

    def __init__(self, rules: Sequence[str], names: Sequence[str], language: str = "en") -> None:
        """Raises re.error for a rule that is no regular expression."""
        self._rules: list[tuple[str, Callable[[str], Iterator[tuple[int, int]]]]] = []
        for rule in rules:
            if rule == NAMES:
                self._rules.append(("name", _NameFinder(names).spans))
            elif rule == NUMBERS:
                self._rules.append(("number", _finder(_numbers(load_language(language)))))
            else:
                self._rules.append(("text", _finder(re.compile(rule, re.IGNORECASE))))

    def question(self, question: CloudQuestion) -> tuple[CloudQuestion, Hidden]:
        """The question as it may leave, context and all."""
        hidden = Hidden()
        if not self._rules:
            return question, hidden
        context = tuple(replace(message, text=self._hide(message.text, hidden)) for message in question.context)
        return replace(question, text=self._hide(question.text, hidden), context=context), hidden

    def _hide(self, text: str, hidden: Hidden) -> str:
        taken: list[tuple[int, int, str]] = []
        for kind, spans in self._rules:
            for begin, end in spans(text):
                if end > begin and all(end <= first or begin >= last for first, last, _ in taken):
                    taken.append((begin, end, kind))
        parts, at = [], 0
        for begin, end, kind in sorted(taken):
            parts += [text[at:begin], hidden.placeholder(kind, text[begin:end])]
            at = end
        return "".join([*parts, text[at:]])


class _NameFinder:
    """Names of one or more words, as written or as they sound."""

    def __init__(self, names: Sequence[str]) -> None:
        split = (tuple(_WORD.findall(name.casefold())) for name in names)
        self._names = sorted({words for words in split if words}, key=len, reverse=True)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        words = list(_WORD.finditer(text))
        for at in range(len(words)):
            for name in self._names:
                run = words[at : at + len(name)]
                if len(run) == len(name) and all(map(_is_name, (each[0] for each in run), name)):
                    yield run[0].start(), run[-1].end()


def _is_name(word: str, name: str) -> bool:
    return word.casefold() == name or sounds_like(word, name)


def _finder(pattern: re.Pattern[str]) -> Callable[[str], Iterator[tuple[int, int]]]:
    return lambda text: (found.span() for found in pattern.finditer(text))


def _numbers(language: Language) -> re.Pattern[str]:
    """Digits with what stands between them, and number words; a lone "one" is seldom a number."""
    words = sorted({*language.table("numbers"), *language.table("multipliers")}, key=len, reverse=True)
    word = rf"(?:{'|'.join(map(re.escape, words))})"
    joint = rf"(?:[\s,-]+(?:(?:{language.words['joiner']}|{'|'.join(language.set('point'))})\s+)?)"
    one = next(each for each, value in language.table("numbers").items() if value == 1)
    digits = r"\+?\d(?:[\d\s.,:/()-]*\d)?"
    return re.compile(rf"{digits}|\b(?!{one}\b(?!{joint}{word}\b)){word}(?:{joint}{word})*\b", re.IGNORECASE)
