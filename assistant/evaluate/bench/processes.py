"""Processes that a bench runs beside itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from assistant.errors import EvaluateError


@contextlib.asynccontextmanager
async def open_process(command: tuple[str, ...], **options: Any) -> AsyncIterator[Process]:
    """A process that is gone afterwards, whatever happens."""
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        for end in (process.terminate, process.kill):
            if process.returncode is None:
                end()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(10):
                        await process.wait()


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def peak_mb(pid: int) -> float:
    """The most memory that the process had resident at once; 0 off Linux."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def last_line(log: IO[bytes]) -> str:
    """The last thing that a process wrote, for an error."""
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it wrote nothing")


def failed(name: str, why: str) -> EvaluateError:
    """That a process doesn't do its part."""
    return EvaluateError("contender-failed", f"{name}: {why}")
