"""`scripts/bench peers`: Edgewise against others that do the same, stage by stage, in one run on one machine.

    edgewise         as it comes
    full             itself with `stt.engine = "full"` and 0.7 s of silence behind every turn
    wyoming          `wyoming-faster-whisper` and `wyoming-piper` from the registry, with the same model and voice
                     files, int8, greedy, as many threads as `full`, both warm; behind 0.7 s of silence
    faster-whisper   the library's own `transcribe()`, whose text `full` must give for the same sound

Each is a process of its own, and they take turns row by row, so that the machine's load falls on all of them; between
two of them idle threads get time to fall asleep.

Speech to text is timed on development recordings, a third each of spoken commands, other requests and read sentences.
Turns are commands spoken by the voice in a room, most under noise. `edgewise` and `full` are whole assistants that hear
them in real time; for `wyoming`, which is half of an assistant, 0.7 s, speech to text and the first sound of the same
reply are added up. That is kind to it: understanding counts nothing, and the 0.7 s run from the true end of speech,
which a detector only finds later, as `full` shows. CPU is that of a
whole turn (hearing, judging its end, speaking, and seconds of listening around it), for `wyoming` of its two servers
alone. Peak memory is with everything loaded, loading included.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import platform
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from assistant.audio.files import read_audio
from assistant.config import Config, data_dir
from assistant.errors import EvaluateError
from assistant.evaluate.bench.contenders import Contender, Worker, WyomingServer, open_server, open_worker
from assistant.evaluate.bench.figures import (
    FULL,
    OURS,
    PEER_SILENCE_S,
    WHISPER,
    WYOMING,
    Command,
    Heard,
    Measured,
    Recording,
    Turn,
)
from assistant.evaluate.bench.servers import PINNED, SHARED
from assistant.evaluate.bench.worker import stt_threads
from assistant.evaluate.common import EvalOptions, Row, audio_field, read_manifest, text_field
from assistant.evaluate.endpoint import EndpointRow, parse_spoken
from assistant.evaluate.make_turns import speak_rows
from assistant.evaluate.scenes import PiperSpeaker, read_scene, write_rows
from assistant.evaluate.stt import SttRow
from assistant.evaluate.words import load_normaliser
from assistant.models import Models

T = TypeVar("T")

SETS = ("commands", "dawn", "ljspeech")
COMMANDS = (
    "What time is it?",
    "Set a timer for ten minutes.",
    "What's the date today?",
    "What is fifteen percent of eighty four?",
    "Set a pasta timer for eight minutes.",
    "How long is left on the timer?",
    "What day is it?",
    "Set a timer for one hour and thirty minutes.",
    "What is seven times eight?",
    "Cancel the timer.",
    "What time is it in Tokyo?",
    "Start a tea timer for three minutes.",
)
WARM_UP = "Good morning."
"""Said first and not counted: nothing is loaded in a turn that counts, and no reply comes from the cache."""
_AS_PEERS = ('stt.engine="full"', "endpoint.semantic=false", f"endpoint.silence_s={PEER_SILENCE_S}")
_REST_S = 0.3
"""Longer than the threads of a pool spin before they sleep."""


@dataclass(frozen=True, slots=True)
class PeerOptions:
    rows: int = 60
    """Recordings for speech to text."""
    turns: int = len(COMMANDS)
    """Commands played from end to end."""
    seed: int = 0
    servers: Path | None = None
    """The Python that has the Wyoming servers; None leaves them out."""


@dataclass(frozen=True, slots=True)
class _Field:
    """The contenders, loaded."""

    workers: Mapping[str, Worker]
    """Those that transcribe by themselves."""
    voice: Worker
    whisper_server: WyomingServer | None
    piper_server: WyomingServer | None
    language: str

    @property
    def transcribers(self) -> list[str]:
        return [*self.workers, *([WYOMING] if self.whisper_server else [])]

    async def transcribe(self, name: str, audio: Path) -> Heard:
        if name == WYOMING:
            assert self.whisper_server
            text, ms = await self.whisper_server.transcribe(read_audio(audio), self.language)
            return Heard(text, ms)
        answer = await self.workers[name].ask("transcribe", audio=str(audio))
        return Heard(answer["text"], answer["ms"], answer.get("same_sound"))

    def peak_mb(self) -> dict[str, float]:
        servers: list[Contender] = [server for server in (self.whisper_server, self.piper_server) if server]
        peaks = {name: worker.peak_mb() for name, worker in self.workers.items()}
        return peaks | ({WYOMING: sum(server.peak_mb() for server in servers)} if servers else {})


def find_data() -> Path:
    """The development data. Raises EvaluateError `data-missing`."""
    data = data_dir()
    if data is None:
        raise EvaluateError("data-missing", "there are no recordings to compare on", hint="Set EDGEWISE_DATA.")
    return data


async def measure_peers(
    config: Config, data: Path, options: PeerOptions, folder: Path, say: Callable[[str], None]
) -> Measured:
    """Measure; `folder` takes the spoken commands, `say` is told what takes long.

    Raises:
        EvaluateError: the data can't be used; `bench-missing` without the extra `bench`; `contender-failed`.
        ModelError: a model is missing.
    """
    rows = read_recordings(config, data, options)
    commands = speak_commands(config, data, options, folder)
    async with contextlib.AsyncExitStack() as stack:
        contenders = await _open(stack, config, options, folder, say)
        recordings = await _hear(contenders, rows, say)
        taken = await _take_turns(contenders, commands, say)
        machine = _machine(config, options)
        return Measured(recordings, taken, contenders.peak_mb(), {}, machine)


def read_recordings(config: Config, data: Path, options: PeerOptions) -> dict[str, list[SttRow]]:
    """By set: `options.rows` recordings, no two alike, of all sets about as many. Raises EvaluateError."""
    normalise = load_normaliser()

    def parse(row: Mapping[str, Any], folder: Path) -> SttRow:
        return SttRow(audio_field(row, folder), normalise(text_field(row, "text")))

    chosen: dict[str, list[SttRow]] = {}
    taken: set[Path] = set()
    for number, name in enumerate(SETS):
        rows = read_manifest(EvalOptions(data / "speech" / f"{name}.jsonl", config), parse).rows
        fresh = [row.value for row in rows if row.value.audio not in taken]
        share = (options.rows - len(taken)) // (len(SETS) - number)
        pick = random.Random(f"{options.seed}-{name}")  # noqa: S311
        chosen[name] = pick.sample(fresh, min(share, len(fresh)))
        taken |= {row.audio for row in chosen[name]}
    return chosen


def speak_commands(config: Config, data: Path, options: PeerOptions, folder: Path) -> list[EndpointRow]:
    """WARM_UP and the commands in the configured voice, in rooms, their end of speech known.

    Raises:
        EvaluateError, ModelError: data or voice can't be used.
    """
    models = Models(config.paths.models_dir, config.paths.user_manifest)
    spec = models.get(config.settings.tts.voice)
    speaker = PiperSpeaker(models.path(spec.id) / spec.main, options.seed)
    manifest = folder / "turns.jsonl"
    choice = EvalOptions(manifest, config, seed=options.seed, progress=False)
    texts = [Row(line, {"text": text}, text) for line, text in enumerate((WARM_UP, *COMMANDS[: options.turns]), 1)]
    write_rows(manifest, speak_rows(texts, folder, {"piper": speaker}, read_scene(data), choice))
    normalise = load_normaliser()
    return [row.value for row in read_manifest(choice, lambda row, at: parse_spoken(row, at, normalise)).rows]


async def _open(
    stack: contextlib.AsyncExitStack, config: Config, options: PeerOptions, folder: Path, say: Callable[[str], None]
) -> _Field:
    servers: tuple[WyomingServer | None, WyomingServer | None] = (None, None)
    if options.servers:
        say("Loading the Wyoming servers.")
        servers = await stack.enter_async_context(_open_wyoming(options.servers, config, folder))
    say("Loading Edgewise, twice, and faster-whisper.")
    workers = {
        OURS: await stack.enter_async_context(open_worker(OURS, "assistant")),
        FULL: await stack.enter_async_context(open_worker(FULL, "assistant", *_AS_PEERS)),
        WHISPER: await stack.enter_async_context(open_worker(WHISPER, "whisper")),
    }
    voice = await stack.enter_async_context(open_worker("voice", "voice"))
    return _Field(workers, voice, *servers, config.settings.stt.language)


@contextlib.asynccontextmanager
async def _open_wyoming(
    python: Path, config: Config, folder: Path
) -> AsyncIterator[tuple[WyomingServer, WyomingServer]]:
    """The two servers, with the files that Edgewise has."""
    models = Models(config.paths.models_dir, config.paths.user_manifest)
    stt, voice = config.settings.stt, models.get(config.settings.tts.voice)
    own = folder / "wyoming"
    own.mkdir()
    whisper = open_server(
        python,
        "wyoming_faster_whisper",
        *("--model", str(models.path(stt.model)), "--data-dir", str(own), "--language", stt.language),
        *("--compute-type", stt.compute_type, "--beam-size", "1", "--cpu-threads", str(stt_threads(config))),
        *("--stt-library", "faster-whisper", "--local-files-only"),
    )
    piper = open_server(
        python,
        "wyoming_piper",
        *("--voice", Path(voice.main).stem, "--data-dir", str(models.path(voice.id)), "--download-dir", str(own)),
        "--local-files-only",
    )
    async with whisper as whisper_server, piper as piper_server:
        yield whisper_server, piper_server


async def _hear(
    contenders: _Field, sets: Mapping[str, Sequence[SttRow]], say: Callable[[str], None]
) -> list[Recording]:
    """Every recording by every contender, each of them first in its turn."""
    rows = [(group, row) for group, rows in sets.items() for row in rows]
    names = contenders.transcribers
    say(f"Speech to text: {len(rows)} recordings, {len(names)} contenders.")
    for name in names:
        await contenders.transcribe(name, rows[0][1].audio)  # warm
    found = []
    for number, (group, row) in enumerate(_tracked(rows, "speech to text")):
        heard: dict[str, Heard] = {}
        first = number % len(names)
        for name in names[first:] + names[:first]:
            await asyncio.sleep(_REST_S)
            heard[name] = await contenders.transcribe(name, row.audio)
        audio_s = read_audio(row.audio).duration_s
        found.append(Recording(group, row.audio.name, audio_s, row.text, {name: heard[name] for name in names}))
    return found


async def _take_turns(contenders: _Field, commands: Sequence[EndpointRow], say: Callable[[str], None]) -> list[Command]:
    first, *rest = commands
    say(f"Turns: {len(rest)} commands in real time.")
    await _take_turn(contenders, first)
    return [await _take_turn(contenders, command) for command in _tracked(rest, "turns")]


async def _take_turn(contenders: _Field, command: EndpointRow) -> Command:
    turns = {name: await _play(contenders.workers[name], command) for name in (OURS, FULL)}
    _, pass_cpu_s = await _costed(contenders.workers[OURS], lambda: contenders.transcribe(OURS, command.audio))
    asked = turns[OURS].text or command.text or ""
    reply = (await contenders.workers[OURS].ask("reply", text=asked))["text"]
    await asyncio.sleep(_REST_S)
    speech_ms = {OURS: (await contenders.voice.ask("speak", text=reply))["ms"]}
    whisper, piper = contenders.whisper_server, contenders.piper_server
    if whisper and piper:
        heard, listened_s = await _costed(whisper, lambda: contenders.transcribe(WYOMING, command.audio))
        speech_ms[WYOMING], spoke_s = await _costed(piper, lambda: piper.speak(reply))
        voice_to_voice_ms = PEER_SILENCE_S * 1000 + heard.ms + speech_ms[WYOMING]
        turns[WYOMING] = Turn(PEER_SILENCE_S, voice_to_voice_ms, listened_s + spoke_s, heard.text)
    return Command(command.audio.name, command.text or "", reply, turns, speech_ms, pass_cpu_s)


async def _play(worker: Worker, command: EndpointRow) -> Turn:
    """A turn that ended before the user did counts as work, but has no times."""
    answer, cpu_s = await _costed(worker, lambda: worker.ask("play", audio=str(command.audio)))
    ended_s, reply_s = answer["ended_s"], answer["reply_s"]
    if ended_s is None or ended_s < command.end_of_speech_s or reply_s is None:
        return Turn(None, None, cpu_s, answer["text"])
    wait_s = ended_s - command.end_of_speech_s
    return Turn(wait_s, (reply_s - command.end_of_speech_s) * 1000, cpu_s, answer["text"])


async def _costed(contender: Contender, work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """What comes of it, and the CPU seconds that the contender spends on it, threads that linger included."""
    before_s = contender.cpu_s()
    found = await work()
    await asyncio.sleep(_REST_S)
    return found, contender.cpu_s() - before_s


def _tracked(rows: Sequence[T], title: str) -> Iterable[T]:
    return track(rows, title, console=Console(stderr=True), transient=True)


def _machine(config: Config, options: PeerOptions) -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "threads": stt_threads(config),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "model": config.settings.stt.model,
        "voice": config.settings.tts.voice,
        "seed": options.seed,
        "versions": {
            **{name: importlib.metadata.version(name) for name in SHARED},
            **dict(pin.split("==") for pin in PINNED),
        },
    }
