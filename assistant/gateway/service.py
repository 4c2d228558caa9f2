"""`edgewise.cloud.v1.Cloud`: checks a question, waits its turn, streams the upstream's answer to the device."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from assistant.errors import BusyError, EdgewiseError, GatewayError
from assistant.gateway.prompt import build_messages
from assistant.gateway.upstream import Finish, Upstream
from assistant.values import Message

log = structlog.get_logger(__name__)

SERVICE = "edgewise.cloud.v1.Cloud"
MAX_REQUEST_BYTES = 131_072
MAX_UTTERANCE_BYTES = 8_192
MAX_CONTEXT_MESSAGES = 64
MAX_CONTEXT_BYTES = 32_768
MAX_DEADLINE_MS = 120_000

STATUS_NAMES = {
    "busy": "RESOURCE_EXHAUSTED",
    "prompt-too-long": "INVALID_ARGUMENT",
    "deadline": "DEADLINE_EXCEEDED",
    "upstream-busy": "RESOURCE_EXHAUSTED",
    "upstream-timeout": "DEADLINE_EXCEEDED",
}
"""Error code -> gRPC status; every other code is UNAVAILABLE: the device can't mend it, and may ask again later."""


@dataclass(frozen=True, slots=True)
class Limits:
    max_concurrent: int
    max_queued: int
    budget_tokens: int
    """What a prompt may take of the model's context."""


class Gate:
    """Lets `running` through at once and `waiting` wait in line; the next one is refused with BusyError."""

    def __init__(self, running: int, waiting: int) -> None:
        self._seats = asyncio.Semaphore(running)
        self._max_waiting = waiting
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        if self._seats.locked() and self._waiting >= self._max_waiting:
            raise BusyError("the gateway")
        self._waiting += 1
        try:
            await self._seats.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._seats.release()


class CloudService:
    """The servicer. `doubt` is called when the upstream failed, so that its health is looked at."""

    def __init__(self, upstream: Upstream, limits: Limits, doubt: Callable[[], None]) -> None:
        self._upstream = upstream
        self._limits = limits
        self._gate = Gate(limits.max_concurrent, limits.max_queued)
        self._doubt = doubt

    def handler(self) -> Any:
        """The service for a gRPC server. Requests stay bytes: gRPC would log those it can't parse, with a traceback."""
        import grpc  # noqa: PLC0415 - heavy

        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

        converse = grpc.unary_stream_rpc_method_handler(
            self.converse, response_serializer=cloud_pb2.ConverseReply.SerializeToString
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"Converse": converse})

    async def converse(self, data: bytes, context: Any) -> None:
        """One question. Cancelled by gRPC when the device hangs up, which hangs up on the upstream in turn."""
        import grpc  # noqa: PLC0415 - heavy

        request = parse_request(data)
        if problem := find_problem(request) if request is not None else "the request can't be read":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, problem)
        try:
            async with asyncio.timeout((request.deadline_ms or MAX_DEADLINE_MS) / 1000), self._gate.seat():
                await self._answer(request, context)
            return
        except asyncio.CancelledError:
            log.info("question-abandoned", request_id=request.request_id)  # the device hung up, or we drain
            raise
        except TimeoutError:
            error: EdgewiseError = GatewayError("deadline", "the device's deadline is over")
        except (GatewayError, BusyError) as exc:
            error = exc
        log.warning("question-failed", request_id=request.request_id, code=error.code, message=error.message)
        if error.code.startswith("upstream-"):
            self._doubt()
        await context.abort(grpc.StatusCode[STATUS_NAMES.get(error.code, "UNAVAILABLE")], error.message)

    async def _answer(self, request: Any, context: Any) -> None:
        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

        began_s = asyncio.get_running_loop().time()
        roles = {cloud_pb2.Message.ROLE_USER: "user", cloud_pb2.Message.ROLE_ASSISTANT: "assistant"}
        messages = build_messages(
            [Message(roles[message.role], message.text) for message in request.context],
            request.utterance,
            locale=request.locale,
            budget_tokens=self._limits.budget_tokens,
        )
        first_s = 0.0
        async with contextlib.aclosing(self._upstream.stream(messages)) as parts:
            async for part in parts:
                if isinstance(part, Finish):
                    reason = cloud_pb2.End.REASON_LENGTH if part.truncated else cloud_pb2.End.REASON_STOP
                    usage = cloud_pb2.Usage(prompt_tokens=part.prompt_tokens, completion_tokens=part.completion_tokens)
                    await context.write(cloud_pb2.ConverseReply(end=cloud_pb2.End(reason=reason, usage=usage)))
                else:
                    first_s = first_s or asyncio.get_running_loop().time() - began_s
                    await context.write(cloud_pb2.ConverseReply(delta=cloud_pb2.Delta(text=part.text)))
        log.info(
            "question-answered",
            request_id=request.request_id,
            first_text_ms=round(first_s * 1000),
            total_ms=round((asyncio.get_running_loop().time() - began_s) * 1000),
        )


def parse_request(data: bytes) -> Any:
    """A ConverseRequest, or None when the bytes are none."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - heavy

    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    try:
        return cloud_pb2.ConverseRequest.FromString(data)
    except DecodeError:
        return None


def find_problem(request: Any) -> str:
    """Which limit of the contract a ConverseRequest breaks; empty for none. Repeats nothing of what was said."""
    return next(_problems(request), "")


def _problems(request: Any) -> Iterator[str]:
    for field in ("request_id", "conversation_id"):
        if not _is_uuid7(getattr(request, field)):
            yield f"{field}: not a UUIDv7"
    if not request.utterance.strip():
        yield "utterance: empty"
    if len(request.utterance.encode()) > MAX_UTTERANCE_BYTES:
        yield f"utterance: over {MAX_UTTERANCE_BYTES} bytes"
    if len(request.locale) > 35 or not re.fullmatch(r"|[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", request.locale):
        yield "locale: not a BCP 47 tag"
    if request.deadline_ms > MAX_DEADLINE_MS:
        yield f"deadline_ms: over {MAX_DEADLINE_MS}"
    if len(request.context) > MAX_CONTEXT_MESSAGES:
        yield f"context: over {MAX_CONTEXT_MESSAGES} messages"
    for index, message in enumerate(request.context):
        if message.role not in {1, 2}:
            yield f"context[{index}].role: neither user nor assistant"
        if not message.text.strip():
            yield f"context[{index}].text: empty"
    if sum(len(message.text.encode()) for message in request.context) > MAX_CONTEXT_BYTES:
        yield f"context: over {MAX_CONTEXT_BYTES} bytes of text"


def _is_uuid7(text: str) -> bool:
    try:
        return len(text) == 36 and uuid.UUID(text).version == 7
    except ValueError:
        return False
