"""`assistant alarms`, `assistant reminders` and `assistant commands`."""

from __future__ import annotations

from datetime import datetime

import pytest

from assistant.cli.scheduled import how_often, when
from assistant.values import DueItem, DueState
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget


def item(item_id: str, kind: str, local: str, recurrence: str = "", name: str = "") -> DueItem:
    due_s = datetime.fromisoformat(local + "+00:00").timestamp()
    return DueItem(item_id, kind, name, DueState.RUNNING, 0.0, due_s, 0.0, "b", 0.0, 0.0, local, recurrence)


WORK = item("0198-aaaa", "alarm", "2025-06-16T07:30:00", "weekdays")
ONCE = item("0198-bbbb@2025-06-17T09:00:00", "alarm", "2025-06-17T09:00:00")
CALL = item("0198-cccc", "reminder", "2025-06-18T12:00:00", name="call mum")


@pytest.fixture
def busy(daemon: FakeTarget) -> FakeTarget:
    daemon.items = {each.id: each for each in (WORK, ONCE, CALL)}
    return daemon


@pytest.mark.parametrize("kind", ["alarms", "reminders", "commands"])
def test_none(daemon: FakeTarget, kind: str) -> None:
    assert call(kind).stdout == call(kind, "list").stdout == f"no {kind}\n"
    assert call_json(kind) == call_json(kind, "list") == call_json(kind, "cancel", "--all") == []
    assert error_code(kind, "cancel") == f"{kind[:-1]}-none"


def test_they_are_listed_by_kind(busy: FakeTarget) -> None:
    lines = call("alarms").stdout.splitlines()
    assert lines[0].split() == ["when", "how", "often", "name", "state", "id"]
    assert lines[1].split() == ["1", "Mon", "2025-06-16", "07:30", "weekdays", "-", "running", WORK.id]
    assert lines[2].split() == ["2", "Tue", "2025-06-17", "09:00", "once", "-", "running", ONCE.id]
    assert len(lines) == 3
    (reminder,) = call_json("reminders", "list")
    assert (reminder["name"], reminder["local"], reminder["kind"]) == ("call mum", CALL.local, "reminder")


@pytest.mark.parametrize("which", ["2", ONCE.id, "0198-b"])
def test_one_is_cancelled(busy: FakeTarget, which: str) -> None:
    assert call("alarms", "cancel", which).stdout == f"cancelled Tue 2025-06-17 09:00 ({ONCE.id})\n"
    assert [each["id"] for each in call_json("alarms")] == [WORK.id]


def test_all_of_a_kind_are_cancelled_and_none_of_another(busy: FakeTarget) -> None:
    lines = call("alarms", "cancel", "--all").stdout.splitlines()
    assert lines[0] == f"cancelled Mon 2025-06-16 07:30 weekdays ({WORK.id})"
    assert len(lines) == 2
    assert call_json("alarms") == []
    assert call("reminders", "cancel", "Call Mum").stdout == f"cancelled call mum ({CALL.id})\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["alarms", "cancel"], "alarm-ambiguous"),
        (["alarms", "cancel", "0198-cccc"], "alarm-unknown"),
        (["reminders", "cancel", "3"], "reminder-unknown"),
    ],
)
def test_what_names_none_or_several_cancels_none(busy: FakeTarget, arguments: list[str], code: str) -> None:
    assert error_code(*arguments) == code
    assert all(each.state is DueState.RUNNING for each in busy.items.values())


@pytest.mark.parametrize(
    ("recurrence", "text"),
    [
        ("", ""),
        ("hourly", "every hour"),
        ("daily", "every day"),
        ("weekly", "every Monday"),
        ("weekly:3", "every Thursday"),
        ("weekdays", "weekdays"),
        ("weekends", "weekends"),
        ("monthly:31", "monthly on day 31"),
        ("yearly:02-29", "yearly on 02-29"),
    ],
)
def test_how_often(recurrence: str, text: str) -> None:
    assert how_often(item("x", "alarm", "2025-06-16T07:30:00", recurrence)) == text


def test_when() -> None:
    assert when(WORK) == "Mon 2025-06-16 07:30"
