"""Fits the confidence of a language model: `scripts/tune-llm ID` runs it, prints its table and writes `ID.json`.

The questions of `models/llm/tune.jsonl` are asked; which answers were right is then to be told from how they began.
Ways to tell, each by the share of pairs of a right and a wrong answer that it orders right (AUROC), and by its cost:

    mean       mean log probability of the draft's tokens: the draft is the answer's own beginning, so it costs nothing
    least      the least likely token that says something new
    agreement  whether two short samples say the same new words
    asked      the model is asked whether its answer is correct: the probability of "yes"
    regression over everything the draft tells (see `llm.confidence`): out of fold, ten folds

The regression is what is written. How good it is, `assistant eval llm` says, of other questions.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from assistant.config import find_paths, load_config
from assistant.errors import EdgewiseError
from assistant.evaluate.answers import Asked, auroc, is_right, read_asked
from assistant.evaluate.common import EvalOptions, progress, read_manifest
from assistant.evaluate.llm import open_model, whole_answer
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.llm.confidence import FEATURES, features
from assistant.llm.draft import Draft
from assistant.llm.exchange import Asking, Piece
from assistant.llm.model import GgufModel
from assistant.logs import setup_logging
from assistant.packaged import packaged_calibrations, packaged_questions
from assistant.streams import closing
from assistant.values import LocalQuestion

SAMPLES, SAMPLE_TOKENS, TEMPERATURE = 2, 16, 0.9
IS_IT = "Is that answer correct? Reply with yes or no."
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Tried:
    """One question, and what each way says of it."""

    kind: str
    right: bool
    features: dict[str, float]
    agreement: float | None
    """None where it wasn't tried."""
    asked: float | None
    ms: tuple[float, float, float]
    """For the draft, the samples, and asking."""


async def try_all(options: EvalOptions, name: str, normalise: Normaliser, *, compare: bool) -> list[Tried]:
    """Ask every question; `compare` tries the costly ways, too. Raises EdgewiseError."""
    rows = read_manifest(options, read_asked).rows
    async with open_model(options, name) as model:
        return [await _try(model, row.value, normalise, compare=compare) for row in progress(rows, options, name)]


async def _try(model: GgufModel, asked: Asked, normalise: Normaliser, *, compare: bool) -> Tried:
    question = LocalQuestion(asked.text, (), "en")
    began_s = time.perf_counter()
    draft = await model.draft(question)
    drafted_s = time.perf_counter()
    agreement = likely = None
    sampled_s = probed_s = drafted_s
    if compare:
        agreement = await _agreement(model, question, draft)
        sampled_s = time.perf_counter()
        likely = await _is_it(model, question, draft)
        probed_s = time.perf_counter()
    said = await whole_answer(model, question)
    ms = (1000 * (drafted_s - began_s), 1000 * (sampled_s - drafted_s), 1000 * (probed_s - sampled_s))
    found = features(asked.text, draft)
    return Tried(asked.kind, is_right(said, asked.answers, normalise), found, agreement, likely, ms)


async def _agreement(model: GgufModel, question: LocalQuestion, draft: Draft) -> float:
    """How many of the draft's new words the samples have, on average."""
    assert model.exchange is not None
    words = re.compile(r"[^\W_]+")
    new = set(words.findall(draft.text.lower())) - set(words.findall(question.text.lower()))
    shares = []
    for seed in range(1, SAMPLES + 1):
        text = ""
        asking = Asking(model.messages(question), SAMPLE_TOKENS, temperature=TEMPERATURE, seed=seed)
        async with closing(model.exchange.ask(asking)) as items:
            async for item in items:
                text += item.text if isinstance(item, Piece) else ""
        shares.append(len(new & set(words.findall(text.lower()))) / len(new) if new else 0.0)
    return statistics.mean(shares)


async def _is_it(model: GgufModel, question: LocalQuestion, draft: Draft) -> float:
    """The probability of the first token, when that is a yes."""
    assert model.exchange is not None
    messages = [*model.messages(question, draft.text), {"role": "user", "content": IS_IT}]
    async with closing(model.exchange.ask(Asking(messages, 1, probabilities=True))) as items:
        async for item in items:
            if isinstance(item, Piece) and item.tokens:
                sure = math.exp(item.tokens[0].log_probability)
                return sure if item.tokens[0].text.strip().lower() == "yes" else 1 - sure
    return 0.0


def fit(tried: Sequence[Tried]) -> tuple[dict[str, float], float, list[float]]:
    """Weights by feature and the intercept; and what the regression says of each question when fitted without it."""
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV  # noqa: PLC0415 - of the extra `bench`
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415

    names = sorted(FEATURES)
    table = np.array([[each.features[name] for name in names] for each in tried])
    right = np.array([each.right for each in tried])
    centre, scale = table.mean(axis=0), table.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = (table - centre) / scale
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    search = LogisticRegressionCV(
        Cs=STRENGTHS, cv=folds, scoring="neg_log_loss", max_iter=5000, use_legacy_attributes=False, l1_ratios=(0.0,)
    )
    chosen = float(search.fit(scaled, right).C_)
    regression = LogisticRegression(C=chosen, max_iter=5000)
    unseen = cross_val_predict(regression, scaled, right, cv=folds, method="predict_proba")[:, 1]
    regression.fit(scaled, right)
    weights = regression.coef_[0] / scale
    intercept = float(regression.intercept_[0] - weights @ centre)
    return dict(zip(names, map(float, weights), strict=True)), intercept, [float(each) for each in unseen]


def comparison(tried: Sequence[Tried], unseen: Sequence[float]) -> Table:
    """AUROC of each way, over all and by kind, and its cost."""
    kinds = sorted({each.kind for each in tried})
    table = Table("way", "all", *kinds, "ms more (p50)", title="AUROC on the tuning half", box=box.SIMPLE_HEAD)
    draft, samples, asked = (statistics.median(each.ms[at] for each in tried) for at in range(3))
    ways: dict[str, tuple[list[float], str]] = {
        "mean": ([each.features["mean"] for each in tried], f"(the draft itself: {draft:.0f})"),
        "least": ([each.features["new_least"] for each in tried], "0"),
        "regression": (list(unseen), "0"),
    }
    if all(each.agreement is not None and each.asked is not None for each in tried):
        ways["agreement"] = ([each.agreement or 0.0 for each in tried], f"{samples:.0f}")
        ways["asked"] = ([each.asked or 0.0 for each in tried], f"{asked:.0f}")
    for name, (scores, cost) in ways.items():
        cells = []
        for kind in (None, *kinds):
            of_kind = [at for at, each in enumerate(tried) if kind in (None, each.kind)]
            found = auroc([scores[at] for at in of_kind], [tried[at].right for at in of_kind])
            cells.append("-" if found is None else f"{found:.3f}")
        table.add_row(name, *cells, cost)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tune-llm", description="Fit the confidence of a language model.")
    parser.add_argument("model", help="as `assistant models list` names it")
    parser.add_argument("--compare", action="store_true", help="try the costly ways, too")
    parser.add_argument("--limit", type=int, metavar="N", help="questions, to look at the ways: nothing is written")
    out_help = "default: ID.json in models/llm; for a model of your own: FILE.confidence.json beside its FILE.gguf"
    parser.add_argument("--out", type=Path, help=out_help)
    options = parser.parse_args(arguments)
    setup_logging("error", "text")
    console = Console(width=None if sys.stdout.isatty() else 140)
    given = EvalOptions(packaged_questions("tune"), load_config(find_paths()), options.limit)
    try:
        normalise = load_normaliser()
        tried = asyncio.run(try_all(given, options.model, normalise, compare=options.compare))
    except EdgewiseError as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    weights, intercept, unseen = fit(tried)
    console.print(comparison(tried, unseen))
    if options.limit:
        return 0
    file = options.out or packaged_calibrations() / f"{options.model}.json"
    found = {
        "model": options.model,
        "bytes": _size(options.model),
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"scripts/tune-llm {options.model}",
        "questions": len(tried),
        "right": sum(each.right for each in tried),
        "intercept": round(intercept, 5),
        "weights": {name: round(weight, 5) for name, weight in weights.items()},
    }
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    console.print(f"Written: {file}", soft_wrap=True)
    return 0


def _size(name: str) -> int:
    from assistant.models import Models  # noqa: PLC0415

    paths = find_paths()
    models = Models(paths.models_dir, paths.user_manifest)
    return (models.path(name) / models.get(name).main).stat().st_size


if __name__ == "__main__":
    sys.exit(main())
