"""`assistant run` as a process and as systemd sees it, and what a shutdown does to a reply."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualSpeaker
from assistant.config import Config
from assistant.control.client import ControlClient
from assistant.control.ports import DeviceStatus
from assistant.control.unix_socket import Listener, find_listener
from assistant.daemon import Sound, open_assistant, run_daemon
from assistant.events import Event, PlaybackStarted
from assistant.values import Outcome
from tests.house import VIRTUAL

pytestmark = pytest.mark.real_time


async def test_the_daemon_tells_systemd_when_it_is_ready_answers_and_ends_with_0(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    silent = ("--set", "audio.input='none'", "--set", "audio.output='none'")
    daemon = await asyncio.create_subprocess_exec(sys.executable, "-m", "assistant", "run", *silent, stderr=-3)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(30):
            while not (message := await loop.sock_recv(told, 1024)).startswith(b"READY=1\nSTATUS=listening"):
                assert message == b"WATCHDOG=1"
        async with ControlClient(config.paths.control_socket(config.settings)) as client:
            record = await client.ask(text="what time is it", audio=None, speak=True, on_audio=None, on_event=None)
        assert record.outcome is Outcome.ANSWERED
        daemon.terminate()
        async with asyncio.timeout(10):
            assert await daemon.wait() == 0
        assert b"STOPPING=1" in await loop.sock_recv(told, 1024) + await loop.sock_recv(told, 1024)
    finally:
        told.close()
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()
    assert find_listener(config.paths.control_socket(config.settings)) is Listener.ABSENT


@pytest.mark.models
async def test_sigterm_lets_a_sentence_end_and_whoever_asked_gets_its_result(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixer = Mixer(24_000, volume=100)
    speaker = VirtualSpeaker(mixer, realtime=True)
    unused = DeviceStatus("", "not used")

    async def sound(_config: object, _publish: Callable[[Event], None]) -> Sound:
        return Sound(None, mixer, speaker.run, lambda: unused, lambda: VIRTUAL)

    monkeypatch.setattr("assistant.daemon.run.device_sound", sound)
    began_s: list[float] = []

    def terminate(event: Event) -> None:
        if isinstance(event, PlaybackStarted):
            began_s.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

    daemon = asyncio.create_task(run_daemon(config))
    path = config.paths.control_socket(config.settings)
    async with asyncio.timeout(30):
        while find_listener(path) is not Listener.ALIVE:  # noqa: ASYNC110 - a file appears
            await asyncio.sleep(0.02)
    async with ControlClient(path) as client:
        record = await client.ask(
            text="what is two plus two", audio=None, speak=True, on_audio=None, on_event=terminate
        )
    assert await daemon == 0
    assert record.outcome is Outcome.ANSWERED
    assert time.monotonic() - began_s[0] < 4.0
    assert speaker.recorded().duration_s > 0.8


@pytest.mark.models
async def test_a_voice_that_is_missing_is_told_once_and_no_longer_once_it_is_there(
    config: Config, tmp_path: Path
) -> None:
    mixer = Mixer(24_000, volume=100)

    async def sound(_publish: Callable[[Event], None]) -> Sound:
        return Sound(None, mixer, VirtualSpeaker(mixer, realtime=True).run, lambda: VIRTUAL, lambda: VIRTUAL)

    empty = dataclasses.replace(config, paths=dataclasses.replace(config.paths, models_dir=tmp_path / "models"))
    async with open_assistant(empty, sound) as assistant:
        assert await assistant.engines.tts.settled() is None
        await asyncio.sleep(0)
        assert [problem.partition(":")[0] for problem in assistant.status().problems] == ["model voice-joe"]
        (tmp_path / "models").symlink_to(config.paths.models_dir)
        assert await assistant.engines.tts.settled()
        assert assistant.status().problems == ()
