"""Measures this machine for `assistant models choose`, with the engines that a turn uses, within a budget of time.

The installed voice speaks a command once; every installed Whisper model transcribes it, with each number of threads and
each compute type, the most telling ways first (`plan`). What is left of the time is shared out over the ways that are
left: a slow board gets fewer runs of each, and ways that wouldn't end in time are left out and named.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk
from assistant.audio.resample import resample
from assistant.config import Config
from assistant.errors import EvaluateError, ModelError, SpeechError
from assistant.evaluate.proposal import Board, Timing, Whisper
from assistant.evaluate.ways import Way, expected_s, plan
from assistant.executor import BoundedExecutor
from assistant.models import Models, ModelSpec
from assistant.nlu.understand import Understander
from assistant.nlu.understanding import Understanding
from assistant.speech.compute_types import cpu_compute_types
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.tts import PiperSynthesizer
from assistant.streams import closing
from assistant.values import Transcription

COMMAND = "set a timer for ten minutes"
"""What is spoken."""
_INTENT, _SLOTS = "HassStartTimer", {"minutes": 10}
MOST_RUNS = 5
"""Of one way to transcribe, the first one, which isn't counted, aside."""
_MOST_SPOKEN, _SPEAKING_S = 3, 3.0
_NEVER_S = 600.0
"""The budget ends what takes too long."""
_BUSY_LOAD = 0.5
"""Processes that want a core, for each core, from which on others' work makes the times longer."""
_SILENCE_S = 0.1, 0.16
"""Before the command, and behind it as a turn's guess at the whole has it."""
_MEMORY: Mapping[str, float] = {"int8": 1.5}
"""Memory a model takes while it is loaded, over the size of its file."""
_MOST_MEMORY = 4.5

Report = Callable[[int, int, str], None]
"""Steps done, steps in all, what is at hand."""


@dataclass(frozen=True, slots=True)
class Skipped:
    way: Way
    why: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found on this machine."""

    board: Board
    voice: str
    utterance_s: float
    skipped: tuple[Skipped, ...]
    models: tuple[Whisper, ...]
    """Whisper models that the manifests name, the installed ones and the others."""
    load: float
    """Processes that wanted a core before it began, for each core."""
    took_s: float
    notes: tuple[str, ...]


class Ear(Protocol):
    """A transcriber as it is measured."""

    async def start(self) -> None: ...

    async def transcribe(self, audio: Chunk) -> Transcription: ...

    async def close(self) -> None: ...


class Voice(Protocol):
    """A synthesizer as it is measured."""

    rate_hz: int

    async def start(self) -> None: ...

    def synthesize(self, text: str) -> Any: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The engines that are measured."""

    voice: Callable[[], Voice]
    ear: Callable[[Way], Ear]
    understand: Callable[[str], Understanding]
    compute_types: Callable[[], tuple[str, ...]]
    cores: int
    free_bytes: int
    """Memory."""


@dataclass(frozen=True, slots=True)
class _Installed:
    """The models that can be measured."""

    whispers: tuple[ModelSpec, ...]
    """The smallest first."""
    bytes: Mapping[str, int]
    """Of the Whisper models' files."""
    voice: str
    known: tuple[Whisper, ...]
    notes: tuple[str, ...]


async def measure_board(
    config: Config, *, seconds: float, report: Report = lambda *_: None, parts: Callable[[str], Parts] | None = None
) -> Measured:
    """Measure for about `seconds`. `parts` makes other engines than the real ones, given the voice's id.

    Raises:
        EvaluateError: `no-whisper-model`, `no-voice`; `nothing-measured` when no way to transcribe works in time.
        ConfigError: a manifest can't be used.
        SpeechError: the voice can't be used.
    """
    executor = BoundedExecutor("measuring")
    try:
        return await _measure(config, seconds, report, parts, executor)
    finally:
        executor.close()


async def _measure(
    config: Config, seconds: float, report: Report, parts: Callable[[str], Parts] | None, executor: BoundedExecutor
) -> Measured:
    time_s = asyncio.get_running_loop().time
    began_s = time_s()
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    report(0, 1, "what is installed")
    models = await executor.run(Models, config.paths.models_dir, config.paths.user_manifest)
    installed = await executor.run(_look, models, config)
    engines = await executor.run(parts or partial(_real_parts, config, models), installed.voice)
    report(0, 1, f"voice {installed.voice}")
    sound, voice_rtf = await _speak(engines.voice())
    understanding_ms = await _time_understanding(engines, executor)
    types = await executor.run(engines.compute_types)
    ways = plan([spec.id for spec in installed.whispers], types, engines.cores)
    round_ = _Round(engines, installed, sound, began_s + seconds)
    for number, way in enumerate(ways):
        report(number + 1, len(ways) + 1, str(way))
        await round_.measure(way, len(ways) - number)
    report(len(ways) + 1, len(ways) + 1, "done")
    if not round_.timings:
        first = round_.skipped[0]
        raise EvaluateError(
            "nothing-measured",
            f"no way to transcribe could be measured; {first.way}: {first.why}",
            hint="Give it more time with --seconds, or check the models with `assistant models verify`.",
        )
    return Measured(
        Board(engines.cores, tuple(round_.timings), voice_rtf, understanding_ms),
        installed.voice,
        sound.duration_s - sum(_SILENCE_S),
        tuple(round_.skipped),
        installed.known,
        load,
        time_s() - began_s,
        (*_remarks(config, load), *installed.notes),
    )


class _Round:
    """The ways one after the other, each loaded for itself: a small board has no memory for two."""

    def __init__(self, parts: Parts, installed: _Installed, sound: Chunk, until_s: float) -> None:
        self._parts = parts
        self._bytes = installed.bytes
        self._weights = {model.id: model.bytes for model in installed.known}
        self._sound = sound
        self._until_s = until_s
        self._least_s: dict[Way, float] = {}
        """What it took to load each way and run it once."""
        self._broken: dict[str, str] = {}
        """Models that can't be used, and why."""
        self.timings: list[Timing] = []
        self.skipped: list[Skipped] = []

    async def measure(self, way: Way, ways_left: int) -> None:
        """Measure a way, or note why not. `ways_left` share what is left of the time, this one included."""
        began_s = asyncio.get_running_loop().time()
        left_s = self._until_s - began_s
        if why := self._reason_to_skip(way, left_s):
            self.skipped.append(Skipped(way, why))
            return
        ear = self._parts.ear(way)
        try:
            async with asyncio.timeout(left_s):
                await ear.start()
                times_s, text = await self._transcribe(way, ear, began_s, began_s + left_s / ways_left)
        except TimeoutError:  # it goes on computing, but the time is up for all
            self.skipped.append(Skipped(way, f"took longer than the {left_s:.0f} s that were left"))
        except SpeechError as exc:
            if exc.code != "stt-compute-type":
                self._broken[way.model] = exc.message
            self.skipped.append(Skipped(way, exc.message))
        else:
            understood = _is_understood(self._parts.understand(text))
            ms = statistics.median(times_s) * 1000
            self.timings.append(Timing(way.model, way.compute_type, way.threads, ms, len(times_s), understood))
        finally:
            await ear.close()

    async def _transcribe(self, way: Way, ear: Ear, began_s: float, until_s: float) -> tuple[list[float], str]:
        """Seconds of each run, and the text. At least one run; the first is counted only where there is no other."""
        loop = asyncio.get_running_loop()
        times_s: list[float] = []
        text = ""
        while not times_s or (len(times_s) <= MOST_RUNS and loop.time() + times_s[-1] < until_s):
            run_s = loop.time()
            text = (await ear.transcribe(self._sound)).text
            times_s.append(loop.time() - run_s)
            self._least_s.setdefault(way, loop.time() - began_s)
        return times_s[1:] or times_s, text

    def _reason_to_skip(self, way: Way, left_s: float) -> str:
        if why := self._broken.get(way.model):
            return why
        expected = expected_s(way, self._least_s, self._weights)
        if left_s <= 0 or (expected is not None and expected > left_s):
            return "no time left"
        needed = self._bytes.get(way.model, 0) * _MEMORY.get(way.compute_type, _MOST_MEMORY)
        if needed > self._parts.free_bytes:
            return f"needs {needed / 1e6:.0f} MB of memory, {self._parts.free_bytes / 1e6:.0f} MB are free"
        return ""


async def _speak(voice: Voice) -> tuple[Chunk, float]:
    """The command at 16 kHz, in silence, and the voice's seconds for a second of speech."""
    time_s = asyncio.get_running_loop().time
    try:
        await voice.start()
        began_s = time_s()
        rtfs: list[float] = []
        while not rtfs or (len(rtfs) < _MOST_SPOKEN and time_s() - began_s < _SPEAKING_S):
            run_s = time_s()
            async with closing(voice.synthesize(COMMAND)) as chunks:
                samples = np.concatenate([chunk.samples async for chunk in chunks])
            rtfs.append((time_s() - run_s) / (len(samples) / voice.rate_hz))
    finally:
        await voice.close()
    speech = resample(samples, voice.rate_hz, RATE_HZ) // 4
    before, behind = (np.zeros(round(seconds * RATE_HZ), np.int16) for seconds in _SILENCE_S)
    return Chunk(np.concatenate((before, speech, behind)), RATE_HZ), statistics.median(rtfs)


async def _time_understanding(parts: Parts, executor: BoundedExecutor) -> float:
    """Milliseconds, median of a few."""
    time_s = asyncio.get_running_loop().time
    times_s = []
    for _ in range(MOST_RUNS + 1):
        began_s = time_s()
        await executor.run(parts.understand, COMMAND)
        times_s.append(time_s() - began_s)
    return statistics.median(times_s[1:]) * 1000


def _is_understood(understanding: Understanding) -> bool:
    match = understanding.match
    return match is not None and match.intent == _INTENT and _SLOTS.items() <= dict(match.slots).items()


def _look(models: Models, config: Config) -> _Installed:
    """What is installed. Raises EvaluateError."""
    whispers: dict[str, int] = {}
    voices: list[str] = []
    notes: list[str] = []
    for spec in models.specs().values():
        if spec.kind not in {"whisper", "voice"}:
            continue
        try:
            folder = models.path(spec.id)
        except ModelError as exc:
            if models.present(spec.id):
                notes.append(f"{spec.id} was left out: {exc.message}. {exc.hint}")
            continue
        if spec.kind == "voice":
            voices.append(spec.id)
        else:
            whispers[spec.id] = (folder / spec.main).stat().st_size
    _need("no-whisper-model", "Whisper model", models, config.settings.stt.model, whispers)
    _need("no-voice", "voice", models, config.settings.tts.voice, voices)
    wanted = config.settings.tts.voice
    voice = wanted if wanted in voices else voices[0]
    if voice != wanted:
        notes.append(f"The voice {wanted} isn't installed; {voice} was measured instead.")
    known = tuple(
        Whisper(spec.id, spec.bytes or whispers.get(spec.id, 0), spec.id in whispers)
        for spec in models.specs().values()
        if spec.kind == "whisper" and (spec.id in whispers or _speaks(spec.id, config.settings.stt.language))
    )
    specs = tuple(sorted(map(models.get, whispers), key=lambda spec: spec.bytes or whispers[spec.id]))
    return _Installed(specs, whispers, voice, known, tuple(notes))


def _need(code: str, what: str, models: Models, configured: str, found: object) -> None:
    if found:
        return
    kind = "voice" if what == "voice" else "whisper"
    default = next((spec.id for spec in models.specs().values() if spec.kind == kind and spec.default), configured)
    name = configured if configured in models.specs() else default
    hint = f"Run `assistant models fetch {name}`, then choose again."
    raise EvaluateError(code, f"there is no {what} to measure with: none is installed", hint=hint)


def _speaks(model_id: str, language: str) -> bool:
    return language == "en" or not model_id.endswith(".en")


def _remarks(config: Config, load: float) -> Iterator[str]:
    if load > _BUSY_LOAD:
        yield (
            f"The machine was busy when this began ({load:.1f} processes for each core): on an idle one the times are "
            "shorter, so choose again then. A running assistant should be idle meanwhile."
        )
    if config.settings.stt.engine != "fast":
        yield 'stt.engine is "full" in the configuration; the times are those of "fast".'
    if config.settings.stt.language != "en":
        yield "The test command is English; stt.language is not."


def _real_parts(config: Config, models: Models, voice: str) -> Parts:
    settings = config.settings
    understander = Understander()

    def ear(way: Way) -> Ear:
        return WhisperTranscriber(
            models.path(way.model),
            fast=models.get(way.model).fast_pass,
            language=settings.stt.language,
            compute_type=way.compute_type,
            threads=way.threads,
            timeout_s=_NEVER_S,
            derived_dir=config.paths.derived,
        )

    def understand(text: str) -> Understanding:
        return understander.understand(text, now=datetime.now())  # noqa: DTZ005 - local time, as a turn has it

    return Parts(
        lambda: PiperSynthesizer(models.path(voice), timeout_s=settings.tts.timeout_s),
        ear,
        understand,
        cpu_compute_types,
        len(os.sched_getaffinity(0)),
        _free_bytes(),
    )


def _free_bytes() -> int:
    """Memory that can be had without swapping."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62
