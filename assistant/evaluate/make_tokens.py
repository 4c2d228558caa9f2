"""`scripts/make-tokens`: which of a multilingual Whisper's tokens are kept for English (see `speech.english`).

Those that Whisper's English-only vocabulary (GPT-2's, learnt from English pages) has as well. Every byte is among them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from rich.console import Console

import assistant.speech
from assistant.config import find_paths
from assistant.errors import EdgewiseError
from assistant.models import Models
from assistant.speech.english import TEXT_TOKENS, TOKENS_FILE, read_vocabulary, vocabulary_hash


def pack_tokens(vocabulary: Sequence[str], english: Set[str]) -> bytes:
    """A bit for each text token, set where it is kept."""
    return np.packbits([token in english for token in vocabulary[:TEXT_TOKENS]]).tobytes()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make-tokens", description="Choose the tokens that English needs.")
    parser.add_argument("--multilingual", default="whisper-base", help="a Whisper model of all languages")
    parser.add_argument("--english", default="whisper-tiny.en", help="an English-only Whisper model")
    parser.add_argument("--out", type=Path, default=Path(assistant.speech.__path__[0]) / TOKENS_FILE)
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        models = Models(find_paths().models_dir)
        vocabulary = read_vocabulary(models.path(options.multilingual))
        english = frozenset(read_vocabulary(models.path(options.english)))
    except EdgewiseError as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    bits = pack_tokens(vocabulary, english)
    options.out.write_bytes(bits)
    kept = int(np.unpackbits(np.frombuffer(bits, np.uint8)).sum())
    console.print(f"{kept} of {TEXT_TOKENS} tokens of the vocabulary {vocabulary_hash(vocabulary)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
