"""Gateways that misbehave: whatever answers, the client raises a CloudError with a code, and nothing else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from assistant._pb.edgewise.cloud.v1 import cloud_pb2
from assistant.cloud.client import MAX_ANSWER_CHARS
from assistant.errors import CloudError
from assistant.values import CloudQuestion, Message, new_id
from tests.gateways import LinkedCloud, RawServer, question

pytestmark = pytest.mark.real_time
Handler = Callable[[bytes, Any], Awaitable[None]]


@contextlib.asynccontextmanager
async def grpc_server(handler: Handler) -> AsyncIterator[str]:
    """Answers every method with the handler; messages are bytes."""
    import grpc

    class Anything(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, _: Any) -> Any:
            return grpc.unary_stream_rpc_method_handler(handler)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Anything(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0.5)  # what just ended may clean up


async def outcome(address: str, asked: CloudQuestion | None = None) -> tuple[str, CloudError | None]:
    async with LinkedCloud(address, first_token_timeout_s=0.5, answer_timeout_s=1.0, token="s3cret") as linked:
        text = ""
        error = None
        try:
            async for piece in linked.cloud.converse(asked or question()):
                text += piece
        except CloudError as exc:
            error = exc
    assert error is None or error.code.startswith("cloud-")
    assert "s3cret" not in str(error)
    assert "their words" not in str(error)
    return text, error


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        ("CANCELLED", "cloud-unreachable", True),
        ("UNKNOWN", "cloud-protocol", False),
        ("INVALID_ARGUMENT", "cloud-invalid", False),
        ("DEADLINE_EXCEEDED", "cloud-timeout", True),
        ("NOT_FOUND", "cloud-protocol", False),
        ("ALREADY_EXISTS", "cloud-protocol", False),
        ("PERMISSION_DENIED", "cloud-refused", False),
        ("RESOURCE_EXHAUSTED", "cloud-busy", True),
        ("FAILED_PRECONDITION", "cloud-protocol", False),
        ("ABORTED", "cloud-unreachable", True),
        ("OUT_OF_RANGE", "cloud-invalid", False),
        ("UNIMPLEMENTED", "cloud-protocol", False),
        ("INTERNAL", "cloud-protocol", False),
        ("UNAVAILABLE", "cloud-unreachable", True),
        ("DATA_LOSS", "cloud-protocol", False),
        ("UNAUTHENTICATED", "cloud-refused", False),
    ],
)
async def test_every_status_becomes_an_error_of_ours(status: str, code: str, retryable: bool) -> None:
    import grpc

    async def refuse(_: bytes, context: Any) -> None:
        await context.abort(grpc.StatusCode[status], "their words")

    async with grpc_server(refuse) as address:
        text, error = await outcome(address)
    assert error
    assert (text, error.code, error.retryable) == ("", code, retryable)


def delta(text: str) -> bytes:
    return cloud_pb2.ConverseReply(delta=cloud_pb2.Delta(text=text)).SerializeToString()


END = cloud_pb2.ConverseReply(end=cloud_pb2.End()).SerializeToString()
LATER_PART = b"\x22\x02hi"  # field 4, which a later version may add


@pytest.mark.parametrize(
    ("messages", "text", "code"),
    [
        pytest.param([delta("Hi.")], "Hi.", "cloud-cut-off", id="no end"),
        pytest.param([], "", "cloud-cut-off", id="nothing at all"),
        pytest.param([END], "", "cloud-empty", id="only an end"),
        pytest.param([delta(""), END], "", "cloud-empty", id="empty pieces"),
        pytest.param([b"\xff\xff\xff\xff", END], "", "cloud-protocol", id="no protobuf"),
        pytest.param([delta("Hi.")[:-2], END], "", "cloud-protocol", id="half a message"),
        pytest.param([b"\x0a\x04\x0a\x02\xff\xfe", END], "", "cloud-protocol", id="text that is no UTF-8"),
        pytest.param([delta("x" * 70_000), END], "", "cloud-protocol", id="a message over the limit"),
        pytest.param([delta("x" * 10_000)] * 4, None, "cloud-protocol", id="an answer over the limit"),
        pytest.param([b"", LATER_PART, delta("Hi."), END], "Hi.", None, id="parts of a later version"),
        pytest.param([delta("Hi."), END, delta(" more")], "Hi.", None, id="more after the end"),
    ],
)
async def test_streams_that_are_not_right(
    messages: list[bytes], text: str | None, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def send(_: bytes, context: Any) -> None:
        for message in messages:
            await context.write(message)

    async with grpc_server(send) as address:
        heard, error = await outcome(address)
    assert len(heard) <= MAX_ANSWER_CHARS
    assert (error.code if error else None) == code
    assert text is None or heard == text
    assert not [entry for entry in caplog.records if entry.name.startswith("grpc")], "gRPC logs tracebacks"


RAW = {
    "an HTTP/1.1 server": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
    "an SSH server": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "noise": random.Random(7).randbytes(4096),
    "zeros": bytes(4096),
    "a server that hangs up": b"",
    "a settings frame and noise": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + random.Random(8).randbytes(512),
}


@pytest.mark.parametrize("name", RAW)
async def test_what_answers_is_no_gateway(name: str) -> None:
    async with RawServer(RAW[name]) as server:
        text, error = await outcome(server.address)
    assert server.heard
    assert text == ""
    assert error
    assert error.code in {"cloud-unreachable", "cloud-timeout", "cloud-protocol"}


async def test_a_server_that_accepts_and_says_nothing() -> None:
    async with RawServer(None) as server:
        _, error = await outcome(server.address)
        assert error
        assert error.code == "cloud-timeout"


async def test_a_name_that_does_not_exist() -> None:
    _, error = await outcome("nowhere.invalid:50051")
    assert error
    assert error.code in {"cloud-unreachable", "cloud-timeout"}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(
            CloudQuestion(new_id(), new_id(), "half a pair \ud800", (), "en", 1.0), id="text that is no Unicode"
        ),
        pytest.param(CloudQuestion(new_id(), new_id(), "x", (Message("system", "y"),), "en", 1.0), id="unknown role"),
        pytest.param(CloudQuestion(new_id(), new_id(), "x" * 200_000, (), "en", 1.0), id="over the message limit"),
    ],
)
async def test_questions_that_cannot_be_sent(asked: CloudQuestion) -> None:
    async def never(_: bytes, context: Any) -> None:
        await context.write(END)

    async with grpc_server(never) as address:
        _, error = await outcome(address, asked)
    assert error
    assert error.code == "cloud-invalid"
