"""Finds the fast pass's figures for a Whisper model: `scripts/tune-stt` runs it and prints its table.

Development recordings and requests spoken by the Piper voice, each clean, in a room and under noise, are decoded
whole and on several short contexts, one after the other, so that a machine's load falls on all of them. From what came
out, every combination of context and threshold is worked out without decoding again:

    words +     word errors more than the whole decode's, over all recordings, and its share of the words said
    redone      share of the recordings decoded again, with more padding or whole
    p50, p95    milliseconds, speech detection included; behind it how many times faster than whole
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from assistant.audio.files import read_audio
from assistant.audio.format import Samples, to_float, to_int16
from assistant.config import data_dir, find_paths, load_config
from assistant.errors import EdgewiseError
from assistant.evaluate.scenes import (
    PiperSpeaker,
    Scene,
    Signal,
    add_noise,
    default_voice,
    place,
    read_scene,
    tell_missing,
)
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.models import Models
from assistant.speech.fast import FastDecoder, Pass, doubt, paddings_s
from assistant.speech.halves import Halves, load_halves
from assistant.speech.presence import Decoded, Probabilities, believable, blocks_of, speech_certainty, speech_s
from assistant.speech.whisper import Whisper, load_whisper
from assistant.values import FastPass

SETS = ("dawn", "wake_words", "ljspeech")
SNR_DB = 10.0
PADDINGS_S = (0.2, 0.4, 1.0, 2.0)
REDO_PADDING_S = 4.0
CLOSINGS_S = (0.0, 2.0, 5.0, 8.0)
SCORES = (-0.4, -0.5, -0.6, -0.7, -0.85, -1.0, -1.5)
SPOKEN = (
    "Set a timer for ten minutes.",
    "Turn on the light in the kitchen.",
    "What time is it?",
    "What's the weather like tomorrow in Berlin?",
    "Add milk, eggs and bread to the shopping list.",
    "Set the bedroom lamp to thirty percent.",
    "Remind me to call my mother at half past five.",
    "Stop.",
    "Cancel the pasta timer.",
    "How many ounces are in two and a half pounds?",
    "Wake me up at six forty five every weekday.",
    "Volume up.",
    "Turn everything off, please.",
    "Is the garage door closed?",
    "Set a timer for ten minutes and another one for twenty five minutes.",
    "No.",
    "What is fifteen percent of eighty four?",
    "Play some music in the living room.",
    "Dim the lights in the hallway and close the blinds.",
    "Who wrote The Old Man and the Sea?",
)


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording to be decoded."""

    group: str
    text: str
    """What was said, normalised."""
    samples: Samples


@dataclass(frozen=True, slots=True)
class Tried:
    """One way of decoding a recording."""

    found: Pass
    errors: int
    """Wrong, missing and added words, as it would be answered: text that isn't believed is empty."""
    ms: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A recording, decoded in every way."""

    group: str
    words: int
    speech_s: float
    certainty: float
    listen_ms: float
    full: Tried
    """By the engine `full`."""
    whole: Tried
    """By the engine `fast` when nothing else is believed."""
    short: Mapping[tuple[float, float], Tried]
    """By (padding_s, closing_s)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one choice of figures gives over recordings."""

    words: int
    errors: int
    full_errors: int
    redone_share: float
    whole_share: float
    ms: tuple[float, float]
    """p50 and p95."""
    faster: tuple[float, float]
    """The same of the engine `full`, over these."""


def outcome(measured: Sequence[Measured], limits: FastPass) -> Outcome:
    """Work out what `limits` would have given."""
    errors, redone, whole, times_ms = 0, 0, 0, []
    for one in measured:
        ms, tries = one.listen_ms, 0
        for padding_s in paddings_s(limits, one.certainty):
            tried = one.short[padding_s, limits.closing_s]
            ms += tried.ms
            if not doubt(tried.found, limits, one.speech_s):
                break
            tries += 1
        else:
            tried, ms = one.whole, ms + one.whole.ms
            whole += 1
        redone += tries > 0
        errors += tried.errors
        times_ms.append(ms)
    full_ms = [one.listen_ms + one.full.ms for one in measured]
    ms_of = [float(np.percentile(times_ms, percent)) for percent in (50, 95)]
    return Outcome(
        sum(one.words for one in measured),
        errors,
        sum(one.full.errors for one in measured),
        redone / len(measured),
        whole / len(measured),
        (ms_of[0], ms_of[1]),
        (float(np.percentile(full_ms, 50)) / ms_of[0], float(np.percentile(full_ms, 95)) / ms_of[1]),
    )


def read_sounds(data: Path, limit: int, seed: int, voice: Path) -> Iterator[Sound]:
    """Up to `limit` recordings of each set, and the spoken requests, each in three conditions."""
    normalise = load_normaliser()
    scene = read_scene(data)
    for name in SETS:
        lines = (data / "speech" / f"{name}.jsonl").read_text("utf-8").splitlines()
        pick = random.Random(f"{seed}-{name}")  # noqa: S311
        for line in pick.sample(lines, min(limit, len(lines))):
            row = json.loads(line)
            speech = to_float(read_audio(data / "speech" / row["audio"]).samples)
            yield from _conditions(name, str(normalise(row["text"])), speech, scene, pick)
    speaker = PiperSpeaker(voice, seed)
    pick = random.Random(f"{seed}-spoken")  # noqa: S311
    for text in SPOKEN[:limit]:
        yield from _conditions("spoken", str(normalise(text)), speaker.speak(text, pick), scene, pick)


def _conditions(group: str, text: str, speech: Signal, scene: Scene, pick: random.Random) -> Iterator[Sound]:
    room = place(speech, scene, pick, before_s=0.2, after_s=0.5).signal
    yield Sound(group, text, to_int16(speech))
    yield Sound(f"{group}, room", text, to_int16(room))
    yield Sound(f"{group}, noise", text, to_int16(add_noise(speech, scene, SNR_DB, pick)))


def measure(full: Whisper, halves: Halves, sounds: Sequence[Sound], tried: Sequence[FastPass]) -> list[Measured]:
    """Decode each sound in every way; those without speech, or longer than a window, are left out.

    `full` and `halves` are the model as the engines `full` and `fast` load it.
    """
    contexts = {(padding_s, choice.closing_s) for choice in tried for padding_s in (choice.padding_s, REDO_PADDING_S)}
    fast = {closing_s: FastDecoder(halves, replace(tried[0], closing_s=closing_s)) for _, closing_s in contexts}
    [any_closing, *_] = fast.values()
    normalise = load_normaliser()
    measured = []
    for sound in track(sounds, "decoding", console=Console(stderr=True)):
        started_s = time.perf_counter()
        windows, probabilities = full.listen(sound.samples)
        listen_ms = (time.perf_counter() - started_s) * 1000
        if len(windows) == 1:
            samples = sound.samples[windows[0].start : windows[0].end]
            heard = blocks_of(probabilities, windows[0])
            by_full, by_whole = (
                _timed(partial(_whole, decode, samples), sound.text, heard, normalise)
                for decode in (full.decode, lambda whole: any_closing.decode_whole(whole).decoded)
            )
            short = {
                (padding_s, closing_s): _timed(
                    partial(fast[closing_s].decode, samples, padding_s), sound.text, heard, normalise
                )
                for padding_s, closing_s in sorted(contexts)
            }
            words = len(sound.text.split())
            measured.append(
                Measured(
                    sound.group, words, speech_s(heard), speech_certainty(heard), listen_ms, by_full, by_whole, short
                )
            )
    return measured


def _whole(decode: Callable[[Samples], Decoded], samples: Samples) -> Pass:
    return Pass(decode(samples), ())


def _timed(decode: Callable[[], Pass], said: str, heard: Probabilities, normalise: Normaliser) -> Tried:
    import jiwer  # noqa: PLC0415 - of the extra `bench`

    started_s = time.perf_counter()
    found = decode()
    ms = (time.perf_counter() - started_s) * 1000
    believed = believable(found.decoded, speech_certainty(heard), speech_s(heard))
    text = str(normalise(found.decoded.text)).strip() if believed else ""
    words = jiwer.process_words(said, text)
    return Tried(found, words.substitutions + words.deletions + words.insertions, ms)


def choices(limits: FastPass, paddings_s: Sequence[float], closings_s: Sequence[float]) -> Iterator[FastPass]:
    """Every combination of first context and score."""
    for closing_s in closings_s:
        for padding_s in paddings_s:
            for score in SCORES:
                yield replace(
                    limits,
                    padding_s=padding_s,
                    redo_padding_s=REDO_PADDING_S,
                    closing_s=closing_s,
                    min_log_probability=score,
                )


def table(measured: Sequence[Measured], rows: Sequence[tuple[str, FastPass]], title: str) -> Table:
    """A line for each choice."""
    columns = ("", "padding", "end", "score", "words", "errors", "words +", "redone", "whole", "p50 ms", "p95 ms")
    made = Table(*columns, title=title, box=box.SIMPLE_HEAD)
    for name, limits in rows:
        of = [one for one in measured if name in {"all", one.group}]
        got = outcome(of, limits)
        more = got.errors - got.full_errors
        made.add_row(
            name,
            f"{limits.padding_s:g} s",
            f"{limits.closing_s:g} s",
            f"{limits.min_log_probability:g}",
            str(got.words),
            str(got.errors),
            f"{more:+} {100 * more / got.words:+.2f}%",
            f"{100 * got.redone_share:.1f}%",
            f"{100 * got.whole_share:.1f}%",
            f"{got.ms[0]:.0f} {got.faster[0]:.1f}x",
            f"{got.ms[1]:.0f} {got.faster[1]:.1f}x",
        )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    data = data_dir()
    if tell_missing(data, options.voice) or data is None:
        return 1
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        config = load_config(find_paths())
        models = Models(config.paths.models_dir, config.paths.user_manifest)
        how = {"language": "en", "compute_type": "int8", "threads": options.threads}
        full = load_whisper(models.path(options.model), **how)
        halves = load_halves(models.path(options.model), **how, folder=None)
        limits = models.get(options.model).fast_pass
        sounds = list(read_sounds(data, options.limit, options.seed, options.voice))
    except EdgewiseError as exc:
        Console(stderr=True).print(str(exc), markup=False, soft_wrap=True)
        return 1
    tried = list(choices(limits, options.padding, options.closing))
    measured = measure(full, halves, sounds, tried)
    title = f"{options.model}: {len(measured)} recordings"
    console.print(table(measured, [("all", choice) for choice in tried], title))
    if (limits.padding_s, limits.closing_s) in measured[0].short:
        groups = sorted({one.group for one in measured})
        console.print(table(measured, [(group, limits) for group in [*groups, "all"]], "as in the manifest"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tune-stt", description="Find the fast pass's figures for a Whisper model.")
    parser.add_argument("model", nargs="?", default="whisper-base", help="as `assistant models list` names it")
    parser.add_argument("--limit", type=int, default=60, help="recordings of each set")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--padding", type=float, nargs="+", default=PADDINGS_S, metavar="S", help="to try")
    parser.add_argument("--closing", type=float, nargs="+", default=CLOSINGS_S, metavar="S", help="to try")
    parser.add_argument("--voice", type=Path, default=default_voice(), help="a Piper voice (.onnx)")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
