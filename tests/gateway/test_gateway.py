"""A whole gateway, in this process or its own, in front of a scripted upstream."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from assistant._pb.edgewise.cloud.v1 import cloud_pb2, cloud_pb2_grpc
from assistant.config import find_paths, load_config
from assistant.errors import CloudError, ConfigError, GatewayError
from assistant.gateway import service
from assistant.gateway.app import open_gateway
from assistant.gateway.gate import Gate
from assistant.gateway.health import UpstreamHealth
from assistant.gateway.upstream import Model, Upstream
from assistant.values import Message, new_id
from tests.fakes import FakeOpenAiServer
from tests.gateways import COMMAND, GatewayProcess, LinkedCloud, check_into, gateway_before, question

pytestmark = pytest.mark.real_time


@contextlib.asynccontextmanager
async def channel(address: str) -> AsyncIterator[Any]:
    import grpc

    async with grpc.aio.insecure_channel(address) as opened:
        yield opened


async def health_of(address: str, service: str) -> int:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with channel(address) as opened:
        reply = await health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(service=service))
        return int(reply.status)


async def test_an_answer_ends_with_reason_and_usage() -> None:
    async with FakeOpenAiServer("One ", "two.") as server, gateway_before(server) as gateway:
        server.finish_reason = "length"
        async with channel(gateway.address) as opened:
            request = cloud_pb2.ConverseRequest(request_id=new_id(), conversation_id=new_id(), utterance="count")
            replies = [reply async for reply in cloud_pb2_grpc.CloudStub(opened).Converse(request)]
    assert [reply.WhichOneof("part") for reply in replies] == ["delta", "delta", "end"]
    assert replies[-1].end.reason == cloud_pb2.End.REASON_LENGTH
    assert (replies[-1].end.usage.prompt_tokens, replies[-1].end.usage.completion_tokens) == (7, 2)


async def test_the_upstream_gets_prompt_context_model_and_key(own_home: Path) -> None:
    (own_home / "key").write_text("from-file\n")
    async with FakeOpenAiServer("Yes.") as server:
        settings = (f'gateway.api_key_file="{own_home / "key"}"', "gateway.max_tokens=55")
        async with gateway_before(server, *settings) as gateway, LinkedCloud(gateway.address) as linked:
            context = (Message("user", "who was Ada"), Message("assistant", "A mathematician."))
            assert [piece async for piece in linked.cloud.converse(question("when was she born", *context))] == ["Yes."]
    asked = server.requests[0]
    assert [message["role"] for message in asked["messages"]] == ["system", "user", "assistant", "user"]
    assert asked["messages"][-1]["content"] == "when was she born"
    assert (asked["model"], asked["max_tokens"], asked["stream"]) == ("fake-model", 55, True)
    assert set(server.keys) == {"Bearer from-file"}


async def test_a_device_that_hangs_up_frees_the_upstream_and_the_seat() -> None:
    async with (
        FakeOpenAiServer("One ", "two.") as server,
        gateway_before(server, "gateway.max_concurrent=1") as gateway,
    ):
        server.hold_after = 1
        async with LinkedCloud(gateway.address) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "One "
            await pieces.aclose()
            async with asyncio.timeout(2):
                await server.hung_up.wait()
            server.hold_after = None
            assert await linked.ask() == "One two."


async def test_a_device_that_leaves_while_it_waits_in_line_is_forgotten() -> None:
    settings = ("gateway.max_concurrent=1", "gateway.max_queued=1")
    async with FakeOpenAiServer("One.") as server, gateway_before(server, *settings) as gateway:
        server.hold_after = 0
        async with LinkedCloud(gateway.address) as linked:
            first = asyncio.create_task(linked.ask())
            await server.asked.wait()
            waiting = asyncio.create_task(linked.ask())
            await _refused_until_queue_is_full(linked)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            next_in_line = await _in_line(linked)
            server.released.set()
            assert await first == "One."
            assert await next_in_line == "One."
        assert len(server.requests) == 2, "the one that left never reached the upstream"


async def _in_line(linked: LinkedCloud) -> asyncio.Task[str]:
    """A question that waits in line, as soon as there is room: that somebody left is heard a little later."""
    async with asyncio.timeout(5):
        while True:
            question = asyncio.create_task(linked.ask())
            done, _ = await asyncio.wait({question}, timeout=0.2)
            if not done:
                return question
            assert isinstance(question.exception(), CloudError)


async def _refused_until_queue_is_full(linked: LinkedCloud) -> None:
    """One more question is refused as soon as the line is full (it may not be at first)."""
    async with asyncio.timeout(5):
        while True:
            probe = asyncio.create_task(linked.ask())
            done, _ = await asyncio.wait({probe}, timeout=0.2)
            if not done:
                probe.cancel()
                await asyncio.gather(probe, return_exceptions=True)
                continue
            error = probe.exception()
            assert isinstance(error, CloudError)
            assert error.code == "cloud-busy"
            return


async def test_one_more_than_the_line_holds_is_refused_at_once_and_the_rest_is_served() -> None:
    settings = ("gateway.max_concurrent=2", "gateway.max_queued=3")
    async with FakeOpenAiServer("One.") as server, gateway_before(server, *settings) as gateway:
        server.hold_after = 0
        async with LinkedCloud(gateway.address) as linked:
            asked = [asyncio.create_task(linked.ask()) for _ in range(9)]
            done, waiting = await asyncio.wait(asked, timeout=2, return_when=asyncio.FIRST_EXCEPTION)
            while len(done) < 4:
                more, waiting = await asyncio.wait(waiting, timeout=2, return_when=asyncio.FIRST_COMPLETED)
                done |= more
            errors = [task.exception() for task in done]
            assert [error.code for error in errors if isinstance(error, CloudError)] == ["cloud-busy"] * 4
            server.released.set()
            assert [await task for task in waiting] == ["One."] * 5


async def test_the_gate_lets_through_waits_and_refuses() -> None:
    gate = Gate(1, 1)
    async with gate.seat():
        waiting = asyncio.create_task(_sit(gate))
        await asyncio.sleep(0)
        with pytest.raises(Exception, match="busy"):
            await _sit(gate)
    await waiting
    await _sit(gate)


async def _sit(gate: Gate) -> None:
    async with gate.seat():
        pass


@pytest.mark.parametrize("service", ["", "edgewise.cloud.v1.Cloud"])
async def test_health_follows_the_upstream(service: str) -> None:
    async with FakeOpenAiServer("One.") as server, gateway_before(server) as gateway:
        assert await health_of(gateway.address, service) == 1
        server.models_status = server.status = 500
        async with LinkedCloud(gateway.address) as linked:
            with pytest.raises(CloudError) as caught:
                await linked.ask()
            assert caught.value.code == "cloud-unreachable"
        async with asyncio.timeout(3):  # the failed question made the gateway look
            while await health_of(gateway.address, service) != 2:
                pass


async def test_a_gateway_whose_upstream_is_down_at_its_start_runs_and_says_so() -> None:
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', 'gateway.upstream="http://127.0.0.1:9/v1"'])
    async with open_gateway(config) as gateway:
        assert await health_of(gateway.address, "") == 2
        async with LinkedCloud(gateway.address) as linked:
            with pytest.raises(CloudError) as caught:
                await linked.cloud.check()
            assert caught.value.code == "cloud-unreachable"


async def test_a_doubt_is_looked_into_at_once() -> None:
    looked = asyncio.Event()

    async def probe() -> None:
        looked.set()
        raise GatewayError("upstream-down", "gone")

    health = UpstreamHealth(probe)
    task = asyncio.create_task(health.run())
    await asyncio.sleep(0)
    assert not looked.is_set()
    health.doubt()
    async with asyncio.timeout(1):
        await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_reflection_names_the_services() -> None:
    pytest.importorskip("grpc_reflection", reason="needs the extra `gateway`")
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async with FakeOpenAiServer() as server, gateway_before(server) as gateway, channel(gateway.address) as opened:
        stub = reflection_pb2_grpc.ServerReflectionStub(opened)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        reply = await call.read()
        names = {service.name for service in reply.list_services_response.service}
        call.cancel()
    assert {"edgewise.cloud.v1.Cloud", "grpc.health.v1.Health"} <= names


async def test_a_bug_ends_the_question_and_tells_nobody_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import grpc

    def broken(*_: object, **__: object) -> None:
        raise KeyError("why is the sky blue")

    monkeypatch.setattr(service, "build_messages", broken)
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway, channel(gateway.address) as opened:
        request = cloud_pb2.ConverseRequest(request_id=new_id(), conversation_id=new_id(), utterance="count")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await cloud_pb2_grpc.CloudStub(opened).Converse(request).read()
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "sky" not in caught.value.details()


@pytest.mark.parametrize("url", ["http://llm.example.org/v1", "http://192.168.1.5:8000/v1"])
def test_questions_that_leave_the_machine_in_plain_text_are_warned_of(url: str) -> None:
    def warned(url: str) -> bool:
        return Upstream(url, Model("", 20), api_key="", timeout_s=1.0).in_the_clear

    assert warned(url)
    assert not warned(url.replace("http:", "https:"))
    assert not warned("http://127.0.0.1:8000/v1")
    assert not warned("http://[::1]:8000/v1")


async def test_sigterm_lets_the_answer_end_and_exits_with_0() -> None:
    async with FakeOpenAiServer("One ", "two.") as server, GatewayProcess(server.base_url) as process:
        assert process.said.decode().strip() == (
            f"Gateway listens on {process.address}; answers come from {server.base_url}."
        )
        server.hold_after = 1
        async with LinkedCloud(process.address) as linked:
            pieces = linked.cloud.converse(question())
            assert await anext(pieces) == "One "
            ending = asyncio.create_task(process.terminate())
            async with asyncio.timeout(5):
                while linked.link.up:  # it says NOT_SERVING, then refuses
                    await check_into(linked)
            server.released.set()
            assert [piece async for piece in pieces] == ["two."]
            assert await ending == 0


async def test_a_second_gateway_on_the_same_port_is_an_error() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        with pytest.raises(GatewayError) as caught:
            async with gateway_before(server, f'gateway.listen="{gateway.address}"'):
                pass
    assert caught.value.code == "port-taken"


async def test_a_second_gateway_says_why_it_ends_and_nothing_else() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        command = (*COMMAND, "run", "--upstream", server.base_url, "--listen", gateway.address)
        second = await asyncio.create_subprocess_exec(*command, "--set", "log.level='error'", stderr=subprocess.PIPE)
        _, said = await asyncio.wait_for(second.communicate(), 20)

    assert second.returncode == 1
    assert [line.partition(":")[0] for line in said.decode().splitlines()] == ["error", "hint"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (['gateway.upstream=""'], "gateway-upstream"),
        (['gateway.upstream="127.0.0.1:8000"'], "gateway-upstream"),
        (['gateway.upstream="ftp://host/v1"'], "gateway-upstream"),
        (['gateway.upstream="http:///v1"'], "gateway-upstream"),
        (['gateway.upstream="http://host:99999/v1"'], "gateway-upstream"),
        (['gateway.upstream="http://user:word@host/v1"'], "gateway-upstream"),
        (['gateway.upstream="http://host/v1?a=b"'], "gateway-upstream"),
        (['gateway.upstream="http://ho st/v1"'], "gateway-upstream"),
        (['gateway.upstream="http://[::1/v1"'], "gateway-upstream"),
        (['gateway.upstream="http://h/v1"', 'gateway.api_key="a\\nb"'], "gateway-api-key"),
        (['gateway.upstream="http://h/v1"', 'gateway.api_key_file="/nowhere"'], "secret-unreadable"),
        (['gateway.upstream="http://h/v1"', 'gateway.listen=""'], "address-invalid"),
        (['gateway.upstream="http://h/v1"', 'gateway.listen="127.0.0.1:70000"'], "address-invalid"),
    ],
)
async def test_settings_that_cannot_work(settings: list[str], code: str) -> None:
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', *settings])
    with pytest.raises(ConfigError) as caught:
        async with open_gateway(config):
            pass
    assert caught.value.code == code
    assert caught.value.hint
    assert "word@" not in str(caught.value)


def test_every_error_status_is_a_grpc_status() -> None:
    import grpc

    from assistant.gateway.statuses import STATUS_NAMES

    assert all(name in grpc.StatusCode.__members__ for name in STATUS_NAMES.values())


def test_the_modules_import_without_their_engines() -> None:
    code = (
        "import sys, assistant.cli.gateway, assistant.cloud.client, assistant.cloud.health, assistant.llm.local\n"
        "sys.exit(any(name in sys.modules for name in ('grpc', 'aiohttp', 'xllamacpp', 'google.protobuf')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_local_and_upstream_exclude_each_other() -> None:
    arguments = ["run", "--local", "--upstream", "http://127.0.0.1:1/v1"]
    done = subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert b"exclude each other" in done.stderr
    assert b"Traceback" not in done.stderr
