"""Files made from a model's own, kept in a folder for the next start."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import structlog

_log = structlog.get_logger(__name__)

T = TypeVar("T")


def open_derived(folder: Path | None, make: Callable[[], Mapping[str, bytes]], open_: Callable[[Path], T]) -> T:
    """What `open_` makes of a folder with the files of `make`; made again when they aren't there, or are damaged.

    `folder` is for this very model: siblings whose name begins alike, up to its last dash, are of older ones and go.
    None, or a disk that is full, costs time at every start. Raises what `make` and `open_` raise.
    """
    if folder is not None:
        with contextlib.suppress(Exception):  # not there yet, or damaged
            return open_(folder)
    files = make()
    if folder is not None:
        try:
            _keep(files, folder)
        except OSError as exc:
            _log.info("not-kept", why=exc.strerror)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _remove_older(folder)
            return open_(folder)
    with tempfile.TemporaryDirectory() as place:
        _keep(files, Path(place))
        return open_(Path(place))


def _keep(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        partial = folder / f"{name}.part"
        partial.write_bytes(content)
        partial.replace(folder / name)


def _remove_older(folder: Path) -> None:
    of_model, _, _ = folder.name.rpartition("-")
    for other in folder.parent.glob(f"{of_model}-*"):
        if other != folder and other.name.rpartition("-")[0] == of_model:
            shutil.rmtree(other, ignore_errors=True)
