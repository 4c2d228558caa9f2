"""Python environments for the software of others: made once, pinned, never mixed with the product's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import EvaluateError

_INSTALL_S = 1800


@dataclass(frozen=True, slots=True)
class Packages:
    """What goes into an environment."""

    what: str
    """For people."""
    size: str
    """What it takes on the disk, for people."""
    steps: tuple[tuple[str, ...], ...]
    """What pip is told, call by call."""


def ensure_environment(folder: Path, packages: Packages, say: Callable[[str], None]) -> Path:
    """The environment's Python, after installing what isn't there.

    Raises:
        EvaluateError: `peers-missing`.
    """
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(" ".join(step) for step in packages.steps)
    if python.exists() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    say(f"Installing {packages.what} into {folder} (once, {packages.size}; it is used by benches only).")
    stamp.unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        *([*pip, *step] for step in packages.steps),
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as exc:
            lines = (getattr(exc, "stderr", "") or str(exc)).strip().splitlines()
            raise EvaluateError(
                "peers-missing", f"{packages.what} can't be installed: {lines[-1] if lines else exc}"
            ) from exc
    stamp.write_text(wanted, "utf-8")
    return python
