"""Where test models come from: a web server on loopback that can misbehave, and wheels made on the spot."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for."""

    path: str
    range: str


class FileServer:
    """Serves bytes by path, with ranges. `manners` says how a path misbehaves, once each in order:

    an int is an HTTP status to answer with; "cut" sends half and closes; "stall" sends half and waits for `release`;
    "whole" ignores the range; "no-length" sends no length; "to:URL" redirects.
    """

    def __init__(self, files: Mapping[str, bytes], port: int = 0) -> None:
        self.files = dict(files)
        self.manners: dict[str, list[int | str]] = {}
        self.requests: list[Request] = []
        self.stalled = threading.Event()
        self.release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        cast(Any, self._server).owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        owner: FileServer = cast(Any, self.server).owner
        asked = self.headers.get("Range", "")
        owner.requests.append(Request(self.path, asked))
        queue = owner.manners.get(self.path, [])
        manner = queue.pop(0) if queue else ""
        if isinstance(manner, int):
            self.send_error(manner)
        elif manner.startswith("to:"):
            self.send_response(302)
            self.send_header("Location", manner[3:])
            self.end_headers()
        else:
            self._send(owner, asked, manner)

    def _send(self, owner: FileServer, asked: str, manner: str) -> None:
        content = owner.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and manner != "whole" else 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if manner != "no-length":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if manner in {"cut", "stall"}:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if manner == "stall":
                owner.stalled.set()
                owner.release.wait(30)
            return
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Quiet."""


def make_wheel(folder: Path, name: str, members: Mapping[str, bytes], version: str = "1.0.0") -> dict[str, Any]:
    """A wheel with these members in `folder`; its entry for a manifest."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    content = path.read_bytes()
    return {"name": name, "version": version, "bytes": len(content), "sha256": sha256(content)}


def write_manifest(path: Path, models: Mapping[str, Mapping[str, Any]]) -> Path:
    """A `models.toml` with these entries."""
    path.write_text(f"models = {_toml(models)}\n", "utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def voice(content: Mapping[str, bytes], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """A voice's entry with these files."""
    files = [{"name": name, "bytes": len(data), "sha256": sha256(data)} for name, data in content.items()]
    return {"kind": "voice", "files": files, "sources": list(sources)}
