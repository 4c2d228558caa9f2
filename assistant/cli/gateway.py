"""`assistant gateway`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import ConfigFile, Overrides, load
from assistant.errors import ConfigError

if TYPE_CHECKING:
    from assistant.gateway.app import Running

app = typer.Typer(no_args_is_help=True)


@app.callback(help="The cloud side: a gateway in front of a language model.")
def gateway() -> None:
    """Keeps `run` a command of its own."""


@app.command()
def run(
    *,
    local: Annotated[bool, typer.Option("--local", help="Answer with a small model on this machine.")] = False,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1", show_default=False),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Loopback address to listen on.", show_default=False)
    ] = None,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Serve devices until stopped. SIGTERM and Ctrl-C let answers under way end, for 10 s at most."""
    if local and upstream:
        raise ConfigError("gateway-upstream", "--local and --upstream exclude each other", hint="Give one of them.")
    given = {"upstream": upstream, "listen": listen}
    options = [f"gateway.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    config = load(config_file, [*(overrides or ()), *options])
    from assistant.gateway.app import serve  # noqa: PLC0415 -- imports aiohttp
    from assistant.logs import setup_logging  # noqa: PLC0415 -- structlog takes 0.1 s

    setup_logging(config.settings.log.level, config.settings.log.format)
    asyncio.run(serve(config, local=local, announce=announce))


def announce(running: Running) -> None:
    """Say where it listens and who answers."""
    typer.echo(f"Gateway listens on {running.address}; answers come from {running.upstream}.")
