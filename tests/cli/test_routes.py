"""`assistant routes` and `assistant egress`."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from assistant.cli.egress import parse_since
from assistant.records import Aftermath
from tests.cli.calling import call, call_json, error_code
from tests.contract.test_egress_log import QUESTION
from tests.fakes import FakeTarget, ledger_line


@pytest.fixture
def kept(daemon: FakeTarget) -> FakeTarget:
    """More lines than a page holds."""
    daemon.routed += [ledger_line(number, text=f"request {number}") for number in range(1, 251)]
    daemon.routed[6] = ledger_line(7, confidence=0.6, reason="ask-back", aftermath=Aftermath.DENIED, text="=1+1")
    return daemon


def test_nothing_yet(daemon: FakeTarget, tmp_path: Path) -> None:
    assert call("routes", "list").stdout == "no routes yet\n"
    assert call_json("routes", "list") == []
    assert call("egress").stdout.startswith("nothing left this device since 20")
    assert call("routes", "export", str(tmp_path / "all.csv")).stdout.startswith("0 lines")
    assert error_code("routes", "show", "1") == "route-unknown"
    assert "nothing would change" in call("routes", "replay", "--threshold", "0.5").stdout


def test_why_the_last_answer_was_given(daemon: FakeTarget) -> None:
    assert call("why").stdout == "nothing has been said yet\n"
    assert call_json("why") is None
    daemon.routed += [ledger_line(1), ledger_line(2, text="set a timer for tea")]
    told = call("why").stdout
    for part in (
        "set a timer for tea",
        "This device answered, by the rule skill:",
        "% sure",
        "Nothing left this device",
    ):
        assert part in told
    facts = call_json("why")
    assert (facts["turn_id"], facts["reason"], facts["left"]) == ("turn-2", "skill", [])


def test_the_newest_are_listed_first(kept: FakeTarget) -> None:
    lines = call("routes", "list", "--limit", "3").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["250", "249", "248"]
    assert len(call_json("routes", "list", "--limit", "220")) == 220


def test_one_is_shown_by_number_and_by_id(kept: FakeTarget) -> None:
    shown = call("routes", "show", "7").stdout
    assert shown == call("routes", "show", "turn-7").stdout
    for part in ("HassStartTimer 0.60 (grammar)", "ask-back", "denied", "0.85"):
        assert part in shown
    assert call_json("routes", "show", "7")["aftermath"] == "denied"
    assert error_code("routes", "show", "999") == error_code("routes", "show", "turn-x") == "route-unknown"


def test_all_of_it_is_exported_the_oldest_first(kept: FakeTarget, tmp_path: Path) -> None:
    call("routes", "export", str(tmp_path / "all.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 251))
    assert lines[6]["candidates"] == [{"intent": "HassStartTimer", "confidence": 0.6, "source": "grammar"}]
    call("routes", "export", str(tmp_path / "all.csv"))
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 250
    assert rows[6]["text"] == "'=1+1"  # no formula for a spreadsheet
    call("routes", "export", str(tmp_path / "all.xml"), code=2)
    assert error_code("routes", "export", str(tmp_path / "nowhere" / "all.csv")) == "export-unwritable"


def test_another_threshold_is_tried_on_history(kept: FakeTarget) -> None:
    shown = call("routes", "replay", "--threshold", "0.5").stdout
    assert "1 would change" in shown
    assert "edge, skill" in shown
    found = call_json("routes", "replay", "--threshold", "0.99")
    assert (found["decided"], len(found["changes"])) == (250, 249)
    assert found["after"] == {"ask-back": 250}
    call("routes", "replay", "--threshold", "2", code=2)


def test_what_left_is_listed(daemon: FakeTarget) -> None:
    daemon.egress_log.kept = [replace(QUESTION, number=number) for number in range(1, 151)]
    lines = call("egress", "--since", "2025-01-01", "--limit", "130").stdout.splitlines()
    assert len(lines) == 131
    assert "gateway.test:50051  120    edge-doubtful  how old is [name 1]  2        name 1" in lines[1]
    assert len(call_json("egress", "--since", "2025-01-01", "--limit", "1000")) == 150
    assert call_json("egress", "--since", "1h") == []
    call("egress", "--since", "soon", code=2)


def test_times_to_begin_at() -> None:
    assert parse_since("12h", 100_000.0) == 100_000.0 - 12 * 3_600
    assert parse_since("2w", 10.0) == 0.0
    assert parse_since("2025-06-15T15:06:40+00:00", 0.0) == 1_750_000_000.0
    for wrong in ("", "d", "7", "-3d", "tomorrow", "9999999d"):
        with pytest.raises(typer.BadParameter):
            parse_since(wrong, 0.0)
