"""How an error ends a call: its gRPC status, and the trailing metadata that the contract names."""

from __future__ import annotations

import math
from typing import Any

from assistant.errors import EdgewiseError
from assistant.gateway.quota import OverQuotaError

STATUS_NAMES = {
    "token-missing": "UNAUTHENTICATED",
    "token-refused": "UNAUTHENTICATED",
    "token-expired": "UNAUTHENTICATED",
    "invalid": "INVALID_ARGUMENT",
    "prompt-too-long": "INVALID_ARGUMENT",
    "busy": "RESOURCE_EXHAUSTED",
    "device-busy": "RESOURCE_EXHAUSTED",
    "rate-limited": "RESOURCE_EXHAUSTED",
    "quota-exhausted": "RESOURCE_EXHAUSTED",
    "upstream-busy": "RESOURCE_EXHAUSTED",
    "deadline": "DEADLINE_EXCEEDED",
    "upstream-timeout": "DEADLINE_EXCEEDED",
    "sync-unserved": "UNIMPLEMENTED",
    "crashed": "INTERNAL",
}
"""Error code -> gRPC status; every other code is UNAVAILABLE: the device can't mend it, and may ask again later."""

RETRY_AFTER_S = {"busy": 1, "device-busy": 1, "upstream-busy": 2, "history-busy": 1}
"""How long a device should wait where nothing says it exactly."""
ERROR_KEY = "edgewise-error"
RETRY_KEY = "retry-after-s"


async def abort(context: Any, error: EdgewiseError) -> None:
    """End a call as the contract says that this error ends one. Never returns."""
    import grpc  # noqa: PLC0415 - heavy

    status = grpc.StatusCode[STATUS_NAMES.get(error.code, "UNAVAILABLE")]
    await context.abort(status, error.message, trailing_metadata=_trailer_of(error))


def _trailer_of(error: EdgewiseError) -> tuple[tuple[str, str], ...]:
    """Our code, and after how many whole seconds to ask again where waiting helps."""
    wait_s = math.ceil(error.retry_after_s) if isinstance(error, OverQuotaError) else RETRY_AFTER_S.get(error.code, 0)
    return ((ERROR_KEY, error.code), *(((RETRY_KEY, str(wait_s)),) if wait_s else ()))
