"""Is a file what the manifest says? Hashes, and stamps that save hashing the same file again."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from assistant.errors import ModelError
from assistant.models.spec import FileSpec, ModelSpec

_CHUNK_BYTES = 1 << 20
KEPT_NOTHING = "Nothing was kept. Try again; if it stays so, something on the way changes files."


Step = Literal["wait", "download", "unpack", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is."""

    model_id: str
    step: Step
    what: str
    """File or package at hand."""
    done_bytes: int
    total_bytes: int
    """0 where it isn't known."""


Callback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class FileState:
    """What was found where a model's file should be."""

    file: FileSpec
    state: Literal["ok", "missing", "truncated", "corrupt"]
    found_bytes: int
    found_sha256: str
    """"" where the file is missing, or has no hash in the manifest."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A file as it was when its hash was last taken."""

    bytes: int
    mtime_ns: int
    ctime_ns: int
    sha256: str


class Stamps:
    """Remembers the hashes of one model's files; a file whose size or times changed is hashed again.

    A stamp file that is damaged or can't be written costs hashing, nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps = _read_stamps(path)
        self._changed = False

    def sha256(self, path: Path, stat: os.stat_result, *, fresh: bool) -> str:
        """The file's hash; `fresh` takes it anew."""
        known = self._stamps.get(path.name)
        if known and not fresh and _key(known) == (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns):
            return known.sha256
        found = hash_file(path)
        self._stamps[path.name] = _Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, found)
        self._changed = True
        return found

    def save(self) -> None:
        if not self._changed:
            return
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({name: asdict(stamp) for name, stamp in self._stamps.items()}), "utf-8")
            temporary.replace(self._path)


def _key(stamp: _Stamp) -> tuple[int, int, int]:
    return stamp.bytes, stamp.mtime_ns, stamp.ctime_ns


def _read_stamps(path: Path) -> dict[str, _Stamp]:
    try:
        return {name: _Stamp(**fields) for name, fields in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def hash_file(path: Path) -> str:
    """sha256 of a file. Reads all of it: call it off the event loop."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(file: FileSpec, path: Path, stamps: Stamps | None, *, fresh: bool = False) -> FileState:
    """Compare a file with its spec. Without a hash in the spec, a regular file that isn't empty is enough.

    Raises:
        ModelError: `model-unreadable`.
    """
    try:
        stat = path.stat()
        if not path.is_file():
            return FileState(file, "corrupt", 0, "")
        if file.sha256 is None:
            size_is_right = stat.st_size == file.bytes if file.bytes is not None else stat.st_size > 0
            return FileState(file, "ok" if size_is_right else "truncated", stat.st_size, "")
        found = stamps.sha256(path, stat, fresh=fresh) if stamps else hash_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return FileState(file, "missing", 0, "")
    except OSError as exc:
        raise ModelError(
            "model-unreadable", f"can't read {path}: {exc.strerror}", hint="Check the path and its permissions."
        ) from exc
    if found == file.sha256:
        return FileState(file, "ok", stat.st_size, found)
    short = file.bytes is not None and stat.st_size < file.bytes
    return FileState(file, "truncated" if short else "corrupt", stat.st_size, found)


def problem(spec: ModelSpec, path: Path, state: FileState, hint: str) -> ModelError:
    """The error for a file that isn't ok: the file, what was expected, what was found, and the way out."""
    file = state.file
    if state.state == "missing":
        return ModelError("model-missing", f"model {spec.id}: {path} is missing", hint=hint)
    sizes = ""
    if file.bytes is not None and state.found_bytes != file.bytes:
        sizes = f" ({file.bytes} bytes expected, {state.found_bytes} found)"
    hashes = f"; sha256 expected {file.sha256}, found {state.found_sha256 or 'nothing'}" if file.sha256 else ""
    what = "is cut short" if state.state == "truncated" else "is not the file it should be"
    return ModelError(f"model-{state.state}", f"model {spec.id}: {path} {what}{sizes}{hashes}", hint=hint)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk may refuse into a ModelError: `disk-full`, `cache-read-only` or `cache-unusable`."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise ModelError(
                "disk-full", f"no space left for models in {path}", hint="Free some, or set EDGEWISE_MODELS_DIR."
            ) from exc
        if exc.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise ModelError(
                "cache-read-only",
                f"can't write models to {path}: {exc.strerror}",
                hint="Make it writable, or set EDGEWISE_MODELS_DIR.",
            ) from exc
        raise ModelError(
            "cache-unusable", f"can't keep models in {path}: {exc.strerror or exc}", hint="Set EDGEWISE_MODELS_DIR."
        ) from exc


def land(spec: ModelSpec, file: FileSpec, staged: Path, target: Path) -> None:
    """Put a staged file in place: verified, on disk, and in one step. A file that doesn't match is removed.

    Raises:
        ModelError: `model-truncated` or `model-corrupt`.
    """
    state = check_file(file, staged, None)
    if state.state != "ok":
        staged.unlink(missing_ok=True)
        raise problem(spec, Path(file.name), state, KEPT_NOTHING)
    with staged.open("rb") as content:
        os.fsync(content.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(target)


def copy_stream(read: Callable[[int], bytes], write: Callable[[bytes], object], moved: Callable[[int], None]) -> None:
    """Copy until the end, telling how many bytes each step moved."""
    while chunk := read(_CHUNK_BYTES):
        write(chunk)
        moved(len(chunk))
