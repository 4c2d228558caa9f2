"""Files from a folder on the web: one try per host, a short wait to connect, downloads that resume."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from assistant.errors import ModelError
from assistant.models.check import KEPT_NOTHING, copy_stream

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 30.0
_RESUMES = 5
_NAME = "edgewise"


class _CutOffError(Exception):
    """The connection broke in the middle of a file; kept apart from what the disk may refuse."""


class Web:
    """Downloads over HTTP, through the proxies of the environment. Remembers hosts that didn't answer."""

    def __init__(self, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._opener = urllib.request.build_opener()
        self._answers: dict[tuple[str, int], bool] = {}

    def download(self, url: str, part: Path, size: int | None, moved: Callable[[int], None]) -> None:
        """Download to `part`, going on where it ends. `moved` is told the bytes so far.

        Raises:
            ModelError: `model-unreachable` (no answer, or refused), `model-truncated` (cut off again and again;
                the part is kept) or `model-corrupt` (longer than it should be; nothing is kept).
        """
        self._probe(url)
        for _ in range(_RESUMES):
            start = _size(part)
            if size is not None and start >= size:
                break
            whole = self._receive(url, part, start, size, moved)
            if whole:
                return
            if _size(part) <= start:
                break
        if size is None or _size(part) < size:
            raise ModelError(
                "model-truncated", f"{url} was cut off", hint="Try again: it goes on where it ended.", retryable=True
            )

    def _receive(self, url: str, part: Path, start: int, size: int | None, moved: Callable[[int], None]) -> bool:
        """Append one response to the part; True when all that was announced has come."""
        request = urllib.request.Request(url, headers={"User-Agent": _NAME})  # noqa: S310 - the manifest admits http(s) only
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            with self._open(request) as response:
                appends = response.status == 206 and _begins_at(response, start)
                if start and not appends:
                    start = 0
                return _store(response, part, start, size, moved)
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code == 416:  # the part is longer than the file: begin again
                    part.unlink(missing_ok=True)
                    return False
                raise _unreachable(url, f"HTTP {exc.code}") from exc
        except _CutOffError:
            return False
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as exc:
            raise _unreachable(url, str(getattr(exc, "reason", exc)) or type(exc).__name__) from exc

    def _open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        response: http.client.HTTPResponse = self._opener.open(request, timeout=READ_TIMEOUT_S)
        return response

    def _probe(self, url: str) -> None:
        """Connect once per host, in a thread because looking up a name has no timeout of its own."""
        parts = urllib.parse.urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
            parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
        try:
            address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        except ValueError as exc:
            raise _unreachable(url, "not a usable address") from exc
        if address not in self._answers:
            self._answers[address] = _answers(address, self._connect_timeout_s)
        if not self._answers[address]:
            raise _unreachable(url, f"{address[0]} does not answer")


def _answers(address: tuple[str, int], timeout_s: float) -> bool:
    connected = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout_s).close()
        except (OSError, UnicodeError):
            return
        connected.set()

    thread = threading.Thread(target=connect, name="edgewise-probe", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return connected.is_set()


def _begins_at(response: http.client.HTTPResponse, start: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-")


def _store(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    size: int | None,
    moved: Callable[[int], None],
) -> bool:
    """Write the response to the part from `start` on; True when all that was announced has come."""
    length = response.headers.get("Content-Length") or ""
    total = start + int(length) if length.isdigit() else size
    done = start

    def read(amount: int) -> bytes:
        try:
            return response.read1(amount)  # what came, at once: a kill then loses nothing
        except (OSError, http.client.HTTPException) as exc:
            raise _CutOffError from exc

    def count(step: int) -> None:
        nonlocal done
        done += step
        if size is not None and done > size:
            raise ModelError("model-corrupt", f"{part.name}: {size} bytes expected, more came", hint=KEPT_NOTHING)
        moved(done)

    try:
        with part.open("r+b" if start else "wb", buffering=0) as file:
            file.seek(start)
            copy_stream(read, file.write, count)
    except ModelError:
        part.unlink(missing_ok=True)
        raise
    return total is None or done >= total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _unreachable(url: str, why: str) -> ModelError:
    return ModelError("model-unreachable", f"{url}: {why}", hint="Check the network.", retryable=True)
