"""`assistant egress`."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Annotated

import typer

from assistant.cli import books
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import with_session
from assistant.records import Departure

_UNITS_S = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

app = typer.Typer()


@app.command()
def egress(
    since: Annotated[
        str, typer.Option(help="For example 12h, 7d, 2026-11-01 or 2026-11-01T18:30.", metavar="TIME")
    ] = "30d",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.", metavar="N")] = 100,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """What left this device: when, to whom, how much, why, and the words. Sound never leaves."""
    since_wall_s = parse_since(since, time.time())
    found, _ = with_session(
        load(config_file, overrides),
        lambda session: books.departures(session, since_wall_s=since_wall_s, limit=limit),
    )
    if as_json:
        show_json(found)
    elif not found:
        typer.echo(f"nothing left this device since {books.moment(since_wall_s)}")
    else:
        show_table(("when", "to", "bytes", "why", "said", "context", "hidden"), [_cells(each) for each in found])


def parse_since(text: str, now_wall_s: float) -> float:
    """Unix seconds of a time that long ago (`12h`, `7d`), or of a local date or time (ISO 8601).

    Raises:
        typer.BadParameter: anything else.
    """
    ago = re.fullmatch(r"([0-9]{1,5})([mhdw])", text.strip())
    if ago:
        return max(0.0, now_wall_s - float(ago[1]) * _UNITS_S[ago[2]])
    try:
        return max(0.0, datetime.fromisoformat(text.strip()).timestamp())
    except (ValueError, OverflowError, OSError) as exc:
        raise typer.BadParameter(f"{text!r} is no time; write 12h, 7d or 2026-11-01") from exc


def _cells(line: Departure) -> tuple[str, ...]:
    return (
        books.moment(line.at_wall_s),
        line.to,
        str(line.bytes),
        line.why,
        books.shortened(line.text, 60) or "-",
        str(line.context),
        ", ".join(line.replaced) or "-",
    )
