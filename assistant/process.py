"""What a daemon owes the system it runs on: one instance at a time, memory given back, and word to systemd."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from assistant.errors import EdgewiseError

_M_ARENA_MAX = -8
"""Of mallopt(3)."""


@contextlib.contextmanager
def single_instance(lock_file: Path) -> Iterator[None]:
    """Hold the lock of a state directory; the kernel lets it go however the process ends.

    Raises:
        EdgewiseError: `already-running`, or `state-unwritable`.
    """
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        hint = "Point EDGEWISE_STATE_DIR at a directory that you can write to."
        message = f"can't write to the state directory {lock_file.parent}: {exc.strerror}"
        raise EdgewiseError("state-unwritable", message, hint=hint) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            message = f"another assistant{f' (process {owner})' if owner else ''} uses {lock_file.parent}"
            raise EdgewiseError("already-running", message, hint="Stop it first, or use its socket.") from exc
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def share_one_heap() -> None:
    """Let all threads share one of glibc's heaps: a heap for each thread keeps what that thread ever freed, 30 MB here.

    To be called before the threads are there. Recognising speech took no measurably longer.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def trim_memory() -> None:
    """Give freed memory, which glibc keeps, back to the system. Takes milliseconds: not for the event loop."""
    with contextlib.suppress(OSError, AttributeError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


class Notifier:
    """sd_notify(3): tells systemd about readiness and life; does nothing when systemd didn't start us."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        usec = os.environ.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(usec) / 1e6 if usec.isdigit() else 0.0

    def tell(self, **fields: str) -> None:
        """Send fields such as READY="1"; a socket that is gone is no error."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        message = "\n".join(f"{key}={value}" for key, value in fields.items()).encode()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message, address)

    async def watchdog(self) -> None:
        """Ping twice per watchdog period, from the event loop: a loop that hangs is restarted."""
        while self._watchdog_s:
            self.tell(WATCHDOG="1")
            await asyncio.sleep(self._watchdog_s / 2)
