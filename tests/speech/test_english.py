"""Whisper's vocabulary cut down to English."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tokenizers

from assistant.config import find_paths
from assistant.evaluate.make_tokens import DICTIONARIES, main
from assistant.models import Models
from assistant.speech.english import MARKS, TEXT_TOKENS, TOKENS_FILE, english_tokens, kept_tokens, read_vocabulary
from tests.speech.engines import WHISPER


@pytest.mark.models
def test_a_third_of_the_vocabulary_is_gone() -> None:
    vocabulary = read_vocabulary(WHISPER)
    kept = kept_tokens(vocabulary, "en")
    assert len(english_tokens()) == 34_331
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
@pytest.mark.parametrize("word", [" lemons", " Reykjavik", " thermostat", " Wednesday", " kitchen", " eggs"])
def test_everyday_words_are_cut_as_ever(word: str) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(WHISPER / "tokenizer.json"))
    kept = set(kept_tokens(read_vocabulary(WHISPER), "en"))
    assert set(tokenizer.encode(word, add_special_tokens=False).ids) <= kept


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.skipif(not all(map(Path.exists, DICTIONARIES)), reason="needs wamerican-large and wbritish-large")
def test_the_kept_tokens_are_chosen_anew(tmp_path: Path) -> None:
    Models(find_paths().models_dir).fetch("whisper-tiny.en", lambda _: None)
    assert main(["--out", str(tmp_path / TOKENS_FILE)]) == 0
    made = np.unpackbits(np.frombuffer((tmp_path / TOKENS_FILE).read_bytes(), np.uint8))
    assert list(np.flatnonzero(made[:TEXT_TOKENS])) == english_tokens()
