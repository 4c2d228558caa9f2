"""A process that keeps timers is killed at random moments: what it acknowledged is there, and nothing twice."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BY_ITSELF = {"running": {"running", "ringing", "missed"}, "ringing": {"ringing", "missed"}}
"""What a state may have become without anybody's doing."""
CHANGED = {
    "cancel": {"cancelled"},
    "pause": {"paused"},
    "resume": {"running"},
    "extend": {"running", "paused", "ringing"},
    "dismiss": {"done"},
    "told": {"done"},
}
"""What a change that was under way may have made of an item."""


@dataclass
class Ledger:
    """What the processes so far have acknowledged."""

    items: dict[str, tuple[str, float]] = field(default_factory=dict)
    """State and length by id."""
    rang: int = 0

    def listen(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        """Take in what one process said. Returns the change that was under way when it died, if any."""
        attempt: dict[str, Any] = {"try": "", "ids": []}
        for line in lines:
            if "rang" in line:
                self.rang += 1
                state, _ = self.items.get(line["rang"], ("running", 0.0))
                assert state not in {"done", "cancelled"}, "it rang although it was over"
            elif "done" in line:
                attempt = {"try": "", "ids": []}
                self.items.update({item_id: (state, duration_s) for item_id, state, duration_s in line["items"]})
            else:
                attempt = line
        return attempt

    def compare(self, rows: dict[str, tuple[str, float]], attempt: dict[str, Any]) -> None:
        """Hold the database against what was acknowledged, then go on from what it says."""
        assert self.items.keys() <= rows.keys(), "an acknowledged timer is gone"
        unknown = rows.keys() - self.items.keys()
        assert len(unknown) <= (attempt["try"] == "add"), "there are timers nobody acknowledged"
        for item_id, (state, duration_s) in self.items.items():
            possible = {state}
            if item_id in attempt["ids"]:
                possible |= CHANGED[attempt["try"]]
            else:
                assert rows[item_id][1] == duration_s
            allowed = set().union(*(BY_ITSELF.get(start, {start}) for start in possible))
            assert rows[item_id][0] in allowed, f"acknowledged {state}, stored {rows[item_id][0]}"
        self.items = dict(rows)


def run_and_kill(database: Path, seed: int, after_s: float, *, early: bool) -> list[dict[str, Any]]:
    """Start the process, kill it some time after its start (early) or its first word, return what it said."""
    command = [sys.executable, "-m", "tests.faults.killed_timers", str(database), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        kill = threading.Timer(after_s, process.kill)
        lines = [] if early else [process.stdout.readline()]
        kill.start()
        lines += process.stdout
        kill.join()
    assert process.returncode == -9
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]


def stored(database: Path) -> dict[str, tuple[str, float]]:
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return {}  # killed before the first migration was done
        rows = connection.execute("SELECT id, state, duration_ms FROM due").fetchall()
    return {item_id: (state, duration_ms / 1000) for item_id, state, duration_ms in rows}


def kill_often(database: Path, kills: int) -> Ledger:
    chance, ledger = random.Random(kills), Ledger()
    for seed in range(kills):
        said = run_and_kill(database, seed, chance.uniform(0.0, 0.6), early=seed % 4 == 0)
        attempt = ledger.listen(said)
        ledger.compare(stored(database), attempt)
    return ledger


@pytest.mark.real_time
def test_acknowledged_timers_survive_kill_9(tmp_path: Path) -> None:
    ledger = kill_often(tmp_path / "edgewise.db", 8)
    assert len(ledger.items) > 5


@pytest.mark.real_time
@pytest.mark.full
def test_acknowledged_timers_survive_300_kills(tmp_path: Path) -> None:
    ledger = kill_often(tmp_path / "edgewise.db", 300)
    assert len(ledger.items) > 300
    assert ledger.rang > 20
