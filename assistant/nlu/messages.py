"""What one is to be reminded of, by the words that stand around it, where the model marked none."""

from __future__ import annotations

from datetime import date

from assistant.nlu.language import Language
from assistant.nlu.when import WhenReader


class Messages:
    """Finds them in one language."""

    def __init__(self, language: Language, when: WhenReader) -> None:
        self._language = language
        self._when = when
        self._behind = language.list("when_openings")
        self._openings, self._tails = (
            sorted(language.list(name), key=len, reverse=True) for name in ("note_openings", "note_tails")
        )
        self._unsaid, self._pointing = language.set("note_unsaid"), language.set("note_pointing")
        self._reminding = language.set("reminding")

    def behind(self, text: str, today: date) -> str:
        """Where it stands last: "remind me when i get home to call bob". What is a moment is none: "at ten to nine"."""
        if self._reminding.isdisjoint(text.split()):
            return ""
        for word in self._behind:
            rest = f" {text} "
            while f" {word} " in rest:
                rest = f" {rest.partition(f' {word} ')[2]}"
                said = rest.split()
                if said and said[0] not in self._reminding and not self._when.begins(rest, today):
                    return "" if self._leaves_open(rest.strip()) else rest.strip()
        return ""

    def noted(self, text: str, today: date) -> str:
        """Where it stands behind a verb: "add running to my calendar for thursday"."""
        opening = next((words for words in self._openings if text.startswith(f"{words} ")), "")
        said = text.removeprefix(opening).strip() if opening else ""
        while said:
            shorter = self._when.split(said, today)[0]
            tail = next((words for words in self._tails if shorter.endswith(f" {words}")), "")
            shorter = shorter.removesuffix(tail).strip()
            if shorter == said:
                break
            said = shorter
        said = self._language.bare(said)
        return "" if self._leaves_open(said) else said

    def _leaves_open(self, said: str) -> bool:
        """Whether it is still to be said: "something", "this event"."""
        return said in self._unsaid or said.partition(" ")[0] in self._pointing
