"""The cloud LLM behind the gateway, over gRPC: `dialog.ports.CloudAgent`.

Plain text goes to loopback only, and only without `cloud.ca_file`; everything else over TLS. Every gRPC error becomes a
CloudError:

    cloud-unreachable  nobody answers, or the gateway's own LLM is down   cloud-tls       no secure connection
    cloud-timeout      no first text, no more text, or no end, in time    cloud-cut-off   it ended in mid-answer
    cloud-refused      token missing, wrong, revoked or expired           cloud-busy      too many questions at once
    cloud-quota        this device has used up its share of the day
    cloud-invalid      the question breaks a limit                        cloud-empty     an answer without text
    cloud-protocol     what answers is no gateway, or speaks otherwise    cloud-truncated  the LLM's own limit cut it
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.cloud.address import GatewayAddress, parse_address
from assistant.cloud.health import Link
from assistant.errors import CloudError, ConfigError
from assistant.settings import CloudConfig
from assistant.values import CloudQuestion, Message

SERVICE = "edgewise.cloud.v1.Cloud"
MAX_CONTEXT_MESSAGES = 64
MAX_CONTEXT_BYTES = 32_768
MAX_REPLY_BYTES = 65_536
"""Longest single message from the gateway."""
MAX_ANSWER_CHARS = 32_768
"""Longest answer in all; nobody listens to half an hour of speech."""


class GrpcCloud:
    """Client of one gateway. Lazy: nothing is connected before the first call or probe."""

    def __init__(self, config: CloudConfig, token: str, link: Link) -> None:
        """`token` is the bearer token, empty for none.

        Raises:
            ConfigError: `address-invalid`, `cloud-ca`, `cloud-token`.
        """
        self._config = config
        self._link = link
        self._target: GatewayAddress | None = parse_address(config.address) if config.address else None
        self._ca = _read_ca(config.ca_file) if config.ca_file else None
        self._secure = self._ca is not None or not (self._target and self._target.loopback)
        if not token.isascii() or not token.isprintable():
            raise ConfigError("cloud-token", "the gateway's token has odd characters", hint="Tokens are plain ASCII.")
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel: Any = None
        self._calls = 0
        """Answers that are streaming now."""

    @property
    def up(self) -> bool:
        return self._link.up

    @property
    def address(self) -> str:
        return self._config.address

    async def converse(self, question: CloudQuestion) -> AsyncGenerator[str, None]:
        """Stream the answer's pieces of text; closing or cancelling the iterator hangs up at once.

        Raises:
            CloudError: see the module. Failures of the link mark it down.
        """
        loop = asyncio.get_running_loop()
        limit_s = min(self._config.answer_timeout_s, question.deadline_s)
        end_s = loop.time() + limit_s
        text_by_s = min(end_s, loop.time() + self._config.first_token_timeout_s)
        call = self._start(question, limit_s)
        chars = 0
        self._calls += 1
        try:
            while (reply := await self._read(call, text_by_s, begun=chars > 0)) is not None:
                if reply.WhichOneof("part") == "end":
                    _check_end(reply.end, chars)
                    self._link.succeeded()
                    return
                if text := reply.delta.text:  # parts this version doesn't know are passed over
                    chars += len(text)
                    if chars > MAX_ANSWER_CHARS:
                        raise CloudError("cloud-protocol", f"the answer is longer than {MAX_ANSWER_CHARS} characters")
                    self._link.succeeded()
                    yield text
                    text_by_s = min(end_s, loop.time() + self._config.next_token_timeout_s)
            raise CloudError("cloud-cut-off", "the gateway hung up in mid-answer", retryable=True)
        except CloudError as exc:
            self._link.call_failed(exc.code)
            raise
        finally:
            self._calls -= 1
            call.cancel()

    async def exchange(self, request: bytes, timeout_s: float) -> bytes:
        """A SyncRequest for a SyncReply, both as bytes. Says nothing about the link: it isn't a question.

        Raises:
            CloudError: see the module.
        """
        import grpc  # noqa: PLC0415 - heavy, and unused without a gateway

        self._calls += 1
        try:
            method = self._open().unary_unary(f"/{SERVICE}/Sync")
            return bytes(await method(request, metadata=self._metadata, timeout=timeout_s))
        except grpc.aio.AioRpcError as exc:
            raise self._error_of(exc, begun=False) from exc
        except (grpc.aio.UsageError, asyncio.CancelledError) as exc:
            if _task_cancelled():
                raise
            raise CloudError("cloud-cut-off", "the connection was closed", retryable=True) from exc
        finally:
            self._calls -= 1

    async def check(self) -> None:
        """Ask the gateway for its health: the probe of `HealthMonitor`.

        Raises:
            CloudError: nobody there, or its LLM is down.
        """
        import grpc  # noqa: PLC0415 - heavy, and unused without a gateway
        from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

        if not self._link.up and not self._calls:
            # A channel that failed waits ever longer before it tries again; a new one tries now.
            await self.close()
        stub = health_pb2_grpc.HealthStub(self._open())
        try:
            reply = await stub.Check(
                health_pb2.HealthCheckRequest(service=SERVICE),
                metadata=self._metadata,
                timeout=self._config.probe_timeout_s,
            )
        except grpc.aio.AioRpcError as exc:
            raise self._error_of(exc, begun=False) from exc
        except asyncio.CancelledError as exc:
            if _task_cancelled():
                raise
            raise CloudError("cloud-unreachable", "the connection was closed", retryable=True) from exc
        if reply.status != health_pb2.HealthCheckResponse.SERVING:
            raise CloudError("cloud-unreachable", "the gateway's LLM is down", retryable=True)

    async def close(self) -> None:
        """Hang up. Calls in progress end with `cloud-cut-off`; the next one connects again."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _start(self, question: CloudQuestion, limit_s: float) -> Any:
        from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - pulls in protobuf

        roles = {"user": cloud_pb2.Message.ROLE_USER, "assistant": cloud_pb2.Message.ROLE_ASSISTANT}
        try:
            request = cloud_pb2.ConverseRequest(
                request_id=question.request_id,
                conversation_id=question.conversation_id,
                context=[cloud_pb2.Message(role=roles[m.role], text=m.text) for m in _fitting(question.context)],
                utterance=question.text,
                locale=question.locale,
                deadline_ms=min(120_000, max(1, round(limit_s * 1000))),
            )
        except (KeyError, ValueError) as exc:  # an unknown role; text that is no valid Unicode
            raise CloudError("cloud-invalid", "the question can't be put on the wire") from exc
        # Replies stay bytes: gRPC would log what it can't parse, with a traceback, and call it the end of the stream.
        method = self._open().unary_stream(
            f"/{SERVICE}/Converse", request_serializer=cloud_pb2.ConverseRequest.SerializeToString
        )
        return method(request, metadata=self._metadata)

    async def _read(self, call: Any, by_s: float, *, begun: bool) -> Any:
        """The next message, by `by_s` on the loop's clock, or None at the end of the stream."""
        import grpc  # noqa: PLC0415

        try:
            async with asyncio.timeout_at(by_s):
                reply = await call.read()
        except TimeoutError as exc:
            what = "the answer stopped coming" if begun else "no answer came"
            raise CloudError("cloud-timeout", f"{what} in time", retryable=True) from exc
        except grpc.aio.AioRpcError as exc:
            raise self._error_of(exc, begun=begun) from exc
        except grpc.aio.UsageError as exc:
            raise CloudError("cloud-cut-off", "the connection was closed", retryable=True) from exc
        except asyncio.CancelledError as exc:
            if _task_cancelled():
                raise
            raise CloudError("cloud-cut-off", "the connection was closed", retryable=True) from exc
        return None if reply is grpc.aio.EOF else _parse(reply)

    def _error_of(self, exc: Any, *, begun: bool) -> CloudError:
        error = _error_of(exc, begun=begun)
        if error.code == "cloud-unreachable" and not self._secure and "socket closed" in (exc.details() or "").lower():
            # So a TLS server answers plain text; so does, rarely, one that ends just now.
            error.hint = "If the gateway wants TLS, set cloud.ca_file."
        return error

    def _open(self) -> Any:
        """The channel, made on first use."""
        if self._target is None:
            raise CloudError("cloud-unreachable", "no gateway is configured", hint="Set cloud.address.")
        if self._channel is None:
            self._channel = _make_channel(self._config.address, self._ca, self._target, secure=self._secure)
        return self._channel


def _check_end(end: Any, chars: int) -> None:
    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - pulls in protobuf

    if not chars:
        raise CloudError("cloud-empty", "the gateway's answer has no text", retryable=True)
    if end.reason == cloud_pb2.End.REASON_LENGTH:
        raise CloudError("cloud-truncated", "the answer reached the LLM's limit")


def _fitting(context: Sequence[Message]) -> list[Message]:
    """The newest messages that fit the contract's limits, oldest first."""
    kept: list[Message] = []
    room = MAX_CONTEXT_BYTES
    for message in reversed(context[-MAX_CONTEXT_MESSAGES:]):
        room -= len(message.text.encode("utf-8", "replace"))
        if room < 0:
            break
        if message.text.strip():
            kept.append(message)
    return kept[::-1]


def _make_channel(address: str, ca: bytes | None, target: GatewayAddress, *, secure: bool) -> Any:
    import grpc  # noqa: PLC0415

    options = [
        ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
        ("grpc.max_send_message_length", 131_072),
        ("grpc.use_local_subchannel_pool", 1),  # else a new channel inherits the backoff of the failed one
        ("grpc.min_reconnect_backoff_ms", 3_000),  # also how long one attempt to connect may take
        ("grpc.keepalive_time_ms", 20_000),  # a stream that only waits still notices a dead network
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.service_config_disable_resolution", 1),
    ]
    if target.loopback:
        options.append(("grpc.enable_http_proxy", 0))
    if not secure:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca), options=options)


def _parse(data: bytes) -> Any:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - heavy

    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415

    try:
        return cloud_pb2.ConverseReply.FromString(data)
    except DecodeError as exc:
        raise CloudError("cloud-protocol", "the gateway's messages can't be read") from exc


def _read_ca(file: str) -> bytes:
    try:
        pem = Path(file).expanduser().read_bytes()
    except OSError as exc:
        raise ConfigError(
            "cloud-ca", f"cloud.ca_file: can't read {file}", hint="Check the path and its permissions."
        ) from exc
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise ConfigError("cloud-ca", f"cloud.ca_file: {file} holds no PEM certificate", hint="Give a .pem or .crt.")
    return pem


def _task_cancelled() -> bool:
    """gRPC says CancelledError both when our task is cancelled and when the channel was closed under the call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _error_of(exc: Any, *, begun: bool) -> CloudError:
    """The CloudError for a gRPC status. `begun`: text had already arrived. The peer's own words are never repeated."""
    status, details = exc.code().name, (exc.details() or "").lower()
    if status == "RESOURCE_EXHAUSTED" and "sent message larger" in details:
        status = "INVALID_ARGUMENT"
    elif status == "RESOURCE_EXHAUSTED" and "received message larger" in details:
        status = "DATA_LOSS"
    elif status in {"UNAVAILABLE", "CANCELLED", "ABORTED"}:
        if begun:
            return CloudError("cloud-cut-off", "the connection broke in mid-answer", retryable=True)
        if any(word in details for word in ("ssl", "tls", "certificate", "handshake", "peer name", "verification")):
            hint = "Check cloud.ca_file, the certificate's names and dates, and this machine's clock."
            return CloudError("cloud-tls", "no secure connection to the gateway", hint=hint)
        return CloudError("cloud-unreachable", "the gateway can't be reached", retryable=True)
    if status == "RESOURCE_EXHAUSTED":
        return _exhausted(dict(exc.trailing_metadata() or ()))
    if status in _ERRORS:
        code, message, hint, retryable = _ERRORS[status]
        return CloudError(code, message, hint=hint, retryable=retryable)
    hint = "Check cloud.address: what answers there may be no gateway, or one of another version."
    return CloudError("cloud-protocol", f"the gateway answered in an unknown way ({status.lower()})", hint=hint)


def _exhausted(trailer: Mapping[str, str | bytes]) -> CloudError:
    """The gateway's own code tells a queue that is full from a day's share that is used up."""
    wait_s = str(trailer.get("retry-after-s", ""))
    if trailer.get("edgewise-error") == "quota-exhausted":
        return CloudError(
            "cloud-quota", "the device has used up its share of the day", hint="It is renewed at 0:00 UTC."
        )
    hint = f"Try again in {wait_s} s." if wait_s.isdecimal() and len(wait_s) < 6 else "Try again in a moment."
    return CloudError("cloud-busy", "the gateway is busy", hint=hint, retryable=True)


_REFUSED = (
    "cloud-refused",
    "the gateway refuses this device",
    "Check cloud.token; on the gateway, `assistant gateway device list`.",
    False,
)
_INVALID = ("cloud-invalid", "the gateway finds the question invalid", "", False)
_ERRORS = {
    "UNAUTHENTICATED": _REFUSED,
    "PERMISSION_DENIED": _REFUSED,
    "INVALID_ARGUMENT": _INVALID,
    "OUT_OF_RANGE": _INVALID,
    "DEADLINE_EXCEEDED": ("cloud-timeout", "the gateway gave up waiting for its LLM", "", True),
}
"""gRPC status -> code, message, hint, retryable."""
