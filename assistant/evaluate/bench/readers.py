"""`scripts/bench nlu`: ours, Home Assistant's and our sentences alone, and a linear SVM on words, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.config import Config
from assistant.errors import EvaluateError
from assistant.evaluate.common import EvalOptions, percentile
from assistant.evaluate.nlu import SKIP, intent_figures, run_nlu, scored_by
from assistant.values import IntentMatch

COLUMNS = (
    ("intent_accuracy", "in scope"),
    ("oos_recall", "out-of-scope recall"),
    ("turned_away_share", "turned away"),
    ("macro_f1", "macro F1"),
    ("slot_f1", "slot F1"),
    ("ms_p50", "ms p50"),
    ("ms_p95", "ms p95"),
)
_SETS: Mapping[str, str] = {
    "hwu64_test": "hwu64_train",
    "clinc150_val": "clinc150_train",
    "slurp_devel": "hwu64_train",
}
"""What is measured on, and what the SVM learns from for it."""
_NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time


def measure_readers(config: Config, data: Path) -> dict[str, dict[str, Any]]:
    """Figures by set and reader. Raises EvaluateError, `bench-missing` without the extra `bench`; UnderstandError."""
    found: dict[str, dict[str, Any]] = {}
    for name, learnt_from in _SETS.items():
        options = EvalOptions(data / "nlu" / f"{name}.jsonl", config)
        found[name] = {
            "Edgewise": dict(run_nlu(options, now=_NOW).figures),
            "sentences alone": dict(run_nlu(options, now=_NOW, grammar_alone=True).figures),
            "linear SVM": _svm(options, data / "nlu" / f"{learnt_from}.jsonl"),
        }
    return found


def _svm(options: EvalOptions, train: Path) -> dict[str, Any]:
    """TF-IDF of words and pairs of words, untuned."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - of the extra `bench`
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.svm import LinearSVC  # noqa: PLC0415
    except ImportError as exc:
        raise EvaluateError(
            "bench-missing", "scikit-learn is not installed", hint="Install the extra `bench`: scripts/bench does."
        ) from exc
    rows = [json.loads(line) for line in train.read_text("utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row["intent"] != [SKIP]]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC())
    model.fit([row["text"] for row in rows], ["|".join(row["intent"]) for row in rows])
    scored = scored_by(options, _claim(model.predict))
    times_ms = [one.ms for one in scored]
    return {**intent_figures(scored), "ms_p50": percentile(times_ms, 50), "ms_p95": percentile(times_ms, 95)}


def _claim(predict: Callable[[Sequence[str]], Any]) -> Callable[[str], IntentMatch | None]:
    def claim(text: str) -> IntentMatch | None:
        [intents] = predict([text])
        intent = str(intents).partition("|")[0]
        return None if intent == "out_of_scope" else IntentMatch(intent, {}, 1.0, "svm")

    return claim
