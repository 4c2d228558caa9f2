"""A grammar's reading -> normalised slots; readings in which a template caught too much are turned away."""

from __future__ import annotations

from typing import Any

from assistant.nlu.dates import Day
from assistant.nlu.durations import Duration
from assistant.nlu.entities import Entities, View, has_mark
from assistant.nlu.grammar import MAX_NAME_WORDS, Reading
from assistant.nlu.language import Language
from assistant.values import Slots, SlotValue

_PREFIXES = {"duration": "", "start": "start_"}


class SlotReader:
    """Turns what templates caught into slots, in one language."""

    def __init__(self, language: Language, entities: Entities) -> None:
        self._entities = entities
        self._articles = language.set("name_articles"), language.set("place_articles")
        fillers = language.set("fillers")
        self._stopwords = language.set("name_stopwords") | fillers, language.set("place_stopwords") | fillers
        self._trailing = sorted(language.list("name_trailing"), key=len, reverse=True)

    def read(self, reading: Reading, view: View) -> Slots | None:
        """The slots of a reading; None when it can't be meant."""
        slots: dict[str, SlotValue] = {}
        for slot, value in reading.values.items():
            if slot in {"name", "place"}:
                name = self.name(str(value), place=slot == "place")
                if name is None:
                    return None
                if name:
                    slots["name"] = name
            elif slot in _PREFIXES | {"date": "", "day": "", "expression": ""}:
                found = self._marked(slot, value, view)
                if found is None:
                    return None
                slots.update(found)
            else:
                slots[slot] = value
        return slots

    def name(self, words: str, *, place: bool = False) -> str | None:
        """What a timer or place is called, without article; empty for "ten" in "a timer for ten"; None for no name."""
        articles, stopwords = self._articles[place], self._stopwords[place]
        text = words.strip()
        for tail in self._trailing:
            text = text.removesuffix(f" {tail}")
        parts = text.split()
        while len(parts) > 1 and parts[0] in articles:
            parts = parts[1:]
        if not parts or len(parts) > MAX_NAME_WORDS or has_mark(text) or stopwords.intersection(parts):
            return None
        if parts[0] in articles:
            return None
        return "" if self._entities.is_number(" ".join(parts)) else " ".join(parts)

    @staticmethod
    def _marked(slot: str, index: Any, view: View) -> dict[str, SlotValue] | None:
        if not isinstance(index, int) or index >= len(view.values):
            return None
        value = view.values[index]
        if isinstance(value, Duration):
            return dict(value.slots(_PREFIXES.get(slot, "")))
        if isinstance(value, Day):
            return {"date": value.date.isoformat()}
        return {"expression": value}
