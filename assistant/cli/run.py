"""`assistant run`."""

from __future__ import annotations

import asyncio

import typer

from assistant.cli.options import ConfigFile, Overrides, load
from assistant.config import find_paths, write_first_config

app = typer.Typer()


@app.command()
def run(config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Start the assistant: listen, understand, act, speak. SIGTERM and Ctrl-C end it after the current sentence."""
    if config_file is None and write_first_config(find_paths()):
        typer.echo(f"wrote {find_paths().config_file}: every setting, commented out", err=True)
    config = load(config_file, overrides)
    from assistant.daemon import run_daemon  # noqa: PLC0415 -- imports every room
    from assistant.logs import setup_logging  # noqa: PLC0415 -- structlog takes 0.1 s

    setup_logging(config.settings.log.level, config.settings.log.format)
    raise typer.Exit(asyncio.run(run_daemon(config)))
