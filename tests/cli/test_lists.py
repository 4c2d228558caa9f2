"""`assistant lists`."""

from __future__ import annotations

import asyncio
import functools

import pytest

from assistant.skills.list_book import completed
from assistant.values import ListItem
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget


@pytest.fixture
def kept(daemon: FakeTarget) -> FakeTarget:
    """Two lists."""
    call("lists", "add", "shopping", "milk", "brown eggs")
    call("lists", "add", "to do", "call mum")
    return daemon


def test_no_lists(daemon: FakeTarget) -> None:
    assert call("lists").stdout == "no lists\n"
    assert call_json("lists") == []
    assert error_code("lists", "shopping") == "list-unknown"


def test_they_are_shown(kept: FakeTarget) -> None:
    lines = call("lists").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["list", "left", "done"],
        ["shopping", "2", "0"],
        ["to", "do", "1", "0"],
    ]
    assert call("lists", "Shopping").stdout == call("lists", "show", "shopping").stdout == "[ ] milk\n[ ] brown eggs\n"
    assert call_json("lists", "to do") == {"name": "to do", "items": [{"text": "call mum", "done": False}]}
    assert [each["name"] for each in call_json("lists")] == ["shopping", "to do"]


def test_each_is_put_on_once(kept: FakeTarget) -> None:
    assert call("lists", "add", "shopping", "Milk", "bread").stdout == "[ ] milk\n[ ] brown eggs\n[ ] bread\n"
    assert call_json("lists", "add", "party", "cake")["items"] == [{"text": "cake", "done": False}]


def test_they_are_taken_off(kept: FakeTarget) -> None:
    assert call("lists", "remove", "shopping", "Brown Eggs").stdout == "[ ] milk\n"
    assert call("lists", "remove", "shopping", "milk").stdout == "nothing on shopping\n"
    assert call_json("lists", "shopping")["items"] == []


def test_when_one_is_not_there_none_is_taken_off(kept: FakeTarget) -> None:
    result = call("lists", "remove", "shopping", "milk", "caviar", code=1)
    assert result.stderr.splitlines()[0] == "error: not on the list 'shopping': caviar [item-unknown]"
    assert len(call_json("lists", "shopping")["items"]) == 2


def test_a_name_that_is_nearly_right_is_hinted_at(kept: FakeTarget) -> None:
    assert "Did you mean 'shopping'?" in call("lists", "shoping", code=1).stderr
    assert error_code("lists", "remove", "shoping", "milk") == "list-unknown"


def test_a_list_that_is_called_like_a_command(daemon: FakeTarget) -> None:
    call("lists", "add", "add", "milk")
    assert call("lists", "show", "add").stdout == "[ ] milk\n"


@pytest.mark.parametrize(
    "arguments",
    [["add"], ["add", "shopping"], ["remove", "shopping"], ["add", "", "milk"], ["add", "shopping", " "], ["a", "b"]],
)
def test_wrong_usage_changes_nothing(daemon: FakeTarget, arguments: list[str]) -> None:
    call("lists", *arguments, code=2)
    assert not daemon.lists()


def test_what_was_crossed_off_by_voice_is_shown_so(kept: FakeTarget) -> None:
    asyncio.run(kept.list_book.change("shopping", functools.partial(completed, [ListItem("milk")])))
    assert call("lists", "shopping").stdout == "[x] milk\n[ ] brown eggs\n"
    assert call("lists").stdout.splitlines()[1].split() == ["shopping", "1", "1"]
