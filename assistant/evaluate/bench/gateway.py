"""`gateway`: what the gateway adds to the time to the first text, and what becomes of many streams at once.

The model is `llm_server`, the gateway `assistant gateway run`, each a process of its own. The time to the first text is
measured by turns, straight from the server and through the gateway, in one run: what else the machine does hits both
alike. The clients of the many streams are this process: their times hold its own waiting too, most of it from 100 up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import aiohttp

from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import Link, LinkState
from assistant.config import Config
from assistant.errors import CloudError, EvaluateError
from assistant.evaluate.bench.llm_server import pieces_of
from assistant.gateway.prompt import SYSTEM_PROMPT
from assistant.values import CloudQuestion, new_id

STREAMS = (1, 2, 5, 10, 25, 50, 100, 200, 350, 500)
QUESTION = "why is the sky blue"
SINGLE_PIECES = 8
MANY_PIECES = 40
GAP_MS = 50
"""20 pieces a second: about as fast as a large model streams to one user."""
START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 300.0


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


async def measure_gateway(config: Config, rounds: int) -> dict[str, Any]:
    """Both halves; `rounds` pairs for the first.

    Raises:
        EvaluateError: `bench-start`: a process didn't start.
    """
    async with _llm(SINGLE_PIECES, 0) as url, _gateway(config, url) as (address, _):
        added = await _added_time(config, url, address, rounds)
    async with _llm(MANY_PIECES, GAP_MS) as url, _gateway(config, url) as (address, pid):
        loads = [await _load(config, address, pid, streams) for streams in STREAMS]
    return {"first_text_ms": asdict(added), "streams": [asdict(load) for load in loads]}


async def _added_time(config: Config, url: str, address: str, rounds: int) -> AddedTime:
    direct, through = [], []
    async with aiohttp.ClientSession() as session, _client(config, address) as cloud:
        for number in range(rounds + 5):
            pair = await _direct_ms(session, url), await _through_ms(cloud)
            if number >= 5:  # the first ones make the connections
                direct.append(pair[0])
                through.append(pair[1])
    differences = [behind - straight for straight, behind in zip(direct, through, strict=True)]
    return AddedTime(
        _median(direct), _median(through), _p95(direct), _p95(through), round(statistics.median(differences), 2)
    )


async def _direct_ms(session: aiohttp.ClientSession, url: str) -> float:
    messages = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": QUESTION}]
    body = {"model": "bench", "stream": True, "messages": messages}
    began_s, first_ms = time.perf_counter(), 0.0
    async with session.post(f"{url}/chat/completions", json=body) as response:
        async for line in response.content:
            if not first_ms and line.startswith(b"data:"):
                first_ms = (time.perf_counter() - began_s) * 1000
    return first_ms


async def _through_ms(cloud: GrpcCloud) -> float:
    return (await _stream(cloud))[0]


async def _stream(cloud: GrpcCloud) -> tuple[float, list[str]]:
    """Milliseconds to the first text; the pieces."""
    question = CloudQuestion(new_id(), new_id(), QUESTION, (), "en", ANSWER_TIMEOUT_S)
    began_s, first_ms, pieces = time.perf_counter(), 0.0, []
    with contextlib.suppress(CloudError):
        async for piece in cloud.converse(question):
            first_ms = first_ms or (time.perf_counter() - began_s) * 1000
            pieces.append(piece)
    return first_ms, pieces


async def _load(config: Config, address: str, pid: int, streams: int) -> Load:
    import psutil  # noqa: PLC0415 - an extra

    async with _client(config, address) as cloud:
        await cloud.check()
        began_s = time.perf_counter()
        answers = await asyncio.gather(*(_stream(cloud) for _ in range(streams)))
        took_s = time.perf_counter() - began_s
    first_ms = [first for first, pieces in answers if pieces]
    expected = "".join(pieces_of(MANY_PIECES))
    return Load(
        streams=streams,
        whole=sum("".join(pieces) == expected for _, pieces in answers),
        first_ms_p50=_median(first_ms),
        first_ms_p95=_p95(first_ms),
        took_s=round(took_s, 2),
        ideal_s=(MANY_PIECES - 1) * GAP_MS / 1000,
        rss_mb=round(psutil.Process(pid).memory_info().rss / 1e6, 1),
    )


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
    async with _process(words, "http://") as (line, _):
        yield line.strip()


@contextlib.asynccontextmanager
async def _gateway(config: Config, url: str) -> AsyncIterator[tuple[str, int]]:
    """A gateway in front of it; its address and process id."""
    words = ["-m", "assistant", "gateway", "run", "--listen", "127.0.0.1:0", "--upstream", url]
    words += ["--set", f"gateway.max_concurrent={max(STREAMS)}", "--set", 'log.level="error"']
    own = {"EDGEWISE_STATE_DIR": str(config.paths.state_dir), "EDGEWISE_CONFIG": str(config.paths.config_file)}
    async with _process(words, "Gateway listens on", own) as (line, pid):
        yield line.split(";")[0].split()[-1], pid


@contextlib.asynccontextmanager
async def _process(
    words: Sequence[str], ready: str, variables: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[str, int]]:
    """A Python process that runs once it prints a line that starts so; the line and its id."""
    environment = {**os.environ, **variables}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
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
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2) if values else 0.0


def _p95(values: Sequence[float]) -> float:
    return round(statistics.quantiles(values, n=20)[-1], 2) if len(values) > 1 else _median(values)
