"""`assistant say`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from assistant.audio.format import Chunk
from assistant.cli.options import ConfigFile, Overrides, check_out, load, log_quietly
from assistant.cli.output import note
from assistant.cli.session import open_session
from assistant.config import Config

app = typer.Typer()


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    *,
    out: Annotated[Path | None, typer.Option(metavar="speech.wav", help="Write the sound here instead.")] = None,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Speak a text on the speaker, or into a WAV file."""
    config = load(config_file, overrides)
    check_out(out)
    log_quietly(config)
    if out is None:
        asyncio.run(_say(config, text))
        return
    from assistant.audio.files import write_wav  # noqa: PLC0415 -- only here

    sound = asyncio.run(_synthesize(config, text))
    write_wav(out, sound)
    note(f"wrote {out} ({sum(chunk.duration_s for chunk in sound):.1f} s)")


async def _say(config: Config, text: str) -> None:
    async with open_session(config, audio_devices=True) as (session, _):
        await session.say(text)


async def _synthesize(config: Config, text: str) -> list[Chunk]:
    async with open_session(config, audio_devices=False) as (session, _):
        return [chunk async for chunk in session.synthesize(text)]
