"""Quantities as people say them, and what they are to become."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.nlu.conversions import Conversions
from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain

ENGLISH = load_language("en")
CONVERSIONS = Conversions(ENGLISH)


@pytest.mark.parametrize(
    ("text", "source", "target"),
    [
        ("what is 5 foot 11 in cm", (71, "inch"), "centimeter"),
        ("six feet and two inches in meters", (74, "inch"), "meter"),
        ("10 stone 4 in kilos", (144, "pound"), "kilogram"),
        ("3 pounds 5 ounces in grams", (53, "ounce"), "gram"),
        ("how many ounces are in half a pound", (0.5, "pound"), "ounce"),
        ("three quarters of a cup in ml", (0.75, "cup"), "milliliter"),
        ("what is a stone in pounds", (1, "stone"), "pound"),
        ("how many grams in an ounce", (1, "ounce"), "gram"),
        ("convert 2 and a half cups to ml", (2.5, "cup"), "milliliter"),
        ("20 liters", (20, "liter"), None),
        ("grams to pounds", (1, "pound"), "gram"),
        ("some flour", None, None),
    ],
)
def test_what_is_to_be_converted(text: str, source: tuple[float, str] | None, target: str | None) -> None:
    expected: dict[str, Any] = {"quantity": source[0], "from_unit": source[1]} if source else {}
    expected |= {"to_unit": target} if target else {}
    assert CONVERSIONS.read(plain(text, ENGLISH)) == expected


@given(
    st.lists(
        st.sampled_from(["half", "a", "of", "5", "foot", "pound", "ounces", "cm", "in", "and", "11", "quarters"]),
        max_size=7,
    )
)
def test_any_words_are_read_without_failing(words: list[str]) -> None:
    CONVERSIONS.read(" ".join(words))
