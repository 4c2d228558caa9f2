"""The bench of the history, with few turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.evaluate.bench import sync
from assistant.evaluate.bench.worker import own_config


@pytest.mark.real_time
@pytest.mark.slow
async def test_turns_are_stored_and_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "TURNS", 120)
    monkeypatch.setattr(sync, "TIMED", 50)
    found = await sync.measure_sync(own_config(tmp_path), 0)
    assert found["push_turns_per_s"] > 10
    assert all(value > 0 for value in found.values())
