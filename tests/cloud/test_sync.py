"""Histories kept in step: real stores, real gateways, real gRPC, and a network that loses, repeats and delays."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant._pb.edgewise.cloud.v1 import cloud_pb2
from assistant.errors import CloudError
from tests.fakes import FakeOpenAiServer
from tests.gateways import LinkedCloud, add_device, devices, gateway_before
from tests.speakers import Exchange, failure_of, speaker, turn
from tests.until import until

pytestmark = pytest.mark.real_time
TOKENS = 'gateway.tokens="required"'


@contextlib.asynccontextmanager
async def gateway(*settings_: str) -> AsyncIterator[str]:
    """Its address."""
    async with FakeOpenAiServer() as server, gateway_before(server, TOKENS, *settings_) as running:
        yield running.address


async def test_two_devices_of_a_home_know_each_others_turns_and_a_neighbour_does_not(tmp_path: Path) -> None:
    tokens = [await add_device(name) for name in ("kitchen", "bedroom")] + [await add_device("villa", home="other")]
    async with gateway() as address, contextlib.AsyncExitStack() as stack:
        kitchen, bedroom, villa = [
            await stack.enter_async_context(speaker(tmp_path / f"{number}.db", address, token))
            for number, token in enumerate(tokens)
        ]
        said = [turn(f"number {number}") for number in range(130)]
        for each in said:
            await kitchen.turns.append(each)
        await bedroom.turns.append(own := turn())
        for device in (kitchen, bedroom, villa, kitchen):
            await device.sync.catch_up()
        expected = sorted([own.id, *(each.id for each in said)])
        assert await kitchen.ids() == await bedroom.ids() == expected
        assert await villa.ids() == []
        assert [turn_.text for turn_ in await kitchen.turns.recent(200)] == [each.text for each in said]
        assert {event.why for event in kitchen.left} == {"sync"}
        assert len(kitchen.left) == 2
        assert await kitchen.history.waiting() == 0


async def test_private_turns_never_leave_and_nothing_leaves_while_it_is_private(tmp_path: Path) -> None:
    sent: list[bytes] = []
    token = await add_device()
    async with gateway() as address, LinkedCloud(address, token=token) as linked:

        async def exchange(data: bytes, timeout_s: float) -> bytes:
            sent.append(data)
            return await linked.cloud.exchange(data, timeout_s)

        async with speaker(tmp_path / "a.db", address, exchange=exchange) as kitchen:
            await kitchen.turns.append(turn("my secret", private=True))
            kitchen.private = True
            await kitchen.turns.append(turn("in the open"))
            await kitchen.sync.catch_up()
            assert sent == []
            kitchen.private = False
            await kitchen.sync.catch_up()
            assert any(b"in the open" in data for data in sent)
            assert not any(b"my secret" in data for data in sent)
            await kitchen.history.forget_between(None, None, now_s=0)
            await kitchen.sync.catch_up()
            forgotten = [each for data in sent for each in cloud_pb2.SyncRequest.FromString(data).forgotten_turn_ids]
            assert len(forgotten) == 1  # not even the id of the private one


async def test_what_is_forgotten_is_forgotten_everywhere_and_does_not_come_back(tmp_path: Path) -> None:
    tokens = [await add_device(name) for name in ("kitchen", "bedroom", "bath")]
    async with gateway() as address, contextlib.AsyncExitStack() as stack:
        kitchen, bedroom, bath = [
            await stack.enter_async_context(speaker(tmp_path / f"{number}.db", address, token))
            for number, token in enumerate(tokens)
        ]
        said = [turn(f"number {number} tangerine") for number in range(4)]
        for each in said:
            await kitchen.turns.append(each)
        await kitchen.sync.catch_up()
        await bedroom.sync.catch_up()
        assert await bedroom.history.forget_turn(said[1].id, now_s=1) == [said[1].id]
        assert await kitchen.history.forget_turn(said[2].id, now_s=1) == [said[2].id]
        assert await kitchen.history.forget_turn("0", now_s=1) == []
        for device in (bedroom, kitchen, bedroom, bath):
            await device.sync.catch_up()
        for device in (kitchen, bedroom, bath):
            assert await device.ids() == sorted([said[0].id, said[3].id])
        assert kitchen.gone == [said[1].id, said[2].id]
        await kitchen.history.forget_between(None, None, now_s=1)
        await kitchen.sync.catch_up()
        await bedroom.sync.catch_up()
        assert await bedroom.ids() == []
    files = [*tmp_path.glob("[01].db*"), *(tmp_path / "home" / "state").glob("history.db*")]
    assert len(files) >= 3
    assert not any(b"tangerine" in file.read_bytes() for file in files)


async def test_a_turn_that_is_refused_stays_here_and_holds_nobody_up(tmp_path: Path) -> None:
    token, other = await add_device(), await add_device("bath")
    async with gateway() as address, speaker(tmp_path / "a.db", address, token) as kitchen:
        for number in range(9):
            await kitchen.turns.append(turn(f"number {number}"))
        with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
            database.execute("UPDATE turns SET conversation_id = 'no uuid' WHERE seq = 4")
        await kitchen.sync.catch_up()
        assert await kitchen.history.waiting() == 0
        assert len(await kitchen.ids()) == 9
        async with speaker(tmp_path / "b.db", address, other) as bath:
            await bath.sync.catch_up()
            assert len(await bath.ids()) == 8


async def test_long_texts_and_odd_characters_arrive_cut_not_lost(tmp_path: Path) -> None:
    tokens = [await add_device(name) for name in ("kitchen", "bedroom")]
    async with (
        gateway() as address,
        speaker(tmp_path / "a.db", address, tokens[0]) as kitchen,
        speaker(tmp_path / "b.db", address, tokens[1]) as bedroom,
    ):
        for text in ("é" * 50_000, "nul\0nul", "'\"; --", "👋"):
            await kitchen.turns.append(turn(text, text))
        await kitchen.sync.catch_up()
        await bedroom.sync.catch_up()
        texts = {each.text for each in await bedroom.history.newest(10)}
        assert texts == {"é" * 4_096, "nul\ufffdnul", "'\"; --", "👋"}


async def test_without_tokens_on_loopback_it_is_one_device_of_one_home(tmp_path: Path) -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as running:
        async with speaker(tmp_path / "a.db", running.address) as one:
            await one.turns.append(turn())
            await one.sync.catch_up()
            assert await one.history.waiting() == 0
        token = await add_device()
    async with gateway() as address, speaker(tmp_path / "b.db", address, token) as two:
        await two.sync.catch_up()
        assert len(await two.ids()) == 1


async def test_a_revoked_device_is_told_so_and_keeps_what_waits(tmp_path: Path) -> None:
    token = await add_device()
    async with gateway() as address, speaker(tmp_path / "a.db", address, token) as kitchen:
        await kitchen.turns.append(turn())
        async with devices() as store:
            await store.remove("kitchen")
        assert await failure_of(kitchen) == "cloud-refused"
        await kitchen.turns.append(turn())
        with pytest.raises(CloudError):
            await kitchen.sync.catch_up()
        assert await kitchen.history.waiting() == 1


async def test_it_runs_by_itself_and_goes_on_after_an_error(tmp_path: Path) -> None:
    token = await add_device()
    async with gateway() as address, LinkedCloud(address, token=token) as linked:
        fails = True

        async def exchange(data: bytes, timeout_s: float) -> bytes:
            if fails:
                raise CloudError("cloud-unreachable", "nobody there", retryable=True)
            return await linked.cloud.exchange(data, timeout_s)

        async with speaker(tmp_path / "a.db", address, exchange=exchange) as kitchen:
            running = asyncio.create_task(kitchen.sync.run())
            await kitchen.turns.append(turn())
            await until(lambda: "cloud-unreachable" in kitchen.sync.problem)
            fails = False
            await until(lambda: not kitchen.sync.problem)
            assert await kitchen.history.waiting() == 0
            running.cancel()
            await asyncio.wait([running])


class BadNetwork:
    """Loses requests and replies, repeats them, and lets old ones arrive late."""

    def __init__(self, exchange: Exchange, chance: random.Random, faults: float) -> None:
        self._exchange = exchange
        self._chance = chance
        self._faults = faults
        self._old: list[bytes] = []

    async def __call__(self, data: bytes, timeout_s: float) -> bytes:
        self._old.append(data)
        if self._happens():  # an old request arrives now
            await self._exchange(self._chance.choice(self._old), timeout_s)
        if self._happens():
            raise CloudError("cloud-unreachable", "lost on its way", retryable=True)
        reply = await self._exchange(data, timeout_s)
        if self._happens():
            reply = await self._exchange(data, timeout_s)
        if self._happens():
            raise CloudError("cloud-timeout", "the reply is lost", retryable=True)
        return reply

    def _happens(self) -> bool:
        return self._chance.random() < self._faults


async def converge(tmp_path: Path, seed: int) -> None:
    """Two devices talk and forget over a bad network, with wrong clocks; then all is where it belongs, once."""
    chance = random.Random(seed)
    tokens = [await add_device(f"device {number}") for number in range(2)]
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(gateway())
        speakers = []
        for number, token in enumerate(tokens):
            linked = await stack.enter_async_context(LinkedCloud(address, token=token))
            network = BadNetwork(linked.cloud.exchange, chance, 0.2)
            speakers.append(
                await stack.enter_async_context(speaker(tmp_path / f"{number}.db", address, exchange=network))
            )
        said: set[str] = set()
        forgotten: set[str] = set()
        for _ in range(60):
            one = chance.choice(speakers)
            match chance.choice(["say", "say", "sync", "forget"]):
                case "say":
                    made = turn(at_s=chance.choice([0.0, 1e9, 4e9]), private=False)
                    await one.turns.append(made)
                    said.add(made.id)
                case "sync":
                    with contextlib.suppress(CloudError):
                        await one.sync.catch_up()
                case "forget" if known := await one.ids():
                    forgotten.update(await one.history.forget_turn(chance.choice(known), now_s=1))
        for _ in range(200):
            for one in speakers:
                with contextlib.suppress(CloudError):
                    await one.sync.catch_up()
            if all([await one.ids() == sorted(said - forgotten) for one in speakers]):
                break
        for one in speakers:
            assert await one.ids() == sorted(said - forgotten)
            assert await one.history.waiting() == 0


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(number, marks=pytest.mark.slow) for number in range(3, 40))]
)
async def test_a_bad_network_and_wrong_clocks_lose_nothing_and_repeat_nothing(tmp_path: Path, seed: int) -> None:
    await converge(tmp_path, seed)


@given(data=st.binary(max_size=300))
@settings(max_examples=60)
def test_no_reply_makes_more_of_it_than_an_error(data: bytes) -> None:
    from assistant.cloud.sync import _read

    with contextlib.suppress(CloudError):
        _read(data)
