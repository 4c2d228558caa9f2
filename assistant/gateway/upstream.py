"""The LLM server behind the gateway: an OpenAI-compatible `/chat/completions`, streamed, over HTTP.

Every way in which it fails becomes a GatewayError:

    upstream-down       nobody answers, or HTTP 5xx         upstream-timeout   silent for too long
    upstream-busy       HTTP 429 or 503                     upstream-cut-off   ended in mid-answer
    upstream-refused    HTTP 401 or 403                     upstream-invalid   any other HTTP status: it won't have this
    upstream-protocol   what it says can't be understood
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from assistant.cloud.address import is_loopback
from assistant.errors import ConfigError, GatewayError
from assistant.gateway.sse import SseParser

T = TypeVar("T")
CONNECT_TIMEOUT_S = 5.0
PROBE_TIMEOUT_S = 3.0
READ_OUT_S = 0.1
MAX_MODELS_BYTES = 4_194_304
MAX_PIECE_CHARS = 8_192
"""Longer pieces are handed on in parts: a device refuses messages over 64 KiB."""
PROMPT_TOKENS = 6_000
"""What a prompt may take where nobody says how long the model's context is; common ones have 8192 tokens and more."""
MIN_PROMPT_TOKENS = 256
CONTEXT_KEYS = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")
"""What lists of models call the context's length: vLLM, hosted APIs, LM Studio, Groq, llama.cpp (within `meta`)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next text of an answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is complete."""

    truncated: bool
    """The token limit ended it."""
    prompt_tokens: int
    """0 when the upstream doesn't say."""
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Model:
    """What is asked of an upstream."""

    name: str
    """Empty for its first one."""
    max_tokens: int
    """Longest answer."""
    context_tokens: int = 0
    """Prompt and answer together; 0 for what its list of models says."""


class Upstream:
    """One OpenAI-compatible server. `base_url` may change while it runs (a local server that was restarted)."""

    def __init__(self, base_url: str, model: Model, *, api_key: str, timeout_s: float) -> None:
        """`timeout_s`: the longest silence before or within an answer.

        Raises:
            ConfigError: `gateway-upstream`, `gateway-api-key`.
        """
        self.base_url = check_url(base_url)
        if not api_key.isascii() or not api_key.isprintable():
            raise ConfigError("gateway-api-key", "the API key has odd characters", hint="Check gateway.api_key.")
        self.api_key = api_key
        self._wanted = model
        self._model = model.name
        self._timeout_s = timeout_s
        self._listed_tokens = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def in_the_clear(self) -> bool:
        """Whether questions, and the key, leave this machine in plain text."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @property
    def prompt_tokens(self) -> int:
        """What a prompt may take, as far as is known by now."""
        context = self._wanted.context_tokens or self._listed_tokens
        return max(MIN_PROMPT_TOKENS, context - self._wanted.max_tokens) if context else PROMPT_TOKENS

    async def stream(
        self, messages: Sequence[dict[str, str]], *, first_text_s: float = math.inf
    ) -> AsyncGenerator[Piece | Finish, None]:
        """Stream the answer to chat messages; a Finish comes last. Closing the iterator hangs up on the upstream.

        `first_text_s`: without text by then it is a timeout, whatever else came. Comments and empty lines in the stream
        don't end a silence.

        Raises:
            GatewayError: see the module.
        """
        loop = asyncio.get_running_loop()
        text_by_s = loop.time() + first_text_s
        body = {
            "model": self._model or await self.probe(),
            "messages": list(messages),
            "max_tokens": self._wanted.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        by_s = min(text_by_s, loop.time() + self._timeout_s)
        response = await self._guard(lambda: self._ask(body), by_s)
        try:
            _check_status(response.status)
            if response.content_type != "text/event-stream":
                raise _protocol_error("doesn't stream")
            answer = _Answer()
            parser = SseParser()
            silent_since_s = loop.time()
            while not answer.done:
                by_s = min(text_by_s, silent_since_s + self._timeout_s)
                data = await self._guard(response.content.readany, by_s)
                for payload in parser.feed(data) if data else parser.close():
                    silent_since_s = loop.time()
                    for text in _parts(answer.take(payload)):
                        text_by_s = math.inf
                        yield Piece(text)
                if not data:
                    break
            finish = answer.finish()
            await _read_out(response)  # before: whoever has the Finish may hang up
            yield finish
        finally:
            response.close()

    async def probe(self) -> str:
        """Ask for the list of models: is it there, and what is the model called? Returns the name to ask for.

        Raises:
            GatewayError: see the module.
        """
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                status, body = await self._guard(self._read_models, math.inf)
        except TimeoutError as exc:
            raise GatewayError("upstream-timeout", "the upstream doesn't answer", retryable=True) from exc
        if status in {404, 405} and self._wanted.name:
            return self._wanted.name  # a server without a list; the name is known
        _check_status(status)
        name = self._wanted.name or _first_model(body)
        self._listed_tokens = _context_of(body, name)
        self._model = name
        return name

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read_models(self) -> tuple[int, bytes]:
        response = await self._request("GET", "/models")
        async with response:
            return response.status, await response.content.read(MAX_MODELS_BYTES)

    async def _ask(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        """Ask the question; once more where the server was just closing the connection that we had kept to it."""
        try:
            return await self._request("POST", "/chat/completions", json=body)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            return await self._request("POST", "/chat/completions", json=body)

    async def _request(self, method: str, path: str, **arguments: Any) -> aiohttp.ClientResponse:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return await self._session.request(
            method, self.base_url + path, headers=headers, allow_redirects=False, **arguments
        )

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, T]], by_s: float) -> T:
        """Run one step of the exchange, until `by_s` on the loop's clock; aiohttp's errors become ours."""
        try:
            async with asyncio.timeout_at(by_s if math.isfinite(by_s) else None):
                return await work()
        except (aiohttp.ServerTimeoutError, TimeoutError) as exc:
            raise GatewayError("upstream-timeout", "the upstream is silent", retryable=True) from exc
        except aiohttp.ClientConnectorError as exc:
            raise GatewayError("upstream-down", "the upstream can't be reached", retryable=True) from exc
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as exc:
            raise GatewayError("upstream-cut-off", "the upstream hung up", retryable=True) from exc
        except (aiohttp.ClientError, ValueError) as exc:
            raise _protocol_error("doesn't speak HTTP as it should") from exc


class _Answer:
    """What the stream's payloads add up to."""

    def __init__(self) -> None:
        self.done = False
        self._reason = ""
        self._usage = (0, 0)

    def take(self, payload: str) -> str:
        """The text that one payload adds; often empty."""
        if self.done or payload.strip() == "[DONE]":
            self.done = True
            return ""
        try:
            chunk = json.loads(payload)
        except (ValueError, RecursionError) as exc:
            raise _protocol_error("sends events that are no JSON") from exc
        if not isinstance(chunk, dict):
            raise _protocol_error("sends events that are no objects")
        if chunk.get("error"):
            raise GatewayError("upstream-cut-off", "the upstream failed in mid-answer", retryable=True)
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
        choices = chunk.get("choices") or [{}]
        if not isinstance(choices, list) or not isinstance(choices[0], dict):
            raise _protocol_error("sends events without choices")
        delta = choices[0].get("delta") or {}
        text = delta.get("content") if isinstance(delta, dict) else 0
        if not isinstance(text, str | None):
            raise _protocol_error("sends pieces that are no text")
        self._reason = str(choices[0].get("finish_reason") or self._reason)
        return text or ""

    def finish(self) -> Finish:
        if not self.done and not self._reason:
            raise GatewayError("upstream-cut-off", "the upstream stopped in mid-answer", retryable=True)
        return Finish(self._reason == "length", *self._usage)


async def _read_out(response: aiohttp.ClientResponse) -> None:
    """Read up to the body's end, which comes right behind the last event: only then is the connection kept."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
        async with asyncio.timeout(READ_OUT_S):
            while await response.content.readany():
                pass


def check_url(url: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        ConfigError: `gateway-upstream`.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or parts.username
        or parts.query
        or parts.fragment
        or not url.isascii()
        or any(c.isspace() for c in url)
    ):
        raise ConfigError(
            "gateway-upstream",
            "gateway.upstream is not the URL of an OpenAI-compatible server",
            hint="For example http://127.0.0.1:8000/v1; or run `assistant gateway run --local`.",
        )
    return url.rstrip("/")


def _check_status(status: int) -> None:
    if status == 200:
        return
    if status in {429, 503}:
        raise GatewayError("upstream-busy", f"the upstream is busy (HTTP {status})", retryable=True)
    if status in {401, 403}:
        hint = "Check gateway.api_key."
        raise GatewayError("upstream-refused", f"the upstream refuses the gateway (HTTP {status})", hint=hint)
    if status >= 500:
        raise GatewayError("upstream-down", f"the upstream fails (HTTP {status})", retryable=True)
    hint = "Check gateway.upstream and gateway.model."
    raise GatewayError("upstream-invalid", f"the upstream rejects the request (HTTP {status})", hint=hint)


def _first_model(body: bytes) -> str:
    try:
        name = json.loads(body)["data"][0]["id"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as exc:
        raise _protocol_error("lists no models") from exc
    if not isinstance(name, str) or not name:
        raise _protocol_error("lists no models")
    return name


def _context_of(body: bytes, model: str) -> int:
    """How long the list of models says this one's context is; 0 when it doesn't."""
    try:
        models = json.loads(body)["data"]
        entry = next(item for item in models if item["id"] == model)
    except (ValueError, KeyError, TypeError, RecursionError, StopIteration):
        return 0
    meta = entry.get("meta")
    known = {**meta, **entry} if isinstance(meta, dict) else entry
    return next((length for key in CONTEXT_KEYS if (length := _count(known.get(key)))), 0)


def _parts(text: str) -> Iterator[str]:
    return (text[at : at + MAX_PIECE_CHARS] for at in range(0, len(text), MAX_PIECE_CHARS))


def _count(value: object) -> int:
    return min(value, 2**32 - 1) if isinstance(value, int) and value > 0 else 0


def _protocol_error(what: str) -> GatewayError:
    return GatewayError("upstream-protocol", f"the upstream {what}", hint="Is it an OpenAI-compatible server?")
