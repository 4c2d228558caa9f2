"""What both ends of the control contract agree on beside the messages: limits, and how an error travels."""

from __future__ import annotations

from typing import Any

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.errors import ControlError, EdgewiseError

SERVICE = "edgewise.control.v1.Control"
MAX_TEXT_BYTES = 8192
MAX_NAME_BYTES = 200
MAX_PAST_TURNS = 1_000
MAX_TIME_S = 1e11
MAX_ITEMS = 500
"""Items of a list, in one request."""
MAX_PAGE = 100
"""Lines of a book in one answer: with the longest texts they still fit a message."""
MAX_WAV_BYTES = 16 * 2**20
MAX_MESSAGE_BYTES = MAX_WAV_BYTES + 2**16
"""A little more than the largest request, so that too large a file gets our own answer."""

CHANGE_CODES = {
    "cancel": pb.ChangeTimerRequest.CHANGE_CANCEL,
    "pause": pb.ChangeTimerRequest.CHANGE_PAUSE,
    "resume": pb.ChangeTimerRequest.CHANGE_RESUME,
}
CHANGES: dict[int, str] = {code: name for name, code in CHANGE_CODES.items()}
LIST_CHANGE_CODES = {
    "add": pb.ChangeListRequest.CHANGE_ADD,
    "remove": pb.ChangeListRequest.CHANGE_REMOVE,
}
LIST_CHANGES: dict[int, str] = {code: name for name, code in LIST_CHANGE_CODES.items()}

_STATUS_NAMES = {
    "control-request": "INVALID_ARGUMENT",
    "busy": "RESOURCE_EXHAUSTED",
    "reader-too-slow": "RESOURCE_EXHAUSTED",
    "internal": "INTERNAL",
}


def status_of(error: EdgewiseError) -> Any:
    """The gRPC status nearest to an error, for readers that know nothing of our codes."""
    import grpc  # noqa: PLC0415 -- heavy

    name = _STATUS_NAMES.get(error.code, "UNAVAILABLE" if error.retryable else "FAILED_PRECONDITION")
    return getattr(grpc.StatusCode, name)


def metadata_of(error: EdgewiseError) -> tuple[tuple[str, str | bytes], ...]:
    """An error as trailing metadata."""
    return (
        ("edgewise-code", error.code),
        ("edgewise-stage", error.stage),
        ("edgewise-retryable", "1" if error.retryable else "0"),
        ("edgewise-hint-bin", error.hint.encode()),
    )


def error_from(call_error: Any) -> EdgewiseError:
    """The error that a failed call (grpc.aio.AioRpcError) stands for."""
    import grpc  # noqa: PLC0415 -- heavy

    metadata = dict(call_error.trailing_metadata() or ())
    status = call_error.code()
    if code := metadata.get("edgewise-code"):
        hint = metadata.get("edgewise-hint-bin", b"").decode("utf-8", "replace")
        error = ControlError(code, call_error.details() or code, hint=hint)
        error.retryable = metadata.get("edgewise-retryable") == "1"
        error.stage = metadata.get("edgewise-stage", error.stage)
        return error
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ControlError(
            "control-timeout",
            "the running assistant didn't answer in time",
            hint="Look at its log; restart it if this stays.",
            retryable=True,
        )
    if status is grpc.StatusCode.UNAVAILABLE:
        return ControlError(
            "control-lost", "the running assistant went away", hint="Start it with `assistant run`.", retryable=True
        )
    if status is grpc.StatusCode.UNIMPLEMENTED:
        return ControlError(
            "control-version", "the running assistant doesn't know this command", hint="Restart it: it is older."
        )
    return ControlError("control-failed", f"the running assistant refused the call ({status.name.lower()})")
