"""`assistant timers`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from assistant.cli.due_items import All, cancel_items, facts, pick, warn_silent
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import Session, with_session
from assistant.config import Config
from assistant.values import DueItem, DueState

LONGEST_S = 7 * 86_400.0
UNITS_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}

app = typer.Typer(invoke_without_command=True)

WHICH_HELP = "Its number in the list, name, or id; not needed when there is just one."
Which = Annotated[str | None, typer.Argument(metavar="[TIMER]", help=WHICH_HELP)]


@app.callback()
def timers(
    ctx: typer.Context, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """List, add, cancel, pause and resume timers; without a command, list them."""
    if ctx.invoked_subcommand is None:
        list_timers(as_json, config_file, overrides)


@app.command("list")
def list_timers(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Timers that run, pause or ring, the next one first."""
    found, daemon = with_session(load(config_file, overrides), lambda session: session.due_items("timer"))
    if as_json:
        show_json([facts(item, remaining_s) for item, remaining_s in found])
    elif not found:
        typer.echo("no timers")
    else:
        rows = [
            (str(number), item.name or "-", clock(remaining_s), str(item.state), clock(item.duration_s), item.id)
            for number, (item, remaining_s) in enumerate(found, 1)
        ]
        show_table(("", "name", "left", "state", "of", "id"), rows)
    if found and not daemon:
        warn_silent("timer")


@app.command()
def add(
    duration: Annotated[str, typer.Argument(help="For example 10m, 90s, 1h30m or 1:30:00.", show_default=False)],
    name: Annotated[str, typer.Option(help="What it is for.", show_default=False)] = "",
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Start a timer."""
    duration_s = parse_duration(duration)
    item, daemon = with_session(
        load(config_file, overrides), lambda session: session.add_timer(duration_s, name.strip())
    )
    _show_changed(item, as_json, daemon)


@app.command()
def cancel(
    which: Which = None,
    everything: All = False,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Cancel a timer, or silence one that rings; or all of them."""
    cancel_items(load(config_file, overrides), "timer", which, _label, everything=everything, as_json=as_json)


@app.command()
def pause(
    which: Which = None, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Stop the countdown of a timer."""
    _change(which, "pause", as_json, load(config_file, overrides))


@app.command()
def resume(
    which: Which = None, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Let a paused timer run on."""
    _change(which, "resume", as_json, load(config_file, overrides))


def parse_duration(text: str) -> float:
    """Seconds in `10m`, `1h30m`, `2.5h`, `90s`, `5:00` (minutes) or `1:30:00` (hours).

    Raises:
        typer.BadParameter: anything else, nothing at all, or more than 7 days.
    """
    compact = re.sub(r"\s+", "", text.lower())
    units = re.fullmatch(r"(?:[0-9]+(?:\.[0-9]+)?[dhms])+", compact)
    clock_like = re.fullmatch(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-5][0-9])", compact)
    if units:
        duration_s = sum(float(number) * UNITS_S[unit] for number, unit in re.findall(r"([0-9.]+)([dhms])", compact))
    elif clock_like:
        hours, minutes, seconds = (int(part or 0) for part in clock_like.groups())
        duration_s = hours * 3_600.0 + minutes * 60.0 + seconds
    else:
        raise typer.BadParameter(f"{text!r} is not a length of time; write 10m, 90s, 1h30m or 1:30:00")
    if not 0 < duration_s <= LONGEST_S:
        raise typer.BadParameter("a timer is longer than nothing and at most 7 days")
    return duration_s


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`, rounded up, as a countdown shows it."""
    whole = max(0, -int(-seconds // 1))
    hours, rest = divmod(whole, 3_600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _change(which: str | None, change: str, as_json: bool, config: Config) -> None:
    async def work(session: Session) -> DueItem:
        return await session.change_timer(pick(await session.due_items("timer"), which).id, change)

    item, daemon = with_session(config, work)
    _show_changed(item, as_json, daemon)


def _show_changed(item: DueItem, as_json: bool, daemon: bool) -> None:
    if as_json:
        show_json(facts(item, None))
    else:
        typer.echo(f"{item.state} {_label(item)} ({item.id})")
    if not daemon and item.state is DueState.RUNNING:
        warn_silent("timer")


def _label(item: DueItem) -> str:
    return item.name or clock(item.duration_s)
