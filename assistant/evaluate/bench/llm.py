"""`llm`: what the model on the device costs, beside xllamacpp as it comes, by turns in one run.

first_ms     from the question to its first text, of short questions behind the same system prompt; the raw one
             has that in its cache as well, and runs at the same low priority
token_ms     from one token to the next
uncached     the same with a system prompt that was never there before: what its cache saves
confidence   from the question to the confidence; the answer then begins at once
cancel_ms    from closing an answer to the end of the generating
missed       share of 20 ms frames that an ear in this process took only when the next one was there: with nothing
             else, and while the model answers
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from assistant.audio.format import CHUNK_S
from assistant.audio.virtual import VirtualMicrophone
from assistant.config import Config
from assistant.errors import LlmError
from assistant.evaluate.common import EvalOptions, percentile
from assistant.evaluate.llm import open_model
from assistant.llm.child import Child, usual_threads
from assistant.llm.exchange import Asking, End, Piece
from assistant.llm.model import GgufModel
from assistant.models import Models
from assistant.streams import closing
from assistant.values import LocalQuestion

QUESTIONS = (
    "What is the capital of France?",
    "Who wrote Hamlet?",
    "How many legs does a spider have?",
    "Why is the sky blue?",
    "What do pandas eat?",
    "Which planet is the largest?",
    "What is a good name for a cat?",
    "How do plants make food?",
)
ANSWER_TOKENS = 24
EAR_S = 5.0
STORY = LocalQuestion("Tell me a long story about a dragon.", (), "en")


async def measure_llm(config: Config, name: str, rounds: int) -> Mapping[str, float | str]:
    """Every figure, of the model `name`. Raises EdgewiseError."""
    options = EvalOptions(Path(), config)
    threads = config.settings.llm.threads or usual_threads()
    order = {
        "model": str(_file(config, name)),
        "context_tokens": config.settings.llm.context_tokens,
        "threads": threads,
    }
    raw, _ = await Child.start("assistant.evaluate.bench.raw_llm", name, order)
    try:
        async with open_model(options, name) as model:
            figures = await _by_turns(model, raw, rounds)
            await raw.stop()
            assert model.exchange is not None
            return {
                "model": name,
                "threads": str(threads),
                **figures,
                **await _uncached(model),
                "confidence_ms_p50": await _confidence_ms(model),
                "cancel_ms_p50": await _cancel_ms(model),
                **await _missed(model),
                "worker_rss_mb": round(_rss_mb(model.exchange.child.pid), 0),
            }
    finally:
        await raw.stop()


async def _by_turns(model: GgufModel, raw: Child, rounds: int) -> dict[str, float]:
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        for text in QUESTIONS:
            messages = model.messages(LocalQuestion(text, (), "en"))
            raw.send({"messages": messages, "max_tokens": ANSWER_TOKENS})
            found = await raw.read() or {}
            mine = await _time(model, messages)
            if turn:  # the first round fills the caches
                theirs.append((float(found["first_ms"]), float(found["token_ms"])))
                ours.append(mine)
    first, raw_first = (statistics.median(each[0] for each in side) for side in (ours, theirs))
    token, raw_token = (statistics.median(each[1] for each in side) for side in (ours, theirs))
    return {
        "first_ms_p50": round(first, 1),
        "raw_first_ms_p50": round(raw_first, 1),
        "first_ratio": round(first / raw_first, 3),
        "token_ms_p50": round(token, 1),
        "raw_token_ms_p50": round(raw_token, 1),
        "tokens_per_s": round(1000 / token, 1),
    }


async def _time(model: GgufModel, messages: list[dict[str, str]]) -> tuple[float, float]:
    assert model.exchange is not None
    began_s = time.perf_counter()
    async with closing(model.exchange.ask(Asking(messages, ANSWER_TOKENS))) as items:
        times_s = [time.perf_counter() async for item in items if isinstance(item, Piece)]
    each_ms = 1000 * (times_s[-1] - times_s[0]) / max(1, len(times_s) - 1)
    return 1000 * (times_s[0] - began_s), each_ms


async def _uncached(model: GgufModel) -> dict[str, float]:
    """The same system prompt, told apart at its first word."""
    assert model.exchange is not None
    times_ms, tokens = [], {}
    for number, text in enumerate(QUESTIONS):
        system, *rest = model.messages(LocalQuestion(text, (), "en"))
        for key, messages in (
            ("cached", [system, *rest]),
            ("uncached", [{**system, "content": f"{number}. {system['content']}"}, *rest]),
            ("again", [system, *rest]),
        ):
            began_s = time.perf_counter()
            async with closing(model.exchange.ask(Asking(messages, 1))) as items:
                async for item in items:
                    if isinstance(item, End):
                        tokens[key] = item.prompt_tokens - item.cached_tokens
            if key == "uncached":
                times_ms.append((time.perf_counter() - began_s) * 1000)
    return {
        "uncached_first_ms_p50": round(statistics.median(times_ms), 1),
        "uncached_prompt_tokens": tokens["uncached"],
    }


async def _confidence_ms(model: GgufModel) -> float | str:
    times_ms = []
    for text in QUESTIONS:
        began_s = time.perf_counter()
        await model.confidence(LocalQuestion(text, (), "en"))
        times_ms.append((time.perf_counter() - began_s) * 1000)
    return percentile(times_ms, 50) or 0.0


async def _cancel_ms(model: GgufModel) -> float:
    assert model.exchange is not None
    times_ms = []
    for pieces in range(2, 10):
        async with closing(model.converse(STORY)) as stream:
            for _ in range(pieces):
                await anext(stream)
        began_s = time.perf_counter()
        await model.exchange.stopped.get()
        times_ms.append((time.perf_counter() - began_s) * 1000)
    return round(statistics.median(times_ms), 1)


async def _missed(model: GgufModel) -> dict[str, float]:
    async def talk() -> None:
        while True:
            with suppress(LlmError):  # longer than may be: the next one
                async for _ in model.converse(STORY):
                    pass

    alone = await _missed_share()
    talking = asyncio.create_task(talk())
    beside = await _missed_share()
    talking.cancel()
    await asyncio.wait([talking])
    return {"missed_alone": alone, "missed_beside": beside}


async def _missed_share() -> float:
    microphone, loop = VirtualMicrophone(realtime=True), asyncio.get_running_loop()
    heard = late = 0
    async with closing(microphone.chunks()) as chunks:
        async for _ in chunks:
            heard += 1
            late += loop.time() - microphone.began_s - heard * CHUNK_S > CHUNK_S
            if heard * CHUNK_S >= EAR_S:
                break
    return round(late / heard, 4)


def _file(config: Config, name: str) -> Path:
    models = Models(config.paths.models_dir, config.paths.user_manifest)
    return models.path(name) / models.get(name).main


def _rss_mb(pid: int) -> float:
    import psutil  # noqa: PLC0415 - an extra

    return float(psutil.Process(pid).memory_info().rss) / 1e6
