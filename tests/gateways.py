"""Gateways for tests: in this process, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta

from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import Link, LinkState
from assistant.config import find_paths, load_config
from assistant.errors import CloudError
from assistant.events import LinkChanged
from assistant.gateway.app import Running, open_gateway
from assistant.gateway.certificates import CertificateFiles, make_certificate, now_utc
from assistant.gateway.devices import Device, SqliteDevices
from assistant.gateway.tokens import digest_of, make_secret, make_token
from assistant.settings import CloudConfig
from assistant.values import CloudQuestion, Message, new_id
from tests.fakes import FakeOpenAiServer

COMMAND = (sys.executable, "-m", "assistant", "gateway")


def question(text: str = "why is the sky blue", *context: Message, deadline_s: float = 30.0) -> CloudQuestion:
    return CloudQuestion(new_id(), new_id(), text, context, "en", deadline_s)


@contextlib.asynccontextmanager
async def gateway_before(upstream: FakeOpenAiServer, *settings: str) -> AsyncIterator[Running]:
    """A gateway in front of the upstream, on a port of its own. `settings`: `section.key=value`."""
    own = ('gateway.listen="127.0.0.1:0"', f'gateway.upstream="{upstream.base_url}"')
    config = load_config(find_paths(), [*own, "gateway.drain_s=0.5", *settings])
    async with open_gateway(config) as running:
        yield running


async def add_device(name: str = "kitchen", *, expires_in_s: float | None = None, home: str = "home") -> str:
    """Its token."""
    secret, now_ms = make_secret(), int(time.time() * 1000)
    expires_ms = None if expires_in_s is None else now_ms + int(expires_in_s * 1000)
    device = Device(new_id(), name, digest_of(secret), now_ms, expires_ms, home)
    async with devices() as store:
        await store.add(device)
    return make_token(device.id, secret)


@contextlib.asynccontextmanager
async def devices() -> AsyncIterator[SqliteDevices]:
    """The gateway's devices, opened as the command line does."""
    store = await SqliteDevices.open(find_paths().gateway_database)
    try:
        yield store
    finally:
        await store.close()


def make_tls(*names: str, ago_days: int = 0, days: int = 30) -> tuple[str, ...]:
    """Settings of a gateway with a certificate for these names (127.0.0.1 if none), made so many days ago."""
    files = CertificateFiles(find_paths().gateway_tls)
    make_certificate(files, names or ("127.0.0.1",), now=now_utc() - timedelta(days=ago_days), days=days)
    return (f'gateway.cert_file="{files.server}"', f'gateway.key_file="{files.server_key}"')


def ca_file() -> str:
    return str(CertificateFiles(find_paths().gateway_tls).ca)


class LinkedCloud:
    """A client of one gateway, with its link and what was published about it."""

    def __init__(self, address: str, *, token: str = "", **settings: str | float) -> None:
        base = load_config(find_paths()).settings.cloud
        self.config = CloudConfig.model_validate({**base.model_dump(), "address": address, **settings})
        self.published: list[LinkChanged] = []
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        state = LinkState(configured=bool(address), interval_s=self.config.probe_interval_s, now_s=loop.time())
        self.link = Link(state, self._publish, loop.time)
        self.cloud = GrpcCloud(self.config, token, self.link)

    def _publish(self, event: LinkChanged) -> None:
        self.published.append(event)
        self._changed.set()

    async def until(self, *, up: bool, within_s: float) -> float:
        """Wait until the link was found to be so; seconds that it took."""
        began_s = asyncio.get_running_loop().time()
        async with asyncio.timeout(within_s):
            while not self.published or self.published[-1].up is not up:
                self._changed.clear()
                await self._changed.wait()
        return asyncio.get_running_loop().time() - began_s

    async def ask(self, text: str = "why is the sky blue") -> str:
        """The whole answer."""
        return "".join([piece async for piece in self.cloud.converse(question(text))])

    async def outcome(self) -> str:
        """Code of the error that a question ends with; empty for none."""
        try:
            await self.ask()
        except CloudError as exc:
            return exc.code
        return ""

    async def __aenter__(self) -> LinkedCloud:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cloud.close()


async def check_into(linked: LinkedCloud) -> None:
    """One probe, told to the link."""
    try:
        await linked.cloud.check()
    except CloudError as exc:
        linked.link.probe_failed(exc.code)
    else:
        linked.link.succeeded()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class GatewayProcess:
    """`assistant gateway run` on a fixed port, as a process: it can be killed and started again."""

    def __init__(self, upstream_url: str, *arguments: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.said = b""
        """The line it printed when it listened."""
        source = ("--upstream", upstream_url) if upstream_url else ("--local",)
        self._arguments = ("run", "--listen", self.address, *source, *arguments)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Return once it listens."""
        self.said = b""
        self._process = await asyncio.create_subprocess_exec(*COMMAND, *self._arguments, stdout=-1, stderr=-3)
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while b"listens on" not in self.said:
                self.said = await self._process.stdout.readline()
                assert self.said, "the gateway ended before it listened"

    async def kill(self) -> None:
        """As `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; its exit status."""
        assert self._process is not None
        self._process.terminate()
        return await self.ended()

    async def ended(self) -> int:
        """Its exit status, once it has one."""
        assert self._process is not None
        async with asyncio.timeout(20):
            return await self._process.wait()

    async def __aenter__(self) -> GatewayProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()


class RawServer:
    """Something on a port that isn't a gateway: says its bytes to whoever speaks first, then hangs up."""

    def __init__(self, answer: bytes | None) -> None:
        """None: it says nothing, and stays."""
        self.address = ""
        self.heard = b""
        self._answer = answer
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.sleep(0.01)  # their handlers end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            self.heard += await reader.read(1024)
            if self._answer is None:
                while await reader.read(1024):
                    pass
            else:
                writer.write(self._answer)
                await writer.drain()
        writer.close()
