"""A process that keeps timers, alarms and lists is killed at random moments: what it acknowledged is there, once."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assistant.store.migrations import MIGRATIONS

ROOT = Path(__file__).parents[2]
OPEN = {"running", "paused", "ringing", "missed"}
OVER = {"done", "cancelled", "missed"}
BY_ITSELF = {"running": {"running", "ringing", "missed"}, "ringing": {"ringing", "missed"}}
"""What a state may have become without anybody's doing."""
CHANGED = {
    "cancel": {"cancelled"},
    "pause": {"paused"},
    "resume": {"running"},
    "extend": {"running", "paused", "ringing"},
    "skip": {"cancelled"},
    "snooze": {"running"},
    "dismiss": {"done"},
    "told": {"done"},
}
"""What a change that was under way may have made of an item."""
CLOCK_JUMPS_S = (0.0, 0.0, 0.0, 30.0, 600.0, 4_000.0, 90_000.0, -120.0)
"""How the wall clock may stand, compared to the process before."""


class Row(NamedTuple):
    """A due thing."""

    state: str
    duration_s: float
    local: str
    recurrence: str


class Stored(NamedTuple):
    """What the database holds."""

    due: dict[str, Row]
    lists: dict[str, list[list[Any]]]


NOTHING: dict[str, Any] = {"try": "", "ids": []}


@dataclass
class Ledger:
    """What the processes so far have acknowledged, and have told whoever listens."""

    due: dict[str, Row] = field(default_factory=dict)
    lists: dict[str, list[list[Any]]] = field(default_factory=dict)
    rang: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    """Acknowledged, by verb."""

    def listen(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        """Take in what one process said. Returns the change that was under way when it died, if any."""
        attempt = NOTHING
        rings: set[str] = set()
        for line in lines:
            assert "failed" not in line, f"a disk that is well: {line}"
            if "now" in line:
                self._told(line["now"], attempt, rings)
            elif "rang" in line:
                self.rang += 1
                assert line["rang"] in rings
            elif "done" in line:
                self._acknowledged(attempt)
                attempt = NOTHING
            else:
                attempt = line
        return attempt

    def _told(self, facts: list[Any], attempt: dict[str, Any], rings: set[str]) -> None:
        item_id, now = facts[0], Row(*facts[1:])
        before = self.due.get(item_id)
        if before and before.state in OVER and now.state in {"running", "ringing", "paused"}:
            assert attempt["try"] == "snooze", f"{before.state}, and yet it is {now.state} again"
            assert item_id in attempt["ids"]
        if now.state == "ringing":
            assert item_id not in rings, "it rang twice"
            rings.add(item_id)
        else:
            rings.discard(item_id)
        self.due[item_id] = now

    def _acknowledged(self, attempt: dict[str, Any]) -> None:
        self.changes[attempt["try"] if "ids" in attempt else f"list {attempt['try']}"] += 1
        if "list" in attempt:
            _put(self.lists, attempt)

    def compare(self, stored: Stored, attempt: dict[str, Any]) -> None:
        """Hold the database against what was acknowledged, then go on from what it says."""
        if "list" in attempt:
            self._compare_due(stored.due, NOTHING)
            assert stored.lists in (self.lists, _put(dict(self.lists), attempt))
        else:
            self._compare_due(stored.due, attempt)
            assert stored.lists == self.lists
        self.due, self.lists = dict(stored.due), dict(stored.lists)

    def _compare_due(self, rows: dict[str, Row], attempt: dict[str, Any]) -> None:
        assert self.due.keys() <= rows.keys(), "what was acknowledged is gone"
        for item_id, known in self.due.items():
            _compare(known, rows[item_id], CHANGED[attempt["try"]] if item_id in attempt["ids"] else None)
        adding = attempt["try"] in {"add", "add_at"}
        unknown = {_series(item_id) for item_id in rows.keys() - self.due.keys()}
        known_series = {_series(item_id) for item_id in self.due}
        assert len(unknown - known_series) <= adding, "there are things nobody acknowledged"

        next_ones = Counter(map(_series, _recurring(rows)))
        assert set(next_ones.values()) <= {1}, "what recurs is there twice"
        lost = {_series(item_id) for item_id in _recurring(self.due)} - next_ones.keys()
        cancelled = {_series(item_id) for item_id in attempt["ids"]} if attempt["try"] == "cancel" else set()
        assert lost <= cancelled, "what recurs has come to an end"


def _compare(known: Row, row: Row, changed: set[str] | None) -> None:
    """Hold one item against what is known of it; `changed`: what a change under way may have made of it."""
    allowed = set().union(*(BY_ITSELF.get(start, {start}) for start in {known.state} | (changed or set())))
    assert row.state in allowed, f"acknowledged {known.state}, stored {row.state}"
    if changed is None:
        assert (row.duration_s, row.local) == (known.duration_s, known.local)
        assert row.recurrence == known.recurrence or (not row.recurrence and row.state in {"ringing", "missed"})


def _put(lists: dict[str, list[list[Any]]], attempt: dict[str, Any]) -> dict[str, list[list[Any]]]:
    if attempt["items"] is None:
        lists.pop(attempt["list"], None)
    else:
        lists[attempt["list"]] = attempt["items"]
    return lists


def _series(item_id: str) -> str:
    return item_id.partition("@")[0]


def _recurring(rows: dict[str, Row]) -> list[str]:
    return [item_id for item_id, row in rows.items() if row.recurrence and row.state in OPEN]


def run_and_kill(database: Path, seed: int, shift_s: float, after_s: float, *, early: bool) -> list[dict[str, Any]]:
    """Start the process, kill it some time after its start (early) or its first word, return what it said."""
    command = [sys.executable, "-m", "tests.faults.killed", str(database), str(seed), str(shift_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        kill = threading.Timer(after_s, process.kill)
        lines = [] if early else [process.stdout.readline()]
        kill.start()
        lines += process.stdout
        kill.join()
    assert process.returncode == -9
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]


def read(database: Path) -> Stored:
    if not database.exists():
        return Stored({}, {})
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if connection.execute("PRAGMA user_version").fetchone()[0] < len(MIGRATIONS):
            return Stored({}, {})  # killed before it was made: nothing can have been acknowledged yet
        due = connection.execute("SELECT id, state, duration_ms / 1000.0, local, recurrence FROM due").fetchall()
        lists: dict[str, list[list[Any]]] = {name: [] for (name,) in connection.execute("SELECT name FROM lists")}
        for name, text, done in connection.execute("SELECT list, text, done FROM list_items ORDER BY list, place"):
            lists[name].append([text, bool(done)])
    return Stored({item_id: Row(*facts) for item_id, *facts in due}, lists)


def kill_often(database: Path, kills: int) -> Ledger:
    chance, ledger, shift_s = random.Random(kills), Ledger(), 0.0
    for seed in range(kills):
        shift_s += chance.choice(CLOCK_JUMPS_S)
        said = run_and_kill(database, seed, shift_s, chance.uniform(0.0, 0.6), early=seed % 4 == 0)
        attempt = ledger.listen(said)
        ledger.compare(read(database), attempt)
    return ledger


@pytest.mark.real_time
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    ledger = kill_often(tmp_path / "edgewise.db", 8)
    assert len(ledger.due) > 5
    assert ledger.changes["list add"] > 5


@pytest.mark.real_time
@pytest.mark.parametrize("kills", [pytest.param(60, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.full)])
def test_what_was_acknowledged_survives_many_kills(tmp_path: Path, kills: int) -> None:
    ledger = kill_often(tmp_path / "edgewise.db", kills)
    print(f"{kills} kills: {len(ledger.due)} due things, {ledger.rang} rings, acknowledged {dict(ledger.changes)}")
    assert len(ledger.due) > kills
    assert ledger.rang > kills / 15
    assert any("@" in item_id for item_id in ledger.due)
    assert {f"list {verb}" for verb in ("add", "remove", "complete", "clear", "delete")} <= ledger.changes.keys()
    assert CHANGED.keys() <= ledger.changes.keys()
