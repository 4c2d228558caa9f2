"""`assistant timers`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import typer

import assistant.daemon
from assistant.cli.due_items import pick
from assistant.cli.timers import clock, parse_duration
from assistant.config import Config
from assistant.errors import ControlError, EdgewiseError
from assistant.values import DueItem, DueState
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget


def item(item_id: str, name: str = "") -> tuple[DueItem, float]:
    return DueItem(item_id, "timer", name, DueState.RUNNING, 60.0, 1.0, 1.0, "b", 0.0, 0.0), 30.0


FOUND = [item("0198-aaaa", "tea"), item("0198-bbbb", "2"), item("0199-cccc"), item("0199-dddd", "tea")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("90s", 90),
        ("1h30m", 5_400),
        ("1 h 30 m", 5_400),
        ("2.5H", 9_000),
        ("0.5s", 0.5),
        ("1d", 86_400),
        ("5:00", 300),
        ("90:00", 5_400),
        ("1:30:00", 5_400),
        ("7d", 7 * 86_400),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "10",
        "m",
        "10x",
        "-5m",
        "5m-",
        "ten minutes",
        "1e3s",
        "infs",
        "nan",
        "5:60",
        "5:0",
        ":30",
        "1:2:3:4",
        "0s",
        "0:00",
        "8d",
        "9" * 400 + "d",
        "٣m",
        "1..5m",
        "10m and a bit",
    ],
)
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (0.2, "0:01"), (59.5, "1:00"), (600, "10:00"), (3_661, "1:01:01"), (-3, "0:00")]
)
def test_countdowns(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("which", "picked"),
    [("0198-aaaa", 0), ("1", 0), ("2", 1), ("3", 2), ("0199-c", 2), ("0198-b", 1)],
)
def test_a_timer_by_id_name_number_or_beginning_of_its_id(which: str, picked: int) -> None:
    assert pick(FOUND, which) == FOUND[picked][0]


@pytest.mark.parametrize(
    ("which", "code"),
    [
        (None, "timer-ambiguous"),
        ("TEA", "timer-ambiguous"),
        ("0198", "timer-ambiguous"),
        ("0", "timer-unknown"),
        ("5", "timer-unknown"),
        ("9" * 5_000, "timer-unknown"),
        ("019", "timer-unknown"),
        ("coffee", "timer-unknown"),
        ("", "timer-unknown"),
        ("²", "timer-unknown"),
    ],
)
def test_what_names_no_timer_or_several(which: str | None, code: str) -> None:
    with pytest.raises(ControlError) as caught:
        pick(FOUND, which)
    assert caught.value.code == code


def test_the_only_timer_needs_no_name() -> None:
    assert pick(FOUND[:1], None) == FOUND[0][0]


def test_no_timers(daemon: FakeTarget) -> None:
    assert call("timers").stdout == "no timers\n"
    assert call("timers", "list").stdout == "no timers\n"
    assert call_json("timers") == call_json("timers", "list") == []
    assert error_code("timers", "cancel") == "timer-none"


def test_add_list_pause_resume_cancel(daemon: FakeTarget) -> None:
    added = call_json("timers", "add", "10m", "--name", "tea")
    assert (added["name"], added["duration_s"], added["state"]) == ("tea", 600.0, "running")
    call("timers", "add", "1h")
    lines = call("timers").stdout.splitlines()
    assert lines[0].split() == ["name", "left", "state", "of", "id"]
    assert lines[1].split() == ["1", "tea", "5:00", "running", "10:00", added["id"]]
    assert lines[2].split()[:4] == ["2", "-", "30:00", "running"]
    assert call("timers", "pause", "tea").stdout == f"paused tea ({added['id']})\n"
    assert call_json("timers", "resume", "1")["state"] == "running"
    assert call("timers", "cancel", "2").stdout.startswith("cancelled 1:00:00 (")
    [left] = call_json("timers")
    assert (left["id"], left["remaining_s"]) == (added["id"], 300.0)


def test_all_are_cancelled(daemon: FakeTarget) -> None:
    assert call("timers", "cancel", "--all").stdout == "no timers\n"
    assert call_json("timers", "cancel", "--all") == []
    ids = [call_json("timers", "add", length)["id"] for length in ("10m", "1h")]
    lines = call("timers", "cancel", "--all").stdout.splitlines()
    assert lines == [f"cancelled 10:00 ({ids[0]})", f"cancelled 1:00:00 ({ids[1]})"]
    assert call_json("timers") == []


def test_one_and_all_is_wrong_usage(daemon: FakeTarget) -> None:
    call("timers", "add", "10m")
    call("timers", "cancel", "1", "--all", code=2)
    assert len(call_json("timers")) == 1


@pytest.mark.parametrize("arguments", [["add", "soon"], ["add", "0s"], ["add", "--name", "tea"], ["add", "-5m"]])
def test_a_timer_without_a_length_is_wrong_usage(daemon: FakeTarget, arguments: list[str]) -> None:
    call("timers", *arguments, code=2)
    assert not daemon.items


def test_a_name_too_long(daemon: FakeTarget) -> None:
    assert error_code("timers", "add", "5m", "--name", "n" * 300) == "control-request"


def test_without_a_daemon_it_says_when_timers_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget()

    @contextlib.asynccontextmanager
    async def open_assistant(config: Config, *, audio_devices: bool) -> AsyncIterator[FakeTarget]:
        assert not audio_devices, "a timer needs no speaker"
        yield target

    monkeypatch.setattr(assistant.daemon, "open_assistant", open_assistant)
    assert "once `assistant run` runs" in call("timers", "add", "5m").stderr
    assert "once `assistant run` runs" in call("timers").stderr
    assert call("timers", "cancel").stderr == ""


def test_an_assistant_that_cannot_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def open_assistant(config: Config, *, audio_devices: bool) -> AsyncIterator[FakeTarget]:
        raise EdgewiseError("already-running", "another assistant uses the state directory", hint="Stop it first.")
        yield FakeTarget()

    monkeypatch.setattr(assistant.daemon, "open_assistant", open_assistant)
    assert error_code("timers") == "already-running"


def test_a_damaged_database_is_told_to_whoever_asks(config: Config) -> None:
    config.paths.database.parent.mkdir(parents=True)
    config.paths.database.write_text("not a database")
    result = call("timers")
    assert "no timers" in result.stdout
    assert f"note: The database was damaged; it is kept at {config.paths.database}.corrupt-" in result.stderr
