"""The gRPC client against gateways that are killed and restarted, and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from assistant.cloud.address import parse_address
from assistant.cloud.health import HealthMonitor
from assistant.errors import CloudError, ConfigError
from assistant.values import Message
from tests.fakes import FakeOpenAiServer
from tests.gateways import GatewayProcess, LinkedCloud, RawServer, free_port, gateway_before, question

TLS = Path(__file__).with_name("tls")


@contextlib.asynccontextmanager
async def monitored(linked: LinkedCloud) -> AsyncIterator[None]:
    monitor = HealthMonitor(linked.link, linked.cloud.check, timeout_s=linked.config.probe_timeout_s)
    task = asyncio.create_task(monitor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def failing(linked: LinkedCloud) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await linked.ask()
    return caught.value


@pytest.mark.real_time
async def test_a_gateway_that_is_killed_and_started_again() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, GatewayProcess(server.base_url) as gateway:
        async with (
            LinkedCloud(gateway.address, probe_interval_s=0.3, probe_timeout_s=2.0) as linked,
            monitored(linked),
        ):
            await linked.until(up=True, within_s=5)
            assert await linked.ask() == "Blue light."
            await gateway.kill()
            began_s = asyncio.get_running_loop().time()
            error = await failing(linked)
            assert error.code in {"cloud-unreachable", "cloud-cut-off"}
            assert asyncio.get_running_loop().time() - began_s < 1.0
            assert not linked.cloud.up
            await asyncio.sleep(0.9)  # long enough for gRPC's own waiting between attempts to have grown
            assert not linked.cloud.up
            await gateway.start()
            assert await linked.until(up=True, within_s=5) < 2.0, "gRPC's own backoff doesn't delay it"
            assert await linked.ask() == "Blue light."
        assert [event.up for event in linked.published] == [True, False, True]


@pytest.mark.real_time
async def test_the_first_probe_after_a_failure_tries_at_once() -> None:
    address = f"127.0.0.1:{free_port()}"
    async with FakeOpenAiServer("Blue.") as server, LinkedCloud(address) as linked:
        assert (await failing(linked)).code == "cloud-unreachable"
        async with gateway_before(server, f'gateway.listen="{address}"'):
            await linked.cloud.check()  # would fail for a second or more if gRPC's own backoff counted


@pytest.mark.real_time
async def test_an_answer_that_stops_coming_is_not_waited_for_to_the_end() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, gateway_before(server) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address, next_token_timeout_s=0.2) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "Blue "
            with pytest.raises(CloudError, match="cloud-timeout"):
                await anext(pieces)


@pytest.mark.real_time
async def test_a_slow_answer_does_not_break_the_one_beside_it() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, gateway_before(server) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address, first_token_timeout_s=0.3) as linked, monitored(linked):
            beside = linked.cloud.converse(question())
            assert await anext(beside) == "Blue "
            server.hold_after = 0
            assert (await failing(linked)).code == "cloud-timeout"
            await linked.until(up=True, within_s=5)
            server.released.set()
            assert [piece async for piece in beside] == ["light."]


@pytest.mark.real_time
async def test_a_gateway_that_dies_in_mid_answer() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, GatewayProcess(server.base_url) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "Blue "
            await gateway.kill()
            with pytest.raises(CloudError) as caught:
                await anext(pieces)
            assert caught.value.code == "cloud-cut-off"
            assert not linked.cloud.up


@pytest.mark.real_time
async def test_closing_the_client_ends_a_call_with_an_error_of_ours() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, gateway_before(server) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "Blue "
            reading = asyncio.create_task(anext(pieces))
            await asyncio.sleep(0.05)
            await linked.cloud.close()
            with pytest.raises(CloudError) as caught:
                await reading
            assert caught.value.code == "cloud-cut-off"
            server.hold_after = None
            assert await linked.ask() == "Blue light.", "the next call connects again"


@pytest.mark.real_time
async def test_an_answer_that_never_ends_is_cut_at_the_limit() -> None:
    async with FakeOpenAiServer("Blue ", "light.") as server, gateway_before(server) as gateway:
        server.hold_after = 1
        async with LinkedCloud(gateway.address, answer_timeout_s=0.4) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "Blue "
            with pytest.raises(CloudError) as caught:
                await anext(pieces)
            assert caught.value.code == "cloud-timeout"


@pytest.mark.real_time
async def test_the_question_s_own_deadline_counts() -> None:
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server) as gateway:
        server.hold_after = 0
        async with LinkedCloud(gateway.address) as linked:
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(CloudError) as caught:
                await anext(linked.cloud.converse(question(deadline_s=0.3)))
            assert caught.value.code == "cloud-timeout"
            assert asyncio.get_running_loop().time() - began_s < 1.0


@pytest.mark.real_time
async def test_long_context_is_trimmed_to_what_the_contract_takes() -> None:
    async with FakeOpenAiServer("Yes.") as server, gateway_before(server) as gateway:
        context = [Message("user" if n % 2 == 0 else "assistant", f"{n} " + "word " * 150) for n in range(100)]
        async with LinkedCloud(gateway.address) as linked:
            answer = [piece async for piece in linked.cloud.converse(question("and now", *context))]
        assert answer == ["Yes."]
        sent = server.requests[0]["messages"]
        assert sent[-1] == {"role": "user", "content": "and now"}
        assert sent[-2]["content"].startswith("99 "), "the newest stays"
        assert 10 < len(sent) < 64


@pytest.mark.real_time
async def test_no_address_is_an_error_without_a_network_call() -> None:
    async with LinkedCloud("") as linked:
        assert not linked.cloud.up
        assert linked.link.reason == "not-configured"
        assert (await failing(linked)).code == "cloud-unreachable"


@contextlib.asynccontextmanager
async def secure_server() -> AsyncIterator[int]:
    """A healthy gRPC server on every address, with the test's certificate."""
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    server: Any = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    await servicer.set("edgewise.cloud.v1.Cloud", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    pair = ((TLS / "key.pem").read_bytes(), (TLS / "cert.pem").read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0.5)  # what just ended may clean up


async def probe(address: str, ca_file: Path | None) -> str:
    async with LinkedCloud(address, ca_file=str(ca_file or ""), probe_timeout_s=2.0) as linked:
        try:
            await linked.cloud.check()
        except CloudError as exc:
            return exc.code
        return "reached"


@pytest.mark.real_time
async def test_tls_with_the_gateway_s_own_certificate() -> None:
    async with secure_server() as port:
        # 0.0.0.0 reaches this machine, but is no loopback address: so it gets TLS.
        assert await probe(f"0.0.0.0:{port}", TLS / "cert.pem") == "reached"


@pytest.mark.real_time
async def test_tls_refuses_an_unknown_certificate() -> None:
    async with secure_server() as port:
        assert await probe(f"0.0.0.0:{port}", None) == "cloud-tls"


@pytest.mark.real_time
async def test_off_loopback_nothing_is_ever_sent_in_plain_text() -> None:
    async with RawServer(b"") as server:
        port = server.address.rpartition(":")[2]
        assert await probe(f"0.0.0.0:{port}", TLS / "cert.pem") in {"cloud-tls", "cloud-unreachable"}
    assert server.heard[:1] == b"\x16", "a TLS handshake, not HTTP/2's preface"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.9.10:1", True),
        ("localhost:1", True),
        ("LocalHost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("localhost.example.org:1", False),
        ("127.0.0.1.example.org:1", False),
        ("192.168.1.5:1", False),
        ("[fe80::1]:1", False),
        ("gateway:1", False),
    ],
)
def test_what_counts_as_loopback(address: str, loopback: bool) -> None:
    assert parse_address(address).loopback is loopback


@pytest.mark.real_time
async def test_nothing_of_the_token_or_the_question_is_logged_or_shown() -> None:
    key = 'gateway.api_key="s3cret-key"'
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, key) as gateway:
        with capture_logs() as entries:
            async with LinkedCloud(gateway.address, token="s3cret-token") as linked:
                assert await linked.ask("why is the sky blue") == "Blue."
                server.status = 401
                error = await failing(linked)
    assert set(server.keys) == {"Bearer s3cret-key"}
    logged = str(entries)
    assert "question-answered" in logged, "it does log"
    assert "question-failed" in logged
    for secret in ("s3cret", "sky", "Blue"):
        assert secret not in logged + str(error)


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("settings", "token", "code"),
    [
        ({"address": "127.0.0.1:0"}, "", "address-invalid"),
        ({"address": "127.0.0.1:70000"}, "", "address-invalid"),
        ({"address": "gateway:1", "ca_file": "/nowhere/ca.pem"}, "", "cloud-ca"),
        ({"address": "gateway:1", "ca_file": "/"}, "", "cloud-ca"),
        ({"address": "gateway:1", "ca_file": __file__}, "", "cloud-ca"),
        ({"address": "gateway:1"}, "tök\nen", "cloud-token"),
    ],
)
async def test_settings_that_cannot_work(settings: dict[str, str], token: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LinkedCloud(settings.pop("address"), token=token, **settings)
    assert caught.value.code == code
    assert caught.value.hint
    assert "tök" not in str(caught.value)
