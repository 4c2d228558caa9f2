"""Whisper's vocabulary cut down to English."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.config import find_paths
from assistant.evaluate.make_tokens import main
from assistant.models import Models
from assistant.speech.english import MARKS, TEXT_TOKENS, TOKENS_FILE, english_tokens, kept_tokens, read_vocabulary
from tests.speech.engines import WHISPER


@pytest.mark.models
def test_two_fifths_of_the_vocabulary_are_gone() -> None:
    vocabulary = read_vocabulary(WHISPER)
    kept = kept_tokens(vocabulary, "en")
    assert len(english_tokens()) == 29_380
    assert kept == [*english_tokens(), *range(TEXT_TOKENS, TEXT_TOKENS + MARKS)]
    assert vocabulary[kept[-1]] == "<|notimestamps|>"
    assert {token for token in vocabulary if len(token) == 1} <= {vocabulary[token] for token in kept}, "every byte"


@pytest.mark.models
def test_other_languages_and_vocabularies_stay_whole() -> None:
    vocabulary = read_vocabulary(WHISPER)
    assert kept_tokens(vocabulary, "de") == list(range(TEXT_TOKENS + MARKS))
    vocabulary[1000], vocabulary[1001] = vocabulary[1001], vocabulary[1000]
    assert kept_tokens(vocabulary, "en") == list(range(51_865))


@pytest.mark.models
@pytest.mark.slow
def test_the_kept_tokens_are_those_of_the_english_only_model(tmp_path: Path) -> None:
    Models(find_paths().models_dir).fetch("whisper-tiny.en", lambda _: None)
    assert main(["--out", str(tmp_path / TOKENS_FILE)]) == 0
    made = np.unpackbits(np.frombuffer((tmp_path / TOKENS_FILE).read_bytes(), np.uint8))
    assert list(np.flatnonzero(made[:TEXT_TOKENS])) == english_tokens()
