"""`assistant models`, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.cli.models import _kept, _wanted
from assistant.config import find_paths
from assistant.models import Models
from tests.model_sources import FileServer, sha256, voice, write_manifest

CONTENT = {"amy.onnx": bytes(range(256)) * 4000, "amy.onnx.json": b'{"audio": {}}'}
PATHS = {f"/{name}": content for name, content in CONTENT.items()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def command(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assistant", "models", *words],
        env=os.environ | {"EDGEWISE_MODELS_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_fetches_lists_verifies_and_prunes(own_home: Path, cache: Path) -> None:
    own = own_home / "models.toml"
    with FileServer(PATHS) as server:
        write_manifest(own, {"amy": voice(CONTENT, {"url": server.url})})
        fetched = command("fetch", "amy", "--json", cache=cache)
    assert json.loads(fetched.stdout) == [{"id": "amy", "state": "ready", "path": str(cache / "amy")}]
    assert "amy: download amy.onnx 100% of 1 MB" in fetched.stderr.splitlines()
    assert fetched.stderr.splitlines()[-1] == "amy ready"
    rows = {row["id"]: row for row in json.loads(command("list", "--json", cache=cache).stdout)}
    assert rows["amy"]["state"] == "ready"
    assert rows["whisper-base"]["state"] == "missing"
    (cache / "amy" / "amy.onnx").write_bytes(b"short")
    verified = command("verify", cache=cache)
    assert verified.returncode == 1
    assert "truncated amy/amy.onnx" in verified.stdout
    assert sha256(b"short") in verified.stdout
    assert "assistant models fetch amy" in verified.stdout
    pruned = command("prune", "--json", cache=cache)
    assert [row["path"] for row in json.loads(pruned.stdout)] == [str(cache / "amy")]


def test_a_language_model_that_is_configured_is_fetched_and_kept(own_home: Path, cache: Path) -> None:
    models, paths = Models(cache), find_paths()
    assert "smollm2-135m" not in _wanted(models, paths)
    paths.config_file.write_text('[llm]\nmodel = "smollm2-135m"\n', "utf-8")
    assert "smollm2-135m" in _wanted(models, paths)
    assert "smollm2-135m" in _kept(models, paths)


def test_the_command_tells_a_misspelt_name_before_it_downloads(cache: Path) -> None:
    result = command("fetch", "voice-jo", cache=cache)
    assert result.returncode == 1
    assert "Did you mean voice-joe?" in result.stderr
    assert "Traceback" not in result.stderr
    assert not cache.exists()
