"""`assistant why`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from assistant.cli import books
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json
from assistant.cli.session import Session, with_session
from assistant.dialog.replay import decided
from assistant.records import Departure, Route

_RECENT = 20
"""Departures that are looked through for those of the last turn."""


app = typer.Typer()


@app.command()
def why(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Who gave the last answer, by which rule, how sure it was, and what left the device for it."""
    (last, left), _ = with_session(load(config_file, overrides), _last)
    if as_json:
        show_json(_facts(last, left) if last else None)
    elif last is None:
        typer.echo("nothing has been said yet")
    else:
        _tell(last, left)


def _facts(last: Route, left: Sequence[Departure]) -> dict[str, Any]:
    return {
        "turn_id": last.entry.turn_id,
        "text": last.text,
        "reply": last.reply,
        "layer": last.layer,
        "reason": last.reason,
        "sentence": decided(last).sentence,
        "confidence": last.confidence,
        "threshold": last.entry.threshold,
        "left": [{"to": each.to, "bytes": each.bytes, "why": each.why} for each in left],
    }


def _tell(last: Route, left: Sequence[Departure]) -> None:
    typer.echo(f"{books.moment(last.started_wall_s)}  {books.shortened(last.text)}")
    typer.echo(f"  {books.shortened(last.reply, 100)}")
    where = {"edge": "This device answered", "cloud": "The cloud answered"}.get(last.layer, last.layer)
    typer.echo(f"{where}, by the rule {last.reason}: {decided(last).sentence}")
    for each in left:
        typer.echo(f"{each.bytes} bytes of text left for {each.to} ({each.why}).")
    if not left:
        typer.echo("Nothing left this device for it.")


async def _last(session: Session) -> tuple[Route | None, Sequence[Departure]]:
    found = await books.routes(session, limit=1)
    if not found:
        return None, ()
    (last,) = found
    recent = await books.departures(session, since_wall_s=0.0, limit=_RECENT)
    return last, [each for each in recent if each.turn_id == last.entry.turn_id]
