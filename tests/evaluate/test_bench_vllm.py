"""vLLM behind the gateway: the bench's figures are those of whole answers, and hanging up reaches the engine."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

import aiohttp
import pytest

from assistant.config import find_paths, load_config
from assistant.errors import EvaluateError
from assistant.evaluate.bench import gateway, vllm
from assistant.evaluate.bench.worker import own_config
from assistant.gateway.app import open_gateway
from tests.gateways import LinkedCloud

ENVIRONMENT = vllm.environment_dir()
"""Taken before a test has a home of its own."""
STREAMS = 32
FREED_WITHIN_S = 1.0
"""The engine forgets a request with its next step; on a busy machine that and its metrics take a moment."""


def test_without_room_on_the_disk_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "FREE_BYTES", shutil.disk_usage(tmp_path).total + 1)
    with pytest.raises(EvaluateError, match="on the disk") as caught:
        vllm.ensure_vllm(tmp_path / "cache" / "vllm", lambda _: None)
    assert caught.value.code == "peers-missing"
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
@pytest.mark.real_time
async def test_many_streams_come_whole_and_those_hung_up_free_the_engine(tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="needs the extra `bench`")
    try:
        python = await asyncio.to_thread(vllm.ensure_vllm, ENVIRONMENT, lambda _: None)
    except EvaluateError as exc:
        pytest.skip(exc.message)
    async with vllm.open_vllm(python) as server:
        config = own_config(tmp_path)
        async with gateway.running_gateway(config, server.url) as (address, pid):
            for streams in (1, STREAMS):
                assert (await gateway._vllm_load(config, server, address, pid, streams)).whole == streams
        await hang_up_on(server)


async def hang_up_on(server: vllm.Vllm) -> None:
    settings = ['gateway.listen="127.0.0.1:0"', f'gateway.upstream="{server.url}"', "gateway.max_tokens=1500"]
    moments = random.Random(4)
    async with (
        open_gateway(load_config(find_paths(), settings)) as running,
        LinkedCloud(running.address, first_token_timeout_s=60.0) as linked,
        aiohttp.ClientSession() as session,
    ):
        asking = [asyncio.create_task(linked.ask()) for _ in range(STREAMS)]
        async with asyncio.timeout(60):
            while await server.running(session) < STREAMS:
                pass
        for each in asking:
            await asyncio.sleep(moments.uniform(0.0, 0.05))
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        async with asyncio.timeout(FREED_WITHIN_S):
            while await server.running(session):
                pass
        assert all(each.cancelled() for each in asking), "none had come to its end"
