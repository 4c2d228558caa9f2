"""What Prometheus is told, and that it is told nothing that people said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from assistant.config import find_paths, load_config
from assistant.errors import CloudError, ConfigError, GatewayError
from assistant.gateway.app import Running, open_gateway
from tests.fakes import FakeOpenAiServer
from tests.gateways import LinkedCloud, gateway_before, question

pytestmark = pytest.mark.real_time
METRICS = 'gateway.metrics_listen="127.0.0.1:0"'


async def scrape(gateway: Running) -> dict[str, float]:
    """Every sample by its name with labels."""
    async with aiohttp.ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{gateway.metrics_port}/metrics")
        assert response.content_type == "text/plain"
        lines = (await response.text()).splitlines()
    samples = [line.rpartition(" ") for line in lines if line.startswith("edgewise_gateway_")]
    return {name: float(value) for name, _, value in samples}


@contextlib.asynccontextmanager
async def watched(server: FakeOpenAiServer, *settings: str) -> AsyncIterator[tuple[Running, LinkedCloud]]:
    async with gateway_before(server, METRICS, *settings) as gateway, LinkedCloud(gateway.address) as linked:
        yield gateway, linked


async def test_questions_by_what_became_of_them_and_what_they_took() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, watched(server) as (gateway, linked):
        await linked.ask("why is the sky blue")
        server.finish_reason = "length"
        await linked.outcome()
        server.status = 500
        await linked.outcome()
        with pytest.raises(CloudError):
            await linked.ask(" ")
        seen = await scrape(gateway)
    outcomes = {name: value for name, value in seen.items() if name.startswith("edgewise_gateway_questions_total")}
    assert outcomes == {
        'edgewise_gateway_questions_total{outcome="answered"}': 1,
        'edgewise_gateway_questions_total{outcome="truncated"}': 1,
        'edgewise_gateway_questions_total{outcome="upstream-down"}': 1,
        'edgewise_gateway_questions_total{outcome="invalid"}': 1,
    }
    assert seen["edgewise_gateway_first_text_seconds_count"] == 2
    assert 0 < seen["edgewise_gateway_first_text_seconds_sum"] < 2
    assert seen['edgewise_gateway_tokens_total{kind="prompt"}'] == 14
    assert seen['edgewise_gateway_tokens_total{kind="completion"}'] == 4
    assert not [name for name in seen if "sky" in name or "Blue" in name]


async def test_a_device_that_hangs_up_on_hearing_the_end_has_been_answered() -> None:
    event = b'data: {"choices": [{"delta": {"content": "Blue."}}]}\n\n'
    async with FakeOpenAiServer() as server, watched(server) as (gateway, linked):
        server.raw = (event, b"data: [DONE]\n\n", b"\n")
        server.pause_s = 0.02
        for _ in range(5):
            await linked.ask()
        seen = await scrape(gateway)
    outcomes = {name: value for name, value in seen.items() if name.startswith("edgewise_gateway_questions_total")}
    assert outcomes == {'edgewise_gateway_questions_total{outcome="answered"}': 5}
    assert len(server.peers) == 1, "nor did its leaving cost the connection to the upstream"


async def test_the_line_and_the_upstreams_states() -> None:
    async with (
        FakeOpenAiServer("One ", "two.") as server,
        watched(server, "gateway.max_concurrent=1") as (gateway, linked),
    ):
        server.hold_after = 1
        pieces = linked.cloud.converse(question())
        assert await anext(pieces) == "One "
        waiting = asyncio.create_task(linked.ask())
        seen: dict[str, float] = {}
        while not seen.get("edgewise_gateway_waiting"):
            seen = await scrape(gateway)
        assert seen["edgewise_gateway_answering"] == 1
        assert seen["edgewise_gateway_waiting"] == 1
        url = server.base_url
        assert seen[f'edgewise_gateway_upstream_state{{state="closed",upstream="{url}"}}'] == 1
        assert seen[f'edgewise_gateway_upstream_state{{state="open",upstream="{url}"}}'] == 0
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await pieces.aclose()
        name = 'edgewise_gateway_questions_total{outcome="abandoned"}'
        while seen.get(name, 0) < 2:
            seen = await scrape(gateway)
        assert (seen["edgewise_gateway_answering"], seen["edgewise_gateway_waiting"]) == (0, 0)


async def test_two_gateways_in_one_process_count_for_themselves() -> None:
    async with FakeOpenAiServer("Blue.") as server, watched(server) as (gateway, linked), watched(server) as (other, _):
        await linked.ask()
        name = 'edgewise_gateway_questions_total{outcome="answered"}'
        assert ((await scrape(gateway)).get(name), (await scrape(other)).get(name)) == (1, None)


async def test_metrics_stay_on_loopback_and_a_taken_port_is_an_error() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server, METRICS) as gateway:
        for listen, error in (("0.0.0.0:0", ConfigError), (f"127.0.0.1:{gateway.metrics_port}", GatewayError)):
            with pytest.raises(error) as caught:
                async with gateway_before(server, f'gateway.metrics_listen="{listen}"'):
                    pass
            assert caught.value.hint


async def test_without_the_setting_there_are_none() -> None:
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', 'gateway.upstream="http://127.0.0.1:9/v1"'])
    async with open_gateway(config) as gateway:
        assert gateway.metrics_port is None
