"""The model's card: what it was made of, what it is good for, and a picture of how honest its confidence is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assistant.config import Config
from assistant.encoder.text_model import FACTS, MODEL
from assistant.evaluate.common import EvalOptions, Report
from assistant.evaluate.nlu import run_nlu

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time, the same for every card
SETS = ("hwu64_test", "clinc150_val", "slurp_devel")
_SAMPLE: Mapping[str, Any] = {"file": "nlu/hwu64_test.jsonl", "limit": 250, "seed": 0}
_SAMPLED = ("intent_accuracy", "oos_recall", "turned_away_share")
_COLUMNS = (
    ("intent_accuracy", "in scope"),
    ("oos_recall", "out-of-scope recall"),
    ("turned_away_share", "turned away"),
    ("macro_f1", "macro F1"),
    ("slot_f1", "slot F1"),
    ("calibration_error", "calibration error"),
)
_BINS = 10
_TEXT = """# Edge model for understanding

An encoder ({layers} layers of all-MiniLM-L6-v2, {megabytes:.1f} MB in 8 bits) that reads an utterance and says which
intent it has (or that no local intent may claim it), which of its words are values, and what type of task it is. Read
by `assistant/encoder/text_model.py`; how it goes with the grammar is said in `assistant/nlu/classifier.py`.

Made on {day} by `scripts/train-nlu models/nlu --heard {heard_wanted} --epochs {epochs} --rate {rate} --seed {seed}`:
{minutes:.0f} minutes of training on {examples} utterances, {heard} of them as our own speech recognition heard them.

## Figures

`assistant eval nlu` on the development data, which served neither training nor calibration nor thresholds. "Heard":
what our own speech recognition makes of some of hwu64_test, spoken by synthetic voices in rooms, most under noise of 8
to 25 dB; how many of its words are wrong stands behind.

{table}

![Reliability: confidence against how often it was right](reliability.png)

## Data and licences

| what | licence |
|---|---|
| all-MiniLM-L6-v2, the start (sentence-transformers) | Apache-2.0 |
| HWU64 training requests (xliuhw/NLU-Evaluation-Data) | CC BY 4.0 |
| CLINC150 training requests (clinc/oos-eval) | CC BY 3.0 |
| questions: Natural Questions; self-instruct; Arena-Hard | CC BY-SA 3.0; Apache-2.0; Apache-2.0 |
| Home Assistant's sentence templates (home-assistant-intents) | CC BY 4.0 |
| our own templates (`assistant/training/en.yaml`, `assistant/nlu/languages/en`) | Apache-2.0 |

How rows become intents, slots and task types is said in `assistant/training/data.py`. English only.

## Limits

It was trained on requests typed or transcribed in the style of its data sets: unusual names of devices and very long
utterances are read worse. It doesn't know what a home holds. Task types of open questions rest on few examples.
"""


def write_card(  # noqa: PLR0913 - facts, all by name
    folder: Path, data: Path, config: Config, *, heard_wanted: int, today: date, heard: Mapping[str, tuple[Path, Path]]
) -> None:
    """Measure the model in `folder` on the development sets; write README.md, reliability.png and the fixed sample's
    figures, which a test compares. `heard` are manifests of the same rows, as written and as heard, by the voice. Needs
    the extra `bench`.
    """
    reports = {name: _measure(data / "nlu" / f"{name}.jsonl", config, folder) for name in SETS}
    spoken: dict[str, Report] = {}
    for voice, (written, recognised) in heard.items():
        before, after = _measure(written, config, folder), _measure(recognised, config, folder)
        spoken[f"{len(before.rows)} for {voice}, as written"] = before
        spoken[f"the same, heard ({_word_errors(before, after):.0%} wrong)"] = after
    facts: dict[str, Any] = json.loads((folder / FACTS).read_bytes())
    sampled = _measure(data / _SAMPLE["file"], config, folder, limit=_SAMPLE["limit"], seed=_SAMPLE["seed"])
    facts["sample"] = {**_SAMPLE, "figures": {name: sampled.figures[name] for name in _SAMPLED}}
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    training = facts["training"]
    text = _TEXT.format(
        **{**training, "layers": len(training["layers"])},
        megabytes=(folder / MODEL).stat().st_size / 1e6,
        day=today.isoformat(),
        heard_wanted=heard_wanted,
        table=_table(reports | spoken),
    )
    (folder / "README.md").write_text(text, "utf-8")
    _plot(reports, folder / "reliability.png")


def _measure(manifest: Path, config: Config, folder: Path, limit: int | None = None, seed: int = 0) -> Report:
    return run_nlu(EvalOptions(manifest, config, limit=limit, seed=seed), now=NOW, model_dir=folder)


def _word_errors(written: Report, heard: Report) -> float:
    """The share of words that were heard otherwise."""
    import jiwer  # noqa: PLC0415 - of the extra `bench`

    before, after = ([str(row.input["text"]) for row in report.rows] for report in (written, heard))
    return float(jiwer.wer(before, after))


def _table(reports: Mapping[str, Report]) -> str:
    lines = [
        "| set | " + " | ".join(title for _, title in _COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
    ]
    for name, report in reports.items():
        cells = [_cell(report.figures[column]) for column, _ in _COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | int | str | None) -> str:
    return "-" if value is None else f"{float(value):.1%}"


def _plot(reports: Mapping[str, Report], file: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - of the extra `bench`

    figure = Figure(figsize=(5, 4.2), dpi=110)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.8", zorder=0)
    for name, report in reports.items():
        rows = [row for row in report.rows if "confidence" in row.more]
        sure, right = _bins([(row.more["confidence"], row.output in row.input["intent"]) for row in rows])
        axes.plot(sure, right, marker="o", label=f"{name} ({len(rows)} claims)")
    axes.set(xlabel="confidence", ylabel="share that was right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    figure.tight_layout()
    figure.savefig(file)


def _bins(claims: Sequence[tuple[float, bool]]) -> tuple[list[float], list[float]]:
    """Mean confidence and share right of each tenth that has claims."""
    sure, right = [], []
    for at in range(_BINS):
        held = [claim for claim in claims if min(int(claim[0] * _BINS), _BINS - 1) == at]
        if held:
            sure.append(sum(confidence for confidence, _ in held) / len(held))
            right.append(sum(was_right for _, was_right in held) / len(held))
    return sure, right
