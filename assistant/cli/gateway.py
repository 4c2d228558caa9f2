"""`assistant gateway`: the cloud's end of the wire."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.config import find_paths, load_config
from assistant.errors import ConfigError

if TYPE_CHECKING:
    from assistant.gateway.app import Running

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.", metavar="FILE")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="A setting for this run, as TOML.", metavar="SECTION.KEY=VALUE")
]


@app.callback(help="The gateway between devices and a large language model.")
def gateway() -> None:
    """Keeps `run` a command of its own."""


@app.command()
def run(
    *,
    local: Annotated[bool, typer.Option("--local", help="Answer with a small model on this machine.")] = False,
    upstream: Annotated[
        str | None, typer.Option(help="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.", metavar="URL")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Loopback address to listen on.", metavar="HOST:PORT")] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Serve devices until stopped (Ctrl-C, SIGTERM); answers under way may finish."""
    from assistant.gateway.app import serve  # noqa: PLC0415 - heavy

    if local and upstream:
        raise ConfigError("gateway-upstream", "--local and --upstream exclude each other", hint="Give one of them.")
    given = {"upstream": upstream, "listen": listen}
    options = [f"gateway.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    settings = load_config(find_paths(config), [*(overrides or ()), *options])
    asyncio.run(serve(settings, local=local, announce=announce))


def announce(running: Running) -> None:
    """Say where it listens and who answers."""
    typer.echo(f"Gateway listens on {running.address}; answers come from {running.upstream}.")
