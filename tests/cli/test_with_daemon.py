"""Commands beside a daemon that runs as a process of its own, and without one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from assistant.config import Config
from assistant.control.unix_socket import Listener, find_listener
from tests.cli.calling import call, call_json, error_code

pytestmark = pytest.mark.real_time
SILENT = ("--set", "audio.input='none'", "--set", "audio.output='none'")
START_S = 30.0


@contextlib.contextmanager
def running_daemon(config: Config) -> Iterator[subprocess.Popen[bytes]]:
    """`assistant run` without sound; killed at the end."""
    socket = config.paths.control_socket(config.settings)
    with subprocess.Popen([sys.executable, "-m", "assistant", "run", *SILENT], stderr=subprocess.DEVNULL) as process:
        try:
            deadline_s = time.monotonic() + START_S
            while find_listener(socket) is not Listener.ALIVE:
                assert process.poll() is None, "it ended"
                assert time.monotonic() < deadline_s, "it doesn't listen"
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def reply(text: str) -> str:
    """What the assistant answers to a request."""
    return str(call_json("ask", text)["reply"])


def test_commands_and_voice_keep_one_household_with_and_without_a_daemon(config: Config) -> None:
    call("lists", "add", "shopping", "milk")
    with running_daemon(config):
        call("lists", "add", "shopping", "eggs")
        assert reply("what is on my shopping list") == "On the shopping list: milk and eggs."
        reply("add bread to my shopping list")
        assert call("lists", "shopping").stdout == "[ ] milk\n[ ] eggs\n[ ] bread\n"
        call("lists", "remove", "shopping", "milk", "bread")
        assert reply("what is on my shopping list") == "On the shopping list: eggs."
        assert error_code("lists", "remove", "shopping", "milk") == "item-unknown"

        reply("set an alarm for seven am every day")
        reply("set an alarm for nine pm")
        reply("remind me to call mum tomorrow at noon")
        call("timers", "add", "10m", "--name", "tea")
        listed = call("alarms", "list")
        assert "once `assistant run` runs" not in listed.stderr
        daily = next(line for line in listed.stdout.splitlines() if "every day" in line).split()
        assert "07:00" in daily
        call("alarms", "cancel", daily[-1])
        assert "9 PM" in reply("what alarms do i have")
        call("alarms", "cancel", "--all")

    shown = subprocess.run(
        [sys.executable, "-m", "assistant", "lists", "shopping"], capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout == "[ ] eggs\n", "it was killed, and has lost nothing"
    assert call_json("alarms") == []
    listed = call("reminders")
    assert "call mum" in listed.stdout
    assert "reminders are spoken once `assistant run` runs" in listed.stderr
    call("reminders", "cancel", "call mum")
    assert call("timers", "cancel", "--all").stdout.startswith("cancelled tea (")
    assert call_json("reminders") == call_json("timers") == []
