"""How commands print: facts to standard output (text, or JSON on request), errors and notes to standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from assistant.errors import ConfigError, EdgewiseError

PIPE_WIDTH = 1_000
"""Columns when nobody looks: lines for other programs are never wrapped."""


def failed(error: EdgewiseError) -> int:
    """Print an error as one plain line, its problems and its hint; the exit code it deserves."""
    typer.echo(f"error: {_visible(error.message)} [{error.code}]", err=True)
    for problem in error.problems if isinstance(error, ConfigError) else ():
        typer.echo(f"  - {_visible(problem)}", err=True)
    if error.hint:
        typer.echo(f"hint: {_visible(error.hint)}", err=True)
    return 2 if isinstance(error, ConfigError) else 1


def note(text: str) -> None:
    """A remark beside the facts."""
    typer.echo(f"note: {text}", err=True)


def show_json(value: Any) -> None:
    """Print a value; dataclasses become objects, paths strings."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns under bold headings."""
    from rich.console import Console  # noqa: PLC0415 -- not needed for JSON and errors
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    with console.capture() as capture:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence):
        return list(value)
    return dict(value)


def _visible(text: str) -> str:
    """Text that a terminal can show: what isn't Unicode is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
