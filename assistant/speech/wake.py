"""Wake words: microWakeWord models, all fed by one feature frontend.

Cut-offs were chosen on 2026-11-23 with `scripts/make-wake-set DIR` (200 utterances a voice, tempo 0.8 to 1.25, ten room
responses, speech at -32 to -18 dBFS; noise at 10 dB) and `assistant eval wake DIR/... --set wake.cutoff=...`.
okay_nabu, % missed, and false accepts in 240 crowd-recorded phrases (0.2 h), and in 0.47 h of read speech, requests
and noises:

    cut-off              0.50  0.60  0.70  0.75  0.80  0.85  0.87  0.90  0.95
    voice-joe, room       0.0   0.0   0.0   0.0   1.0   3.5   4.5   7.5  16.5
    voice-joe, noise     11.5  17.5  23.0  24.5  31.0  38.0  41.5  48.0  68.5
    espeak-ng, room       1.5   3.0   3.0   4.5   7.5  10.5  11.0  12.5  17.0
    espeak-ng, noise     10.0  13.0  15.0  18.5  25.0  29.5  32.0  35.0  47.0
    crowd phrases          12     6     5     1     1     0     0     0     0
    other sound             1     0     0     0     0     0     0     0     0

0.87, not 0.85: one "computer" reaches 0.81 here, but 0.80 to 0.86 depending on how it falls on the models' 30 ms steps
and on the hiss below. What is missed in noise is the model's limit: no cut-off wins it back without false accepts.

The hiss: words that come out of digital silence are missed, loud ones above all. Of voice-joe's in a room, at 0.80: 13%
without it, 1% with it; 12 dB louder, at 0.85: 52% and 2.5%. At -52 to -38 dBFS, at 0.85: 21% and 22.5%.

A word is reported again at most 0.4 s behind, in 10 of 625 that were heard; so 1 s of deafness is enough, and "okay
nabu, stop" is heard as soon as a reply begins.

The other words keep their authors' cut-offs. At those, voice-joe in a room is never missed, in noise hey_jarvis 1%,
hey_mycroft 3%, alexa 6.5%; espeak-ng's "hey jarvis" is missed 9 times in 10. False accepts: hey_mycroft 2 in the crowd
phrases (two "snowboy" reach 0.99, so no cut-off helps), else none.
"""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import structlog

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.errors import SpeechError
from assistant.settings import WakeConfig
from assistant.values import WakeDetection

if TYPE_CHECKING:
    from pymicro_wakeword import MicroWakeWord

BUILT_IN_CUTOFFS: Mapping[str, float] = MappingProxyType(
    {"okay_nabu": 0.87, "hey_jarvis": 0.97, "hey_mycroft": 0.95, "alexa": 0.9}
)
"""Words that come with the engine, and how sure the model must be; where the numbers come from is said above."""

_NO_CUSTOM: Mapping[str, Path] = MappingProxyType({})
_FRAME_SAMPLES = 160
_FEATURES = 40
_FLOOR_RMS = 10.0
"""About -70 dBFS, below what microphones themselves hiss."""
_LOWEST, _HIGHEST = np.int32(-32768), np.int32(32767)
"""As numpy's own numbers: for Python's, clip looks the type's limits up each time."""
_STEP_SAMPLES = 1280
"""What is gathered before the models hear it. Idling is mostly this: woken every 80 instead of every 40 ms, with cold
caches each time, it takes 1.4 instead of 2.2% of a core, and a word is heard 20 ms later on average."""
_FORGET_FRAMES = 210
"""Silence that empties the models' memory; the built-in ones remember 1.2 s."""
_TFLITE_BYTES = range(1_000, 20_000_000)
_TRIAL_TIMEOUT_S = 20.0
_TRIAL = f"""
import sys, numpy
from pymicro_wakeword import MicroWakeWord
engine = MicroWakeWord.from_config(sys.argv[1])
for value in (0.0, 13.0, 26.0):
    for _ in range(30):
        engine.process_streaming_prob(numpy.full((1, 1, {_FEATURES}), value))
"""

_Frame = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WakeModel:
    """A checked microWakeWord model."""

    word: str
    config_file: Path
    """The .json that names the .tflite beside it."""
    cutoff: float
    """The word is heard when the model's mean probability is above it."""


def make_wake(config: WakeConfig, custom: Mapping[str, Path] = _NO_CUSTOM) -> MicroWakeWords | None:
    """The detector the configuration asks for; None when it asks for no word.

    `custom` maps the ids of the user's own words to their NAME.tflite, which have NAME.json beside them. Such a word
    costs about 0.3 s here (it is first tried in a process of its own), so call this off the event loop.

    Raises:
        SpeechError: `wake-word-unknown`, `wake-model-bad`, `wake-engine-missing`.
    """
    if not config.words:
        return None
    models = find_wake_models(config.words, cutoff=config.cutoff, custom=custom)
    return MicroWakeWords(models, refractory_s=config.refractory_s)


def find_wake_models(
    words: Sequence[str], *, cutoff: float = 0.0, custom: Mapping[str, Path] = _NO_CUSTOM
) -> tuple[WakeModel, ...]:
    """Models of these words, each once, custom ones checked; a `cutoff` above 0 replaces each word's own.

    Raises:
        SpeechError: `wake-word-unknown`, `wake-model-bad`, `wake-engine-missing`.
    """
    return tuple(_find_model(word, cutoff, custom) for word in dict.fromkeys(words))


class MicroWakeWords:
    """`dialog.ports.WakeDetector` for several words at once; not thread-safe.

    A word is reported once, when its probability rises above the cut-off. For `refractory_s` after that every word is
    ignored; the models hear on meanwhile, and so does the frontend through `reset()`: it goes on estimating the room's
    noise. A faint hiss is laid under the audio: the models never heard digital silence when they were trained, and miss
    words that come out of it.

    Raises:
        SpeechError: `wake-model-bad`, `wake-engine-missing`.
    """

    def __init__(self, models: Sequence[WakeModel], *, refractory_s: float) -> None:
        from pymicro_wakeword import MicroWakeWordFeatures  # noqa: PLC0415 - heavy

        self._words = [_Word(model) for model in models]
        self._frontend = MicroWakeWordFeatures()
        self._hiss = np.rint(np.random.default_rng(0).normal(0.0, _FLOOR_RMS, 4 * RATE_HZ)).astype(np.int32)
        self._position = 0
        self._gathered: list[Samples] = []
        self._refractory_frames = round(refractory_s * RATE_HZ / _FRAME_SAMPLES)
        self._deaf_frames = 0

    def process(self, chunk: Chunk) -> WakeDetection | None:
        """Feed audio in order, any length; the surest of the words that ended in what was heard first.

        The models hear 80 ms at a time, or more when more comes.

        Raises:
            SpeechError: `audio-rate` when the audio is not 16 kHz.
        """
        if chunk.rate_hz != RATE_HZ:
            raise SpeechError("audio-rate", f"wake words need {RATE_HZ} Hz audio, not {chunk.rate_hz} Hz")
        self._gathered.append(chunk.samples)
        if sum(map(len, self._gathered)) < _STEP_SAMPLES:
            return None
        samples, self._gathered = np.concatenate(self._gathered), []
        detection = None
        for frame in self._frontend.process_streaming(self._with_hiss(samples).tobytes()):
            heard = self._process_frame(frame)
            detection = detection or heard
        return detection

    def reset(self) -> None:
        silence = np.zeros((1, 1, _FEATURES))
        for word in self._words:
            for _ in range(_FORGET_FRAMES):
                word.rises(silence)

    def _with_hiss(self, samples: Samples) -> Samples:
        end = self._position + len(samples)
        if end <= len(self._hiss):
            hiss = self._hiss[self._position : end]
        else:
            hiss = np.take(self._hiss, np.arange(self._position, end), mode="wrap")
        self._position = end % len(self._hiss)
        mixed: Samples = np.clip(samples + hiss, _LOWEST, _HIGHEST).astype(np.int16)
        return mixed

    def _process_frame(self, frame: _Frame) -> WakeDetection | None:
        risen = [word for word in self._words if word.rises(frame)]
        if self._deaf_frames:
            self._deaf_frames -= 1
            return None
        if not risen:
            return None
        self._deaf_frames = self._refractory_frames
        best = max(risen, key=lambda word: word.probability)
        return WakeDetection(best.model.word, best.probability)


class _Word:
    """One model's run over the frames."""

    def __init__(self, model: WakeModel) -> None:
        self.model = model
        self.probability = 0.0
        self._engine, window = _load_engine(model)
        self._recent = deque([0.0] * window, maxlen=window)
        self._frames = 0

    def rises(self, frame: _Frame) -> bool:
        """Whether this 10 ms frame lifted the probability above the cut-off."""
        probability = self._engine.process_streaming_prob(frame)
        self._frames = (self._frames + 1) % self._engine.stride
        if self._frames:  # the engine gathers frames and says 0 meanwhile
            return False
        was_above = self.probability > self.model.cutoff
        self._recent.append(probability or 0.0)
        self.probability = min(1.0, sum(self._recent) / len(self._recent))
        return self.probability > self.model.cutoff and not was_above


def _find_model(word: str, cutoff: float, custom: Mapping[str, Path]) -> WakeModel:
    if word in custom:
        config_file = custom[word].with_suffix(".json")
        own_cutoff = _check_custom(word, config_file)
        return WakeModel(word, config_file, cutoff or own_cutoff)
    if word in BUILT_IN_CUTOFFS:
        return WakeModel(word, _built_in_folder() / f"{word}.json", cutoff or BUILT_IN_CUTOFFS[word])
    known = sorted({*BUILT_IN_CUTOFFS, *custom})
    close = difflib.get_close_matches(word.lower().replace(" ", "_"), known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known words: {', '.join(known)}."
    raise SpeechError("wake-word-unknown", f"there is no wake word {word!r}", hint=hint)


def _built_in_folder() -> Path:
    import pymicro_wakeword  # noqa: PLC0415 - heavy

    return Path(pymicro_wakeword.__file__).parent / "models"


def _load_engine(model: WakeModel) -> tuple[MicroWakeWord, int]:
    """The engine, which gives each step's own probability, and how many steps the model wants averaged.

    The engine's own average is made of exact fractions, and takes as long as the model itself.
    """
    from pymicro_wakeword import MicroWakeWord  # noqa: PLC0415 - heavy

    try:
        averaging = MicroWakeWord.from_config(model.config_file)
        window = averaging.sliding_window_size
        engine = MicroWakeWord(
            averaging.id,
            wake_word=averaging.wake_word,
            tflite_model=averaging.tflite_model,
            probability_cutoff=averaging.probability_cutoff,
            sliding_window_size=1,
            trained_languages=averaging.trained_languages,
            libtensorflowlite_c_path=averaging.lib._name,  # noqa: SLF001 - which ctypes documents
        )
        shape = [engine.lib.TfLiteTensorDim(engine.input_tensor, axis) for axis in (0, 2)]
        if shape != [1, _FEATURES] or engine.lib.TfLiteInterpreterInvoke(engine.interpreter) != 0:
            raise _bad(model.word, f"its model does not take {_FEATURES} features a frame")
        for _ in range(engine.stride * window):
            engine.process_streaming_prob(np.zeros((1, 1, _FEATURES)))
    except OSError as exc:
        raise SpeechError(
            "wake-engine-missing",
            f"the wake word engine can't be loaded on this machine: {exc}",
            hint="Reinstall pymicro-wakeword for this machine, or set wake.words = [].",
        ) from exc
    except (ValueError, RuntimeError, KeyError, TypeError) as exc:
        raise _bad(model.word, f"its model can't be used: {exc}") from exc
    return engine, window


def _check_custom(word: str, config_file: Path) -> float:
    """Check a custom word's files, and that loading and running the model doesn't crash. Returns its own cut-off."""
    tflite, cutoff = _read_custom(word, config_file)
    try:
        size = tflite.stat().st_size
        with tflite.open("rb") as file:
            magic = file.read(8)[4:]
    except OSError as exc:
        raise _bad(word, f"can't read {tflite}: {exc.strerror}") from exc
    if size not in _TFLITE_BYTES or magic != b"TFL3":
        raise _bad(word, f"{tflite} is not a TensorFlow Lite model")
    # The engine trusts the file: a damaged one would take the whole program down with it.
    command = [sys.executable, "-I", "-c", _TRIAL, str(config_file)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_TRIAL_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _bad(word, f"{tflite} could not be tried out: {exc}") from exc
    if ended.returncode != 0:
        structlog.get_logger(__name__).warning("wake model failed its trial", word=word, code=ended.returncode)
        raise _bad(word, f"{tflite} is damaged or not a microWakeWord model")
    return cutoff


def _read_custom(word: str, config_file: Path) -> tuple[Path, float]:
    """(model file, cut-off) of a microWakeWord .json, every value the engine relies on checked."""
    try:
        config = json.loads(config_file.read_text("utf-8"))
    except OSError as exc:
        raise _bad(word, f"can't read {config_file}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise _bad(word, f"{config_file} is not JSON") from exc
    micro = config.get("micro") if isinstance(config, dict) else None
    if not isinstance(micro, dict):
        raise _bad(word, f"{config_file} has no `micro` object")
    name, cutoff = config.get("model"), micro.get("probability_cutoff")
    if not isinstance(name, str) or not name.endswith(".tflite") or Path(name).name != name or "\0" in name:
        raise _bad(word, f"{config_file}: `model` must name the .tflite file beside it")
    if not isinstance(config.get("wake_word"), str):
        raise _bad(word, f"{config_file}: `wake_word` must be a text")
    if not isinstance(cutoff, int | float) or not 0 < cutoff < 1:
        raise _bad(word, f"{config_file}: `probability_cutoff` must be a number between 0 and 1")
    window = micro.get("sliding_window_size")
    if type(window) is not int or not 1 <= window <= 100:
        raise _bad(word, f"{config_file}: `sliding_window_size` must be a whole number from 1 to 100")
    if micro.get("feature_step_size", 10) != 10:
        raise _bad(word, f"{config_file}: `feature_step_size` must be 10")
    return config_file.with_name(name), float(cutoff)


def _bad(word: str, why: str) -> SpeechError:
    return SpeechError(
        "wake-model-bad",
        f"wake word {word!r}: {why}",
        hint="Fetch its .json and .tflite again, or take it out of wake.words.",
    )
