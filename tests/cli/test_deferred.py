"""`assistant deferred`."""

from __future__ import annotations

import pytest

from assistant.control.ports import KeptQuestion
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget

SKY = KeptQuestion("0198-aaaa", "why is the sky blue", 1_750_000_000.0, "waiting", "")
ADA = KeptQuestion("0198-bbbb", "who was ada [lovelace]", 1_750_000_600.0, "answered", "A mathematician.")


@pytest.fixture
def busy(daemon: FakeTarget) -> FakeTarget:
    daemon.deferred.kept = [SKY, ADA]
    return daemon


def test_none(daemon: FakeTarget) -> None:
    assert call("deferred").stdout == call("deferred", "list").stdout == "no questions\n"
    assert call_json("deferred") == call_json("deferred", "cancel", "--all") == []
    assert error_code("deferred", "cancel") == "question-none"


def test_they_are_listed(busy: FakeTarget) -> None:
    lines = call("deferred").stdout.splitlines()
    assert lines[0].split() == ["asked", "state", "question", "answer", "id"]
    assert lines[1].split()[3:] == ["waiting", *SKY.text.split(), "-", SKY.id]
    assert lines[2].split()[3:] == ["answered", *ADA.text.split(), *ADA.answer.split(), ADA.id]
    assert [each["text"] for each in call_json("deferred", "list")] == [SKY.text, ADA.text]


@pytest.mark.parametrize("which", ["2", ADA.id, "0198-b"])
def test_one_is_cancelled(busy: FakeTarget, which: str) -> None:
    assert call("deferred", "cancel", which).stdout == f"cancelled {ADA.text} ({ADA.id})\n"
    assert busy.deferred.kept == [SKY]
    assert call_json("deferred", "cancel")["id"] == SKY.id


def test_all_are_cancelled(busy: FakeTarget) -> None:
    assert len(call("deferred", "cancel", "--all").stdout.splitlines()) == 2
    assert busy.deferred.kept == []
    call("deferred", "cancel", "1", "--all", code=2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "question-ambiguous"),
        (["0198"], "question-ambiguous"),
        (["0198-c"], "question-unknown"),
        (["3"], "question-unknown"),
    ],
)
def test_what_names_none_or_several_cancels_none(busy: FakeTarget, arguments: list[str], code: str) -> None:
    assert error_code("deferred", "cancel", *arguments) == code
    assert len(busy.deferred.kept) == 2


def test_without_a_daemon_it_is_said_that_nothing_happens_yet() -> None:
    assert call("deferred").stdout == "no questions\n"
    assert error_code("deferred", "cancel", "0198-aaaa") == "question-none"
