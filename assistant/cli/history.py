"""`assistant history`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import typer

from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import note, show_json, show_table
from assistant.cli.session import Session, with_session
from assistant.config import Config
from assistant.errors import ControlError

app = typer.Typer(no_args_is_help=True, help="What was said here and at the home's other devices.")

TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
At = Annotated[
    datetime | None, typer.Option(formats=list(TIMES), metavar="TIME", help="Local time.", show_default=False)
]


@app.command("list")
def list_turns(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of the newest.")] = 20,
    device: Annotated[
        str, typer.Option(metavar="ID", help="Just this device's; `here` for this one.", show_default=False)
    ] = "",
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """The newest turns, the oldest of them first."""
    found, _ = with_session(load(config_file, overrides), lambda session: session.past_turns(limit, device))
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("no turns")
    else:
        rows = [
            (
                f"{datetime.fromtimestamp(turn.started_wall_s).astimezone():%Y-%m-%d %H:%M}",
                turn.device_id or "here" + " (private)" * turn.private,
                turn.text,
                turn.reply,
                turn.id,
            )
            for turn in found
        ]
        show_table(("when", "device", "said", "reply", "id"), rows)


@app.command()
def forget(
    turn: Annotated[str | None, typer.Argument(metavar="[TURN]", help="A turn's id.", show_default=False)] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every turn that this device knows.")] = False,
    since: At = None,
    before: At = None,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Delete turns here, at the gateway and at the home's other devices; they don't come back.

    Elsewhere that happens once the gateway is reached.
    """
    spanned = since is not None or before is not None
    if (turn is not None) + everything + spanned != 1:
        raise ControlError(
            "forget-what", "say what to forget, in one way", hint="Give a turn's id, --all, or --since and --before."
        )
    config = load(config_file, overrides)
    count, daemon = with_session(config, _forgetting(turn, since, before))
    if as_json:
        show_json({"forgotten": count})
    else:
        typer.echo(f"{count} {'turn' if count == 1 else 'turns'} forgotten.")
    _warn(config, count, daemon=daemon)


def _forgetting(
    turn: str | None, since: datetime | None, before: datetime | None
) -> Callable[[Session], Awaitable[int]]:
    if turn is not None:
        return lambda session: session.forget_turn(turn)
    since_s, before_s = (None if at is None else at.timestamp() for at in (since, before))
    return lambda session: session.forget_between(since_s, before_s)


def _warn(config: Config, count: int, *, daemon: bool) -> None:
    """Say what has yet to happen elsewhere."""
    if not (count and config.settings.cloud.address):
        return
    if not config.settings.cloud.sync:
        note("what was sent while cloud.sync was on is forgotten elsewhere once it is on again")
    elif not daemon:
        note("what was sent is forgotten elsewhere once `assistant run` reaches the gateway")
