"""The options that every command with a configuration takes, and loading it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from assistant.config import Config, find_paths, load_config
from assistant.errors import AudioError, ConfigError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Configuration file to use.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="A setting for this call (TOML value); repeatable.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(config_file: Path | None, overrides: list[str] | None) -> Config:
    """The configuration in force. Raises ConfigError; a file that was named must exist."""
    paths = find_paths(config_file)
    if config_file is not None and not paths.config_file.exists():
        raise ConfigError(
            "config-missing", f"{paths.config_file} does not exist", hint="Check the path after --config."
        )
    return load_config(paths, overrides or ())


def check_out(out: Path | None) -> None:
    """Refuse a file that can't be written before anything is done for it. Raises AudioError `audio-write`."""
    if out is None or (out.parent.is_dir() and os.access(out.parent, os.W_OK) and not out.is_dir()):
        return
    what = "is a folder" if out.is_dir() else "can't be written: there is no such folder, or it isn't yours"
    raise AudioError("audio-write", f"{out} {what}", hint="Check the folder and its permissions.")


def log_quietly(config: Config) -> None:
    """Logging for a command that tells everything itself: errors only, unless the level was set on purpose."""
    from assistant.logs import setup_logging  # noqa: PLC0415 -- structlog takes 0.1 s

    chosen = config.origins["log.level"] != "default"
    # For whoever typed the command, wherever its output goes: what it prints beside it is plain text too.
    style = config.settings.log.format
    setup_logging(config.settings.log.level if chosen else "error", "text" if style == "auto" else style)
