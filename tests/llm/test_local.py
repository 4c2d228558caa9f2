"""The local model in its worker process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.config import find_paths, load_config
from assistant.errors import CloudError, ConfigError, LlmError, ModelError
from assistant.gateway.app import open_gateway
from assistant.llm.local import LocalLlm
from tests.gateways import GatewayProcess, LinkedCloud, check_into

MODEL_ID = "smollm2-135m"
pytest.importorskip("xllamacpp", reason="needs the extra `llm`")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int, within_s: float = 5.0) -> None:
    """Wait for the end of a process that may not be our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(within_s):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def workers_of(pid: int) -> list[int]:
    """Its child processes."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.real_time
@pytest.mark.models
async def test_the_real_model_answers_through_the_gateway() -> None:
    async with local_gateway() as linked:
        await linked.cloud.check()
        (worker,) = workers_of(os.getpid())
        environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
        assert b"GOMP_SPINCOUNT=300" in environment, "else it takes a second a word on a busy machine"
        assert "paris" in (await linked.ask("What is the capital of France?")).lower()
    assert not alive(worker)


@pytest.mark.real_time
@pytest.mark.models
@pytest.mark.slow
async def test_a_worker_that_dies_is_started_again() -> None:
    async with local_gateway() as linked:
        (worker,) = workers_of(os.getpid())
        os.kill(worker, signal.SIGKILL)
        await gone(worker)
        with pytest.raises(CloudError) as caught:
            await linked.ask("What is the capital of France?")
        assert caught.value.code == "cloud-unreachable"
        async with asyncio.timeout(60):
            while not linked.link.up:
                await asyncio.sleep(0.1)  # the device looks again
                await check_into(linked)
        assert await linked.ask("What is the capital of France?")


@contextlib.asynccontextmanager
async def local_gateway() -> AsyncIterator[LinkedCloud]:
    """A client of a gateway with the real model."""
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', "gateway.max_tokens=12"])
    async with open_gateway(config, local=True) as gateway:
        assert gateway.upstream == MODEL_ID
        async with LinkedCloud(gateway.address, first_token_timeout_s=60.0) as linked:
            yield linked


@pytest.mark.real_time
@pytest.mark.models
@pytest.mark.parametrize(
    "how", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.slow), pytest.param("SIGINT", marks=pytest.mark.slow)]
)
async def test_no_worker_outlives_its_gateway(how: str) -> None:
    async with GatewayProcess("") as process:
        assert process.said.decode().strip() == f"Gateway listens on {process.address}; answers come from {MODEL_ID}."
        (worker,) = workers_of(process.pid)
        os.kill(process.pid, signal.Signals[how])
        assert await process.ended() == (-9 if how == "SIGKILL" else 0)
        await gone(worker)


def file_of(tmp_path: Path, content: bytes | None) -> Path:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "code", "hint"),
    [
        (None, "model-missing", "assistant models fetch x"),
        (b"", "model-corrupt", "assistant models verify x"),
        (b"GGU", "model-corrupt", "assistant models verify x"),
        (b"<html>not found</html>", "model-corrupt", "assistant models verify x"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes | None, code: str, hint: str) -> None:
    with pytest.raises(LlmError) as caught:
        LocalLlm(file_of(tmp_path, content), "x", context_tokens=512)
    assert caught.value.code == code
    assert hint in caught.value.hint


@pytest.mark.real_time
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"GGUF", id="only the magic"),
        pytest.param(b"GGUF\x03\x00\x00\x00" + bytes(64), id="an empty model"),
        pytest.param(b"GGUF\x03\x00\x00\x00" + b"\xff" * 4096, id="absurd counts"),
    ],
)
async def test_models_that_cannot_be_loaded(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    llm = LocalLlm(file_of(tmp_path, content), "x", context_tokens=512)
    with pytest.raises(LlmError) as caught:
        await llm.start()
    assert caught.value.code in {"llm-load", "llm-died"}
    assert not workers_of(os.getpid())
    assert capfd.readouterr().err == "", "llama.cpp's own words go nowhere"


@pytest.mark.real_time
async def test_cancelled_while_it_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    llm = LocalLlm(file_of(tmp_path, b"GGUF"), "x", context_tokens=512)
    monkeypatch.setattr(sys, "executable", _worker_that(tmp_path, "exec sleep 60"))
    monkeypatch.setattr("assistant.llm.child.STOP_TIMEOUT_S", 0.1)
    starting = asyncio.create_task(llm.start())
    async with asyncio.timeout(5):
        while not workers_of(os.getpid()):  # noqa: ASYNC110 - a child that appears gives no event
            await asyncio.sleep(0.01)
    (worker,) = workers_of(os.getpid())
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not alive(worker)


@pytest.mark.real_time
@pytest.mark.parametrize("says", ["", "no json", "[1]", json.dumps({"error": "llm-load", "message": "m"}), "{}"])
async def test_workers_that_answer_nonsense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    llm = LocalLlm(file_of(tmp_path, b"GGUF"), "x", context_tokens=512)
    monkeypatch.setattr(sys, "executable", _worker_that(tmp_path, f"echo '{says}'"))
    with pytest.raises(LlmError) as caught:
        await llm.start()
    assert caught.value.code in {"llm-load", "llm-died"}
    assert not workers_of(os.getpid())


def _worker_that(tmp_path: Path, does: str) -> str:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    return str(script)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LlmError) as caught:
        LocalLlm(file_of(tmp_path, b"GGUF"), "x", context_tokens=512)
    assert (caught.value.code, caught.value.hint) == ("llm-missing", "Run: pip install 'edgewise[llm]'")


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (['gateway.local_model="smollm"'], "model-unknown"),
        (['gateway.local_model="voice-joe"'], "gateway-model"),
        (["gateway.local_context_tokens=256"], "gateway-context"),
        (["gateway.max_tokens=2000"], "gateway-context"),
        ([], "model-missing"),
    ],
)
async def test_local_settings_that_cannot_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: list[str], code: str
) -> None:
    monkeypatch.setenv("EDGEWISE_MODELS_DIR", str(tmp_path))
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', *settings])
    with pytest.raises((ConfigError, ModelError)) as caught:
        async with open_gateway(config, local=True):
            pass
    assert caught.value.code == code
    assert caught.value.hint
