"""A real Home Assistant core of the tests' own: installed once into the cache, started on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import REAL_MODELS_DIR

VERSION = "2024.3.3"
_PACKAGES = (f"homeassistant=={VERSION}", "josepy<2")
"""The last of its versions for Python 3.11. What its integrations need it installs itself, when first started."""
_CONFIGURATION = """
homeassistant: {{name: Test, unit_system: metric, time_zone: Europe/Berlin}}
api:
websocket_api:
config:
demo:
http: {{server_host: 127.0.0.1, server_port: {port}}}
logger: {{default: error}}
script: {{slow: {{alias: Slow thing, sequence: [{{delay: 60}}]}}}}
{more}
"""
_CLIENT = "http://127.0.0.1/"


def installed() -> Path:
    """The `hass` command; it takes some minutes the first time. Skips where it can't be had."""
    folder = REAL_MODELS_DIR.parent / "parts" / f"home-assistant-{VERSION}"
    command, done = folder / "bin" / "hass", folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *_PACKAGES]
        outcome = subprocess.run(install, check=False, capture_output=True, text=True, timeout=1200)
        if outcome.returncode:
            pytest.skip(f"Home Assistant {VERSION} can't be installed here: {outcome.stderr.strip().splitlines()[-1]}")
        done.touch()
    return command


async def until(fits: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Wait for something that is told over a socket some time."""
    async with asyncio.timeout(timeout_s):
        while not fits():  # noqa: ASYNC110 - another process's doing, which gives us no event
            await asyncio.sleep(0.005)


class RealHomeAssistant:
    """One that can be stopped, killed and started again; its things are in `folder`."""

    def __init__(self, folder: Path, *, more: str = "") -> None:
        self._command = installed()
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        folder.mkdir(parents=True, exist_ok=True)
        configuration = _CONFIGURATION.format(port=self.url.rpartition(":")[2], more=more)
        (folder / "configuration.yaml").write_text(configuration, "utf-8")
        self._process: asyncio.subprocess.Process | None = None
        self.token = ""

    async def start(self, *, timeout_s: float = 300.0) -> None:
        """Start it; returns when it answers and everything has been set up."""
        environment = {**os.environ, "HOME": str(self._folder)}
        with (self._folder / "output.txt").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._command, "-c", str(self._folder), env=environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(timeout_s), aiohttp.ClientSession(self.url) as http:
            while not await self._answers(http):  # noqa: ASYNC110 - a process of its own
                await asyncio.sleep(0.2)
            if not self.token:
                self.token = await self._onboard(http)
            while not await self._running(http):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    async def command(self, kind: str, **data: object) -> object:
        """One message to its WebSocket API, as somebody else; its result."""
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{self.url}/api/websocket") as websocket:
            await websocket.receive_json()
            await websocket.send_json({"type": "auth", "access_token": self.token})
            await websocket.receive_json()
            await websocket.send_json({"id": 1, "type": kind, **data})
            answer = await websocket.receive_json()
        assert answer["success"], answer
        return answer["result"]

    async def state(self, entity_id: str) -> dict[str, object]:
        """State and attributes of an entity, as it has them itself."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(self.url) as http,
            http.get(f"/api/states/{entity_id}", headers=headers) as response,
        ):
            content = await response.json()
        return {"state": content["state"], **content["attributes"]}

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get("/api/onboarding") as response:
                return response.status == 200 or bool(self.token)
        return False

    async def _running(self, http: aiohttp.ClientSession) -> bool:
        async with http.get("/api/config", headers={"Authorization": f"Bearer {self.token}"}) as response:
            return response.status == 200 and (await response.json())["state"] == "RUNNING"

    async def _onboard(self, http: aiohttp.ClientSession) -> str:
        """Make the owner, and a token."""
        user = {"client_id": _CLIENT, "name": "Test", "username": "test", "password": "test-test", "language": "en"}
        async with http.post("/api/onboarding/users", json=user) as response:
            code = (await response.json())["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": _CLIENT}
        async with http.post("/auth/token", data=form) as response:
            self.token = (await response.json())["access_token"]
        lasting = await self.command("auth/long_lived_access_token", client_name="edgewise", lifespan=1)
        return str(lasting)


@contextlib.asynccontextmanager
async def real_home_assistant(folder: Path, *, more: str = "") -> AsyncIterator[RealHomeAssistant]:
    home_assistant = RealHomeAssistant(folder, more=more)
    try:
        await home_assistant.start()
        yield home_assistant
    finally:
        await home_assistant.stop()
