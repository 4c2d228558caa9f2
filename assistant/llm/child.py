"""A worker process that holds a model, from our side: started with an order, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from assistant.errors import LlmError

LOAD_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 2.0
MAX_LINE_BYTES = 1_048_576


def check_usable(model: Path, name: str) -> None:
    """Whether there is a chance that the file can be loaded.

    Raises:
        LlmError: `llm-missing` (extra not installed), `model-missing`, `model-corrupt`.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise LlmError("llm-missing", "xllamacpp isn't installed", hint="Run: pip install 'edgewise[llm]'")
    try:
        with model.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        hint = f"Run: assistant models fetch {name}"
        raise LlmError("model-missing", f"the model file {model} can't be read", hint=hint) from exc
    if magic != b"GGUF":
        hint = f"Run: assistant models verify {name}"
        raise LlmError("model-corrupt", f"{model} is no GGUF file", hint=hint)


def usual_threads() -> int:
    """For a model nobody said more about."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


class Child:
    """One process, running `python -m MODULE`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in = process.stdin
        self._out = process.stdout

    @classmethod
    async def start(cls, module: str, name: str, order: dict[str, Any]) -> tuple[Child, dict[str, Any]]:
        """Start one, hand it the order, and wait for its first line; `name` is the model's.

        Raises:
            LlmError: `llm-load`, `llm-missing`, `llm-timeout`, `llm-died`.
        """
        child = cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MAX_LINE_BYTES,
            )
        )
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                child.send(order)
                reply = await child.read()
        except TimeoutError as exc:
            await child.stop()
            raise LlmError("llm-timeout", f"{name} didn't load within {LOAD_TIMEOUT_S:g} s") from exc
        except BaseException:
            await child.stop()
            raise
        if reply is None:
            await child.stop()
            raise LlmError("llm-died", f"the worker ended while it loaded {name}", retryable=True)
        if not reply.keys() & {"address", "ready"}:
            await child.stop()
            code, hint = str(reply.get("error", "llm-load")), str(reply.get("hint", ""))
            raise LlmError(code, f"{name} can't be loaded", hint=hint or f"Run: assistant models verify {name}")
        return child, reply

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: dict[str, Any]) -> None:
        """Hand one line over. A process that is gone takes nothing: `read` tells."""
        self._in.write(json.dumps(line).encode() + b"\n")

    async def read(self) -> dict[str, Any] | None:
        """The next line; None once there is none, or when it is no object of JSON."""
        try:
            line = json.loads(await self._out.readline())
        except (ConnectionError, ValueError):
            return None
        return line if isinstance(line, dict) else None

    async def ended(self) -> int:
        """Wait until it is gone; its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it, by force if need be. Idempotent."""
        self._in.close()
        # Not `asyncio.timeout`: before Python 3.11.3 it raises no TimeoutError in a task that was cancelled.
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait([ended], timeout=STOP_TIMEOUT_S)
        finally:  # whoever stops it may be cancelled, too: then it has no more time
            if not ended.done():
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            await ended
