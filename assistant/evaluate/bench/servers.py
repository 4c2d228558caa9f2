"""The Wyoming servers' own Python environment, beside the product's: made once, pinned, never mixed with it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from assistant.errors import EvaluateError

PINNED = ("wyoming-faster-whisper==3.8.1", "wyoming-piper==2.5.2")
SHARED = ("faster-whisper", "ctranslate2", "onnxruntime", "piper-tts", "numpy")
"""In the versions that the product has here, so that servers are compared and not libraries."""
_INSTALL_S = 1800


def environment_dir() -> Path:
    """Inside the product's own environment, so that it goes when that goes, and never gets into a checkout."""
    return Path(sys.prefix) / "peers"


def requirements() -> tuple[str, ...]:
    """What is installed, exactly."""
    return (*PINNED, *(f"{name}=={importlib.metadata.version(name)}" for name in SHARED))


def ensure_environment(folder: Path, say: Callable[[str], None]) -> Path:
    """The environment's Python, after installing what isn't there.

    Raises:
        EvaluateError: `peers-missing`.
    """
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(requirements())
    if python.exists() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    say(f"Installing {' and '.join(PINNED)} into {folder} (once, 0.6 GB; it is used by this bench only).")
    stamp.unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *requirements()]):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as exc:
            lines = (getattr(exc, "stderr", "") or str(exc)).strip().splitlines()
            raise EvaluateError(
                "peers-missing", f"the Wyoming servers can't be installed: {lines[-1] if lines else exc}"
            ) from exc
    stamp.write_text(wanted, "utf-8")
    return python
