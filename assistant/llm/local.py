"""A local GGUF model behind an OpenAI-compatible URL on loopback, in a worker process that we start, watch and end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path

import structlog

from assistant.errors import LlmError

log = structlog.get_logger(__name__)

LOAD_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 2.0
PARALLEL = 2
"""Answers generated at once; llama.cpp makes more of them wait."""
TEMPERATURE = 0.0
"""Always the likeliest word: at 0.2 a model this small already wanders off into other languages now and then."""


class LocalLlm:
    """One model file, one worker process. `base_url` and `api_key` are good while it runs."""

    def __init__(self, model: Path, name: str, *, context_tokens: int) -> None:
        """`model`: the .gguf file; `name`: what to call it.

        Raises:
            LlmError: `llm-missing` (extra not installed), `model-missing`, `model-corrupt`.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise LlmError("llm-missing", "xllamacpp isn't installed", hint="Run: pip install 'edgewise[llm]'")
        _check_file(model, name)
        self.base_url = ""
        self.api_key = secrets.token_urlsafe(24)
        """Other users of this machine can't use our model."""
        self._model = model
        self._name = name
        self._context_tokens = context_tokens
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Load the model and serve it; a worker that ran before is replaced.

        Raises:
            LlmError: `llm-load`, `llm-missing`, `llm-timeout`, `llm-died`.
        """
        await self.stop()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "assistant.llm.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                reply = await self._order(self._process)
        except TimeoutError as exc:
            await self.stop()
            raise LlmError("llm-timeout", f"{self._name} didn't load within {LOAD_TIMEOUT_S:g} s") from exc
        except BaseException:
            await self.stop()
            raise
        if "address" not in reply:
            await self.stop()
            hint = f"Run: assistant models verify {self._name}"
            raise LlmError(str(reply.get("error", "llm-load")), f"{self._name} can't be loaded", hint=hint)
        self.base_url = f"{reply['address']}/v1"
        log.info("llm-started", model=self._name, url=self.base_url, pid=self._process.pid)

    async def ended(self) -> int:
        """Wait until the worker is gone; its exit status."""
        if self._process is None:
            return 0
        return await self._process.wait()

    async def stop(self) -> None:
        """End the worker, by force if need be. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        # Not `asyncio.timeout`: before Python 3.11.3 it raises no TimeoutError in a task that was cancelled.
        ended = asyncio.create_task(process.wait())
        await asyncio.wait([ended], timeout=STOP_TIMEOUT_S)
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await ended

    async def _order(self, process: asyncio.subprocess.Process) -> dict[str, object]:
        assert process.stdin is not None
        assert process.stdout is not None
        order = {
            "model": str(self._model),
            "name": self._name,
            "api_key": self.api_key,
            "context_tokens": self._context_tokens,
            "parallel": PARALLEL,
            "threads": max(1, min(4, len(os.sched_getaffinity(0)))),
            "temperature": TEMPERATURE,
        }
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            reply = json.loads(line)
        except (ConnectionError, ValueError) as exc:
            raise LlmError("llm-died", f"the worker ended while it loaded {self._name}", retryable=True) from exc
        return reply if isinstance(reply, dict) else {}


def _check_file(model: Path, name: str) -> None:
    try:
        with model.open("rb") as file:
            magic = file.read(4)
    except OSError as exc:
        hint = f"Run: assistant models fetch {name}"
        raise LlmError("model-missing", f"the model file {model} can't be read", hint=hint) from exc
    if magic != b"GGUF":
        hint = f"Run: assistant models verify {name}"
        raise LlmError("model-corrupt", f"{model} is no GGUF file", hint=hint)
