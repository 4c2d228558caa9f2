"""Models that are made on this machine, of files whose hashes are known; what was made is recorded with its own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from assistant.models.check import hash_file
from assistant.models.spec import FileSpec, ModelSpec


def make(spec: ModelSpec, parts: Path, result: Path, record: Path) -> None:
    """Make the model's files of `parts` in `result`, and record their hashes.

    Raises:
        ModelError: `model-corrupt`: they are not what they should be.
        OSError: what a disk may refuse.
    """
    from assistant.models.convert import convert_whisper  # noqa: PLC0415 - heavy

    checkpoint, ranks = (
        next(parts / file.name for file in spec.made_from if file.name.endswith(ending))
        for ending in (".pt", ".tiktoken")
    )
    shutil.rmtree(result, ignore_errors=True)
    convert_whisper(checkpoint, ranks, result)
    files = []
    for file in spec.files:
        path = result / file.name
        with path.open("rb") as content:
            os.fsync(content.fileno())
        files.append(asdict(FileSpec(file.name, path.stat().st_size, hash_file(path))))
    record.parent.mkdir(parents=True, exist_ok=True)
    temporary = record.with_name(f"{record.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"made_from": _sources(spec), "files": files}), "utf-8")
    temporary.replace(record)


def recorded(spec: ModelSpec, record: Path) -> tuple[FileSpec, ...] | None:
    """The files as they were made; None when they were not, were made of something else, or nobody knows."""
    try:
        found = json.loads(record.read_bytes())
        files = tuple(FileSpec(**fields) for fields in found["files"])
        known = found["made_from"] == _sources(spec) and [file.name for file in files] == [f.name for f in spec.files]
        return files if known and all(isinstance(file.sha256, str) for file in files) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _sources(spec: ModelSpec) -> list[str | None]:
    return [file.sha256 for file in spec.made_from]
