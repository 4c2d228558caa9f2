"""`scripts/make-tokens`: which of a multilingual Whisper's tokens are kept for English (see `speech.english`).

Those that Whisper's English-only vocabulary (GPT-2's, learnt from English pages) has as well, every byte among them,
and those of which the words of a dictionary are made: without " lemons" a model that hears lemons in the midst of
others writes "lumens". The dictionaries are Debian's wamerican-large and wbritish-large (SCOWL, free to copy).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import tokenizers
from rich.console import Console

import assistant.speech
from assistant.config import find_paths
from assistant.errors import EdgewiseError
from assistant.models import Models
from assistant.speech.english import TEXT_TOKENS, TOKENS_FILE, read_vocabulary, vocabulary_hash

DICTIONARIES = (Path("/usr/share/dict/american-english-large"), Path("/usr/share/dict/british-english-large"))


def tokens_of_words(model_dir: Path, dictionaries: Sequence[Path]) -> set[int]:
    """The ids of the tokens of which words are made, small and capitalised, at a sentence's start and within."""
    tokenizer = tokenizers.Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    words = {word for file in dictionaries for word in file.read_text("utf-8").split()}
    forms = {form for word in words for form in (word, word.lower(), word.capitalize())}
    texts = [text for form in sorted(forms) for text in (form, f" {form}")]
    return {token for each in tokenizer.encode_batch(texts, add_special_tokens=False) for token in each.ids}


def pack_tokens(vocabulary: Sequence[str], english: Set[str], of_words: Set[int]) -> bytes:
    """A bit for each text token, set where it is kept."""
    kept = [text in english or token in of_words for token, text in enumerate(vocabulary[:TEXT_TOKENS])]
    return np.packbits(kept).tobytes()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make-tokens", description="Choose the tokens that English needs.")
    parser.add_argument("--multilingual", default="whisper-base", help="a Whisper model of all languages")
    parser.add_argument("--english", default="whisper-tiny.en", help="an English-only Whisper model")
    parser.add_argument("--words", type=Path, nargs="+", default=DICTIONARIES, help="a word a line")
    parser.add_argument("--out", type=Path, default=Path(assistant.speech.__path__[0]) / TOKENS_FILE)
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        models = Models(find_paths().models_dir)
        vocabulary = read_vocabulary(models.path(options.multilingual))
        english = frozenset(read_vocabulary(models.path(options.english)))
        of_words = tokens_of_words(models.path(options.multilingual), options.words)
    except (EdgewiseError, OSError) as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    bits = pack_tokens(vocabulary, english, of_words)
    options.out.write_bytes(bits)
    kept = int(np.unpackbits(np.frombuffer(bits, np.uint8)).sum())
    console.print(f"{kept} of {TEXT_TOKENS} tokens of the vocabulary {vocabulary_hash(vocabulary)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
