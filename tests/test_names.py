"""Names that exist, found as they are heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.names import alike, closest

HOME = [
    "counter light",
    "kitchen light",
    "kitchen fan",
    "bedroom lamp",
    "desk lamp",
    "garage door",
    "christmas tree",
    "heater",
]
TIMERS = ["pasta", "rice", "laundry", "tea", "pizza", "eggs"]


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("kitchen light", "kitchen light"),
        ("kitchin lite", "kitchen light"),
        ("the kitchen lights", "kitchen light"),
        ("kitchen van", "kitchen fan"),
        ("bed room lamp", "bedroom lamp"),
        ("garaged oar", "garage door"),
        ("crismas tree", "christmas tree"),
        ("Heater", "heater"),
    ],
)
def test_a_device_is_found_as_it_is_heard(heard: str, name: str) -> None:
    assert closest(heard, HOME) == name


@pytest.mark.parametrize(
    ("heard", "name"), [("pastor", "pasta"), ("pizzas", "pizza"), ("rise", "rice"), ("laundries", "laundry")]
)
def test_a_timer_is_found_as_it_is_heard(heard: str, name: str) -> None:
    assert closest(heard, TIMERS) == name


@pytest.mark.parametrize("heard", ["toaster", "lamp", "television", "x", "", "kitchen", "night light", "kitchen sink"])
def test_what_is_like_none_or_like_two_is_not_found(heard: str) -> None:
    assert closest(heard, HOME) is None


def test_nothing_is_found_among_nothing() -> None:
    assert closest("lamp", []) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_mutual_and_between_0_and_1(first: str, second: str) -> None:
    assert 0.0 <= alike(first, second) <= 1.0
    assert alike(first, first) == pytest.approx(1.0) or not first.split()
    assert alike(first, second) == pytest.approx(alike(second, first))
