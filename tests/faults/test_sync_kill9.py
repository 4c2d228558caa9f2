"""Device and gateways are killed at random moments while they keep in step: nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assistant.config import find_paths, load_config
from assistant.errors import CloudError
from assistant.gateway.devices import Device
from assistant.gateway.keeping import open_devices
from assistant.gateway.tokens import digest_of, make_secret, make_token
from assistant.values import new_id
from tests.gateways import GatewayProcess
from tests.postgres import postgres
from tests.speakers import speaker

ROOT = Path(__file__).parents[2]
NO_UPSTREAM = "http://127.0.0.1:9/v1"
pytestmark = pytest.mark.real_time


@dataclass
class Talker:
    """The device's process, and what all of them so far have acknowledged."""

    path: Path
    token: str
    addresses: list[str]
    said: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    starts: int = 0

    async def start(self) -> None:
        """Return once it has said something, and forget nothing of what it says."""
        command = ("-m", "tests.faults.sync_killed", str(self.path), self.token, str(self.starts), *self.addresses)
        self.starts += 1
        self.process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=-1)
        first = asyncio.Event()
        self.listening = asyncio.create_task(self._listen(first))
        async with asyncio.timeout(60):
            await first.wait()

    async def kill(self) -> None:
        self.process.kill()
        await self.listening
        assert await self.process.wait() == -9

    async def _listen(self, first: asyncio.Event) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            first.set()
            word = line.decode()
            if not word.endswith("\n"):
                return
            (self.forgotten if word.startswith("-") else self.said).add(word.strip("-\n"))


async def make_device(settings: list[str], name: str) -> str:
    """Its token."""
    secret = make_secret()
    device = Device(new_id(), name, digest_of(secret), 1, None)
    store = await open_devices(load_config(find_paths(), settings))
    try:
        await store.add(device)
    finally:
        await store.close()
    return make_token(device.id, secret)


async def kill_often(folder: Path, kills: int, settings: list[str], gateways: int) -> Counter[str]:
    chance, killed = random.Random(kills), Counter[str]()
    settings = ['gateway.tokens="required"', *settings]
    tokens = [await make_device(settings, name) for name in ("kitchen", "bedroom")]
    arguments = [word for setting in settings for word in ("--set", setting)]
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(GatewayProcess(NO_UPSTREAM, *arguments)) for _ in range(gateways)]
        talker = Talker(folder / "kitchen.db", tokens[0], [server.address for server in servers])
        await talker.start()
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.0, 0.25))
            if chance.random() < 0.5:
                await talker.kill()
                await talker.start()
                killed["device"] += 1
            else:
                server = chance.choice(servers)
                await server.kill()
                await asyncio.sleep(chance.uniform(0.0, 0.1))
                await server.start()
                killed["gateway"] += 1
        await talker.kill()
        await compare(folder, talker, tokens, servers)
    killed["turns"] = len(talker.said)
    killed["forgotten"] = len(talker.forgotten)
    return killed


async def compare(folder: Path, talker: Talker, tokens: list[str], servers: list[GatewayProcess]) -> None:
    address = servers[0].address
    async with (
        speaker(talker.path, address, tokens[0]) as kitchen,
        speaker(folder / "bedroom.db", address, tokens[1]) as bedroom,
    ):
        for each in (kitchen, bedroom):
            await catch_up(each.sync)
        assert await kitchen.history.waiting() == 0
        here = [turn.id for turn in await kitchen.history.newest(1_000_000)]
        there = [turn.id for turn in await bedroom.history.newest(1_000_000)]
        assert sorted(here) == sorted(there)
        assert len(here) == len(set(here))
        # what was being stored or forgotten at each death may or may not have happened
        assert len(set(here) - talker.said) <= talker.starts
        assert not set(here) & talker.forgotten
        assert len(talker.said - talker.forgotten - set(here)) <= talker.starts


async def catch_up(sync: object) -> None:
    from assistant.cloud.sync import Synchroniser

    assert isinstance(sync, Synchroniser)
    async with asyncio.timeout(120):
        while True:
            try:
                await sync.catch_up()
            except CloudError:
                await asyncio.sleep(0.1)
            else:
                return


@contextlib.asynccontextmanager
async def database(kind: str) -> AsyncIterator[list[str]]:
    """Settings of gateways that keep histories there."""
    if kind == "sqlite":
        yield []
        return
    async with postgres() as (url, password_file):
        yield [f'gateway.database_url="{url}"', f'gateway.database_password_file="{password_file}"']


@pytest.mark.slow
async def test_killed_while_in_step(tmp_path: Path) -> None:
    killed = await kill_often(tmp_path, 3, [], 1)
    assert killed["turns"] > 10


@pytest.mark.parametrize(("kind", "gateways"), [("sqlite", 1), ("postgres", 2)])
@pytest.mark.parametrize("kills", [pytest.param(40, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.full)])
async def test_killed_often_while_in_step(tmp_path: Path, kind: str, gateways: int, kills: int) -> None:
    async with database(kind) as settings:
        killed = await kill_often(tmp_path, kills, settings, gateways)
    print(f"{kind}, {gateways} gateways: {dict(killed)}")
    assert min(killed["device"], killed["gateway"]) > kills / 5
    assert killed["turns"] > 10 * kills
    assert killed["forgotten"] > kills
