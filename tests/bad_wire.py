"""A way to a server that goes wrong as told: a TCP proxy on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

STALL, CUT, CORRUPT, DRIP, REFUSE = "stall", "cut", "corrupt", "drip", "refuse"


class BadWire:
    """Lets `after_bytes` of the server's answers through, then fails for good, on every connection."""

    def __init__(self, target: str, fault: str, after_bytes: int) -> None:
        self.address = ""
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._fault = fault
        self._left = after_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._over.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self._fault == REFUSE:
                return
            ahead, behind = await asyncio.open_connection(self._host, self._port)
            try:
                ways = self._pass_on(reader, behind), self._go_wrong(ahead, writer), self._over.wait()
                tasks = {asyncio.ensure_future(each) for each in ways}
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for each in tasks:
                    each.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                behind.transport.abort()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def _go_wrong(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                good, bad = data[: self._left], data[self._left :]
                self._left -= len(good)
                writer.write(good)
                if bad:
                    await self._spoil(bad, writer)
                await writer.drain()

    async def _spoil(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        match self._fault:
            case "stall":
                await asyncio.Event().wait()
            case "cut":
                writer.transport.abort()
            case "corrupt":
                writer.write(bytes(byte ^ 0x5A for byte in data))
            case "drip":
                for byte in data:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.05)
