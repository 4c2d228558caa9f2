"""Makes the set of hesitant speech for `assistant eval endpoint`: real recordings with room tone inserted where one
word ends and the next begins, so that people seem to pause inside their sentences. `scripts/make-pauses OUT_DIR` runs
it.

Words are found by Whisper's timestamps, and a recording is used only where Whisper hears just the words it should.
The pause goes to the quietest moment around the boundary, which must be much quieter than the speech; its room tone
has the level and colour of the recording's own quietest moment. Silence that is there already counts towards the
pause, and recordings with longer pauses of their own are left out. Each phrase of two words is used once, each
sentence as often as needed, with other pauses each time. What it writes into OUT_DIR:

    pauses.jsonl    `{"audio", "text", "end_of_speech_s", "pauses_s"}`, where `pauses_s` are the lengths in all
    sound/*.flac    the recordings
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, to_float
from assistant.config import data_dir, find_paths
from assistant.errors import EdgewiseError
from assistant.evaluate.scenes import (
    BLOCK_SAMPLES,
    Signal,
    active_rms,
    block_power,
    tell_missing,
    write_rows,
    write_sound,
)
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.models import Models

SOURCES = ("dawn", "ljspeech", "wake_words")
MAX_PHRASES = 30
"""Recordings of two words that are used: many speakers, but hardly a sentence."""
PAUSE_S = (0.3, 0.8)
_LEAST_ADDED_S = 0.1
TWO_PAUSES_SHARE = 0.3
AFTER_S = 0.3
MAX_SPEECH_S = 12.0
"""Longer recordings would run into the longest command."""
_GAP_DB = 20.0
"""A boundary between words must be this much quieter than the speech."""
_ABOVE_FLOOR_DB = 13.0
"""Speech is this much louder than the recording's own floor."""
_SEARCH_S = 0.08
_GRAIN = RATE_HZ // 200
_FADE = RATE_HZ // 100


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a pause may be inserted."""

    sample: int
    quiet_s: float
    """Silence that is there already."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A recording whose words are where they should be."""

    name: str
    text: str
    signal: Signal
    end_of_speech_s: float
    gaps: tuple[Gap, ...]


def hesitate(source: Source, pick: random.Random) -> tuple[Signal, float, list[float]]:
    """The recording with one or two pauses: its sound, its end of speech, and the pauses' lengths."""
    count = min(len(source.gaps), 2 if pick.random() < TWO_PAUSES_SHARE else 1)
    end = round((source.end_of_speech_s + AFTER_S) * RATE_HZ)
    parts: list[Signal] = []
    pauses_s: list[float] = []
    added = start = 0
    for gap in sorted(pick.sample(source.gaps, count), key=lambda gap: gap.sample):
        pause_s = pick.uniform(max(PAUSE_S[0], gap.quiet_s + _LEAST_ADDED_S), PAUSE_S[1])
        tone = room_tone(source.signal, round((pause_s - gap.quiet_s) * RATE_HZ), pick)
        parts += [_faded(source.signal[start : gap.sample], end=True), tone]
        pauses_s.append(round(pause_s, 3))
        added += len(tone)
        start = gap.sample
    parts.append(_faded(source.signal[start:end], end=False))
    return np.concatenate(parts), round(source.end_of_speech_s + added / RATE_HZ, 3), pauses_s


def room_tone(signal: Signal, length: int, pick: random.Random) -> Signal:
    """Noise of the level and colour of the signal's quietest 0.2 s, made by giving its spectrum other phases."""
    window = RATE_HZ // 5
    power = np.convolve(block_power(signal), np.ones(10), "valid")
    start = int(np.argmin(np.where(power > 0, power, np.inf))) * BLOCK_SAMPLES
    quiet = signal[start : start + window]
    size = max(length, len(quiet))
    positions = np.linspace(0, len(quiet) // 2, size // 2 + 1)
    spectrum = np.abs(np.fft.rfft(quiet * np.hanning(len(quiet))))
    colour = np.interp(positions, np.arange(len(spectrum)), spectrum)
    phases = np.random.default_rng(pick.getrandbits(32)).uniform(0, 2 * np.pi, len(colour))
    noise = np.fft.irfft(colour * np.exp(1j * phases), size)[:length]
    level = float(np.sqrt(np.mean(quiet**2)) / max(float(np.sqrt(np.mean(noise**2))), 1e-12))
    return (noise * level).astype(np.float32)


def find_gaps(signal: Signal, boundaries_s: Sequence[float]) -> tuple[Gap, ...]:
    """The quietest sample near each boundary between words, where it is quiet enough and not silent for long."""
    limit = (active_rms(signal) * 10 ** (-_GAP_DB / 20)) ** 2
    loud = _loud_blocks(signal)
    found: dict[int, Gap] = {}
    for boundary_s in boundaries_s:
        start = max(0, round((boundary_s - _SEARCH_S) * RATE_HZ))
        near = signal[start : round((boundary_s + _SEARCH_S) * RATE_HZ)]
        near = near[: len(near) // _GRAIN * _GRAIN]
        if not len(near):
            continue
        smooth = np.convolve(np.mean(near.reshape(-1, _GRAIN) ** 2, axis=1), np.ones(3) / 3, "same")
        quietest = int(np.argmin(smooth[1:-1])) + 1 if len(smooth) > 2 else 0
        sample = start + quietest * _GRAIN + _GRAIN // 2
        quiet_s = _quiet_s(loud, sample)
        if smooth[quietest] <= limit and quiet_s + _LEAST_ADDED_S < PAUSE_S[1]:
            found[sample] = Gap(sample, quiet_s)
    return tuple(found.values())


def longest_pause_s(signal: Signal, end_s: float) -> float:
    """The longest silence between the first speech and its end."""
    loud = np.flatnonzero(_loud_blocks(signal)[: round(end_s * RATE_HZ / BLOCK_SAMPLES)])
    return float(np.diff(loud).max(initial=1) - 1) * BLOCK_SAMPLES / RATE_HZ


def end_of_speech_s(signal: Signal) -> float:
    """Where the last 60 ms of speech end, in a recording with noise of its own."""
    loud = _loud_blocks(signal)
    runs = np.flatnonzero(loud[:-2] & loud[1:-1] & loud[2:])
    return round(float(runs[-1] + 3) * BLOCK_SAMPLES / RATE_HZ, 3) if len(runs) else 0.0


def read_sources(data: Path, model: Any, normalise: Normaliser) -> Iterator[Source]:
    """The recordings that serve, with their gaps."""
    rows: dict[str, dict[str, Any]] = {}
    for name in (*SOURCES, "commands"):  # which tells more of some of them
        for line in (data / "speech" / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            rows.setdefault(row["audio"], {}).update(row)
    phrases = 0
    for audio, row in track(rows.items(), "words", console=Console(stderr=True)):
        length = len(row["text"].split())
        if length == 1 or (length == 2 and phrases == MAX_PHRASES):
            continue
        source = _source(data / "speech" / audio, row, model, normalise)
        if source:
            phrases += length == 2
            yield source


def _source(path: Path, row: dict[str, Any], model: Any, normalise: Normaliser) -> Source | None:
    signal = to_float(read_audio(path).samples)
    end_s = row.get("end_of_speech_s") or end_of_speech_s(signal)
    if end_s > MAX_SPEECH_S or longest_pause_s(signal, end_s) > PAUSE_S[1]:
        return None
    segments, _ = model.transcribe(signal, language="en", beam_size=1, temperature=0.0, word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    if normalise("".join(word.word for word in words)) != normalise(row["text"]):
        return None
    boundaries_s = [(left.end + right.start) / 2 for left, right in itertools.pairwise(words)]
    gaps = find_gaps(signal, boundaries_s)
    return Source(path.stem, row["text"], signal, end_s, gaps) if gaps else None


def _loud_blocks(signal: Signal) -> npt.NDArray[np.bool_]:
    """Which blocks of 20 ms hold speech."""
    power = block_power(signal)
    floor = float(np.percentile(power, 10)) * 10 ** (_ABOVE_FLOOR_DB / 10)
    loud: npt.NDArray[np.bool_] = power > max(active_rms(signal) ** 2 * 1e-4, floor)
    return loud


def _quiet_s(loud: npt.NDArray[np.bool_], sample: int) -> float:
    """Length of the silence around a sample."""
    block = sample // BLOCK_SAMPLES
    before, after = np.flatnonzero(loud[: block + 1]), np.flatnonzero(loud[block:])
    if not len(before) or not len(after):
        return float(len(loud)) * BLOCK_SAMPLES / RATE_HZ
    return max(0.0, float(block + after[0] - before[-1] - 1)) * BLOCK_SAMPLES / RATE_HZ


def _faded(piece: Signal, *, end: bool) -> Signal:
    """The piece with one edge faded, so that the cut doesn't click."""
    piece = piece.copy()
    length = min(_FADE, len(piece))
    fade = np.linspace(0, 1, length, dtype=np.float32)
    if end and length:
        piece[-length:] *= fade[::-1]
    elif length:
        piece[:length] *= fade
    return piece


def write_pauses(sources: Sequence[Source], folder: Path, *, count: int, seed: int) -> None:
    """Write `count` recordings and their manifest; the same seed gives the same set."""
    (folder / "sound").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    sentences = [source for source in sources if len(source.text.split()) > 2]
    order = [*sources, *itertools.islice(itertools.cycle(sentences), max(0, count - len(sources)))]
    for number, source in enumerate(order[:count]):
        signal, end_s, pauses_s = hesitate(source, random.Random(f"{seed}-{number}"))  # noqa: S311
        name = f"sound/{number:04}-{source.name}.flac"
        write_sound(folder / name, signal)
        rows.append({"audio": name, "text": source.text, "end_of_speech_s": end_s, "pauses_s": pauses_s})
    write_rows(folder / "pauses.jsonl", rows)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    data = data_dir()
    if tell_missing(data) or data is None:
        return 1
    console = Console(stderr=True)
    try:
        normalise = load_normaliser()
        model_dir = Models(find_paths().models_dir).path(options.model)
    except EdgewiseError as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    from faster_whisper import WhisperModel  # noqa: PLC0415 - heavy

    model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", local_files_only=True)
    sources = list(read_sources(data, model, normalise))
    write_pauses(sources, options.folder, count=options.count, seed=options.seed)
    console.print(f"{options.count} rows from {len(sources)} recordings")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make-pauses", description="Make a set of hesitant speech.")
    parser.add_argument("folder", type=Path, help="where manifest and sound go")
    parser.add_argument("--count", type=int, default=220, help="recordings to make")
    parser.add_argument("--model", default="whisper-base", help="Whisper model that finds the words")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
