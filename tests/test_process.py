"""One instance a state directory, and word to systemd over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from assistant.errors import EdgewiseError
from assistant.process import Notifier, single_instance


def test_second_instance_is_refused_and_names_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "lock"
    with single_instance(lock):
        with pytest.raises(EdgewiseError, match=f"process {os.getpid()}") as caught, single_instance(lock):
            pass
        assert caught.value.code == "already-running"
    with single_instance(lock):
        pass


def test_unwritable_state_directory_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgewiseError) as caught, single_instance(tmp_path / "file" / "lock"):
        pass
    assert caught.value.code == "state-unwritable"
    assert "EDGEWISE_STATE_DIR" in caught.value.hint


async def test_notifier_speaks_systemds_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        notifier = Notifier()
        notifier.tell(READY="1", STATUS="listening")
        assert server.recv(200) == b"READY=1\nSTATUS=listening"
        pings = asyncio.create_task(notifier.watchdog())
        await asyncio.sleep(0.5)
        pings.cancel()
        await asyncio.wait([pings])
        assert [server.recv(200) for _ in range(4)] == [b"WATCHDOG=1"] * 4
        with pytest.raises(BlockingIOError):
            server.recv(200)


def test_notifier_without_systemd_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().tell(READY="1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    Notifier().tell(READY="1")
