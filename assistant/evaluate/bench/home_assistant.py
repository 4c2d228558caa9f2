"""A real Home Assistant core, to measure against and to test with: installed once beside the models, started on a port
of its own. And `bench home`: how long a home of thousands of things takes to be known, and a command to be done.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import structlog

from assistant.config import Config
from assistant.evaluate.bench.environment import Packages, ensure_environment
from assistant.home.home_assistant import HomeAssistant
from assistant.homes import ServiceCall

_log = structlog.get_logger(__name__)

VERSION = "2024.3.3"
_PACKAGES = Packages(f"Home Assistant {VERSION}", "0.7 GB", (("install", f"homeassistant=={VERSION}", "josepy<2"),))
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
_ENTITIES, _CALLS = 5000, 300
_MANY = {
    "manifest.json": '{"domain": "many", "name": "Many", "version": "1", "requirements": [], "dependencies": [],'
    ' "codeowners": [], "documentation": "", "iot_class": "local_push"}',
    "__init__.py": "",
    "light.py": f"""
from homeassistant.components.light import ColorMode, LightEntity

async def async_setup_platform(hass, config, add, info=None):
    add([Lamp(number) for number in range({_ENTITIES})])

class Lamp(LightEntity):
    _attr_should_poll = False
    _attr_supported_color_modes = {{ColorMode.HS}}
    _attr_color_mode = ColorMode.HS
    _attr_hs_color = (120, 50)
    _attr_brightness = 100
    _attr_is_on = False

    def __init__(self, number):
        self._attr_unique_id = f"lamp-{{number}}"
        self._attr_name = f"Lamp {{number}}"

    async def async_turn_on(self, **data):
        self._attr_is_on = True
        self._attr_brightness = data.get("brightness", self._attr_brightness)
        self.async_write_ha_state()
""",
}
"""An integration with thousands of lights."""


def environment(config: Config) -> Path:
    """Where Home Assistant is installed: outside any checkout."""
    return config.paths.models_dir.parent / "parts" / f"home-assistant-{VERSION}"


@contextlib.contextmanager
def _installing(folder: Path) -> Iterator[bool]:
    """Holds others off while it isn't complete; whether it was. It is once this ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp = folder.with_name(f"{folder.name}.complete")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        if not stamp.exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
        complete = stamp.exists()
        yield complete
        stamp.touch()


class RealHomeAssistant:
    """One that can be stopped, killed and started again; its things are in `folder`."""

    def __init__(self, installed: Path, folder: Path, *, more: str = "") -> None:
        self._installed = installed
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
        """Start it; returns when it answers and everything has been set up. The first time it is installed as well.

        Raises:
            EvaluateError: `peers-missing`.
        """
        with _installing(self._installed) as complete:
            if not complete:
                await asyncio.to_thread(ensure_environment, self._installed, _PACKAGES, _log.warning)
            await self._start(timeout_s)

    async def _start(self, timeout_s: float) -> None:
        environment = {**os.environ, "HOME": str(self._folder)}
        with (self._folder / "output.txt").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._installed / "bin" / "hass", "-c", str(self._folder), env=environment, stdout=log, stderr=log
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
async def real_home_assistant(installed: Path, folder: Path, *, more: str = "") -> AsyncIterator[RealHomeAssistant]:
    """One that runs, with its things in `folder`. Raises EvaluateError."""
    home_assistant = RealHomeAssistant(installed, folder, more=more)
    try:
        await home_assistant.start()
        yield home_assistant
    finally:
        await home_assistant.stop()


async def measure_home(config: Config, _: float) -> dict[str, float]:
    """`bench home`. Raises EvaluateError."""
    import psutil  # noqa: PLC0415 - an extra

    with tempfile.TemporaryDirectory() as name:
        many = Path(name) / "custom_components" / "many"
        many.mkdir(parents=True)
        for file, content in _MANY.items():
            (many / file).write_text(content, "utf-8")
        async with real_home_assistant(environment(config), Path(name), more="light: [{platform: many}]") as server:
            process = psutil.Process()
            before = process.memory_info().rss
            home = HomeAssistant(server.url, server.token, lambda _device: None)
            began_s = time.perf_counter()
            running = asyncio.create_task(home.run())
            await home.settled()
            sync_s = time.perf_counter() - began_s
            took_ms = []
            lamps = [device.id for device in home.home.devices if device.name.startswith("Lamp ")][:_CALLS]
            for lamp in lamps:
                began_s = time.perf_counter()
                await home.call(ServiceCall("light.turn_on", (lamp,), {"brightness_pct": 40}))
                took_ms.append((time.perf_counter() - began_s) * 1000)
            found = {
                "entities": float(len(home.home.devices)),
                "sync_s": sync_s,
                "added_rss_mb": (process.memory_info().rss - before) / 1e6,
                "call_ms_p50": statistics.median(took_ms),
                "call_ms_p95": statistics.quantiles(took_ms, n=20)[-1],
            }
            running.cancel()
            await asyncio.wait([running])
    return found
