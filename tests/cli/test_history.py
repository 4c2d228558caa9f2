"""`assistant history`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from assistant.values import PastTurn
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget

OLD = PastTurn("turn-1", "", 1_700_000_000.5, "what is [b]love[/b]", "No idea.", private=True)
NEW = replace(OLD, id="turn-2", device_id="bath", started_wall_s=1_800_000_000.0, text="is it raining", private=False)


@pytest.fixture
def kept(daemon: FakeTarget) -> FakeTarget:
    daemon.past = [OLD, NEW]
    return daemon


def test_no_turns(daemon: FakeTarget) -> None:
    assert call("history", "list").stdout == "no turns\n"
    assert call_json("history", "list") == []


def test_turns_are_listed(kept: FakeTarget) -> None:
    lines = call("history", "list").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["id", "turn-1", "turn-2"]
    assert "here (private)" in lines[1]
    assert "what is [b]love[/b]" in lines[1]
    assert [each["id"] for each in call_json("history", "list", "--limit", "1")] == ["turn-2"]
    assert [each["id"] for each in call_json("history", "list", "--device", "here")] == ["turn-1"]


def test_one_is_forgotten(kept: FakeTarget) -> None:
    assert call("history", "forget", "turn-1").stdout == "1 turn forgotten.\n"
    assert kept.past == [NEW]
    assert error_code("history", "forget", "turn-1") == "turn-unknown"


def test_a_time_is_forgotten(kept: FakeTarget) -> None:
    day = datetime.fromtimestamp(NEW.started_wall_s).astimezone().strftime("%Y-%m-%d")
    assert call_json("history", "forget", "--since", day) == {"forgotten": 1}
    assert kept.past == [OLD]
    assert call_json("history", "forget", "--before", day) == {"forgotten": 1}
    assert call("history", "forget", "--all").stdout == "0 turns forgotten.\n"


def test_all_is_forgotten_only_when_that_is_said(kept: FakeTarget) -> None:
    for arguments in ((), ("turn-1", "--all"), ("--all", "--before", "2026-01-01")):
        assert error_code("history", "forget", *arguments) == "forget-what"
    assert len(kept.past) == 2
    assert call("history", "forget", "--all").stdout == "2 turns forgotten.\n"
    assert kept.past == []


def test_it_is_said_when_others_have_yet_to_hear_of_it(kept: FakeTarget) -> None:
    address = ("--set", 'cloud.address="127.0.0.1:1"')
    assert "once it is on again" in call("history", "forget", "turn-1", *address).stderr
    assert call("history", "forget", "--all", *address, "--set", "cloud.sync=true").stderr == ""
