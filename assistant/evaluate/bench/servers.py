"""The Wyoming servers' own Python environment, beside the product's."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from assistant.evaluate.bench.environment import Packages

PINNED = ("wyoming-faster-whisper==3.8.1", "wyoming-piper==2.5.2")
SHARED = ("faster-whisper", "ctranslate2", "onnxruntime", "piper-tts", "numpy")
"""In the versions that the product has here, so that servers are compared and not libraries."""


def environment_dir() -> Path:
    """Inside the product's own environment, so that it goes when that goes, and never gets into a checkout."""
    return Path(sys.prefix) / "peers"


def requirements() -> tuple[str, ...]:
    """What is installed, exactly."""
    return (*PINNED, *(f"{name}=={importlib.metadata.version(name)}" for name in SHARED))


def packages() -> Packages:
    """For `environment.ensure_environment`."""
    return Packages(" and ".join(PINNED), "0.6 GB", (("install", *requirements()),))
