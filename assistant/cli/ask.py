"""`assistant ask`: one turn, and every step of it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.audio.format import Chunk
from assistant.cli.options import AsJson, ConfigFile, Overrides, check_out, load, log_quietly
from assistant.cli.output import note, show_json, show_table
from assistant.cli.session import Session, open_session
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.events import Event, Failed, PlaybackStarted, Routed
from assistant.values import DUE_KINDS, DueState, Outcome, TurnRecord

SOUND_SUFFIXES = (".wav", ".flac")

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question with its answer and what a person wants to know about the way."""

    record: TurnRecord
    sentence: str
    """Why this layer answered."""
    failures: tuple[Failed, ...]
    spoken: bool
    """The reply was heard on the speaker."""
    speaker: DeviceStatus
    sound: tuple[Chunk, ...]
    """The reply's sound, when asked for."""
    daemon: bool
    """A running daemon answered, not this process."""
    waits: bool
    """Something was set that only comes once a daemon runs."""


@app.command()
def ask(
    request: Annotated[str, typer.Argument(metavar="TEXT|FILE.wav", help="A question, or a sound file that asks it.")],
    *,
    out: Annotated[Path | None, typer.Option(metavar="reply.wav", help="Write the spoken reply here.")] = None,
    speak: Annotated[bool, typer.Option(help="Speak the reply on the speaker, if there is one.")] = True,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Ask once, by text or by a sound file: what was understood, who answers and why, the reply, the times."""
    config = load(config_file, overrides)
    check_out(out)
    log_quietly(config)
    exchange = asyncio.run(_ask(config, request, wants_sound=out is not None, speak=speak))
    if out is not None and exchange.sound:
        from assistant.audio.files import write_wav  # noqa: PLC0415 -- only here

        write_wav(out, exchange.sound)
    notes = _notes(exchange, out, speak)
    if as_json:
        show_json(_facts(exchange, out, notes))
    else:
        _show(exchange)
        for line in notes:
            note(line)
    for failure in exchange.failures:
        typer.echo(f"error: {failure.message} [{failure.code}]", err=True)
    if exchange.failures:
        typer.echo("hint: `assistant doctor` says what to do.", err=True)
    if exchange.record.outcome is Outcome.FAILED:
        raise typer.Exit(1)


async def _ask(config: Config, request: str, *, wants_sound: bool, speak: bool) -> Exchange:
    audio = await _read_sound(request) if _is_sound(request) else None
    events: list[Event] = []
    sound: list[Chunk] = []
    async with open_session(config, audio_devices=speak) as (session, daemon):
        before = await _waiting(session)
        record = await session.ask(
            text=None if audio else request,
            audio=audio,
            speak=speak,
            on_audio=sound.append if wants_sound else None,
            on_event=events.append,
        )
        waits = not daemon and bool(await _waiting(session) - before)
        status = await session.status()
    return Exchange(
        record=record,
        sentence=next((event.sentence for event in events if isinstance(event, Routed)), ""),
        failures=tuple(event for event in events if isinstance(event, Failed)),
        spoken=bool(status.speaker.name) and any(isinstance(event, PlaybackStarted) for event in events),
        speaker=status.speaker,
        sound=tuple(sound),
        daemon=daemon,
        waits=waits,
    )


def _is_sound(request: str) -> bool:
    return request.lower().endswith(SOUND_SUFFIXES) or os.path.isfile(request)  # noqa: PTH113 -- never raises


async def _read_sound(request: str) -> Chunk:
    from assistant.audio.files import read_audio  # noqa: PLC0415 -- only for sound

    return await asyncio.to_thread(read_audio, Path(request))


async def _waiting(session: Session) -> set[tuple[str, float]]:
    """What is due some time, and when."""
    kept = [await session.due_items(kind) for kind in DUE_KINDS]
    return {(item.id, item.due_wall_s) for items in kept for item, _ in items if item.state is DueState.RUNNING}


def _notes(exchange: Exchange, out: Path | None, speak: bool) -> list[str]:
    notes = []
    if exchange.waits:
        notes.append("no assistant is running: this comes once `assistant run` runs.")
    if out is not None:
        duration_s = sum(chunk.duration_s for chunk in exchange.sound)
        notes.append(f"wrote {out} ({duration_s:.1f} s)" if exchange.sound else f"no sound was made for {out}.")
    elif speak and exchange.record.reply and not exchange.spoken:
        why = exchange.speaker.problem or "There is no speaker."
        notes.append(f"the reply was not spoken. {why} `--out reply.wav` writes its sound.")
    return notes


def _facts(exchange: Exchange, out: Path | None, notes: list[str]) -> dict[str, Any]:
    record = exchange.record
    return {
        "id": record.id,
        "conversation_id": record.conversation_id,
        "source": record.source,
        "text": record.text,
        "intent": record.intent,
        "slots": dict(record.slots),
        "confidence": record.confidence,
        "layer": record.layer,
        "reason": record.reason,
        "sentence": exchange.sentence,
        "reply": record.reply,
        "outcome": record.outcome,
        "stages": list(record.stages),
        "failures": [{"code": failure.code, "message": failure.message} for failure in exchange.failures],
        "spoken": exchange.spoken,
        "out": out if exchange.sound else None,
        "daemon": exchange.daemon,
        "notes": notes,
    }


def _show(exchange: Exchange) -> None:
    record = exchange.record
    slots = " ".join(f"{name}={value}" for name, value in sorted(record.slots.items()))
    route = " · ".join(part for part in (record.layer, record.reason, exchange.sentence) if part)
    lines = [
        ("heard", record.text or "(nothing)") if record.source == "wav" else ("asked", record.text),
        ("intent", f"{record.intent} {slots}".strip() + f" ({record.confidence:.2f})" if record.intent else "(none)"),
        ("route", route or "(none)"),
        ("reply", record.reply or f"(none: {record.outcome})"),
    ]
    for name, value in lines:
        typer.echo(f"{name:<8}{value}")
    if record.stages:
        typer.echo()
        show_table(("stage", "ms"), [(stage.stage, f"{stage.ms:.1f}") for stage in record.stages])
