"""Tokens: who may ask, for how long, and how much."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from assistant.cloud.health import HealthMonitor
from assistant.config import find_paths
from assistant.dialog import phrases
from assistant.errors import CloudError, GatewayError, StoreError
from assistant.gateway import app, requests
from assistant.gateway.access import HEALTH, REFRESH_S, Access, needs_token
from assistant.gateway.devices import KEPT_DAYS, Device
from assistant.gateway.quota import DAY_S, OverQuotaError, Quotas, day_of
from assistant.gateway.tokens import bearer_of, digest_of, is_secret, make_secret, make_token, split_token
from assistant.values import new_id
from tests.dialog.test_answer import say
from tests.fakes import FakeOpenAiServer
from tests.gateways import LinkedCloud, add_device, devices, gateway_before, question

TOKENS = 'gateway.tokens="required"'
REVOKED_WITHIN_S = 3.0


def test_a_token_is_its_device_and_a_secret_of_which_only_a_digest_is_kept() -> None:
    device_id, secret = new_id(), make_secret()
    token = make_token(device_id, secret)
    assert split_token(token) == (device_id, secret)
    assert len(bytes.fromhex(secret)) == 32
    assert token.isascii()
    assert len(token) <= 128
    assert is_secret(secret, digest_of(secret))
    assert not is_secret(make_secret(), digest_of(secret))
    assert secret.encode() not in digest_of(secret)


@pytest.mark.parametrize(
    "token", ["", "ew1", "ew1..", "ew2." + "0" * 36 + "." + "0" * 64, "ew1.x.é", "ew1." + "0" * 101]
)
def test_what_is_no_token(token: str) -> None:
    assert split_token(token) is None


@pytest.mark.parametrize(
    ("metadata", "token"),
    [
        ((), None),
        ((("user-agent", "x"),), None),
        ((("authorization", "Bearer abc"),), "abc"),
        ((("x", "y"), ("authorization", "bearer abc ")), "abc"),
        ((("authorization", "Basic abc"),), ""),
        ((("authorization", ""),), ""),
        ((("authorization", b"Bearer abc"),), ""),
    ],
)
def test_the_bearer_in_a_calls_metadata(metadata: tuple[tuple[str, str | bytes], ...], token: str | None) -> None:
    assert bearer_of(metadata) == token


def test_health_is_open_and_everything_else_is_not() -> None:
    carried = (("authorization", "Bearer x"),)
    assert not needs_token(HEALTH, ())
    assert needs_token(HEALTH, carried)
    assert needs_token("/grpc.health.v1.Health/Watch", ())
    assert needs_token("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", ())


def test_questions_are_counted_by_the_minute() -> None:
    quotas = Quotas(requests_per_minute=2, tokens_per_day=0)
    quotas.admit("a", 100.0, 0.0)
    quotas.admit("a", 100.0, 0.0)
    quotas.admit("b", 100.0, 0.0)
    with pytest.raises(OverQuotaError) as caught:
        quotas.admit("a", 110.0, 0.0)
    assert caught.value.code == "rate-limited"
    assert caught.value.retry_after_s == pytest.approx(20.0)
    quotas.admit("a", 130.0, 0.0)


def test_tokens_are_counted_by_the_day() -> None:
    quotas = Quotas(requests_per_minute=0, tokens_per_day=100)
    quotas.restore({"a": 60, "b": 10}, 50.0)
    quotas.admit("a", 0.0, 60.0)
    quotas.charge("a", 50, 70.0)
    quotas.admit("b", 0.0, 80.0)
    with pytest.raises(OverQuotaError) as caught:
        quotas.admit("a", 0.0, 400.0)
    assert (caught.value.code, caught.value.retry_after_s) == ("quota-exhausted", DAY_S - 400.0)
    quotas.admit("a", 0.0, DAY_S + 1.0)


def test_devices_that_are_gone_are_forgotten_and_come_back_fresh() -> None:
    quotas = Quotas(requests_per_minute=1, tokens_per_day=1)
    quotas.admit("a", 0.0, 0.0)
    quotas.charge("a", 5, 0.0)
    quotas.keep_only(["b"])
    quotas.admit("a", 0.0, 0.0)


@pytest.mark.real_time
async def test_a_store_keeps_devices_and_what_they_used_for_its_owner_alone() -> None:
    await add_device("kitchen")
    async with devices() as store, devices() as beside:
        seen = await store.version()
        first = (await store.devices())[0]
        assert first.name == "kitchen"
        with pytest.raises(GatewayError) as caught:
            await store.add(Device(new_id(), "Kitchen", b"x", 1, None))
        assert caught.value.code == "device-exists"
        for name in ("", " x", "a\nb", "x" * 61):
            with pytest.raises(GatewayError) as caught:
                await store.add(Device(new_id(), name, b"x", 1, None))
            assert caught.value.code == "device-name"
        await store.add_usage(5, {first.id: 7, "nobody": 9})
        await store.add_usage(5, {first.id: 3})
        assert await store.usage(5) == {first.id: 10}
        await store.add_usage(5 + KEPT_DAYS, {first.id: 1})
        assert await store.usage(5) == {first.id: 10}
        await store.add_usage(6 + KEPT_DAYS, {first.id: 1})
        assert await store.usage(5) == {}, "it doesn't grow for ever"
        assert await store.usage(6) == {}
        assert await store.version() == seen, "its own changes are no news"
        assert await beside.remove("KITCHEN")
        assert not await beside.remove("kitchen")
        assert await store.version() != seen
        assert await store.devices() == []
        assert await store.usage(6 + KEPT_DAYS) == {}
    assert stat.S_IMODE(find_paths().gateway_database.stat().st_mode) == 0o600


@pytest.mark.real_time
async def test_no_token_is_found_on_the_disk_or_in_the_log() -> None:
    with capture_logs() as entries:
        token = await add_device()
        async with (
            FakeOpenAiServer("Blue.") as server,
            gateway_before(server, TOKENS) as gateway,
            LinkedCloud(gateway.address, token=token) as linked,
        ):
            assert await linked.ask() == "Blue."
    secret = token.rpartition(".")[2]
    for path in find_paths().state_dir.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    assert secret not in str(entries)


@pytest.mark.real_time
@pytest.mark.parametrize("kind", ["none", "wrong", "another device's", "of another kind", "revoked", "expired"])
async def test_a_device_without_a_good_token_is_refused_and_says_so(kind: str) -> None:
    good = await add_device()
    other = await add_device("bath", expires_in_s=-1 if kind == "expired" else None)
    if kind == "revoked":
        async with devices() as store:
            assert await store.remove("bath")
    token = {
        "none": "",
        "wrong": make_token(good.split(".")[1], make_secret()),
        "another device's": make_token(good.split(".")[1], other.split(".")[2]),
        "of another kind": "hunter2",
    }.get(kind, other)
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, TOKENS) as gateway:
        async with LinkedCloud(gateway.address, token=token) as linked:
            assert await linked.outcome() == "cloud-refused"
            assert linked.cloud.up, "a gateway that refuses is there"
            voice, _, _ = await say(linked.cloud)
            assert voice.spoken == [phrases.CLOUD_REFUSED]
        assert not server.requests
        async with LinkedCloud(gateway.address, token=good) as linked:
            assert await linked.ask() == "Blue."


@pytest.mark.real_time
async def test_a_probe_tells_of_a_wrong_token_and_leaves_the_link_up() -> None:
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, TOKENS) as gateway:
        async with LinkedCloud(gateway.address) as open_to_all:
            await open_to_all.cloud.check()
        async with LinkedCloud(gateway.address, token="hunter2") as linked:
            with pytest.raises(CloudError) as caught:
                await linked.cloud.check()
            assert caught.value.code == "cloud-refused"
            monitor = asyncio.create_task(HealthMonitor(linked.link, linked.cloud.check, timeout_s=3.0).run())
            await linked.until(up=True, within_s=3)
            monitor.cancel()
            await asyncio.gather(monitor, return_exceptions=True)


@pytest.mark.real_time
async def test_reflection_needs_a_token() -> None:
    import grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    token = await add_device()

    async def services(metadata: tuple[tuple[str, str], ...]) -> int:
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            request = reflection_pb2.ServerReflectionRequest(list_services="")
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            call = stub.ServerReflectionInfo(iter([request]), metadata=metadata)
            reply = await call.read()
            return len(reply.list_services_response.service)

    async with FakeOpenAiServer() as server, gateway_before(server, TOKENS) as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await services(())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await services((("authorization", f"Bearer {token}"),)) == 3


@pytest.mark.real_time
async def test_a_device_added_while_the_gateway_runs_may_ask_and_once_revoked_is_cut_off_in_mid_answer() -> None:
    async with FakeOpenAiServer("One ", "two.") as server, gateway_before(server, TOKENS) as gateway:
        kept, token = await add_device("kept"), await add_device("lost")
        await asyncio.sleep(REFRESH_S * 1.5)
        server.hold_after = 1
        async with (
            LinkedCloud(gateway.address, token=token) as linked,
            LinkedCloud(gateway.address, token=kept) as other,
        ):
            pieces, others = linked.cloud.converse(question()), other.cloud.converse(question())
            assert await anext(pieces) == "One "
            assert await anext(others) == "One "
            async with devices() as store:
                await store.remove("lost")
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(CloudError) as caught:
                await anext(pieces)
            assert caught.value.code == "cloud-refused"
            assert asyncio.get_running_loop().time() - began_s < REVOKED_WITHIN_S
            async with asyncio.timeout(2):
                await server.hung_up.wait()
            assert await linked.outcome() == "cloud-refused"
            server.released.set()
            assert [piece async for piece in others] == ["two."], "nobody else is disturbed"


@pytest.mark.real_time
async def test_a_token_that_expires_in_mid_answer_ends_it() -> None:
    token = await add_device(expires_in_s=0.8)
    async with FakeOpenAiServer("One ", "two.") as server, gateway_before(server, TOKENS) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address, token=token) as linked:
            voice, _, _ = await say(linked.cloud)
            assert voice.spoken[-1] == phrases.CUT_OFF
            assert await linked.outcome() == "cloud-refused"


@pytest.mark.real_time
async def test_a_device_that_asks_too_often_is_told_when_to_come_back() -> None:
    token, other = await add_device(), await add_device("bath")
    async with (
        FakeOpenAiServer("Blue.") as server,
        gateway_before(server, TOKENS, "gateway.requests_per_minute=2") as gateway,
    ):
        async with LinkedCloud(gateway.address, token=token) as linked:
            assert [await linked.outcome() for _ in range(2)] == ["", ""]
            with pytest.raises(CloudError) as caught:
                await linked.ask()
            assert caught.value.code == "cloud-busy"
            assert caught.value.retryable
            assert caught.value.hint in {"Try again in 29 s.", "Try again in 30 s."}
            assert linked.cloud.up
            voice, _, _ = await say(linked.cloud)
            assert " ".join(voice.spoken) == phrases.CLOUD_BUSY
        async with LinkedCloud(gateway.address, token=other) as linked:
            assert await linked.ask() == "Blue."


@pytest.mark.real_time
async def test_a_days_tokens_are_used_up_over_a_restart() -> None:
    token = await add_device()
    limit = "gateway.tokens_per_day=9"
    async with FakeOpenAiServer("Blue ", "light.") as server:
        async with (
            gateway_before(server, TOKENS, limit) as gateway,
            LinkedCloud(gateway.address, token=token) as linked,
        ):
            assert await linked.outcome() == "", "9 tokens, as the upstream counts"
            assert await linked.outcome() == "cloud-quota"
            voice, _, _ = await say(linked.cloud)
            assert voice.spoken == [phrases.CLOUD_QUOTA]
            assert linked.cloud.up
        async with (
            gateway_before(server, TOKENS, limit) as gateway,
            LinkedCloud(gateway.address, token=token) as linked,
        ):
            assert await linked.outcome() == "cloud-quota"
        assert len(server.requests) == 1


class StoreOfOne:
    """devices.DeviceStore of one device, that can fail, and takes a moment to write."""

    def __init__(self) -> None:
        self.device = Device(new_id(), "kitchen", b"x", 1, None)
        self.known = True
        self.changes = 1
        self.saved = 0
        self.full = False

    async def add(self, device: Device) -> None:
        raise NotImplementedError

    async def remove(self, name: str) -> bool:
        raise NotImplementedError

    async def devices(self) -> list[Device]:
        return [self.device] if self.known else []

    async def version(self) -> int:
        return self.changes

    async def add_usage(self, day: int, tokens: Mapping[str, int]) -> None:
        if self.full:
            raise StoreError("disk-full", "no room")
        self.saved += sum(tokens.values())
        await asyncio.sleep(0.1)

    async def usage(self, day: int) -> dict[str, int]:
        return {}

    async def close(self) -> None: ...


def access_of(store: StoreOfOne, *, at_once: int = 2) -> Access:
    return Access(store, Quotas(requests_per_minute=0, tokens_per_day=0), time.time, at_once=at_once)


async def test_what_a_full_disk_can_not_keep_is_kept_until_it_can() -> None:
    store = StoreOfOne()
    access = access_of(store)
    assert await access.load() == 1
    running = asyncio.create_task(access.run())
    store.full = True
    access.charge(store.device, 5)
    await asyncio.sleep(REFRESH_S * 2.5)
    access.charge(store.device, 7)
    store.full = False
    await asyncio.sleep(REFRESH_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert store.saved == 12


async def test_what_is_being_written_when_the_gateway_stops_is_written_once() -> None:
    store = StoreOfOne()
    access = access_of(store)
    await access.load()
    running = asyncio.create_task(access.run())
    access.charge(store.device, 5)
    await asyncio.sleep(REFRESH_S + 0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await access.save()
    assert store.saved == 5


async def test_one_device_asks_only_so_much_at_once() -> None:
    store = StoreOfOne()
    access = access_of(store, at_once=2)
    await access.load()
    async with access.admitted(store.device):
        async with access.admitted(store.device):
            with pytest.raises(GatewayError) as caught:
                async with access.admitted(store.device):
                    pass
            assert caught.value.code == "device-busy"
        async with access.admitted(store.device), access.admitted(Device(new_id(), "bath", b"y", 1, None)):
            pass


async def test_a_revoked_device_that_takes_long_to_leave_does_not_stop_others_from_being_revoked() -> None:
    store = StoreOfOne()
    access = access_of(store)
    await access.load()

    async def ask() -> None:
        async with access.admitted(store.device):
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(REFRESH_S * 3)

    asking, running = asyncio.create_task(ask()), asyncio.create_task(access.run())
    await asyncio.sleep(0)
    store.known = False
    for _ in range(3):
        store.changes += 1
        await asyncio.sleep(REFRESH_S)
    assert not running.done()
    running.cancel()
    ended = await asyncio.gather(asking, running, return_exceptions=True)
    assert getattr(ended[0], "code", "") == "token-refused"


async def test_a_part_that_crashes_starts_again() -> None:
    runs: list[int] = []
    well = asyncio.Event()

    async def part() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("a bug")
        well.set()
        await asyncio.Event().wait()

    async with app._running("part", part), asyncio.timeout(5):
        await well.wait()
    assert runs == [0, 1, 2]


@pytest.mark.real_time
async def test_a_device_that_asks_too_much_at_once_is_refused_and_nobody_else() -> None:
    token, other = await add_device(), await add_device("bath")
    settings = (TOKENS, "gateway.max_per_device=1")
    async with (
        FakeOpenAiServer("One ", "two.") as server,
        gateway_before(server, *settings) as gateway,
        LinkedCloud(gateway.address, token=token) as linked,
        LinkedCloud(gateway.address, token=other) as beside,
    ):
        server.hold_after = 1
        pieces, others = linked.cloud.converse(question()), beside.cloud.converse(question())
        assert await anext(pieces) == "One "
        assert await linked.outcome() == "cloud-busy"
        assert await anext(others) == "One "
        server.released.set()
        assert [piece async for piece in pieces] == ["two."]
        assert [piece async for piece in others] == ["two."]
        assert await linked.outcome() == ""


@pytest.mark.real_time
@pytest.mark.parametrize("token", ["", "hunter2"])
async def test_who_has_no_token_is_refused_before_sending_anything(token: str) -> None:
    async with FakeOpenAiServer() as server, gateway_before(server, TOKENS) as gateway:
        for method in ("Converse", "Sync"):
            status, _, trailer = await open_without_sending(gateway.address, method, token)
            assert status == "UNAUTHENTICATED"
            assert trailer["edgewise-error"] == ("token-refused" if token else "token-missing")


@pytest.mark.real_time
async def test_who_has_a_token_and_sends_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "RECEIVE_S", 0.1)
    token = await add_device()
    async with FakeOpenAiServer() as server, gateway_before(server, TOKENS) as gateway:
        assert (await open_without_sending(gateway.address, "Converse", token))[0] == "DEADLINE_EXCEEDED"


async def open_without_sending(address: str, method: str, token: str) -> tuple[str, str, dict[str, str]]:
    """Status, message and trailing metadata of a call whose request never comes."""
    import grpc

    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(3):
        call = channel.stream_stream(f"/edgewise.cloud.v1.Cloud/{method}")(metadata=metadata)
        status = (await call.code()).name
        return status, await call.details(), {key: str(value) for key, value in await call.trailing_metadata()}


@pytest.mark.real_time
async def test_a_question_that_is_given_up_before_its_first_text_is_charged_and_one_that_fails_is_not() -> None:
    token = await add_device()

    async def used() -> list[int]:
        async with devices() as store:
            return list((await store.usage(day_of(time.time()))).values())

    async with FakeOpenAiServer("One.") as server:
        server.status = 500
        async with gateway_before(server, TOKENS) as gateway, LinkedCloud(gateway.address, token=token) as linked:
            assert await linked.outcome() == "cloud-unreachable"
        assert await used() == []
        server.status, server.hold_after = 200, 0
        server.asked.clear()
        async with gateway_before(server, TOKENS) as gateway, LinkedCloud(gateway.address, token=token) as linked:
            asking = asyncio.create_task(linked.ask())
            await server.asked.wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            async with asyncio.timeout(2):
                await server.hung_up.wait()
    [tokens] = await used()
    assert tokens > 20, "system prompt and question"
