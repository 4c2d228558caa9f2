"""The model in the daemon: budgets, a worker that ends, answers that are left."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.audio.format import CHUNK_S
from assistant.audio.virtual import VirtualMicrophone
from assistant.config import Config, load_config
from assistant.daemon import open_assistant
from assistant.errors import ConfigError, LlmError
from assistant.llm.exchange import Asking, End
from assistant.llm.model import GgufModel
from assistant.streams import closing
from assistant.values import LocalQuestion
from tests.local_models import LIMITS, MODEL_ID, loaded_model
from tests.until import until

pytest.importorskip("xllamacpp", reason="needs the extra `llm`")
STORY = LocalQuestion("Tell me a long story about a dragon.", (), "en")


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.parametrize("pieces", [6, pytest.param(1, marks=pytest.mark.slow)])
async def test_an_answer_that_is_left_costs_one_more_token_at_most(pieces: int) -> None:
    async with loaded_model() as model:
        assert model.exchange is not None
        async with closing(model.converse(STORY)) as stream:
            for _ in range(pieces):
                await anext(stream)
        async with asyncio.timeout(20):
            end = await model.exchange.stopped.get()
        assert end.reason == "stopped"
        # one step is the prompt's, and brings the first token; the worker may be ahead of us by what lay in the pipe
        assert pieces <= end.steps <= pieces + 3


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.slow
async def test_the_system_part_is_worked_through_once() -> None:
    async with loaded_model() as model:
        ends = []
        for text in ("What is the capital of France?", "Who wrote Hamlet?"):
            assert model.exchange is not None
            asking = Asking(model.messages(LocalQuestion(text, (), "en")), 1)
            async with closing(model.exchange.ask(asking)) as items:
                ends += [item async for item in items if isinstance(item, End)]
        for end in ends:  # the first question as well: it was done while loading
            assert end.prompt_tokens > 75
            assert end.prompt_tokens - end.cached_tokens < 20


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.slow
async def test_a_worker_that_is_killed_is_replaced() -> None:
    async with loaded_model() as model:
        assert model.exchange is not None
        worker = model.exchange.child.pid
        os.kill(worker, signal.SIGKILL)
        await until(lambda: not model.ready)
        await until(lambda: model.problem is None or model.ready)
        await until(lambda: model.ready, timeout_s=60.0)
        assert model.exchange.child.pid != worker
        assert model.problem is None
        assert 0.0 <= await model.confidence(LocalQuestion("Who wrote Hamlet?", (), "en")) <= 1.0


@pytest.mark.models
@pytest.mark.real_time
async def test_a_worker_that_takes_too_much_memory_ends_and_says_why() -> None:
    with pytest.raises(LlmError) as caught:
        async with loaded_model(replace(LIMITS, memory_mb=110)):  # the file alone has 98
            pass
    assert caught.value.code == "llm-memory"
    assert "llm.memory_mb" in caught.value.hint


@pytest.mark.models
async def test_a_file_larger_than_the_budget_is_not_even_loaded() -> None:
    with pytest.raises(LlmError) as caught:
        async with loaded_model(replace(LIMITS, memory_mb=64)):
            pass
    assert caught.value.code == "llm-memory"


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.slow
async def test_an_answer_that_is_too_long_or_takes_too_long_says_so() -> None:
    async with loaded_model(replace(LIMITS, max_tokens=16)) as model:
        stream = model.converse(STORY)
        for _ in range(8):
            assert await anext(stream)
        with pytest.raises(LlmError) as caught:
            [piece async for piece in stream]
        assert caught.value.code == "llm-truncated"
    async with loaded_model(replace(LIMITS, timeout_s=0.001)) as model:
        with pytest.raises(LlmError) as caught:
            await model.confidence(STORY)
        assert caught.value.code == "llm-timeout"


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.slow
async def test_the_ear_misses_no_frame_while_the_model_loads_and_generates() -> None:
    microphone = VirtualMicrophone(realtime=True)
    late_s = []

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        heard = 0
        async for _ in microphone.chunks():
            heard += 1
            late_s.append(loop.time() - microphone.began_s - heard * CHUNK_S)

    listening = asyncio.create_task(listen())
    await until(lambda: len(late_s) * CHUNK_S > 1.0)
    alone = len(late_s)
    async with loaded_model() as model, closing(model.converse(STORY)) as pieces:
        with pytest.raises(LlmError, match="longer"):
            async for _ in pieces:
                pass
    listening.cancel()
    await asyncio.wait([listening])
    assert microphone.dropped_s == 0
    assert missed(late_s[alone:]) <= missed(late_s[:alone]) + 0.02, "what else runs here hits both"


def missed(late_s: list[float]) -> float:
    """The share of frames that were taken only when the next one was there."""
    return sum(late > CHUNK_S for late in late_s) / len(late_s)


@pytest.mark.models
@pytest.mark.real_time
@pytest.mark.slow
async def test_the_daemon_starts_without_waiting_for_it_and_says_what_is_wrong(config: Config, own_home: Path) -> None:
    loaded = load_config(config.paths, [f'llm.model="{MODEL_ID}"'])
    async with open_assistant(loaded) as assistant:
        assert MODEL_ID not in assistant.status().models
        await until(lambda: MODEL_ID in assistant.status().models, timeout_s=60.0)
        assert not assistant.status().problems


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("model", "code"), [("qwen", "model-unknown"), ("voice-joe", "llm-model"), ("house", "model-corrupt")]
)
async def test_a_model_that_cannot_be_used_is_a_problem_and_nothing_else(
    config: Config, own_home: Path, model: str, code: str
) -> None:
    (own_home / "house.gguf").write_bytes(b"GGU")
    config.paths.user_manifest.write_text(
        f'[models.house]\nkind = "llm"\ndirectory = "{own_home}"\nfiles = [{{ name = "house.gguf" }}]\n', "utf-8"
    )
    loaded = load_config(config.paths, [f'llm.model="{model}"'])
    async with open_assistant(loaded) as assistant:
        await until(lambda: assistant.status().problems)
        (problem,) = assistant.status().problems
        assert code in problem


async def test_a_worker_that_always_ends_is_started_ever_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    model = GgufModel(file, "x", LIMITS, None)
    starts: list[float] = []

    async def dies(*_: object) -> object:
        starts.append(asyncio.get_running_loop().time())
        raise LlmError("llm-died", "gone", retryable=True)

    monkeypatch.setattr("assistant.llm.child.Child.start", dies)
    running = asyncio.create_task(model.run())
    await asyncio.sleep(30)
    running.cancel()
    await asyncio.wait([running])
    gaps = [round(after - before, 1) for before, after in itertools.pairwise(starts)]
    assert gaps == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert model.problem is not None
    assert not model.ready


def test_what_is_not_configured_costs_nothing(config: Config) -> None:
    assert config.settings.llm.model == ""
    with pytest.raises(ConfigError):
        load_config(config.paths, ["llm.memory_mb=1"])
