"""Setting templates aside must lose nothing: what hassil finds among all of them is found among the hopeful ones."""

import functools
from datetime import date
from pathlib import Path

import pytest
import yaml
from hassil import Intents, TextSlotList, recognize_all

from assistant.nlu.entities import Entities, spelled
from assistant.nlu.grammar import MAX_NAME_WORDS
from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain
from assistant.nlu.prefilter import Prefilter

ROWS = yaml.safe_load(Path(__file__).with_name("utterances.yaml").read_text("utf-8"))
LANGUAGE = load_language("en")
ENTITIES = Entities(LANGUAGE)
KNOWN = ("pasta", "green eggs")
NAMED = {"name": ("kitchen lamp", "fan"), "area": ("kitchen", "bedroom"), "floor": ("first floor",)}
WANTED = (
    "HassStartTimer",
    "HassCancelTimer",
    "HassTurnOn",
    "HassTurnOff",
    "HassLightSet",
    "HassSetVolume",
    "HassNevermind",
)


def _digits(text: str) -> str:
    """As the Understander gives it to Home Assistant's sentences."""
    return spelled(ENTITIES.views(plain(text, LANGUAGE), date(2025, 6, 15))[0], ("hours", "minutes", "seconds"), "and")


TEXTS = sorted({_digits(text) for row in ROWS for text in row["texts"]})


@functools.cache
def _home_assistant() -> Intents:
    from home_assistant_intents import get_intents

    content = get_intents("en")
    assert content
    intents = {name: content["intents"][name] for name in WANTED}
    lists = {**content["lists"], **{name: {"values": list(values)} for name, values in NAMED.items()}}
    return Intents.from_dict({**content, "intents": intents, "lists": lists, "skip_words": []})


def _found(text: str, intents: Intents) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    lists = {"known": TextSlotList.from_strings(KNOWN, allow_template=False, name="known")}
    results = recognize_all(text, intents, slot_lists={**lists})
    return {
        (result.intent.name, tuple(sorted((name, str(entity.value)) for name, entity in result.entities.items())))
        for result in results
        if _open_words(result) <= MAX_NAME_WORDS
    }


def _open_words(result: object) -> int:
    return max((len(each.text.split()) for each in result.entities.values() if each.is_wildcard), default=0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("chunk", range(8))
def test_nothing_is_lost(chunk: int) -> None:
    intents = _home_assistant()
    prefilter = Prefilter(intents, MAX_NAME_WORDS)
    for text in TEXTS[chunk::40]:
        assert _found(text, prefilter.hopeful(text, KNOWN)) == _found(text, intents), text


def test_most_templates_are_set_aside() -> None:
    intents = _home_assistant()
    every = sum(len(block.sentences) for intent in intents.intents.values() for block in intent.data)
    hopeful = Prefilter(intents, MAX_NAME_WORDS).hopeful("set a timer for 5 minutes", ())
    assert 0 < sum(len(intent.data) for intent in hopeful.intents.values()) < every / 10
    assert not Prefilter(intents, MAX_NAME_WORDS).hopeful("xyzzy plugh frobnicate the quux tomorrow", ()).intents
