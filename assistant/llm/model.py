"""A GGUF model on this device as a turn uses it: `dialog.ports.LocalModel`, kept running in a worker process."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from assistant.backoff import Backoff
from assistant.errors import BusyError, LlmError
from assistant.llm.child import Child, check_usable, usual_threads
from assistant.llm.confidence import Calibration, estimate
from assistant.llm.draft import Draft, Token
from assistant.llm.exchange import Asking, End, Exchange, Piece
from assistant.llm.talker import MEMORY_HINT
from assistant.prompts import fit_messages, system_prompt
from assistant.streams import closing
from assistant.values import LocalQuestion

log = structlog.get_logger(__name__)

DRAFT_TOKENS = 24
"""Most answers are whole sooner, and what a question is about is named by then."""
MAX_ASKED = 3
"""Questions under way at once, the one being answered included."""
STEADY_S = 60.0
"""A worker that ran for this long is well: when it ends, the next one is started soon."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the model may take."""

    context_tokens: int
    """Prompt and answer together."""
    max_tokens: int
    """Longest answer."""
    threads: int
    """0 for as many as there are cores, 4 at most."""
    memory_mb: int
    """Of the whole worker, in memory."""
    timeout_s: float
    """Longest whole answer, waiting included."""


class GgufModel:
    """One model file. `run` keeps its worker running; without one it isn't `ready`."""

    def __init__(self, file: Path, name: str, limits: Limits, calibration: Calibration | None) -> None:
        """`calibration`: None for a model that was never tuned: its confidence then stays low.

        Raises:
            LlmError: `llm-missing` (extra not installed), `model-missing`, `model-corrupt`; `llm-memory`: the file
                alone is larger than `memory_mb`.
        """
        check_usable(file, name)
        size_mb = file.stat().st_size / 1e6
        if size_mb > limits.memory_mb:
            message = f"{name} takes over {size_mb:.0f} MB, and may take {limits.memory_mb}"
            raise LlmError("llm-memory", message, hint=MEMORY_HINT)
        self.name = name
        self.problem: LlmError | None = None
        """Why it isn't ready; None while it is, and while it loads for the first time."""
        self.exchange: Exchange | None = None
        """With the worker that runs."""
        self._file = file
        self._limits = limits
        self._calibration = calibration
        self._asked = 0
        self._kept: tuple[LocalQuestion, Draft] | None = None
        """The newest draft: the answer to the same question begins with it."""

    @property
    def ready(self) -> bool:
        """Whether it is loaded and can be asked now."""
        return self.exchange is not None

    @property
    def tuned(self) -> bool:
        """Whether its confidence was fitted to it; otherwise it stays low."""
        return self._calibration is not None

    async def run(self) -> None:
        """Keep a worker running, for ever. One that ends is replaced, ever later while none stays.

        Raises:
            LlmError: trying again can't help: `llm-missing`, `llm-load`, `llm-timeout`.
        """
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._run_worker()
            except LlmError as exc:
                self.problem = exc
                if not exc.retryable:
                    raise
            log.warning("llm-ended", model=self.name, code=self.problem.code if self.problem else "")
            if loop.time() - began_s > STEADY_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def confidence(self, question: LocalQuestion) -> float:
        """How likely the answer would be right, 0..1: see `confidence`. Its beginning is kept for `converse`.

        Raises:
            LlmError, BusyError.
        """
        draft = await self.draft(question)
        self._kept = (question, draft)
        return estimate(question.text, draft, self._calibration)

    async def draft(self, question: LocalQuestion) -> Draft:
        """The beginning of the answer. Raises LlmError, BusyError."""
        tokens: list[Token] = []
        text, finished = "", False
        asking = Asking(self.messages(question), min(DRAFT_TOKENS, self._limits.max_tokens), probabilities=True)
        async with closing(self._ask(asking)) as items:
            async for item in items:
                if isinstance(item, Piece):
                    text += item.text
                    tokens.extend(item.tokens)
                else:
                    finished = item.reason == "stop"
        return Draft(_behind(question.begun, text), tuple(tokens), finished)

    async def converse(self, question: LocalQuestion) -> AsyncGenerator[str, None]:
        """Stream the answer's text pieces; closing the iterator ends the generating at the next token.

        Raises:
            LlmError: `llm-not-ready`, `llm-died`, `llm-memory`, `llm-timeout`, `llm-question`; `llm-truncated`: the
                answer is longer than may be.
            BusyError: too many questions at once.
        """
        kept, self._kept = self._kept, None
        draft = kept[1] if kept and kept[0] == question else Draft("", (), finished=False)
        if draft.text:
            yield draft.text
        if draft.finished:
            return
        begun = question.begun + draft.text
        asking = Asking(self.messages(question, begun), self._limits.max_tokens - len(draft.tokens))
        written = False
        async with closing(self._ask(asking)) as items:
            async for item in items:
                if isinstance(item, End):
                    if item.reason == "length":
                        raise LlmError("llm-truncated", f"the answer is longer than {self._limits.max_tokens} tokens")
                elif text := item.text if written else _behind(begun, item.text):
                    written = True
                    yield text

    async def _ask(self, asking: Asking) -> AsyncGenerator[Piece | End, None]:
        """One question, within the limits."""
        exchange = self.exchange
        if exchange is None:
            raise LlmError("llm-not-ready", f"{self.name} isn't loaded", retryable=True)
        loop = asyncio.get_running_loop()
        by_s = loop.time() + self._limits.timeout_s
        with self._one_more():
            async with closing(exchange.ask(asking)) as items:
                while True:
                    try:
                        async with asyncio.timeout_at(by_s):
                            item = await anext(items)
                    except TimeoutError as exc:
                        message = f"{self.name} took over {self._limits.timeout_s:g} s"
                        raise LlmError("llm-timeout", message, retryable=True) from exc
                    yield item
                    if isinstance(item, End):
                        return

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._asked >= MAX_ASKED:
            raise BusyError("the local model")
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    def messages(self, question: LocalQuestion, begun: str = "") -> list[dict[str, str]]:
        """What the model is given for a question, `begun` or the question's own beginning last.

        Raises:
            LlmError: `llm-question`: it is too long.
        """
        begun = (begun or question.begun).rstrip()
        room = self._limits.context_tokens - self._limits.max_tokens - len(begun.encode()) // 3
        messages = fit_messages(question.context, question.text, locale=question.locale, budget_tokens=room)
        if messages is None:
            hint = "Raise llm.context_tokens."
            raise LlmError("llm-question", "the question is too long for the local model", hint=hint)
        return [*messages, {"role": "assistant", "content": begun}] if begun else messages

    async def _run_worker(self) -> None:
        """Start a worker and read what it says until it ends."""
        limits = self._limits
        order = {
            "model": str(self._file),
            "name": self.name,
            "api_key": secrets.token_urlsafe(24),  # nobody needs it; without one, its port is open to all
            "context_tokens": limits.context_tokens,
            "parallel": 1,
            "threads": limits.threads or usual_threads(),
            "temperature": 0.0,
            "prompt_cache_mb": 0,  # the last conversation stays in the context itself
            "metrics": True,
            "memory_mb": limits.memory_mb,
            "system": system_prompt("en"),
        }
        child, _ = await Child.start("assistant.llm.talker", self.name, order)
        exchange = Exchange(child)
        try:
            log.info("llm-started", model=self.name, pid=child.pid)
            self.exchange, self.problem = exchange, None
            await exchange.run()
        finally:
            self.exchange = self._kept = None
            await child.stop()
        self.problem = exchange.error or LlmError("llm-died", f"the worker of {self.name} ended", retryable=True)


def _behind(begun: str, text: str) -> str:
    """The model goes on behind the last word and brings its own space; there may be one already."""
    return text.lstrip() if begun != begun.rstrip() else text
