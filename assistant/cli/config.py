"""`assistant config`."""

from __future__ import annotations

import json
import tomllib
from typing import Annotated, Any

import typer

from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.config import defaults_text

app = typer.Typer()


@app.command()
def config(
    as_json: AsJson = False,
    defaults: Annotated[bool, typer.Option("--defaults", help="Print every setting with its meaning instead.")] = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Print the configuration in force and where each value comes from. Secrets are masked."""
    if defaults:
        show_json(meanings(defaults_text())) if as_json else typer.echo(defaults_text(), nl=False)
        return
    found = load(config_file, overrides)
    if as_json:
        show_json(
            {
                "config_file": found.paths.config_file,
                "state_dir": found.paths.state_dir,
                "models_dir": found.paths.models_dir,
                "control_socket": found.paths.control_socket(found.settings),
                "settings": {name: {"value": value, "origin": origin} for name, value, origin in found.rows()},
            }
        )
    else:
        rows = [(name, toml_value(value), origin) for name, value, origin in found.rows()]
        show_table(("setting", "value", "origin"), rows)


def meanings(text: str) -> dict[str, dict[str, Any]]:
    """`section.key` -> its default and the comment above it, from the defaults file.

    Settings on consecutive lines share the comment above the first.
    """
    values = tomllib.loads(text)
    found: dict[str, dict[str, Any]] = {}
    section, comment, fresh = "", [""], False
    for line in text.splitlines():
        if line.startswith("#"):
            comment = [line[2:]] if fresh else [*comment, line[2:]]
            fresh = False
        elif line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            key = line.partition("=")[0].strip()
            found[f"{section}.{key}"] = {"default": values[section][key], "meaning": " ".join(comment).strip()}
            fresh = True
            continue
        if not line or line.startswith("["):
            comment, fresh = [], False
    return found


def toml_value(value: Any) -> str:
    """A setting's value as one would write it in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    return str(value)
