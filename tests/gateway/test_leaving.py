"""Devices that hang up at any moment, and gateways that are stopped."""

from __future__ import annotations

import asyncio
import random

import pytest

from assistant.errors import CloudError
from tests.fakes import FakeOpenAiServer
from tests.gateways import GatewayProcess, LinkedCloud, gateway_before, question

pytestmark = pytest.mark.real_time
HEARD_WITHIN_S = 0.2


async def hang_up_at_random(rounds: int, seed: int) -> list[float]:
    """Seconds from hanging up until the upstream hears of it, for each round in which it was asked and not done."""
    moments = random.Random(seed)
    waited_s: list[float] = []
    loop = asyncio.get_running_loop()
    async with (
        FakeOpenAiServer(*["word "] * 40) as server,
        gateway_before(server) as gateway,
        LinkedCloud(gateway.address) as linked,
    ):
        server.pause_s = 0.005
        await linked.cloud.check()
        for _ in range(rounds):
            server.asked.clear()
            server.hung_up.clear()
            asking = asyncio.create_task(linked.ask())
            await asyncio.sleep(moments.uniform(0.0, 0.15))
            asked = server.asked.is_set()
            asking.cancel()
            left_s = loop.time()
            await asyncio.gather(asking, return_exceptions=True)
            if asked:
                async with asyncio.timeout(2):
                    await server.hung_up.wait()
                waited_s.append(loop.time() - left_s)
        server.pause_s = 0.0
        server.asked.clear()
        assert await linked.ask() == "word " * 40, "it answers as before"
    return waited_s


async def test_hanging_up_reaches_the_upstream_at_once_whenever_it_happens() -> None:
    waited_s = await hang_up_at_random(50, seed=1)
    assert len(waited_s) > 30
    assert max(waited_s) < HEARD_WITHIN_S


@pytest.mark.slow
async def test_hanging_up_reaches_the_upstream_at_once_a_thousand_times() -> None:
    assert max(await hang_up_at_random(1000, seed=2)) < HEARD_WITHIN_S


async def test_while_it_drains_nothing_new_is_taken_and_what_does_not_end_is_cut_off() -> None:
    async with (
        FakeOpenAiServer("One ", "two.") as server,
        GatewayProcess(server.base_url, "--set", "gateway.drain_s=1.0") as process,
    ):
        server.hold_after = 1
        async with LinkedCloud(process.address, next_token_timeout_s=8.0) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "One "
            began_s = asyncio.get_running_loop().time()
            ending = asyncio.create_task(process.terminate())
            async with LinkedCloud(process.address) as late:
                while not (code := await refused(late)):
                    pass
            assert code == "cloud-unreachable"
            with pytest.raises(CloudError) as caught:
                await anext(pieces)
            assert caught.value.code == "cloud-cut-off"
            assert 0.5 < asyncio.get_running_loop().time() - began_s < 5
            assert await ending == 0


async def refused(linked: LinkedCloud) -> str:
    """Code of the error that a question meets within a moment; empty when it is being answered."""
    asking = asyncio.create_task(linked.outcome())
    done, _ = await asyncio.wait({asking}, timeout=0.2)
    if done:
        return asking.result()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return ""
