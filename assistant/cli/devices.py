"""`assistant devices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from assistant.audio.devices import NONE, Device, Direction, select
from assistant.audio.portaudio import list_devices
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import failed, show_json, show_table
from assistant.errors import AudioError
from assistant.settings import AudioConfig

app = typer.Typer()

WITHOUT_SOUND_CARD = (
    "Without a sound card these still work: `assistant ask` with a text or a sound file, and the control socket."
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the configuration means in one direction, on this machine."""

    direction: Direction
    wanted: str
    device: Device | None
    problem: AudioError | None
    """Why there is none, unless that is wanted."""


@app.command()
def devices(config_file: ConfigFile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """List microphones and speakers; which is the system's default, and which the configuration chooses."""
    audio = load(config_file, overrides).settings.audio
    problem: AudioError | None = None
    found: list[Device] = []
    try:
        found = list_devices()
    except AudioError as exc:
        problem = exc
    chosen = choose(found, audio)
    if as_json:
        show_json(report(found, chosen, problem))
    elif problem is None:
        _print(found, chosen)
    if problem is not None:
        status = failed(problem)
        typer.echo(WITHOUT_SOUND_CARD, err=True)
        raise typer.Exit(status)


def choose(found: list[Device], audio: AudioConfig) -> tuple[Chosen, Chosen]:
    """The microphone and the speaker that the configuration means."""
    return _choose(found, audio.input, "input"), _choose(found, audio.output, "output")


def _choose(found: list[Device], wanted: str, direction: Direction) -> Chosen:
    if wanted == NONE:
        return Chosen(direction, wanted, None, None)
    try:
        return Chosen(direction, wanted, select(found, wanted, direction), None)
    except AudioError as exc:
        return Chosen(direction, wanted, None, exc)


def report(found: list[Device], chosen: tuple[Chosen, Chosen], problem: AudioError | None) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "devices": found,
        "problem": _problem(problem),
        **{
            choice.direction: {
                "configured": choice.wanted,
                "device": choice.device,
                "problem": _problem(problem or choice.problem),
            }
            for choice in chosen
        },
    }


def _problem(error: AudioError | None) -> dict[str, str] | None:
    return {"code": error.code, "message": error.message, "hint": error.hint} if error else None


def _print(found: list[Device], chosen: tuple[Chosen, Chosen]) -> None:
    if found:
        rows = [_row(device, chosen) for device in found]
        show_table(("index", "name", "system", "microphone", "speaker", "rate"), rows)
        typer.echo("\n* the system's default   > chosen by the configuration (audio.input, audio.output)")
    else:
        typer.echo("There is no sound device on this machine.")
    for choice in chosen:
        typer.echo(_sentence(choice))
    if not found:
        typer.echo(WITHOUT_SOUND_CARD)


def _row(device: Device, chosen: tuple[Chosen, Chosen]) -> tuple[str, ...]:
    marks = [_mark(device, choice) for choice in chosen]
    return (str(device.index), device.name, device.host_api, *marks, f"{device.rate_hz} Hz")


def _mark(device: Device, choice: Chosen) -> str:
    channels = device.channels(choice.direction)
    if not channels:
        return ""
    is_chosen = choice.device is not None and choice.device.index == device.index
    return f"{channels} ch" + (" *" if device.is_default(choice.direction) else "") + (" >" if is_chosen else "")


def _sentence(choice: Chosen) -> str:
    noun = "Microphone" if choice.direction == "input" else "Speaker"
    if choice.device is not None:
        return f"{noun}: {choice.device.name}"
    if choice.problem is not None:
        return f"{noun}: none. {choice.problem.message} {choice.problem.hint}".rstrip()
    return f'{noun}: none, as configured (audio.{choice.direction} = "none").'
