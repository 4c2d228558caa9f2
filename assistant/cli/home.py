"""`assistant home`."""

from __future__ import annotations

import typer

from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import with_session

app = typer.Typer()


@app.command()
def home(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """What is known of the home: every device with its room, how it stands, and what else it is called."""
    found, _ = with_session(load(config_file, overrides), lambda session: session.devices())
    if as_json:
        show_json(found)
    else:
        rows = [(each.area, each.name, each.state, ", ".join(each.aliases), each.id) for each in found]
        show_table(("area", "device", "state", "also called", "id"), rows)
