"""A control server on a real Unix socket, in this loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from assistant.audio.files import read_audio
from assistant.control.client import ControlClient
from assistant.control.service import ControlServer
from tests.fakes import FakeTarget


@contextlib.asynccontextmanager
async def serving(target: FakeTarget, socket: Path) -> AsyncIterator[ControlClient]:
    """A server and a client connected to it."""
    server = ControlServer(target, socket, decode_wav=read_audio)
    await server.start()
    try:
        async with ControlClient(socket) as client:
            yield client
    finally:
        await server.stop()


@contextlib.contextmanager
def serving_thread(make: Callable[[], FakeTarget], socket: Path) -> Iterator[FakeTarget]:
    """A server for callers that run an event loop of their own."""
    ready = threading.Event()
    targets: list[FakeTarget] = []
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        target = make()
        async with serving(target, socket):
            targets.append(target)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="control-server")
    thread.start()
    assert ready.wait(20)
    try:
        yield targets[0]
    finally:
        ends[0]()
        thread.join(20)
