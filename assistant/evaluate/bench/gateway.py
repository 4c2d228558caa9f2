"""`gateway`: what the gateway adds to the time to the first text, and what becomes of many streams at once.

The model is `llm_server`, the gateway `assistant gateway run`, each a process of its own. The time to the first text is
measured by turns, straight from the server and through the gateway, in one run: what else the machine does hits both
alike. The clients of the many streams are this process: their times hold its own waiting too, most of it from 100 up.

Where there is a vLLM, its answers straight and through the gateway are compared as well, word for word.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp

from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import Link, LinkState
from assistant.config import Config
from assistant.errors import CloudError, EvaluateError
from assistant.evaluate.bench.llm_server import pieces_of
from assistant.evaluate.bench.processes import open_process, peak_mb
from assistant.evaluate.bench.vllm import Vllm, open_vllm
from assistant.gateway.prompt import build_messages
from assistant.gateway.upstream import MIN_PROMPT_TOKENS
from assistant.values import CloudQuestion, new_id

STREAMS = (1, 2, 5, 10, 25, 50, 100, 200, 350, 500)
QUESTION = "why is the sky blue"
SINGLE_PIECES = 8
MANY_PIECES = 40
GAP_MS = 50
"""20 pieces a second: about as fast as a large model streams to one user."""
START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 300.0
VLLM_STREAMS = (1, 8, 32)
MAX_TOKENS = 200


@dataclass(frozen=True, slots=True)
class AddedTime:
    """Times to the first text, milliseconds."""

    direct_p50: float
    gateway_p50: float
    direct_p95: float
    gateway_p95: float
    added_p50: float
    """Median of the differences of neighbours."""


@dataclass(frozen=True, slots=True)
class Load:
    """One row of the table: so many streams at once."""

    streams: int
    whole: int
    """Answers that came whole and in order."""
    first_ms_p50: float
    first_ms_p95: float
    took_s: float
    """Until the last one ended; an unhindered one takes `ideal_s`."""
    ideal_s: float
    rss_mb: float
    """The gateway's, right behind them."""
    peak_mb: float
    """The most it ever had, up to then."""


@dataclass(frozen=True, slots=True)
class VllmLoad:
    """One row of the table for vLLM: so many streams at once, straight and then through the gateway."""

    streams: int
    whole: int
    """Answers through the gateway that were word for word those that came straight."""
    direct_first_ms_p50: float
    first_ms_p50: float
    direct_s: float
    """Until the last one ended."""
    took_s: float
    rss_mb: float
    """The gateway's, right behind them."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """One answer."""

    first_ms: float
    """To its first text; 0 for none."""
    text: str


async def measure_gateway(config: Config, rounds: int, vllm_python: Path | None = None) -> dict[str, Any]:
    """Every part; `rounds` pairs for the first, and vLLM only with the Python that has it.

    Raises:
        EvaluateError: `bench-start` `contender-failed`: a process didn't start.
    """
    async with _llm(SINGLE_PIECES, 0) as url, running_gateway(config, url) as (address, _):
        added = await _added_time(config, url, address, rounds)
    async with _llm(MANY_PIECES, GAP_MS) as url, running_gateway(config, url) as (address, pid):
        loads = [await _load(config, address, pid, streams) for streams in STREAMS]
    found: dict[str, Any] = {"first_text_ms": asdict(added), "streams": [asdict(load) for load in loads]}
    if vllm_python is not None:
        async with open_vllm(vllm_python) as server, running_gateway(config, server.url) as (address, pid):
            behind = [await _vllm_load(config, server, address, pid, streams) for streams in VLLM_STREAMS]
        found["vllm"] = [asdict(load) for load in behind]
    return found


async def _added_time(config: Config, url: str, address: str, rounds: int) -> AddedTime:
    direct, through = [], []
    async with aiohttp.ClientSession() as session, _client(config, address) as cloud:
        for number in range(rounds + 5):
            pair = await _ask_directly(session, url, "bench"), await _ask(cloud)
            if number >= 5:  # the first ones make the connections
                direct.append(pair[0].first_ms)
                through.append(pair[1].first_ms)
    differences = [behind - straight for straight, behind in zip(direct, through, strict=True)]
    return AddedTime(
        _median(direct), _median(through), _p95(direct), _p95(through), round(statistics.median(differences), 2)
    )


async def _ask_directly(session: aiohttp.ClientSession, url: str, model: str) -> _Heard:
    """As the gateway asks."""
    messages = build_messages((), QUESTION, locale="en", budget_tokens=MIN_PROMPT_TOKENS)
    body = {"model": model, "stream": True, "messages": messages, "max_tokens": MAX_TOKENS}
    began_s, first_ms, texts = time.perf_counter(), 0.0, []
    async with session.post(f"{url}/chat/completions", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {") and (text := _text_of(line)):
                first_ms = first_ms or (time.perf_counter() - began_s) * 1000
                texts.append(text)
    return _Heard(first_ms, "".join(texts))


def _text_of(line: bytes) -> str:
    choices = json.loads(line.removeprefix(b"data: "))["choices"]
    return str(choices[0]["delta"].get("content") or "") if choices else ""


async def _ask(cloud: GrpcCloud) -> _Heard:
    question = CloudQuestion(new_id(), new_id(), QUESTION, (), "en", ANSWER_TIMEOUT_S)
    began_s, first_ms, pieces = time.perf_counter(), 0.0, []
    with contextlib.suppress(CloudError):
        async for piece in cloud.converse(question):
            first_ms = first_ms or (time.perf_counter() - began_s) * 1000
            pieces.append(piece)
    return _Heard(first_ms, "".join(pieces))


async def _load(config: Config, address: str, pid: int, streams: int) -> Load:
    async with _client(config, address) as cloud:
        await cloud.check()
        answers, took_s = await _at_once(streams, lambda: _ask(cloud))
    first_ms = [answer.first_ms for answer in answers if answer.text]
    return Load(
        streams=streams,
        whole=sum(answer.text == "".join(pieces_of(MANY_PIECES)) for answer in answers),
        first_ms_p50=_median(first_ms),
        first_ms_p95=_p95(first_ms),
        took_s=took_s,
        ideal_s=(MANY_PIECES - 1) * GAP_MS / 1000,
        rss_mb=_rss_mb(pid),
        peak_mb=round(peak_mb(pid), 1),
    )


async def _vllm_load(config: Config, server: Vllm, address: str, pid: int, streams: int) -> VllmLoad:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        direct, direct_s = await _at_once(streams, lambda: _ask_directly(session, server.url, server.model))
    async with _client(config, address) as cloud:
        await cloud.check()
        answers, took_s = await _at_once(streams, lambda: _ask(cloud))
    return VllmLoad(
        streams=streams,
        whole=sum(answer.text == direct[0].text != "" for answer in answers),
        direct_first_ms_p50=_median([answer.first_ms for answer in direct]),
        first_ms_p50=_median([answer.first_ms for answer in answers]),
        direct_s=direct_s,
        took_s=took_s,
        rss_mb=_rss_mb(pid),
    )


async def _at_once(streams: int, ask: Callable[[], Awaitable[_Heard]]) -> tuple[list[_Heard], float]:
    """The answers, and seconds until the last one ended."""
    began_s = time.perf_counter()
    answers = await asyncio.gather(*(ask() for _ in range(streams)))
    return answers, round(time.perf_counter() - began_s, 2)


def _rss_mb(pid: int) -> float:
    import psutil  # noqa: PLC0415 - an extra

    rss_bytes: int = psutil.Process(pid).memory_info().rss
    return round(rss_bytes / 1e6, 1)


@contextlib.asynccontextmanager
async def _client(config: Config, address: str) -> AsyncIterator[GrpcCloud]:
    patient = {"first_token_timeout_s": ANSWER_TIMEOUT_S, "next_token_timeout_s": ANSWER_TIMEOUT_S}
    settings = config.settings.cloud.model_copy(
        update={**patient, "answer_timeout_s": ANSWER_TIMEOUT_S, "address": address, "ca_file": ""}
    )
    loop = asyncio.get_running_loop()
    state = LinkState(configured=True, interval_s=settings.probe_interval_s, now_s=loop.time())
    cloud = GrpcCloud(settings, "", Link(state, lambda _event: None, loop.time))
    try:
        yield cloud
    finally:
        await cloud.close()


@contextlib.asynccontextmanager
async def _llm(pieces: int, gap_ms: int) -> AsyncIterator[str]:
    """The server; its URL."""
    words = ("-m", "assistant.evaluate.bench.llm_server", str(pieces), str(gap_ms))
    async with _started(words, "http://") as (line, _):
        yield line.strip()


@contextlib.asynccontextmanager
async def running_gateway(config: Config, url: str) -> AsyncIterator[tuple[str, int]]:
    """A gateway in front of it; its address and process id."""
    words = ["-m", "assistant", "gateway", "run", "--listen", "127.0.0.1:0", "--upstream", url]
    words += ["--set", f"gateway.max_concurrent={max(STREAMS)}", "--set", f"gateway.max_tokens={MAX_TOKENS}"]
    words += ["--set", 'log.level="error"']
    own = {"EDGEWISE_STATE_DIR": str(config.paths.state_dir), "EDGEWISE_CONFIG": str(config.paths.config_file)}
    async with _started(words, "Gateway listens on", own) as (line, pid):
        yield line.split(";")[0].split()[-1], pid


@contextlib.asynccontextmanager
async def _started(
    words: Sequence[str], ready: str, variables: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[str, int]]:
    """A Python process that runs once it prints a line that starts so; the line and its id."""
    command = (sys.executable, *words)
    async with open_process(command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **variables}) as process:
        assert process.stdout is not None
        line = ""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not line.startswith(ready):
                    if not (data := await process.stdout.readline()):
                        raise EvaluateError("bench-start", f"{words[1]} ended before it was ready")
                    line = data.decode()
        except TimeoutError as exc:
            raise EvaluateError("bench-start", f"{words[1]} was not ready within {START_TIMEOUT_S:g} s") from exc
        yield line, process.pid


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2) if values else 0.0


def _p95(values: Sequence[float]) -> float:
    return round(statistics.quantiles(values, n=20)[-1], 2) if len(values) > 1 else _median(values)
