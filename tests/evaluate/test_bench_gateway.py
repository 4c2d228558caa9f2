"""The gateway's bench, with few streams: its figures are those of whole answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.evaluate.bench import gateway
from assistant.evaluate.bench.worker import own_config

pytestmark = pytest.mark.real_time
MAY_GROW_MB = 8.0


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
        assert 10 < row["rss_mb"] <= row["peak_mb"]


@pytest.mark.slow
async def test_five_hundred_streams_come_whole_time_and_again_in_the_same_memory(tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="needs the extra `bench`")
    config = own_config(tmp_path)
    async with (
        gateway._llm(gateway.MANY_PIECES, gateway.GAP_MS) as url,
        gateway.running_gateway(config, url) as (address, pid),
    ):
        loads = [await gateway._load(config, address, pid, 500) for _ in range(6)]
    assert [load.whole for load in loads] == [500] * 6
    assert loads[-1].peak_mb - loads[1].peak_mb < MAY_GROW_MB
