"""`edgewise.cloud.v1.Cloud`: checks a question, waits its turn, streams the upstream's answer to the device."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from assistant.errors import BusyError, EdgewiseError, GatewayError
from assistant.gateway.access import Access
from assistant.gateway.devices import Device
from assistant.gateway.gate import Gate
from assistant.gateway.pool import FAULTS, UpstreamPool
from assistant.gateway.prompt import build_messages
from assistant.gateway.requests import MAX_DEADLINE_MS, read_request, receive
from assistant.gateway.statuses import abort
from assistant.gateway.sync import SyncService
from assistant.gateway.upstream import Finish
from assistant.prompts import BYTES_PER_TOKEN, estimate_tokens
from assistant.values import Message

log = structlog.get_logger(__name__)

SERVICE = "edgewise.cloud.v1.Cloud"
LAST_WRITE_S = 1.0
"""Messages go at once but to a device that doesn't read; that one gets no status either."""


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

    began_s: float
    """On the loop's clock."""
    first_s: float = 0.0
    """From then to the first text; 0 for none yet."""
    prompt_tokens: int = 0
    """Estimate of what was sent to the upstream that was tried last; 0 for none."""
    text_bytes: int = 0
    finish: Finish | None = None
    abandoned: bool = False
    """Ended from our side, by the device or its deadline: an upstream that was asked has worked, text or no text."""

    def passed_s(self) -> float:
        return asyncio.get_running_loop().time() - self.began_s

    def tokens(self) -> tuple[int, int]:
        """Prompt and answer: counted by the upstream, else estimated. Nothing for a question that just failed."""
        if not (self.text_bytes or self.finish or self.abandoned):
            return 0, 0
        prompt, completion = (self.finish.prompt_tokens, self.finish.completion_tokens) if self.finish else (0, 0)
        return prompt or self.prompt_tokens, completion or -(-self.text_bytes // BYTES_PER_TOKEN)


class CloudService:
    """The servicer. `doubt` is called when an upstream failed, so that its health is looked at."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        upstreams: UpstreamPool,
        gate: Gate,
        access: Access | None,
        watcher: Watcher,
        doubt: Callable[[], None],
        *,
        sync: SyncService,
    ) -> None:
        """Without `access` everybody may ask, as much as they like."""
        self._sync = sync
        self._upstreams = upstreams
        self._gate = gate
        self._access = access
        self._watcher = watcher
        self._doubt = doubt

    def handler(self) -> Any:
        """The service for a gRPC server.

        Requests stay bytes: gRPC would log those it can't parse, with a traceback. To gRPC they are streams, which on
        the wire is the same: so a token is looked at before anything is received, and how long that takes is up to us.
        """
        import grpc  # noqa: PLC0415 - heavy

        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

        converse = grpc.stream_stream_rpc_method_handler(
            self.converse, response_serializer=cloud_pb2.ConverseReply.SerializeToString
        )
        sync = grpc.stream_stream_rpc_method_handler(self._sync.sync)
        return grpc.method_handlers_generic_handler(SERVICE, {"Converse": converse, "Sync": sync})

    async def converse(self, _: Any, context: Any) -> None:
        """One question. Cancelled by gRPC when the device hangs up, which hangs up on the upstream in turn."""
        request_id = ""
        try:
            device = self._access.identify(context.invocation_metadata() or ()) if self._access else None
            request = await _receive(context)
            request_id = request.request_id
            deadline_s = (request.deadline_ms or MAX_DEADLINE_MS) / 1000
            async with self._admitted(device), asyncio.timeout(deadline_s), self._gate.seat():
                finish = await self._answer(request, device, context)
        except asyncio.CancelledError:
            log.info("question-abandoned", request_id=request_id)  # the device hung up, or we drain
            self._watcher.ended("abandoned")
            raise
        except TimeoutError:
            error: EdgewiseError = GatewayError("deadline", "the device's deadline is over")
        except (GatewayError, BusyError) as exc:
            error = exc
        except Exception:
            log.exception("question-crashed", request_id=request_id)
            error = GatewayError("crashed", "the gateway made a mistake")
        else:
            await context.write(_end(finish))  # all is accounted for: a device may hang up on hearing it
            return
        log.warning("question-failed", request_id=request_id, code=error.code, message=error.message)
        self._watcher.ended(error.code)
        if error.code in FAULTS:
            self._doubt()
        await abort(context, error)

    def _admitted(self, device: Device | None) -> AbstractAsyncContextManager[None]:
        return self._access.admitted(device) if self._access and device else contextlib.nullcontext()

    async def _answer(self, request: Any, device: Device | None, context: Any) -> Finish:
        """Stream the answer's text, and account for it however it ends."""
        account = _Account(asyncio.get_running_loop().time())
        try:
            finish = await self._relay(request, context, account)
        except asyncio.CancelledError:
            account.abandoned = account.prompt_tokens > 0
            raise
        finally:
            prompt, completion = account.tokens()
            if prompt or completion:
                self._watcher.used(prompt, completion)
                if self._access and device:
                    self._access.charge(device, prompt + completion)
        self._watcher.ended("truncated" if finish.truncated else "answered")
        first_ms, total_ms = (round(s * 1000) for s in (account.first_s, account.passed_s()))
        log.info("question-answered", request_id=request.request_id, first_text_ms=first_ms, total_ms=total_ms)
        return finish

    async def _relay(self, request: Any, context: Any, account: _Account) -> Finish:
        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

        def prompt(budget_tokens: int) -> Sequence[dict[str, str]]:
            messages = _messages(request, budget_tokens)
            account.prompt_tokens = sum(estimate_tokens(message["content"]) for message in messages)
            return messages

        async with contextlib.aclosing(self._upstreams.stream(prompt)) as parts:
            async for part in parts:
                if isinstance(part, Finish):
                    account.finish = part
                    return part
                if not account.text_bytes:
                    account.first_s = account.passed_s()
                    self._watcher.first_text(account.first_s)
                account.text_bytes += len(part.text.encode())
                await _write(context, cloud_pb2.ConverseReply(delta=cloud_pb2.Delta(text=part.text)))
        raise AssertionError("an upstream's stream ends with a Finish or a GatewayError")


async def _write(context: Any, reply: Any) -> None:
    """Send a message. Cancelled, it still waits for the message to be gone: until then gRPC takes no status, and the
    device would wait for one in vain."""
    writing = asyncio.create_task(context.write(reply))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing], timeout=LAST_WRITE_S)
        raise
    finally:
        writing.add_done_callback(lambda task: task.cancelled() or task.exception())  # heard above, or nobody's concern


async def _receive(context: Any) -> Any:
    """The call's ConverseRequest. Raises GatewayError `invalid`, `deadline`."""
    request, problem = read_request(await receive(context))
    if problem:
        raise GatewayError("invalid", problem)
    return request


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
