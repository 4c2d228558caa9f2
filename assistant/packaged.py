"""Where the files are that came with the program: in the wheel, else at the root of the checkout."""

from __future__ import annotations

from pathlib import Path


def packaged_manifest() -> Path:
    """The manifest of models."""
    return _packaged("manifest.toml")


def packaged_text_model() -> Path:
    """The folder of the model for understanding, which comes with the program."""
    return _packaged("nlu")


def packaged_calibrations() -> Path:
    """The folder with what is known of language models' confidence, `ID.json` each, and the questions it is from."""
    return _packaged("llm")


def packaged_questions(part: str) -> Path:
    """Questions with their answers, for language models: those to `tune` with, or those to `test` with."""
    return packaged_calibrations() / f"{part}.jsonl"


def _packaged(name: str) -> Path:
    package = Path(__file__).resolve().parent
    packed = package / "_share" / "models" / name
    return packed if packed.exists() else package.parent / "models" / name
