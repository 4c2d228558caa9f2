"""Files made from a model's own, kept in a folder for the next start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_CHILD = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); pickle.load(sys.stdin.buffer)()"
_TIMEOUT_S = 600.0


def open_derived(folder: Path | None, make: Callable[[Path], None], open_: Callable[[Path], T]) -> T:
    """What `open_` makes of a folder that `make` filled; filled again when it isn't there, or is damaged.

    `folder` is for this very model: siblings whose name begins alike, up to its last dash, are of older ones and go.
    It is filled by a process of its own, so that the memory which that takes goes back: `make` must be picklable; and
    by one at a time, a second waits for what the first made. `folder` None, or a disk that is full, costs time at every
    start. Raises what both raise.
    """
    if folder is not None:
        with contextlib.suppress(Exception):  # not there yet, or damaged
            return open_(folder)
        try:
            with _alone(folder.parent):
                with contextlib.suppress(Exception):  # another made it while we waited
                    return open_(folder)
                _fill(folder, make)
                _remove_older(folder)
        except (OSError, subprocess.SubprocessError) as exc:
            _log.info("not-kept", why=type(exc).__name__)
        else:
            return open_(folder)
    with tempfile.TemporaryDirectory() as place:
        make(Path(place))
        return open_(Path(place))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, over all processes; the kernel lets it go however this one ends. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fill(folder: Path, make: Callable[[Path], None]) -> None:
    new = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(mode=0o700, parents=True)
        # Not multiprocessing, which would run the main module again.
        work = pickle.dumps(sys.path) + pickle.dumps(partial(make, new))
        subprocess.run([sys.executable, "-c", _CHILD], input=work, check=True, capture_output=True, timeout=_TIMEOUT_S)  # noqa: S603 - ourselves
        shutil.rmtree(folder, ignore_errors=True)
        new.replace(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _remove_older(folder: Path) -> None:
    of_model, _, _ = folder.name.rpartition("-")
    for other in folder.parent.glob(f"{of_model}-*"):
        if other != folder and other.name.rpartition("-")[0] == of_model:
            shutil.rmtree(other, ignore_errors=True)
