"""`assistant run`: an assistant with devices, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal

import structlog

from assistant.audio.files import read_audio
from assistant.config import Config
from assistant.control.service import ControlServer
from assistant.daemon.assistant import open_assistant
from assistant.daemon.devices import device_sound
from assistant.dialog.attend import FINISH_S
from assistant.process import Notifier

log = structlog.get_logger(__name__)

GRACE_S = 0.5
"""How long a shutdown waits for calls when nothing is being said; a sentence gets FINISH_S."""


async def run_daemon(config: Config) -> int:
    """Run until SIGTERM or SIGINT; the exit status. A second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop)
    notifier = Notifier()

    async with open_assistant(config, functools.partial(device_sound, config.settings.audio)) as assistant:
        socket = config.paths.control_socket(config.settings)
        server = ControlServer(assistant, socket, decode_wav=read_audio)
        await server.start()
        pings = asyncio.create_task(notifier.watchdog())
        try:
            status = assistant.status()
            heard = status.microphone.name or f"no microphone: {status.microphone.problem}"
            notifier.tell(READY="1", STATUS=f"listening ({heard})")
            log.info("listening", microphone=heard, speaker=status.speaker.name, socket=str(socket))
            await stop.wait()
        finally:
            notifier.tell(STOPPING="1")
            log.info("stopping")
            pings.cancel()
            await server.stop(FINISH_S if assistant.end_after_sentence() else GRACE_S)
    log.info("stopped")
    return 0


def _on_signal(stop: asyncio.Event) -> None:
    if stop.is_set():
        with contextlib.suppress(Exception):
            log.warning("stopped at once")
        os._exit(1)
    stop.set()
