"""A local GGUF model behind an OpenAI-compatible URL on loopback, in a worker process that we start, watch and end."""

from __future__ import annotations

import secrets
from pathlib import Path

import structlog

from assistant.llm.child import Child, check_usable, usual_threads

log = structlog.get_logger(__name__)

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
        check_usable(model, name)
        self.base_url = ""
        self.api_key = secrets.token_urlsafe(24)
        """Other users of this machine can't use our model."""
        self._model = model
        self._name = name
        self._context_tokens = context_tokens
        self._child: Child | None = None

    async def start(self) -> None:
        """Load the model and serve it; a worker that ran before is replaced.

        Raises:
            LlmError: `llm-load`, `llm-missing`, `llm-timeout`, `llm-died`.
        """
        await self.stop()
        order = {
            "model": str(self._model),
            "name": self._name,
            "api_key": self.api_key,
            "context_tokens": self._context_tokens,
            "parallel": PARALLEL,
            "threads": usual_threads(),
            "temperature": TEMPERATURE,
        }
        self._child, reply = await Child.start("assistant.llm.worker", self._name, order)
        self.base_url = f"{reply.get('address')}/v1"
        log.info("llm-started", model=self._name, url=self.base_url, pid=self._child.pid)

    async def ended(self) -> int:
        """Wait until the worker is gone; its exit status."""
        return await self._child.ended() if self._child else 0

    async def stop(self) -> None:
        """End the worker, by force if need be. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()
