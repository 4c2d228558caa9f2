"""Which of several, by its place."""

from __future__ import annotations

import pytest

from assistant.nlu.language import load_language
from assistant.nlu.nth import Nth
from assistant.skills.base import nth_of

NTH = Nth(load_language("en"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("the second one", 2),
        ("third", 3),
        ("the last", -1),
        ("the very last one", -1),
        ("the one", None),
        ("second to none", None),
    ],
)
def test_places(text: str, place: int | None) -> None:
    assert NTH.read(text) == place


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cancel the second one", ("cancel it", 2)),
        ("take the last item off the list", ("take it off the list", -1)),
        ("cancel the second", None),
        ("wait a second", None),
    ],
)
def test_a_pronoun_instead_of_the_place(text: str, found: tuple[str, int] | None) -> None:
    assert NTH.split(text) == found


@pytest.mark.parametrize(("place", "left"), [(0, "abc"), (1, "a"), (3, "c"), (4, ""), (-1, "c")])
def test_one_of_several(place: int, left: str) -> None:
    assert "".join(nth_of("abc", {"nth": place} if place else {})) == left
    assert nth_of("", {"nth": place} if place else {}) == []
