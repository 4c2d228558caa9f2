"""What the makers of evaluation sets share: synthetic voices, rooms, noise, and where speech ends."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile
from rich.console import Console

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, to_float, to_int16
from assistant.audio.resample import resample
from assistant.config import find_paths

Signal = npt.NDArray[np.float32]

LENGTH_SCALES = (0.8, 1.25)
LEVELS_DBFS = (-32.0, -18.0)
"""Range of the speech's level, where it sounds."""
ESPEAK_VOICES = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-us+f3", "en-gb+f2", "en-us+m3", "en-029")
BLOCK_SAMPLES = RATE_HZ // 50
_AUDIBLE_DB = -40.0
"""A block this far below the speech's level is silence."""


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
            voice = pick.choice(ESPEAK_VOICES)
            command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(wav), "--", text]
            subprocess.run(command, check=True, timeout=30, capture_output=True)  # noqa: S603
            return to_float(read_audio(wav).samples)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the utterances are put into."""

    rooms: tuple[Signal, ...]
    """Impulse responses."""
    noises: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An utterance in a room."""

    signal: Signal
    end_of_speech_s: float
    """Where the voice itself falls silent; its echo goes on."""


def read_scene(data: Path) -> Scene:
    """The rooms and noises of the development data."""
    return Scene(_read_all(data / "rir"), _read_all(data / "noise"))


def place(speech: Signal, scene: Scene, pick: random.Random, *, before_s: float, after_s: float) -> Placed:
    """The speech in a room at one of LEVELS_DBFS, with room to breathe before and after."""
    room = pick.choice(scene.rooms)
    wet = np.convolve(speech, room)
    wet *= 10 ** (pick.uniform(*LEVELS_DBFS) / 20) / active_rms(wet)
    before, after = (np.zeros(round(seconds * RATE_HZ), np.float32) for seconds in (before_s, after_s))
    way_s = int(np.argmax(np.abs(room))) / RATE_HZ
    signal = np.concatenate((before, wet, after)).astype(np.float32)
    return Placed(signal, round(before_s + way_s + last_audible_s(speech), 3))


def add_noise(signal: Signal, scene: Scene, snr_db: float, pick: random.Random) -> Signal:
    """The signal under a noise; the ratio is between the speech where it sounds and the noise all along."""
    noise = pick.choice(scene.noises)
    noise = np.roll(np.resize(noise, max(len(noise), len(signal))), pick.randrange(len(noise)))[: len(signal)]
    loud = max(float(np.sqrt(np.mean(noise**2))), 1e-6)
    return signal + noise * np.float32(active_rms(signal) / loud / 10 ** (snr_db / 20))


def active_rms(signal: Signal) -> float:
    """RMS of the 20 ms blocks within 30 dB of the loudest one."""
    power = block_power(signal)
    return max(float(np.sqrt(np.mean(power[power >= power.max() / 1000]))), 1e-6)


def last_audible_s(speech: Signal) -> float:
    """Where clean speech falls silent for good, to 20 ms."""
    power = block_power(speech)
    audible = np.flatnonzero(power > active_rms(speech) ** 2 * 10 ** (_AUDIBLE_DB / 10))
    return float(audible[-1] + 1) * BLOCK_SAMPLES / RATE_HZ


def block_power(signal: Signal) -> npt.NDArray[np.floating]:
    """Mean square of each 20 ms, the last one filled up with silence."""
    blocks = np.pad(signal, (0, -len(signal) % BLOCK_SAMPLES)).reshape(-1, BLOCK_SAMPLES)
    power: npt.NDArray[np.floating] = np.mean(blocks**2, axis=1)
    return power


def write_sound(path: Path, signal: Signal) -> None:
    """Write 16 kHz sound in the format that the path's ending names."""
    soundfile.write(path, to_int16(signal), RATE_HZ)


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a manifest."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def default_voice() -> Path:
    """The Piper voice that speaks unless another is named."""
    return find_paths().models_dir / "voice-joe" / "en_US-joe-medium.onnx"


def tell_missing(data: Path | None, voice: Path | None = None) -> bool:
    """Print what a maker of sets needs and lacks; True when anything is missing. Without `voice` nothing is spoken."""
    needs = [("the development data: set EDGEWISE_DATA", data is not None)]
    if voice:
        needs += [
            (f"the voice {voice}: `assistant models fetch voice-joe`", voice.is_file()),
            ("espeak-ng: `apt-get install espeak-ng`", shutil.which("espeak-ng") is not None),
        ]
    missing = [what for what, there in needs if not there]
    if missing:
        Console(stderr=True).print("What is missing:", *missing, sep="\n  ", markup=False, soft_wrap=True)
    return bool(missing)


def _read_all(folder: Path) -> tuple[Signal, ...]:
    return tuple(to_float(read_audio(path).samples) for path in sorted(folder.rglob("*.flac")))
