"""`assistant calibrate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import Config, load_config
from assistant.evaluate.calibration import simulated
from assistant.records import Verdict
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget, ledger_line


@pytest.fixture
def judged(daemon: FakeTarget) -> FakeTarget:
    """A ledger whose edge is known to fall off at 0.62."""
    users = simulated("step", "even", 3, 600)
    assert round(users.middle, 2) == 0.62
    for number, (sure, right) in enumerate(zip(users.confidence, users.right, strict=True), 1):
        verdict = Verdict.SAME if right else Verdict.CLOUD
        daemon.routed.append(ledger_line(number, confidence=float(sure), verdict=verdict))
    daemon.routed.append(ledger_line(601, verdict=Verdict.UNRATED))
    return daemon


def test_with_too_little_it_refuses(daemon: FakeTarget, config: Config) -> None:
    assert error_code("calibrate", "--apply") == "calibration-data"
    assert not config.paths.config_file.exists()


def test_it_proposes_and_changes_nothing(judged: FakeTarget, config: Config, tmp_path: Path) -> None:
    picture = tmp_path / "calibration.png"
    shown = call("calibrate", "--plot", str(picture)).stdout
    assert "break at 0.6" in shown
    assert "1 compared replies could not be rated" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = call_json("calibrate")
    assert abs(found["threshold"] - 0.62) <= 0.03
    assert (found["n"], found["in_force"], found["applied"]) == (600, 0.85, False)
    assert load_config(config.paths).settings.router.threshold == 0.85


def test_only_with_apply_is_it_set(judged: FakeTarget, config: Config) -> None:
    threshold = call_json("calibrate", "--apply")["threshold"]
    assert load_config(config.paths).settings.router.threshold == threshold


def test_a_picture_that_can_not_be_written(judged: FakeTarget, tmp_path: Path) -> None:
    assert error_code("calibrate", "--plot", str(tmp_path / "nowhere" / "x.png")) == "output-unwritable"
