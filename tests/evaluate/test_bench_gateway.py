"""The gateway's bench, with few streams: its figures are those of whole answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.evaluate.bench import gateway
from assistant.evaluate.bench.worker import own_config

pytestmark = pytest.mark.real_time


async def test_time_to_first_text_and_streams_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil", reason="needs the extra `bench`")
    monkeypatch.setattr(gateway, "STREAMS", (1, 3))
    monkeypatch.setattr(gateway, "MANY_PIECES", 4)
    found = await gateway.measure_gateway(own_config(tmp_path), 3)
    added = found["first_text_ms"]
    assert added["direct_p50"] > 0
    assert added["gateway_p50"] > 0
    assert [(row["streams"], row["whole"]) for row in found["streams"]] == [(1, 1), (3, 3)]
    for row in found["streams"]:
        assert row["took_s"] >= row["ideal_s"]
        assert row["rss_mb"] > 10
