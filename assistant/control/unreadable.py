"""Requests that can't be read, refused like any other bad one. gRPC by itself would log them, with a traceback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from assistant.control.wire import metadata_of, status_of
from assistant.errors import ControlError

Behaviour = Callable[[Any, Any], Awaitable[Any]]


def refuse_unreadable() -> Any:
    """An interceptor for a gRPC server whose methods are coroutines of (request, context)."""
    import grpc.aio  # noqa: PLC0415 -- heavy

    class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpc has no types
        async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
            handler = await continuation(details)
            if handler is None:  # no such method
                return None
            checked = {
                kind: _checked(behaviour)
                for kind in ("unary_unary", "unary_stream")
                if (behaviour := getattr(handler, kind)) is not None
            }
            return handler._replace(request_deserializer=_tolerant(handler.request_deserializer), **checked)

    return Interceptor()


def _tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The same, but None for bytes that are no such message."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- heavy

    def tolerant(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return None

    return tolerant


def _checked(behaviour: Behaviour) -> Behaviour:
    async def checked(request: Any, context: Any) -> Any:
        if request is None:
            error = ControlError("control-request", "the request can't be read")
            await context.abort(status_of(error), error.message, metadata_of(error))
        return await behaviour(request, context)

    return checked
