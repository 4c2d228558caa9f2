"""`scripts/bench`: what the assistant costs and how fast it is on this machine.

    start   process start to "listening" of `assistant run`, without network or sound card
    idle    CPU and memory of a whole assistant that hears room tone from a virtual microphone, in real time
    text    text in to reply text out, over typical requests; nothing spoken

Machines differ and are shared, so figures are given with what the same process could do meanwhile: shares of a core,
and milliseconds beside a fixed piece of work (`reference`: hashing 64 MiB with SHA-256) timed in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualMicrophone, VirtualSpeaker
from assistant.config import Config, find_paths, load_config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Sound, open_assistant
from assistant.events import Event
from assistant.logs import setup_logging

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


def main() -> None:
    """Entry point of scripts/bench."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []], help="default: all of them")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to idle")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    setup_logging("error", "text")
    results: dict[str, Figures] = {}
    for name in arguments.what or list(BENCHES):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = asyncio.run(BENCHES[name](_own_config(Path(folder)), arguments.seconds))
        _show(name, results[name])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), "utf-8")


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


def _own_config(folder: Path) -> Config:
    """The defaults, with a state directory of its own and the models of the machine."""
    paths = dataclasses.replace(find_paths(), config_file=folder / "config.toml", state_dir=folder / "state")
    paths.state_dir.mkdir()
    return load_config(paths)


def _show(name: str, figures: Figures) -> None:
    table = Table(title=f"bench {name}", show_header=False)
    for key, value in figures.items():
        table.add_row(key.replace("_", " "), f"{value:g}")
    Console().print(table)


Bench = Callable[[Config, float], Coroutine[Any, Any, Figures]]
BENCHES: Mapping[str, Bench] = {"start": _start, "idle": _idle, "text": _text}

if __name__ == "__main__":
    main()
