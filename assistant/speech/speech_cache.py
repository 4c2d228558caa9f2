"""Spoken sentences kept on disk, so that frequent short replies cost no synthesis.

A file is FLAC behind a 16-byte digest of it; its name is a hash that is keyed with the voice's fingerprint, so names
hold nothing that was said. The oldest-used files go first when the folder outgrows its bound. A cache never fails its
user: a damaged entry is dropped, and a folder that can't be read or written means a cache that finds nothing.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

import structlog

from assistant.audio.format import Samples

_log = structlog.get_logger(__name__)

ADMIT_AT_ONCE_CHARS = 80
"""Texts up to this long are kept on first use, longer ones when they come again among the RECENT last ones."""
RECENT = 256
_DIGEST_BYTES = 16
_SUFFIX = ".speech"
_FREED_SHARE = 0.9
"""When the bound is passed, files go until this share of it is left, so that not every write has to look."""


class SpeechCache:
    """Thread-safe. Blocking (a few ms): call it in an executor."""

    def __init__(self, directory: Path, *, max_mb: int, voice: str, rate_hz: int) -> None:
        """`voice` identifies voice and speaking rate: entries of another one are never found."""
        self._directory = directory
        self._max_bytes = max_mb * 1_000_000
        self._key = hashlib.sha256(voice.encode()).digest()
        self._rate_hz = rate_hz
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._size_bytes: int | None = None
        self._lock = threading.Lock()
        self._broken = False

    def get(self, text: str) -> Samples | None:
        """The sound of `text`, or None."""
        path = self._path(text)
        with self._lock:
            try:
                stored = path.read_bytes()
            except OSError:
                return None
            samples = self._decode(stored)
            if samples is None:
                _log.info("speech-cache-entry-damaged")
                self._drop(path)
                return None
            self._touch(path)
            return samples

    def put(self, text: str, samples: Samples) -> None:
        """Keep `samples` as the sound of `text`, if it is worth it."""
        path = self._path(text)
        with self._lock:
            if not self._admit(text, path.name) or not len(samples):
                return
            try:
                self._write(path, self._encode(samples))
                self._make_room()
            except OSError as exc:
                if not self._broken:
                    _log.warning("speech-cache-unwritable", reason=exc.strerror)
                self._broken = True
            else:
                self._broken = False

    def _path(self, text: str) -> Path:
        name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=20).hexdigest()
        return self._directory / f"{name}{_SUFFIX}"

    def _admit(self, text: str, name: str) -> bool:
        if not self._max_bytes:
            return False
        seen = name in self._recent
        self._recent[name] = None
        self._recent.move_to_end(name)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return seen or len(text) <= ADMIT_AT_ONCE_CHARS

    def _encode(self, samples: Samples) -> bytes:
        import soundfile  # noqa: PLC0415 - loads libsndfile

        buffer = io.BytesIO()
        soundfile.write(buffer, samples, self._rate_hz, format="FLAC", subtype="PCM_16")
        flac = buffer.getvalue()
        return _digest(flac) + flac

    def _decode(self, stored: bytes) -> Samples | None:
        import soundfile  # noqa: PLC0415 - loads libsndfile

        digest, flac = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if digest != _digest(flac):
            return None
        try:
            samples, rate_hz = soundfile.read(io.BytesIO(flac), dtype="int16")
        except (RuntimeError, ValueError, TypeError):
            return None
        return samples if rate_hz == self._rate_hz and samples.ndim == 1 else None

    def _write(self, path: Path, stored: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._directory, suffix=".part")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(stored)
            Path(temporary).replace(path)
        except BaseException:
            self._drop(Path(temporary))
            raise
        if self._size_bytes is not None:
            self._size_bytes += len(stored)

    def _make_room(self) -> None:
        if self._size_bytes is not None and self._size_bytes <= self._max_bytes:
            return
        files = sorted((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in self._entries())
        size = sum(file[1] for file in files)
        goal = size if size <= self._max_bytes else self._max_bytes * _FREED_SHARE
        for _, file_size, path in files:
            if size <= goal:
                break
            self._drop(Path(path))
            size -= file_size
        self._size_bytes = size

    def _entries(self) -> list[os.DirEntry[str]]:
        """Entries, and leftovers of writes that were cut off."""
        with os.scandir(self._directory) as entries:
            return [entry for entry in entries if entry.name.endswith((_SUFFIX, ".part")) and entry.is_file()]

    @staticmethod
    def _touch(path: Path) -> None:
        try:
            os.utime(path)
        except OSError:
            return  # read-only: then nothing is evicted either

    @staticmethod
    def _drop(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return  # read-only: the entry stays damaged and is never used


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
