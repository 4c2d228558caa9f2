"""The way to the gateway, as a whole assistant has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from assistant.cloud.client import GrpcCloud
from assistant.config import Config, load_config
from assistant.daemon import link as module
from assistant.daemon import open_assistant
from assistant.errors import CloudError
from assistant.events import LinkChanged
from assistant.models import Models
from assistant.values import Outcome
from tests.fakes import FakeEngines
from tests.virtual_time import VirtualClock


async def test_the_first_question_after_the_network_went_costs_no_timeout(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = asyncio.Event()
    here.set()
    changed = asyncio.Queue[bool]()

    async def network(told: Callable[[bool], None]) -> None:
        while True:
            told(await changed.get())

    async def check(_: GrpcCloud) -> None:
        if not here.is_set():
            await here.wait()  # nobody answers: the probe's timeout ends this

    monkeypatch.setattr(module, "watch_network", network)
    monkeypatch.setattr(GrpcCloud, "check", check)
    config = load_config(config.paths, ['cloud.address="gateway.test:50051"'])
    engines = FakeEngines(config, Models(config.paths.models_dir))
    news: list[LinkChanged] = []
    async with open_assistant(config, clock=VirtualClock(), engines=engines) as assistant:
        with assistant.bus.watch(lambda event: news.append(event) if isinstance(event, LinkChanged) else None):
            await asyncio.sleep(1.0)
            news.clear()  # that it was reached at first
            here.clear()
            changed.put_nowait(False)
            await asyncio.sleep(0)
            began_s = asyncio.get_running_loop().time()
            turn = await assistant.ask(
                text="why is the sky blue", audio=None, source="test", speak=False, on_audio=None, on_event=None
            )
            assert asyncio.get_running_loop().time() - began_s < 0.1
            assert (turn.outcome, turn.reason) == (Outcome.OFFLINE, "offline")
            await asyncio.sleep(600.0)
            here.set()
            changed.put_nowait(True)
            await asyncio.sleep(0.1)
    assert [(event.up, event.reason) for event in news] == [(False, "network-down"), (True, "reached")]


async def test_a_gateway_on_this_machine_needs_no_network(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(_: GrpcCloud) -> None:
        raise CloudError("cloud-unreachable", "nobody there")

    async def network(_: Callable[[bool], None]) -> None:
        raise AssertionError("watched")

    monkeypatch.setattr(module, "watch_network", network)
    monkeypatch.setattr(GrpcCloud, "check", check)
    config = load_config(config.paths, ['cloud.address="127.0.0.1:9"'])
    engines = FakeEngines(config, Models(config.paths.models_dir))
    async with open_assistant(config, clock=VirtualClock(), engines=engines) as assistant:
        await asyncio.sleep(1.0)
        assert assistant.status().problems == ()
