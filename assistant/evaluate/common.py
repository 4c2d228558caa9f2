"""What every evaluation shares: its options, its manifest, its progress bar and its report.

A manifest is JSON lines, one object a line; blank lines and a byte order mark are passed over, paths are relative to
the manifest. A row that can't be used becomes a `Problem` with its line number and is counted in the report's
`errors`; a manifest without one usable row is an error of its own.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from assistant.config import Config
from assistant.errors import EdgewiseError, EvaluateError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """Options that all evaluation commands have."""

    manifest: Path
    config: Config
    limit: int | None = None
    """Measure this many rows only, chosen by `seed`."""
    seed: int = 0
    progress: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """A manifest row that could not be measured."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    line: int
    input: Mapping[str, Any]
    """The row as it stands in the manifest."""
    value: T
    """What the evaluation's parser made of it."""

    def problem(self, error: EdgewiseError) -> Problem:
        return Problem(self.line, str(error))


@dataclass(frozen=True, slots=True)
class Manifest(Generic[T]):
    path: Path
    rows: tuple[Row[T], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class RowResult:
    input: Mapping[str, Any]
    output: Any
    ms: float | None
    """None where there was nothing to time."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth knowing of the row."""

    def to_json(self) -> dict[str, Any]:
        ms = None if self.ms is None else round(self.ms, 3)
        return {"input": self.input, "output": self.output, "ms": ms, **self.more}


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of an evaluation."""

    name: str
    n: int
    """Rows scored."""
    figures: Mapping[str, float | int | str | None]
    """The command's own words in snake case; None where nothing was there to measure."""
    problems: tuple[Problem, ...]
    rows: Sequence[RowResult] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Figures, `n`, `errors` (how many rows failed), `problems` (which, and why) and `rows`."""
        return {
            **self.figures,
            "n": self.n,
            "errors": len(self.problems),
            "problems": [{"line": problem.line, "message": problem.message} for problem in self.problems],
            "rows": [row.to_json() for row in self.rows],
        }

    def table(self) -> Table:
        table = Table(title=f"eval {self.name}", show_header=False)
        for name, value in {**self.figures, "n": self.n, "errors": len(self.problems)}.items():
            table.add_row(name.replace("_", " "), _show(value))
        return table


def read_manifest(options: EvalOptions, parse: Callable[[Mapping[str, Any], Path], T]) -> Manifest[T]:
    """Read the manifest; `parse(row, folder)` checks one row and raises ValueError with what is wrong with it.

    Raises:
        EvaluateError: `manifest-unreadable`; `manifest-invalid` when no row can be used.
    """
    rows: list[Row[T]] = []
    problems: list[Problem] = []
    for number, line in enumerate(_read_lines(options.manifest), 1):
        if not line.strip():
            continue
        try:
            raw = _parse_object(line)
            rows.append(Row(number, raw, parse(raw, options.manifest.parent)))
        except ValueError as exc:
            problems.append(Problem(number, str(exc)))
    if not rows:
        raise EvaluateError(
            "manifest-invalid",
            f"{options.manifest} has no usable row" + (f"; {problems[0]}" if problems else ""),
            hint="A manifest is one JSON object a line, with paths relative to the manifest.",
        )
    if options.limit is not None and options.limit < len(rows):
        rows = sorted(random.Random(options.seed).sample(rows, options.limit), key=lambda row: row.line)  # noqa: S311
    return Manifest(options.manifest, tuple(rows), tuple(problems))


def audio_field(row: Mapping[str, Any], folder: Path) -> Path:
    """The row's audio file, which exists. Raises ValueError."""
    path = folder / text_field(row, "audio")
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise ValueError(f"no such audio file: {path}")


def text_field(row: Mapping[str, Any], key: str) -> str:
    """A string of the row, not blank. Raises ValueError."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{key}` must be a text" if key in row else f"`{key}` is missing")
    return value


def seconds_field(row: Mapping[str, Any], key: str) -> float:
    """A time within a recording. Raises ValueError."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"`{key}` must be a number of seconds" if key in row else f"`{key}` is missing")
    return float(value)


def progress(rows: Sequence[Row[T]], options: EvalOptions, title: str) -> Iterator[Row[T]]:
    """The rows, with a progress bar on standard error while they are worked through."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not options.progress) as bar:
        yield from bar.track(rows)


def ratio(part: float, whole: float) -> float | None:
    """None of nothing."""
    return round(part / whole, 4) if whole else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """None of nothing."""
    return round(float(np.percentile(values, percent)), 3) if values else None


def write_json(report: Report, path: Path) -> None:
    """Write the report for machines.

    Raises:
        EvaluateError: `output-unwritable`.
    """
    try:
        path.write_text(json.dumps(report.to_json(), allow_nan=False, indent=1) + "\n", "utf-8")
    except OSError as exc:
        raise EvaluateError(
            "output-unwritable", f"can't write {path}: {exc.strerror}", hint="Check the folder and its permissions."
        ) from exc


def _read_lines(path: Path) -> list[str]:
    hint = "Name a JSON lines file, such as speech/ljspeech.jsonl of the development data."
    try:
        # not splitlines(): JSON strings may hold U+2028 and its like
        return path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as exc:
        raise EvaluateError("manifest-unreadable", f"{path} is not UTF-8 text", hint=hint) from exc
    except OSError as exc:
        raise EvaluateError("manifest-unreadable", f"can't read {path}: {exc.strerror}", hint=hint) from exc
    except ValueError as exc:
        raise EvaluateError("manifest-unreadable", "the manifest's path is not a path", hint=hint) from exc


def _parse_object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    except ValueError as exc:
        raise ValueError(f"not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a row's fault, like every other
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _show(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)
