"""Makes manifests for `assistant eval wake`: a wake word spoken by synthetic voices at varied speed, through room
responses, with and without noise; and recordings without one. `scripts/make-wake-set` runs it.

What it writes into the chosen folder:

    VOICE-room.jsonl    each utterance in a room, at VOICE's own pace times 0.8 to 1.25
    VOICE-noise.jsonl   the same under a noise at --snr-db
    null.jsonl          recordings that hold no wake word
    VOICE/*.flac        the sound
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile
from rich.console import Console
from rich.progress import track

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, to_float, to_int16
from assistant.audio.resample import resample
from assistant.config import data_dir, find_paths

Signal = npt.NDArray[np.float32]

LENGTH_SCALES = (0.8, 1.25)
LEVELS_DBFS = (-32.0, -18.0)
"""Range of the speech's level, where it sounds."""
BEFORE_S = 1.5
AFTER_S = 0.7
ESPEAK_VOICES = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-us+f3", "en-gb+f2", "en-us+m3", "en-029")


class Speaker(Protocol):
    def speak(self, text: str, pick: random.Random) -> Signal:
        """The text at a random pace, 16 kHz."""


class PiperSpeaker:
    """A Piper voice."""

    def __init__(self, voice: Path, seed: int) -> None:
        import onnxruntime  # noqa: PLC0415 - heavy
        from piper import PiperVoice  # noqa: PLC0415 - heavy

        onnxruntime.set_seed(seed)
        self._voice = PiperVoice.load(voice)

    def speak(self, text: str, pick: random.Random) -> Signal:
        from piper import SynthesisConfig  # noqa: PLC0415 - heavy

        pace = SynthesisConfig(length_scale=pick.uniform(*LENGTH_SCALES))
        pieces = [chunk.audio_float_array for chunk in self._voice.synthesize(text, pace)]
        return to_float(resample(to_int16(np.concatenate(pieces)), self._voice.config.sample_rate, RATE_HZ))


class EspeakSpeaker:
    """espeak-ng's English voices."""

    def speak(self, text: str, pick: random.Random) -> Signal:
        words_per_minute = round(175 / pick.uniform(*LENGTH_SCALES))
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "speech.wav"
            command = ["espeak-ng", "-v", pick.choice(ESPEAK_VOICES), "-s", str(words_per_minute), "-w", str(wav), text]
            subprocess.run(command, check=True, timeout=30, capture_output=True)  # noqa: S603
            return to_float(read_audio(wav).samples)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the utterances are put into."""

    rooms: tuple[Signal, ...]
    """Impulse responses."""
    noises: tuple[Signal, ...]


def place(speech: Signal, scene: Scene, pick: random.Random) -> Signal:
    """The speech in a room at one of LEVELS_DBFS, with room to breathe before and after."""
    room = pick.choice(scene.rooms)
    wet = np.convolve(speech, room)
    wet *= 10 ** (pick.uniform(*LEVELS_DBFS) / 20) / _active_rms(wet)
    before, after = (np.zeros(round(seconds * RATE_HZ), np.float32) for seconds in (BEFORE_S, AFTER_S))
    return np.concatenate((before, wet, after)).astype(np.float32)


def add_noise(signal: Signal, scene: Scene, snr_db: float, pick: random.Random) -> Signal:
    """The signal under a noise; the ratio is between the speech where it sounds and the noise all along."""
    noise = pick.choice(scene.noises)
    noise = np.roll(np.resize(noise, max(len(noise), len(signal))), pick.randrange(len(noise)))[: len(signal)]
    loud = max(float(np.sqrt(np.mean(noise**2))), 1e-6)
    return signal + noise * np.float32(_active_rms(signal) / loud / 10 ** (snr_db / 20))


def write_set(folder: Path, voice: str, speaker: Speaker, scene: Scene, options: argparse.Namespace) -> None:
    """VOICE-room.jsonl and VOICE-noise.jsonl with their sound."""
    pick = random.Random(f"{options.seed}-{voice}")  # noqa: S311
    (folder / voice).mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {"room": [], "noise": []}
    for number in track(range(options.count), voice, console=Console(stderr=True)):
        room = place(speaker.speak(options.text, pick), scene, pick)
        for kind, signal in (("room", room), ("noise", add_noise(room, scene, options.snr_db, pick))):
            name = f"{voice}/{kind}-{number:04}.flac"
            soundfile.write(folder / name, to_int16(signal), RATE_HZ)
            rows[kind].append({"audio": name, "wake": options.word})
    for kind, lines in rows.items():
        _write_manifest(folder / f"{voice}-{kind}.jsonl", lines)


def null_rows(data: Path) -> Iterator[dict[str, Any]]:
    """Every development recording that holds no wake word."""
    for line in (data / "speech" / "wake_words.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("wake", "") is None:
            yield {"audio": str(data / "speech" / row["audio"]), "wake": None}
    for pattern in ("speech/ljspeech/*.flac", "speech/dawn/*.flac", "noise/*/*.flac"):
        for path in sorted(data.glob(pattern)):
            yield {"audio": str(path), "wake": None}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    options.text = options.text or options.word.replace("_", " ")
    data = data_dir()
    missing = [
        what
        for what, there in (
            ("the development data: set EDGEWISE_DATA", data),
            (f"the voice {options.voice}: `assistant models fetch voice-joe`", options.voice.is_file()),
            ("espeak-ng: `apt-get install espeak-ng`", shutil.which("espeak-ng")),
        )
        if not there
    ]
    if missing or data is None:
        Console(stderr=True).print("What is missing:", *missing, sep="\n  ", markup=False, soft_wrap=True)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    scene = Scene(_read_all(data / "rir"), _read_all(data / "noise"))
    write_set(options.folder, "piper", PiperSpeaker(options.voice, options.seed), scene, options)
    write_set(options.folder, "espeak", EspeakSpeaker(), scene, options)
    _write_manifest(options.folder / "null.jsonl", list(null_rows(data.absolute())))
    return 0


def _parser() -> argparse.ArgumentParser:
    voice = find_paths().models_dir / "voice-joe" / "en_US-joe-medium.onnx"
    parser = argparse.ArgumentParser(prog="make-wake-set", description="Make manifests for `assistant eval wake`.")
    parser.add_argument("folder", type=Path, help="where manifests and sound go")
    parser.add_argument("--word", default="okay_nabu", help="id of the wake word")
    parser.add_argument("--text", help="what is said; the word's id, spoken, unless given")
    parser.add_argument("--voice", type=Path, default=voice, help="a Piper voice (.onnx)")
    parser.add_argument("--count", type=int, default=200, help="utterances a voice")
    parser.add_argument("--snr-db", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _read_all(folder: Path) -> tuple[Signal, ...]:
    return tuple(to_float(read_audio(path).samples) for path in sorted(folder.rglob("*.flac")))


def _active_rms(signal: Signal) -> float:
    """RMS of the 20 ms blocks within 30 dB of the loudest one."""
    blocks = signal[: len(signal) // 320 * 320].reshape(-1, 320)
    power = np.mean(blocks**2, axis=1)
    return max(float(np.sqrt(np.mean(power[power >= power.max() / 1000]))), 1e-6)


def _write_manifest(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
