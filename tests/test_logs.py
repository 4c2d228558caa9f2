"""Log lines: readable by both kinds of reader, and silent about what people said."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import structlog

from assistant.errors import ControlError
from assistant.events import Transcript
from assistant.logs import REDACTED_KEYS, setup_logging
from assistant.values import Layer, StageTime

SECRET = "the-secret-word"


def lines_of(level: str = "debug", style: Any = "json") -> tuple[Any, io.StringIO]:
    out = io.StringIO()
    setup_logging(level, style, out)
    return structlog.get_logger("assistant.somewhere"), out


def test_json_lines_have_event_level_logger_time_and_fields() -> None:
    log, out = lines_of()
    log.info("started", took_s=0.5, models=("a", "b"), file=Path("/x/y"), layer=Layer.EDGE)
    entry = json.loads(out.getvalue())
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "started",
        "level": "info",
        "logger": "assistant.somewhere",
        "took_s": 0.5,
        "models": ["a", "b"],
        "file": "/x/y",
        "layer": "edge",
    }


def test_text_lines_are_key_value_and_one_line_each() -> None:
    log, out = lines_of(style="text")
    log.warning("two\nlines", what='a "b"', ok=True)
    [line] = out.getvalue().splitlines()
    assert "level=warning event=two\\nlines" in line
    assert 'what="a \\"b\\"" ok=true' in line


def test_auto_is_json_where_no_terminal_is() -> None:
    log, out = lines_of(style="auto")
    log.info("x")
    assert json.loads(out.getvalue())["event"] == "x"


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_counts_for_our_own_entries(level: str, expected: int) -> None:
    log, out = lines_of(level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("x")
    assert len(out.getvalue().splitlines()) == expected


def test_libraries_are_heard_from_warning_on() -> None:
    _, out = lines_of("debug")
    library = logging.getLogger("some.library")
    library.info("chatter %s", SECRET)
    library.warning("disk is %s", "slow")
    [line] = out.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["logger"], entry["level"]) == ("disk is slow", "some.library", "warning")


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("key", sorted(REDACTED_KEYS))
def test_private_keys_are_dropped_at_any_depth(key: str, style: str) -> None:
    log, out = lines_of(style=style)
    deep = {"a": [{"b": ({key: SECRET}, {key.upper(): SECRET})}]}
    log.info("turn", **{key: SECRET}, deep=deep, kept="kept")
    assert SECRET not in out.getvalue()
    assert "kept" in out.getvalue()


def test_the_keys_that_hold_words_or_secrets_are_all_private() -> None:
    assert {"text", "transcript", "reply", "utterance", "slots", "token", "api_key", "authorization"} <= REDACTED_KEYS


def test_events_lose_their_private_fields_and_objects_are_only_named() -> None:
    log, out = lines_of()
    log.info(
        "x", happened=Transcript(turn_id="t", text=SECRET, confidence=0.5, audio_s=1.0), stage=StageTime(SECRET, 1.0)
    )
    entry = json.loads(out.getvalue())
    assert entry["happened"] == {"kind": "Transcript", "turn_id": "t", "confidence": 0.5, "audio_s": 1.0}
    assert entry["stage"] == "StageTime"


def test_bottomless_values_end() -> None:
    log, out = lines_of()
    endless: list[Any] = []
    endless.append(endless)
    log.info("x", endless=endless)
    assert "..." in out.getvalue()


def fail() -> None:
    try:
        int(SECRET)
    except ValueError as exc:
        raise ControlError("bad-thing", "a plain sentence") from exc


def test_our_errors_are_logged_with_code_message_and_frames() -> None:
    log, out = lines_of()
    try:
        fail()
    except ControlError:
        log.exception("failed")
    entry = json.loads(out.getvalue())
    assert (entry["error_type"], entry["error_code"]) == ("ControlError", "bad-thing")
    assert entry["error_message"] == "a plain sentence"
    assert "test_logs.py:" in entry["traceback"]
    assert "caused by ValueError" in entry["traceback"]
    assert SECRET not in out.getvalue()


@pytest.mark.parametrize("how", ["ours", "library", "instance"])
def test_a_foreign_exception_is_named_but_never_quoted(how: str) -> None:
    log, out = lines_of()
    try:
        int(SECRET)
    except ValueError as exc:
        if how == "ours":
            log.exception("failed")
        elif how == "library":
            logging.getLogger("some.library").exception("failed")
        else:
            log.error("failed", exc_info=exc)
    entry = json.loads(out.getvalue())
    assert entry["error_type"] == "ValueError"
    assert "test_logs.py:" in entry["traceback"]
    assert SECRET not in out.getvalue()


async def test_what_asyncio_says_of_a_lost_task_quotes_nothing() -> None:
    _, out = lines_of()
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": ValueError(SECRET)})
    assert "never retrieved" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_a_very_long_chain_of_frames_is_cut() -> None:
    log, out = lines_of()

    def dig(depth: int) -> None:
        if depth == 0:
            raise ControlError("deep", "deep down")
        dig(depth - 1)

    try:
        dig(200)
    except ControlError:
        log.exception("failed")
    assert json.loads(out.getvalue())["traceback"].count(" <- ") < 40


def test_setting_up_twice_does_not_double_lines() -> None:
    log, _ = lines_of()
    log, out = lines_of()
    log.info("once")
    assert len(out.getvalue().splitlines()) == 1
