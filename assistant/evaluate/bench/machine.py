"""The benches that need nothing but the assistant: `start`, `idle`, `text`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualMicrophone, VirtualSpeaker
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Sound, open_assistant
from assistant.events import Event

Figures = Mapping[str, float]

_REQUESTS = (
    "what time is it",
    "set a timer for ten minutes",
    "how long is left on the timer",
    "cancel the timer",
    "what is 15 percent of 80",
    "what's the date today",
    "what can you do",
    "good morning",
)
_ROUNDS = 25
_SETTLE_S = 10.0


async def _idle(config: Config, seconds: float) -> Figures:
    import psutil  # noqa: PLC0415 - an extra

    microphone = VirtualMicrophone(realtime=True)
    mixer = Mixer()
    speaker = VirtualSpeaker(mixer, realtime=True)
    virtual = DeviceStatus("virtual", "")

    async def sound(_: Callable[[Event], None]) -> Sound:
        return Sound(microphone, mixer, speaker.run, lambda: virtual, lambda: virtual)

    process = psutil.Process()
    async with open_assistant(config, sound) as assistant:
        await assistant.engines.stt.get()
        await assistant.engines.tts.get()
        await asyncio.sleep(_SETTLE_S)
        before, began_s = process.cpu_times(), time.monotonic()
        await asyncio.sleep(seconds)
        after, took_s = process.cpu_times(), time.monotonic() - began_s
        used_s = (after.user - before.user) + (after.system - before.system)
        memory = process.memory_full_info()
    return {
        "seconds": round(took_s, 1),
        "cpu_share_of_a_core": round(used_s / took_s, 4),
        "rss_mb": round(memory.rss / 1e6, 1),
        "private_mb": round(memory.uss / 1e6, 1),
    }


async def _start(config: Config, _: float) -> Figures:
    times = [await asyncio.to_thread(_time_start, config) for _ in range(5)]
    return {"listening_s_median": round(statistics.median(times), 2), "listening_s_max": round(max(times), 2)}


def _time_start(config: Config) -> float:
    """Seconds from exec to READY=1 on the notification socket."""
    import subprocess  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        address = str(config.paths.state_dir / "notify")
        Path(address).unlink(missing_ok=True)
        ready.bind(address)
        ready.settimeout(60.0)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": address,
            "EDGEWISE_STATE_DIR": str(config.paths.state_dir),
            "EDGEWISE_CONFIG": str(config.paths.config_file),
        }
        began_s = time.monotonic()
        command = [sys.executable, "-m", "assistant", "run"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:  # noqa: S603 - ourselves
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                return time.monotonic() - began_s
            finally:
                process.terminate()


async def _text(config: Config, _: float) -> Figures:
    times_ms: list[float] = []
    async with open_assistant(config) as assistant:
        for round_number in range(_ROUNDS + 1):
            for text in _REQUESTS:
                began_s = time.perf_counter()
                await assistant.ask(text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None)
                if round_number:
                    times_ms.append((time.perf_counter() - began_s) * 1000)
    return {
        "requests": len(times_ms),
        "ms_p50": round(statistics.median(times_ms), 2),
        "ms_p95": round(statistics.quantiles(times_ms, n=20)[-1], 2),
        "reference_ms": round(_reference_ms(), 1),
    }


def _reference_ms() -> float:
    data = bytes(64 * 2**20)
    began_s = time.perf_counter()
    hashlib.sha256(data).digest()
    return (time.perf_counter() - began_s) * 1000


Bench = Callable[[Config, float], Coroutine[Any, Any, Figures]]
BENCHES: Mapping[str, Bench] = {"start": _start, "idle": _idle, "text": _text}
