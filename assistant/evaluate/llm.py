"""`assistant eval llm`: what the language model on this device knows, and whether it knows that.

Rows: see `answers`. Each question is asked alone, its confidence first, then the whole answer. `accuracy` and `auroc`
(a right answer's confidence above a wrong one's) by kind and over all; `ece` is the expected calibration error;
`answered_share` of the questions have a confidence of at least `router.threshold`, and `answered_accuracy` of those are
right. `first_token_ms`: to the first text without a confidence before; `confidence_ms`: to the confidence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from assistant.daemon.local_model import find_local_model
from assistant.errors import EdgewiseError, EvaluateError, LlmError
from assistant.evaluate.answers import Asked, auroc, calibration_error, is_right, read_asked
from assistant.evaluate.common import (
    EvalOptions,
    Manifest,
    Problem,
    Report,
    RowResult,
    percentile,
    progress,
    ratio,
    read_manifest,
)
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.llm.model import GgufModel
from assistant.streams import closing
from assistant.values import LocalQuestion

START_TIMEOUT_S = 150.0
FIRST_TOKENS = 20
"""Questions for the time to the first text."""


@dataclass(frozen=True, slots=True)
class Scored:
    kind: str
    confidence: float
    right: bool
    ms: float


def run_llm(options: EvalOptions, *, model: str = "") -> Report:
    """Ask the configured model, or another one by its id.

    Raises:
        EvaluateError, ConfigError, ModelError, LlmError.
    """
    name = model or options.config.settings.llm.model
    if not name:
        raise EvaluateError("llm-none", "no model is configured", hint="Name one: --model qwen2.5-0.5b")
    normalise = load_normaliser()
    manifest = read_manifest(options, read_asked)
    return asyncio.run(_run(options, name, manifest, normalise))


@asynccontextmanager
async def open_model(options: EvalOptions, name: str) -> AsyncIterator[GgufModel]:
    """A model with its worker, ready. Raises ConfigError, ModelError, LlmError."""
    model = await asyncio.to_thread(find_local_model, options.config, name)
    running = asyncio.create_task(model.run())
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not model.ready:
                if running.done():
                    running.result()
                await asyncio.sleep(0.01)
        yield model
    except TimeoutError as exc:
        raise LlmError("llm-timeout", f"{name} didn't load within {START_TIMEOUT_S:g} s") from exc
    finally:
        running.cancel()
        await asyncio.wait([running])


async def whole_answer(model: GgufModel, question: LocalQuestion) -> str:
    """The answer, as far as it may go. Raises LlmError, BusyError."""
    said = []
    try:
        async with closing(model.converse(question)) as pieces:
            async for piece in pieces:
                said.append(piece)  # noqa: PERF401 - what was said until an error counts
    except LlmError as exc:
        if exc.code != "llm-truncated":
            raise
    return "".join(said)


async def _run(options: EvalOptions, name: str, manifest: Manifest[Asked], normalise: Normaliser) -> Report:
    scored: list[Scored] = []
    results: list[RowResult] = []
    problems: list[Problem] = list(manifest.problems)
    async with open_model(options, name) as model:
        first_ms = [await _first_ms(model, row.value.text) for row in manifest.rows[:FIRST_TOKENS]]
        for row in progress(manifest.rows, options, "asking"):
            question = LocalQuestion(row.value.text, (), options.config.settings.locale.language)
            began_s = time.perf_counter()
            try:
                confidence = await model.confidence(question)
                took_ms = (time.perf_counter() - began_s) * 1000
                said = await whole_answer(model, question)
            except EdgewiseError as exc:
                problems.append(row.problem(exc))
                continue
            right = is_right(said, row.value.answers, normalise)
            scored.append(Scored(row.value.kind, confidence, right, took_ms))
            results.append(RowResult(row.input, said, took_ms, {"confidence": round(confidence, 4), "right": right}))
        tuned = model.tuned
    figures = {
        "model": name,
        "tuned": "yes" if tuned else "no: its confidence stays low",
        **summary(scored, options.config.settings.router.threshold),
        "first_token_ms_p50": percentile(first_ms, 50),
        "confidence_ms_p50": percentile([each.ms for each in scored], 50),
        "confidence_ms_p95": percentile([each.ms for each in scored], 95),
    }
    return Report("llm", len(scored), figures, tuple(problems), tuple(results))


def summary(scored: Sequence[Scored], threshold: float) -> dict[str, float | None]:
    """Accuracy and AUROC over all and by kind, calibration error, and what happens at the threshold."""
    answered = [each for each in scored if each.confidence >= threshold]
    figures = {
        "accuracy": ratio(sum(each.right for each in scored), len(scored)),
        "auroc": _auroc(scored),
        "ece": calibration_error([each.confidence for each in scored], [each.right for each in scored]),
        "threshold": threshold,
        "answered_share": ratio(len(answered), len(scored)),
        "answered_accuracy": ratio(sum(each.right for each in answered), len(answered)),
    }
    for kind in sorted({each.kind for each in scored}):
        of_kind = [each for each in scored if each.kind == kind]
        told = [each for each in of_kind if each.confidence >= threshold]
        figures[f"{kind}_n"] = len(of_kind)
        figures[f"{kind}_accuracy"] = ratio(sum(each.right for each in of_kind), len(of_kind))
        figures[f"{kind}_auroc"] = _auroc(of_kind)
        figures[f"{kind}_answered_share"] = ratio(len(told), len(of_kind))
        figures[f"{kind}_answered_accuracy"] = ratio(sum(each.right for each in told), len(told))
    return figures


def _auroc(scored: Sequence[Scored]) -> float | None:
    return auroc([each.confidence for each in scored], [each.right for each in scored])


async def _first_ms(model: GgufModel, text: str) -> float:
    began_s = time.perf_counter()
    async with closing(model.converse(LocalQuestion(text, (), "en"))) as pieces:
        async for _ in pieces:
            break
    return (time.perf_counter() - began_s) * 1000
