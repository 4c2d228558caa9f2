"""Logging: structlog for us, the standard library's logging (of libraries) through the same pipe.

One line an entry: JSON for machines, `key=value` for people. What a user said and secrets never get in: keys that name
them are dropped at any depth, events lose their private fields, other objects are named by type only, and a foreign
exception's message is left out (it may quote its input). Libraries are heard from `warning` on, whatever our level.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, TextIO

import structlog

from assistant.errors import EdgewiseError
from assistant.events import Event, log_fields

REDACTED_KEYS = frozenset({"text", "transcript", "reply", "utterance", "slots", "token", "api_key", "authorization"})
MAX_DEPTH = 5
MAX_FRAMES = 30
MAX_FOREIGN_CHARS = 300

EventDict = MutableMapping[str, Any]


def setup_logging(level: str, style: Literal["auto", "text", "json"], stream: TextIO | None = None) -> None:
    """Send every log entry from `level` on to `stream` (standard error). "auto" is text on a terminal, else JSON."""
    out = stream or sys.stderr
    text = style == "text" or (style == "auto" and out.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        plain_exception,
        redact,
    ]
    renderer: Any = (
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
        )
        if text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    to_stdlib = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, to_stdlib],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_foreign_message, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("assistant").setLevel(level.upper())
    logging.captureWarnings(capture=True)


def redact(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """A structlog processor: drop what must not be logged, at any depth."""
    kept = {key: value for key, value in entry.items() if not _is_private(key)}
    return {key: value if key.startswith("_") else _redacted(value, 0) for key, value in kept.items()}


def plain_exception(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """A structlog processor: `exc_info` becomes `error_type`, `error_code`, `error_message` and `traceback`."""
    info = entry.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if not isinstance(error, BaseException):
        return entry
    entry["error_type"] = type(error).__name__
    if isinstance(error, EdgewiseError):  # ours never quote a user; others may
        entry["error_code"] = error.code
        entry["error_message"] = error.message
    entry["traceback"] = " <- ".join(_frames(error))
    return entry


def _frames(error: BaseException) -> list[str]:
    """`file:line function`, innermost first, then those of what caused it. No source, no values."""
    frames = [
        f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and len(frames) < MAX_FRAMES:
        frames += [f"caused by {type(cause).__name__}", *_frames(cause)]
    return frames[:MAX_FRAMES]


def _is_private(key: Any) -> bool:
    return isinstance(key, str) and key.lower() in REDACTED_KEYS


def _redacted(value: Any, depth: int) -> Any:
    if isinstance(value, Event):
        value = {"kind": type(value).__name__} | log_fields(value)
    if depth >= MAX_DEPTH and isinstance(value, Mapping | list | tuple | set | frozenset):
        return "..."
    if isinstance(value, Mapping):
        return {str(key): _redacted(item, depth + 1) for key, item in value.items() if not _is_private(key)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, depth + 1) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else type(value).__name__


def _foreign_message(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """A library's entry: the first line of its message is all we take (asyncio quotes exceptions in the next ones)."""
    lines = str(entry.get("event", "")).splitlines()
    entry["event"] = lines[0][:MAX_FOREIGN_CHARS] if lines else ""
    entry["exc_info"] = entry["_record"].exc_info
    return entry
