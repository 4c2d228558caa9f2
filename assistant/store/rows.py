"""Between values and rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from assistant.errors import StoreError


def milliseconds(time_s: float) -> int:
    """Raises OverflowError or ValueError for what is no time."""
    return round(time_s * 1000)


def seconds(time_ms: int) -> float:
    """Raises TypeError for what is no number."""
    return time_ms / 1000


@contextlib.contextmanager
def reading(table: str) -> Iterator[None]:
    """Raise a row that makes no sense as StoreError `store-row`. Only tampering or damage makes one."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as exc:
        raise StoreError(
            "store-row",
            f"table {table} holds a row that makes no sense ({type(exc).__name__})",
            hint="Move edgewise.db away to begin anew.",
        ) from exc
