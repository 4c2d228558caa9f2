"""The model's files, and what it does with anything that might be said."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from datetime import datetime
from pathlib import Path

import pytest

from assistant.config import Config
from assistant.encoder.text_model import FACTS, MODEL, TOKENIZER, OnnxTextModel
from assistant.errors import UnderstandError
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.nlu import run_nlu
from assistant.nlu.understand import Understander
from assistant.packaged import packaged_text_model

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
LONGEST_S = 0.05


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, FACTS])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"nonsense \xff"])
def test_a_missing_or_damaged_file_is_a_clear_error(tmp_path: Path, name: str, content: bytes | None) -> None:
    folder = tmp_path / "nlu"
    shutil.copytree(packaged_text_model(), folder, copy_function=os.symlink)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(UnderstandError, match="no usable model") as caught:
        OnnxTextModel(folder)
    assert caught.value.code == "nlu-model-bad"
    assert caught.value.hint


def test_the_model_is_small() -> None:
    assert sum(file.stat().st_size for file in packaged_text_model().glob("*.onnx")) <= 16_000_000


def test_the_model_does_what_its_card_says(data: Path, config: Config) -> None:
    """On a fixed sample, whose figures training wrote down."""
    sample = json.loads((packaged_text_model() / FACTS).read_bytes())["sample"]
    manifest = data / sample["file"]
    options = EvalOptions(manifest, config, limit=sample["limit"], seed=sample["seed"], progress=False)
    report = run_nlu(options, now=NOW)
    found = {name: report.figures[name] for name in sample["figures"]}
    assert found == pytest.approx(sample["figures"], abs=0.015)


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_string_is_too_much(count: int) -> None:
    understander = Understander(model=OnnxTextModel(packaged_text_model()))
    slow: list[tuple[float, str]] = []
    for number in range(count):
        text = _odd_text(number)
        took_s = _taken_s(understander, text)
        if took_s > LONGEST_S:  # once more: something else may have had the core
            took_s = min(_taken_s(understander, text) for _ in range(3))
        if took_s > LONGEST_S:
            slow.append((took_s, text))
    assert not slow


def _taken_s(understander: Understander, text: str) -> float:
    began_s = time.thread_time()
    understander.understand(text, now=NOW)
    return time.thread_time() - began_s


_SENTENCES = (
    "set a timer for ten minutes and half past the of pasta",
    "turn on kitchen light play some music remind me to",
    "one hundred thousand million twenty five point percent plus minus times divided by",
    "march third tomorrow every monday",
    "what is never mind stop",
)
_WORDS = [word for sentence in _SENTENCES for word in sentence.split()]


def _odd_text(number: int) -> str:
    """By turns: any characters, words of commands in any order, the same word over and over, numbers and signs."""
    pick = random.Random(number)
    length = pick.choice([1, 5, 20, 60, 200])
    match number % 4:
        case 0:
            return "".join(chr(pick.choice([pick.randrange(32, 127), pick.randrange(0x110000)])) for _ in range(length))
        case 1:
            return " ".join(pick.choice(_WORDS) for _ in range(length))
        case 2:
            return " ".join([pick.choice(_WORDS)] * length)
        case _:
            return "".join(pick.choice("0123456789.,:;/+-*%^() $#@'\"\\{}[]<>|~\n\t") for _ in range(length))
