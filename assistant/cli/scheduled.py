"""`assistant alarms`, `assistant reminders` and `assistant commands`: what is to be done later."""

from __future__ import annotations

import calendar
from datetime import datetime
from typing import Annotated

import typer

from assistant.cli.due_items import All, cancel_items, facts, warn_silent
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import with_session
from assistant.config import Config
from assistant.due.calendar import step_of, weekdays_of
from assistant.values import DueItem

WHICH_HELP = "Its number in the list, name, or id; not needed when there is just one."
Which = Annotated[str | None, typer.Argument(metavar="ID", help=WHICH_HELP)]


def commands(kind: str) -> typer.Typer:
    """The commands for one kind: list and cancel."""
    app = typer.Typer(invoke_without_command=True, help=f"List and cancel {kind}s; without a command, list them.")

    @app.callback()
    def root(
        ctx: typer.Context, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
    ) -> None:
        if ctx.invoked_subcommand is None:
            show(load(config_file, overrides), kind, as_json=as_json)

    @app.command("list", help=f"The {kind}s that wait or ring, the next one first.")
    def list_items(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
        show(load(config_file, overrides), kind, as_json=as_json)

    @app.command(help=f"Cancel one of the {kind}s, for good when it recurs; or all of them.")
    def cancel(
        which: Which = None,
        everything: All = False,
        as_json: AsJson = False,
        config_file: ConfigFile = None,
        overrides: Overrides = None,
    ) -> None:
        cancel_items(load(config_file, overrides), kind, which, label, everything=everything, as_json=as_json)

    return app


def show(config: Config, kind: str, *, as_json: bool) -> None:
    """Print what waits or rings."""
    found, daemon = with_session(config, lambda session: session.due_items(kind))
    if as_json:
        show_json([facts(item, remaining_s) for item, remaining_s in found])
    elif not found:
        typer.echo(f"no {kind}s")
    else:
        rows = [
            (str(number), when(item), how_often(item) or "once", item.name or "-", str(item.state), item.id)
            for number, (item, _) in enumerate(found, 1)
        ]
        show_table(("", "when", "how often", "name", "state", "id"), rows)
    if found and not daemon:
        warn_silent(kind)


def when(item: DueItem) -> str:
    """`Mon 2025-06-16 07:30`."""
    local = datetime.fromisoformat(item.local)
    return f"{calendar.day_abbr[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def how_often(item: DueItem) -> str:
    """`every Monday`, `monthly on day 31`; empty for once."""
    kind, _, detail = item.recurrence.partition(":")
    days = weekdays_of(detail if kind == "weekly" else "") or (datetime.fromisoformat(item.local).weekday(),)
    return {
        "": "",
        "hourly": "every hour",
        "daily": "every day",
        "weekly": f"every {', '.join(calendar.day_name[day] for day in days)}",
        "every": f"every {step_of(item.recurrence)}",
        "monthly": f"monthly on day {detail}",
        "yearly": f"yearly on {detail}",
    }.get(kind, kind)


def label(item: DueItem) -> str:
    """What tells one from the others."""
    return item.name or " ".join(filter(None, (when(item), how_often(item))))


alarms = commands("alarm")
reminders = commands("reminder")
later = commands("command")
