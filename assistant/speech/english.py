"""Which tokens of a multilingual Whisper English needs.

Whisper's decoder weighs all 51,865 tokens at every step, many of them for other languages. Kept are those that
Whisper's English-only vocabulary has as well, those of which the words of a large dictionary are made, and the marks:
34,438. Names from elsewhere can still be spelled, in smaller pieces. `scripts/make-tokens` chooses them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

TOKENS_FILE = "english_tokens.bits"
TEXT_TOKENS = 50_257
"""Ids below are text, in every multilingual Whisper; from here on marks follow."""
MARKS = 107
"""Up to <|notimestamps|>; the timestamps behind it aren't needed."""
_MULTILINGUAL_TOKENS = 51_865
_VOCABULARY = "de2b51643840893f26b6113b24777bdac8c38a7d05ccb579eeec8da26df76749"
"""sha256 of the text tokens, a line each."""


def kept_tokens(vocabulary: Sequence[str], language: str) -> list[int]:
    """The ids of the tokens that transcribing needs; all of a vocabulary that isn't known."""
    marks = range(TEXT_TOKENS, min(TEXT_TOKENS + MARKS, len(vocabulary)))
    if vocabulary_hash(vocabulary) == _VOCABULARY:
        text = english_tokens() if language == "en" else range(TEXT_TOKENS)
        return [*text, *marks]
    return list(range(len(vocabulary)))


def is_multilingual(vocabulary: Sequence[str]) -> bool:
    """Whether the model must be told the language."""
    return len(vocabulary) >= _MULTILINGUAL_TOKENS


def languages(vocabulary: Sequence[str]) -> set[str]:
    """Those that the model knows."""
    if not is_multilingual(vocabulary):
        return {"en"}
    marks = vocabulary[TEXT_TOKENS : TEXT_TOKENS + MARKS]
    return {match[1] for mark in marks if (match := re.fullmatch(r"<\|([a-z]{2,3})\|>", mark))}


def english_tokens() -> list[int]:
    """The ids of the text tokens that are kept, in order."""
    bits = np.frombuffer(files("assistant.speech").joinpath(TOKENS_FILE).read_bytes(), np.uint8)
    return [int(token) for token in np.flatnonzero(np.unpackbits(bits)[:TEXT_TOKENS])]


def vocabulary_hash(vocabulary: Sequence[str]) -> str:
    """Of the text tokens."""
    return hashlib.sha256("\n".join(vocabulary[:TEXT_TOKENS]).encode()).hexdigest()


def read_vocabulary(model_dir: Path) -> list[str]:
    """The tokens of a CTranslate2 model by id. Raises OSError, ValueError."""
    lines = model_dir / "vocabulary.txt"
    if lines.is_file():
        return lines.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    found = json.loads((model_dir / "vocabulary.json").read_bytes())
    if not isinstance(found, list) or not all(isinstance(token, str) for token in found):
        raise ValueError("vocabulary.json is not a list of tokens")
    return found
