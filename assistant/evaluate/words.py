"""Comparing what was said with what was understood: the normaliser, and words that got lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assistant.errors import EvaluateError

Normaliser = Callable[[str], str]


def load_normaliser() -> Normaliser:
    """Whisper's English normaliser. Raises EvaluateError `bench-missing` without the extra `bench`."""
    try:
        from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415 - of the extra `bench`
    except ImportError as exc:
        raise EvaluateError(
            "bench-missing", "evaluating speech needs more packages", hint="Install them: pip install 'edgewise[bench]'"
        ) from exc
    normalise: Any = EnglishTextNormalizer()
    return lambda text: str(normalise(text)).strip()


def lost_words(said: str, heard: str) -> int:
    """How many words of `said` are missing in `heard` at its beginning, at its end, or in runs of two or more inside.

    Both are normalised. A word that was taken for another one isn't lost, and neither is a single one inside: that is
    how recognition errs, not how an utterance is cut.
    """
    import jiwer  # noqa: PLC0415 - of the extra `bench`

    words = len(said.split())
    if not heard:
        return words
    chunks = jiwer.process_words(said, heard).alignments[0]
    missing = [(chunk.ref_start_idx, chunk.ref_end_idx) for chunk in chunks if chunk.type == "delete"]
    return sum(end - start for start, end in missing if start == 0 or end == words or end - start > 1)
