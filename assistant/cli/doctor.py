"""`assistant doctor`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator
from pathlib import Path

import typer

from assistant.cli import checks
from assistant.cli.check_panel import check_panel
from assistant.cli.checks import Check
from assistant.cli.options import AsJson, ConfigFile, Overrides, load, log_quietly
from assistant.cli.output import show_json
from assistant.config import Config, find_paths, load_config
from assistant.errors import ConfigError

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}

app = typer.Typer()


@app.command()
def doctor(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Check this machine, line by line, and say what to do. Exits with 1 when a line failed."""
    found = asyncio.run(_collect(as_json, config_file, overrides))
    if as_json:
        show_json(found)
    if any(check.level == "fail" for check in found):
        raise typer.Exit(1)


async def _collect(as_json: bool, config_file: Path | None, overrides: list[str] | None) -> list[Check]:
    found = []
    async for check in examine(config_file, overrides):
        found.append(check)
        if not as_json:
            _print(check)
    return found


async def examine(config_file: Path | None, overrides: list[str] | None) -> AsyncIterator[Check]:
    """Every check, as its result comes. A broken configuration is a result; the others then go by the defaults."""
    yield checks.check_python()
    config, problem = _config(config_file, overrides)
    log_quietly(config)
    if problem:
        yield checks.failure("configuration", problem)
    else:
        yield checks.check_config_file(config)
    yield checks.check_state(config.paths)
    daemon, status = await checks.check_daemon(config)
    yield daemon
    cards = await asyncio.to_thread(checks.find_sound_cards)
    yield checks.check_portaudio(cards, config)
    yield await checks.check_microphone(cards, config, status, checks.capture_second)
    yield checks.check_speaker(cards, config, status)
    for check in await asyncio.to_thread(check_panel, config.settings.panel):
        yield check
    for check in await asyncio.to_thread(checks.check_models, config):
        yield check
    yield await asyncio.to_thread(checks.check_text_model)
    if local := await asyncio.to_thread(checks.check_local_model, config):
        yield local
    yield await checks.check_skills(config)
    yield checks.check_disk("disk (state)", config.paths.state_dir)
    yield checks.check_disk("disk (models)", config.paths.models_dir)
    yield checks.check_clock(checks.now_utc(), checks.clock_synchronised())
    yield await checks.check_home(config.settings.home)
    yield await checks.check_gateway(config.settings.cloud)
    if certificate := checks.check_certificate(config, checks.now_utc()):
        yield certificate


def _config(config_file: Path | None, overrides: list[str] | None) -> tuple[Config, ConfigError | None]:
    try:
        return load(config_file, overrides), None
    except ConfigError as exc:
        paths = find_paths(config_file)
        defaults = load_config(dataclasses.replace(paths, config_file=Path(os.devnull)))
        return dataclasses.replace(defaults, paths=paths), exc


def _print(check: Check) -> None:
    typer.echo(typer.style(f"{check.level:<5}", fg=COLOURS[check.level]) + f"{check.name}: {check.found}")
    if check.todo:
        typer.echo(f"     -> {check.todo}")
