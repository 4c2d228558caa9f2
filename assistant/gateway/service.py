"""`edgewise.cloud.v1.Cloud`: checks a question, waits its turn, streams the upstream's answer to the device."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from assistant.errors import BusyError, EdgewiseError, GatewayError
from assistant.gateway.access import Access
from assistant.gateway.devices import Device
from assistant.gateway.gate import Gate
from assistant.gateway.pool import UpstreamPool
from assistant.gateway.prompt import BYTES_PER_TOKEN, build_messages, estimate_tokens
from assistant.gateway.quota import OverQuotaError
from assistant.gateway.requests import MAX_DEADLINE_MS, is_uuid7, read_request
from assistant.gateway.upstream import Finish
from assistant.values import Message

log = structlog.get_logger(__name__)

SERVICE = "edgewise.cloud.v1.Cloud"

STATUS_NAMES = {
    "token-missing": "UNAUTHENTICATED",
    "token-refused": "UNAUTHENTICATED",
    "token-expired": "UNAUTHENTICATED",
    "invalid": "INVALID_ARGUMENT",
    "prompt-too-long": "INVALID_ARGUMENT",
    "busy": "RESOURCE_EXHAUSTED",
    "rate-limited": "RESOURCE_EXHAUSTED",
    "quota-exhausted": "RESOURCE_EXHAUSTED",
    "upstream-busy": "RESOURCE_EXHAUSTED",
    "deadline": "DEADLINE_EXCEEDED",
    "upstream-timeout": "DEADLINE_EXCEEDED",
}
"""Error code -> gRPC status; every other code is UNAVAILABLE: the device can't mend it, and may ask again later."""

RETRY_AFTER_S = {"busy": 1, "upstream-busy": 2}
"""How long a device should wait where nothing says it exactly."""
ERROR_KEY = "edgewise-error"
RETRY_KEY = "retry-after-s"


class Watcher(Protocol):
    """Told what becomes of questions. Learns nothing of what they say."""

    def ended(self, outcome: str) -> None:
        """`answered` `truncated` `abandoned`, or the code of an error."""

    def first_text(self, after_s: float) -> None:
        """Seconds from the question's turn to the first text."""

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        """What an answer took, as the upstream counts or, where it doesn't, as estimated."""


@dataclass(slots=True)
class _Account:
    """What one question takes, as far as is known by now."""

    asked_tokens: int
    text_bytes: int = 0
    finish: Finish | None = None

    def tokens(self) -> tuple[int, int]:
        """Prompt and answer: counted by the upstream, else estimated."""
        prompt, completion = (self.finish.prompt_tokens, self.finish.completion_tokens) if self.finish else (0, 0)
        return prompt or self.asked_tokens, completion or self.text_bytes // BYTES_PER_TOKEN + 1


class CloudService:
    """The servicer. `doubt` is called when an upstream failed, so that its health is looked at."""

    def __init__(
        self, upstreams: UpstreamPool, gate: Gate, access: Access | None, watcher: Watcher, doubt: Callable[[], None]
    ) -> None:
        """Without `access` everybody may ask, as much as they like."""
        self._upstreams = upstreams
        self._gate = gate
        self._access = access
        self._watcher = watcher
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

        request: Any = None
        try:
            device = self._access.identify(context.invocation_metadata() or ()) if self._access else None
            request, problem = read_request(data)
            if problem:
                raise GatewayError("invalid", problem)
            deadline_s = (request.deadline_ms or MAX_DEADLINE_MS) / 1000
            async with self._admitted(device), asyncio.timeout(deadline_s), self._gate.seat():
                await self._answer(request, device, context)
            return
        except asyncio.CancelledError:
            log.info("question-abandoned", request_id=_id_of(request))  # the device hung up, or we drain
            self._watcher.ended("abandoned")
            raise
        except TimeoutError:
            error: EdgewiseError = GatewayError("deadline", "the device's deadline is over")
        except (GatewayError, BusyError) as exc:
            error = exc
        log.warning("question-failed", request_id=_id_of(request), code=error.code, message=error.message)
        self._watcher.ended(error.code)
        if error.code.startswith("upstream-"):
            self._doubt()
        status = grpc.StatusCode[STATUS_NAMES.get(error.code, "UNAVAILABLE")]
        await context.abort(status, error.message, trailing_metadata=trailer_of(error))

    @contextlib.asynccontextmanager
    async def _admitted(self, device: Device | None) -> AsyncIterator[None]:
        if self._access is None or device is None:
            yield
            return
        self._access.admit(device)
        async with self._access.while_allowed(device):
            yield

    async def _answer(self, request: Any, device: Device | None, context: Any) -> None:
        """Stream the answer, and account for it however it ends."""
        account = _Account(sum(estimate_tokens(m.text) for m in request.context) + estimate_tokens(request.utterance))
        try:
            await self._relay(request, context, account)
        finally:
            if account.text_bytes or account.finish:
                prompt, completion = account.tokens()
                self._watcher.used(prompt, completion)
                if self._access and device:
                    self._access.charge(device, prompt + completion)

    async def _relay(self, request: Any, context: Any, account: _Account) -> None:
        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

        loop = asyncio.get_running_loop()
        began_s, first_s = loop.time(), 0.0
        async with contextlib.aclosing(self._upstreams.stream(lambda budget: _messages(request, budget))) as parts:
            async for part in parts:
                if isinstance(part, Finish):
                    account.finish = part
                    await context.write(_end(part))
                else:
                    if not first_s:
                        first_s = loop.time() - began_s
                        self._watcher.first_text(first_s)
                    account.text_bytes += len(part.text.encode())
                    await context.write(cloud_pb2.ConverseReply(delta=cloud_pb2.Delta(text=part.text)))
        self._watcher.ended("truncated" if account.finish and account.finish.truncated else "answered")
        log.info(
            "question-answered",
            request_id=request.request_id,
            first_text_ms=round(first_s * 1000),
            total_ms=round((loop.time() - began_s) * 1000),
        )


def trailer_of(error: EdgewiseError) -> tuple[tuple[str, str], ...]:
    """Trailing metadata: our code, and after how many whole seconds to ask again where waiting helps."""
    wait_s = math.ceil(error.retry_after_s) if isinstance(error, OverQuotaError) else RETRY_AFTER_S.get(error.code, 0)
    return ((ERROR_KEY, error.code), *(((RETRY_KEY, str(wait_s)),) if wait_s else ()))


def _messages(request: Any, budget_tokens: int) -> list[dict[str, str]]:
    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    roles = {cloud_pb2.Message.ROLE_USER: "user", cloud_pb2.Message.ROLE_ASSISTANT: "assistant"}
    context = [Message(roles[message.role], message.text) for message in request.context]
    return build_messages(context, request.utterance, locale=request.locale, budget_tokens=budget_tokens)


def _end(finish: Finish) -> Any:
    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    reason = cloud_pb2.End.REASON_LENGTH if finish.truncated else cloud_pb2.End.REASON_STOP
    usage = cloud_pb2.Usage(prompt_tokens=finish.prompt_tokens, completion_tokens=finish.completion_tokens)
    return cloud_pb2.ConverseReply(end=cloud_pb2.End(reason=reason, usage=usage))


def _id_of(request: Any) -> str:
    """For the log; a request that breaks the contract may have anything there, and stays out."""
    return request.request_id if request is not None and is_uuid7(request.request_id) else ""
