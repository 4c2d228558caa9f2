"""Questions to one `talker`, and its answers: what belongs to whom."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from assistant.errors import LlmError
from assistant.llm.child import Child
from assistant.llm.draft import Token

TOP = 5
"""How many of the likeliest tokens are told at each place."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question to the model."""

    messages: Sequence[dict[str, str]]
    """Chat messages; when the last one is the assistant's, the model goes on from there."""
    max_tokens: int
    probabilities: bool = False
    """Tell how likely each token was."""
    temperature: float = 0.0
    """0 for always the likeliest token."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """The next of an answer."""

    text: str
    tokens: tuple[Token, ...]
    """Empty unless probabilities were asked for."""


@dataclass(frozen=True, slots=True)
class End:
    """The answer is over."""

    reason: str
    """`stop`: the model had no more to say; `length`: the tokens were used up; `stopped`: nobody listened."""
    prompt_tokens: int
    cached_tokens: int
    """Those of the prompt that the model had worked through before."""
    steps: int
    """How often the model ran, by llama.cpp's own count: for the prompt, and for each token but the last."""


class Exchange:
    """One worker's lines, sorted. `run` reads them and must run meanwhile."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.error: LlmError | None = None
        """Why the worker ended, where it said so."""
        self.stopped: asyncio.Queue[End] = asyncio.Queue(maxsize=1)
        """How the newest answer that was left ended; an older one is dropped."""
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Piece | End | LlmError]] = {}
        self._over = False

    async def run(self) -> None:
        """Read until the worker ends; questions under way then end in an LlmError."""
        try:
            while (line := await self.child.read()) is not None:
                self._take(line)
        finally:
            self._over = True
            for answer in self._answers.values():
                answer.put_nowait(self._ended())

    async def ask(self, asking: Asking) -> AsyncGenerator[Piece | End, None]:
        """The answer's pieces, and its End last; closing the iterator ends the generating at the next token.

        Raises:
            LlmError: `llm-died`, `llm-memory`: the worker ended; `llm-question`: llama.cpp won't have this.
        """
        if self._over:
            raise self._ended()
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.Queue(maxsize=asking.max_tokens + 8)  # a worker sends no more lines
        self.child.send(
            {
                "ask": number,
                "messages": list(asking.messages),
                "max_tokens": asking.max_tokens,
                "top": TOP if asking.probabilities else 0,
                "temperature": asking.temperature,
                "seed": asking.seed,
            }
        )
        left = True
        try:
            while left:
                item = await answer.get()
                left = isinstance(item, Piece)
                if isinstance(item, LlmError):
                    raise item
                yield item
        finally:
            del self._answers[number]
            if left and not self._over:
                self.child.send({"stop": number})

    def _take(self, line: dict[str, object]) -> None:
        number = line.get("id")
        if number is None:
            if code := line.get("error"):
                self.error = LlmError(str(code), "the local model's worker ended", hint=str(line.get("hint", "")))
            return
        try:
            item = _item(line)
        except (KeyError, TypeError, ValueError):
            item = LlmError("llm-protocol", "the local model's worker says what can't be understood")
        answer = self._answers.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.full():
            answer.put_nowait(item)
        elif isinstance(item, End):
            if self.stopped.full():
                self.stopped.get_nowait()
            self.stopped.put_nowait(item)

    def _ended(self) -> LlmError:
        if self.error:
            return LlmError(self.error.code, self.error.message, hint=self.error.hint)
        return LlmError("llm-died", "the local model's worker ended", retryable=True)


def _item(line: dict[str, object]) -> Piece | End | LlmError:
    if "error" in line:
        return LlmError(str(line["error"]), "the local model can't take this question")
    if "end" in line:
        counts = (line[key] for key in ("prompt", "cached", "steps"))
        return End(str(line["end"]), *(int(count) for count in counts))  # type: ignore[call-overload]
    tokens = line["tokens"]
    if not isinstance(tokens, list):
        raise TypeError
    return Piece(str(line["text"]), tuple(Token(text, own, tuple(likeliest)) for text, own, likeliest in tokens))
