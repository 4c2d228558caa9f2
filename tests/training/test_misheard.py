"""Requests as they might have been misheard."""

from __future__ import annotations

import random

from assistant.training.data import Example
from assistant.training.misheard import confusions, misheard

PAIRS = [
    ("dim the lights", "demo lights"),
    ("dim the lamp", "dim the lamp"),
    ("turn off the lamp", "turn of the lamp"),
    ("please stop", "stop"),
    ("one two three four five", "six seven eight nine ten"),
]
KNOWN = confusions((was.split(), now.split()) for was, now in PAIRS)


def example(text: str, tags: str = "") -> Example:
    marks = tuple("" if tag == "-" else tag for tag in tags.split()) if tags else None
    return Example(tuple(text.split()), ("HassLightSet",), marks, "", "", "hwu64")


def test_what_was_heard_for_which_words_and_how_often() -> None:
    assert KNOWN.heard[("dim", "the")] == {("demo",): 1}
    assert KNOWN.heard[("off",)] == {("of",): 1}
    assert KNOWN.heard[("please",)] == {(): 1}
    assert KNOWN.said[("dim", "the")] == 2
    assert not any(len(stretch) > 3 for stretch in KNOWN.heard), "longer ones are no confusion"


def test_words_are_exchanged_and_tagged_as_what_they_stand_for() -> None:
    pick = random.Random(0)
    found = {
        other.text: other
        for _ in range(50)
        if (other := KNOWN.mishear(example("dim the hall lamp", "- - name name"), pick))
    }
    assert set(found) == {"demo hall lamp"}
    other = found["demo hall lamp"]
    assert other.tags == ("", "name", "name")
    assert other.source == "misheard"
    assert other.intents == ("HassLightSet",)


def test_what_is_always_understood_is_never_misheard() -> None:
    pick = random.Random(0)
    assert not list(misheard([example("open the gate")] * 20, KNOWN, 1.0, pick))
    assert KNOWN.mishear(example("please"), pick) is None, "nothing would be left"


def test_a_share_of_the_examples_is_tried() -> None:
    many = [example("turn off the lamp")] * 400
    assert not list(misheard(many, KNOWN, 0.0, random.Random(0)))
    found = list(misheard(many, KNOWN, 0.5, random.Random(0)))
    assert 100 < len(found) < 200, "half of them, misheard with a chance of 0 to 4, as often as it was: each time"
    assert {other.text for other in found} == {"turn of the lamp"}
    assert all(other.tags is None for other in found)
