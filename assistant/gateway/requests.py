"""What a device may send: the contract's limits on ConverseRequest and SyncRequest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from assistant.errors import GatewayError
from assistant.values import SharedTurn, SyncBatch

MAX_REQUEST_BYTES = 131_072
MAX_UTTERANCE_BYTES = 8_192
MAX_CONTEXT_MESSAGES = 64
MAX_CONTEXT_BYTES = 32_768
MAX_DEADLINE_MS = 120_000
RECEIVE_S = 10.0
"""A request is small; a device that takes longer to send one has lost its way here, or means no good."""
MAX_SYNCED = 100
MAX_REPLY_BYTES = 32_768
MAX_CURSOR_BYTES = 64
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


async def receive(context: Any) -> bytes:
    """The one message of a call, as bytes. Raises GatewayError `deadline`."""
    import grpc  # noqa: PLC0415 - heavy

    try:
        async with asyncio.timeout(RECEIVE_S):
            data = await context.read()
    except TimeoutError as exc:
        raise GatewayError("deadline", "the request doesn't arrive") from exc
    return b"" if data is grpc.aio.EOF else bytes(data)


def read_request(data: bytes) -> tuple[Any, str]:
    """A ConverseRequest, and which limit it breaks: empty for none. Repeats nothing of what was said."""
    if len(data) > MAX_REQUEST_BYTES:
        return None, f"the request is over {MAX_REQUEST_BYTES} bytes"
    request = _parse(data)
    return request, _find_problem(request) if request is not None else "the request can't be read"


def _parse(data: bytes) -> Any:
    """A ConverseRequest, or None when the bytes are none."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - heavy

    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    try:
        return cloud_pb2.ConverseRequest.FromString(data)
    except DecodeError:
        return None


def read_sync_request(data: bytes) -> tuple[SyncBatch, str]:
    """What a SyncRequest brings, and which limit it breaks: empty for none. Repeats nothing of what was said."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - heavy

    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    nothing = SyncBatch((), (), b"")
    if len(data) > MAX_REQUEST_BYTES:
        return nothing, f"the request is over {MAX_REQUEST_BYTES} bytes"
    try:
        request = cloud_pb2.SyncRequest.FromString(data)
    except DecodeError:
        return nothing, "the request can't be read"
    if problem := next(_sync_problems(request), ""):
        return nothing, problem
    turns = tuple(
        SharedTurn(
            turn.turn_id.lower(),
            turn.conversation_id.lower(),
            "",
            turn.started_ms,
            turn.utterance.replace("\0", "\ufffd"),  # PostgreSQL keeps no NUL
            turn.reply.replace("\0", "\ufffd"),
        )
        for turn in request.turns
    )
    return SyncBatch(turns, tuple(each.lower() for each in request.forgotten_turn_ids), request.cursor), ""


def _sync_problems(request: Any) -> Iterator[str]:
    for field in ("turns", "forgotten_turn_ids"):
        if len(getattr(request, field)) > MAX_SYNCED:
            yield f"{field}: over {MAX_SYNCED}"
    if len(request.cursor) > MAX_CURSOR_BYTES:
        yield f"cursor: over {MAX_CURSOR_BYTES} bytes"
    for index, turn in enumerate(request.turns):
        for field in ("turn_id", "conversation_id"):
            if not _is_uuid7(getattr(turn, field)):
                yield f"turns[{index}].{field}: not a UUIDv7"
        for field, limit in (("utterance", MAX_UTTERANCE_BYTES), ("reply", MAX_REPLY_BYTES)):
            if len(getattr(turn, field).encode()) > limit:
                yield f"turns[{index}].{field}: over {limit} bytes"
    for index, turn_id in enumerate(request.forgotten_turn_ids):
        if not _is_uuid7(turn_id):
            yield f"forgotten_turn_ids[{index}]: not a UUIDv7"


def _find_problem(request: Any) -> str:
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
    """A UUIDv7 in its usual form, and nothing that Python's own reader forgives: ids get into the log."""
    return _UUID7.fullmatch(text) is not None
