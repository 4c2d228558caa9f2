"""The contenders as processes: our own workers, and Wyoming servers in an environment of their own.

Each tells what it used: CPU seconds and the peak of its resident memory, of the process and its children.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from assistant.audio.format import RATE_HZ, Chunk
from assistant.errors import EvaluateError
from assistant.evaluate.bench.processes import failed, free_port, last_line, open_process, peak_mb

T = TypeVar("T")
START_S = 120.0
ANSWER_S = 120.0
_CHUNK_BYTES = 2048
"""1024 samples a chunk, as Wyoming satellites send them."""


class Contender:
    """A process that is measured."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process

    def cpu_s(self) -> float:
        """CPU seconds used so far, with those of the children."""
        import psutil  # noqa: PLC0415 - an extra

        used_s = 0.0
        main = psutil.Process(self._process.pid)
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                used_s += times.user + times.system
        times = main.cpu_times()
        return float(used_s + times.children_user + times.children_system)

    def peak_mb(self) -> float:
        """The most memory that was resident at once, loading included; with that of the children. 0 off Linux."""
        import psutil  # noqa: PLC0415 - an extra

        main = psutil.Process(self._process.pid)
        return sum(peak_mb(process.pid) for process in (main, *main.children(recursive=True)))


class Worker(Contender):
    """A `worker` of ours. Made by `open_worker`."""

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something. Raises EvaluateError `contender-failed`."""
        assert self._process.stdin
        self._process.stdin.write((json.dumps({"do": do, **arguments}) + "\n").encode())
        return await self.read(ANSWER_S)

    async def read(self, timeout_s: float) -> dict[str, Any]:
        """Its next answer. Raises EvaluateError `contender-failed`."""
        assert self._process.stdout
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._process.stdout.readline()
        except TimeoutError as exc:
            raise failed(self.name, f"no answer within {timeout_s:g} s") from exc
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            raise failed(self.name, answer["error"])
        return dict(answer)


@contextlib.asynccontextmanager
async def open_worker(name: str, role: str, *overrides: str) -> AsyncIterator[Worker]:
    """A worker that is loaded. Raises EvaluateError `contender-failed`."""
    command = (sys.executable, "-m", "assistant.evaluate.bench.worker", role, *overrides)
    async with open_process(command, stdin=PIPE, stdout=PIPE) as process:
        worker = Worker(name, process)
        await worker.read(START_S)
        yield worker
        assert process.stdin
        process.stdin.close()  # it ends by itself then
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()


class WyomingServer(Contender):
    """A Wyoming server on loopback. Made by `open_server`."""

    def __init__(self, name: str, process: Process, uri: str) -> None:
        super().__init__(name, process)
        self._uri = uri

    async def transcribe(self, audio: Chunk, language: str) -> tuple[str, float]:
        """What was said, and the milliseconds from `audio-stop` to the transcript.

        The server has taken in all of the sound before the clock starts, as when it comes in real time.

        Raises:
            EvaluateError: `contender-failed`.
        """
        from wyoming.asr import Transcribe, Transcript  # noqa: PLC0415 - an extra
        from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: PLC0415
        from wyoming.info import Describe, Info  # noqa: PLC0415

        sound = audio.samples.tobytes()
        form = {"rate": RATE_HZ, "width": 2, "channels": 1}
        async with self._connected() as client:
            await client.write_event(Transcribe(language=language).event())
            await client.write_event(AudioStart(**form).event())
            for start in range(0, len(sound), _CHUNK_BYTES):
                piece = sound[start : start + _CHUNK_BYTES]
                await client.write_event(AudioChunk(audio=piece, **form).event())
            await client.write_event(Describe().event())  # answered in turn, when the sound has been taken in
            while not Info.is_type((await self._next(client)).type):
                pass
            began_s = time.perf_counter()
            await client.write_event(AudioStop().event())
            while not Transcript.is_type((event := await self._next(client)).type):
                pass
            ms = (time.perf_counter() - began_s) * 1000
            return " ".join(Transcript.from_event(event).text.split()), ms

    async def speak(self, text: str) -> float:
        """Milliseconds from the text to its first sound. Raises EvaluateError `contender-failed`."""
        from wyoming.audio import AudioChunk, AudioStop  # noqa: PLC0415 - an extra
        from wyoming.tts import Synthesize  # noqa: PLC0415

        async with self._connected() as client:
            began_s = time.perf_counter()
            await client.write_event(Synthesize(text=text).event())
            while not AudioChunk.is_type((await self._next(client)).type):
                pass
            ms = (time.perf_counter() - began_s) * 1000
            while not AudioStop.is_type((await self._next(client)).type):
                pass
            return ms

    async def wait_open(self) -> None:
        """Return when it takes connections. Raises EvaluateError `contender-failed`."""
        try:
            async with asyncio.timeout(START_S):
                while self._process.returncode is None:
                    with contextlib.suppress(OSError):
                        async with self._connected():
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError as exc:
            raise failed(self.name, f"it took no connection within {START_S:g} s") from exc
        raise failed(self.name, f"it ended with code {self._process.returncode}")

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        from wyoming.client import AsyncClient  # noqa: PLC0415 - an extra

        async with AsyncClient.from_uri(self._uri, read_timeout=ANSWER_S) as client:
            yield client

    async def _next(self, client: Any) -> Any:
        try:
            event = await client.read_event()
        except (OSError, TimeoutError) as exc:
            raise failed(self.name, "it gave no answer") from exc
        if event is None:
            raise failed(self.name, "it hung up")
        if event.type == "error":
            raise failed(self.name, str(event.data.get("text", "an error")))
        return event


@contextlib.asynccontextmanager
async def open_server(python: Path, module: str, *arguments: str) -> AsyncIterator[WyomingServer]:
    """`python -m module --uri tcp://127.0.0.1:FREE arguments`, taking connections; it may not use the network.

    Raises:
        EvaluateError: `contender-failed`, with the last line that it wrote.
    """
    uri = f"tcp://127.0.0.1:{free_port()}"
    name = module.replace("_", "-")
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile() as log:
        command = (str(python), "-m", module, "--uri", uri, *arguments)
        async with open_process(command, stdout=log, stderr=log, env=offline) as process:
            server = WyomingServer(name, process, uri)
            try:
                await server.wait_open()
            except EvaluateError as exc:
                raise failed(name, f"{exc.message}; {last_line(log)}") from exc
            yield server
