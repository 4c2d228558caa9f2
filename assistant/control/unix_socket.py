"""The control socket as a file: who listens there, and putting a new one in its place safely.

Who may connect is decided by the file system alone: the socket is 0600 and only ever appears under its name with that
mode; a directory made for it is 0700. So only the same user (and root) get in.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from assistant.errors import ControlError

MAX_PATH_BYTES = 107
"""`sun_path` holds 108 bytes, the last of them zero."""


class Listener(Enum):
    """What is behind a socket path."""

    ALIVE = "alive"
    ABSENT = "absent"
    STALE = "stale"
    """A socket nobody listens on: left by a process that died."""
    NO_SOCKET = "no-socket"
    """Something else is in the way."""
    DENIED = "denied"


def find_listener(path: Path) -> Listener:
    """Look who listens, without waiting.

    Raises:
        ControlError: `socket-path-too-long`.
    """
    check_length(path)
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return Listener.NO_SOCKET
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(os.fsencode(path))
    except BlockingIOError:
        return Listener.ALIVE  # its backlog is full
    except PermissionError:
        return Listener.DENIED
    except OSError as exc:
        return Listener.STALE if exc.errno == errno.ECONNREFUSED else Listener.ABSENT
    return Listener.ALIVE


def check_length(path: Path) -> None:
    """Raises ControlError `socket-path-too-long`."""
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise ControlError(
            "socket-path-too-long",
            f"the control socket's path has {length} bytes; the system allows {MAX_PATH_BYTES}",
            hint="Set control.socket to a shorter path.",
        )


def target_of(path: Path) -> str:
    """The gRPC address of a socket path."""
    return f"unix:{quote(os.fsencode(path.absolute()))}"


def place_socket(path: Path, bind: Callable[[str], None]) -> None:
    """Have `bind(address)` listen, at `path`, with no moment in which others could connect.

    The socket is made inside a private directory, gets its mode, and is then renamed to its place, which also replaces
    a stale one.

    Raises:
        ControlError: `socket-taken`, `socket-blocked`, `socket-dir-unsafe`, `socket-failed`, `socket-path-too-long`.
    """
    _check_place(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_directory(path.parent)
        private = Path(tempfile.mkdtemp(prefix=".", dir=path.parent))
        try:
            fresh = private / "s"
            check_length(fresh)
            bind(target_of(fresh))
            fresh.chmod(0o600)
            fresh.replace(path)
        finally:
            shutil.rmtree(private, ignore_errors=True)
    except OSError as exc:
        raise ControlError(
            "socket-failed",
            f"can't make the control socket {path}: {exc.strerror or 'unknown reason'}",
            hint="Check the directory and its permissions, or set control.socket.",
        ) from exc


def remove_socket(path: Path) -> None:
    """Remove the socket unless somebody else listens there by now."""
    with contextlib.suppress(OSError):
        if find_listener(path) is Listener.STALE:
            path.unlink()


def _check_place(path: Path) -> None:
    found = find_listener(path)
    if found is Listener.ALIVE:
        raise ControlError(
            "socket-taken",
            f"another assistant listens on {path}",
            hint="Stop it first, or give this one another EDGEWISE_STATE_DIR.",
        )
    if found in {Listener.NO_SOCKET, Listener.DENIED}:
        raise ControlError(
            "socket-blocked",
            f"{path} exists and isn't ours to replace",
            hint="Move it away, or set control.socket to another path.",
        )


def _check_directory(directory: Path) -> None:
    """Others must not be able to swap the socket under its name."""
    info = directory.stat()
    others_write = info.st_mode & 0o022 and not info.st_mode & stat.S_ISVTX
    if info.st_uid not in {os.getuid(), 0} or others_write:
        raise ControlError(
            "socket-dir-unsafe",
            f"{directory} can be changed by other users",
            hint=f"Run `chmod go-w` on it, or set control.socket to a directory of your own: {directory}",
        )
