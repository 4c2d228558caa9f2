"""Wake words: the rules of reporting on scripted probabilities, the models on what a voice says."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pymicro_wakeword
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import CHUNK_S, CHUNK_SAMPLES, RATE_HZ, Chunk, Samples
from assistant.config import Config, find_paths, load_config
from assistant.errors import SpeechError
from assistant.speech import wake
from assistant.speech.wake import BUILT_IN_CUTOFFS, MicroWakeWords, WakeModel, find_wake_models, make_wake
from assistant.values import WakeDetection
from tests.fakes import FakeWakeEngine
from tests.speech.voices import speak

BUILT_IN = Path(pymicro_wakeword.__file__).parent / "models"
FRAME_S = 0.01


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def detections(
    detector: MicroWakeWords, samples: Samples, size: int = CHUNK_SAMPLES
) -> list[tuple[float, WakeDetection]]:
    """(seconds heard by then, detection)."""
    found = []
    for at in range(0, len(samples), size):
        detection = detector.process(Chunk(samples[at : at + size], RATE_HZ))
        if detection:
            found.append(((at + size) / RATE_HZ, detection))
    return found


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Script]:
    return Script.installed(monkeypatch)


class Script:
    """Detectors whose models say given probabilities, one a frame."""

    engines: dict[str, FakeWakeEngine]

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> type[Script]:
        cls.engines = {}
        monkeypatch.setattr(wake, "_load_engine", lambda model: (cls.engines[model.word], 1))
        return cls

    @classmethod
    def detector(cls, refractory_s: float, **words: list[float]) -> MicroWakeWords:
        cls.engines = {word: FakeWakeEngine(values) for word, values in words.items()}
        return MicroWakeWords([WakeModel(word, Path(), 0.8) for word in words], refractory_s=refractory_s)


def test_a_word_is_reported_once_when_its_probability_rises(scripted: type[Script]) -> None:
    detector = scripted.detector(0.0, house=[0.1] * 50 + [0.9] * 100 + [0.2] * 10 + [0.95] * 10)
    found = detections(detector, silence(3))
    assert [detection for _, detection in found] == [WakeDetection("house", 0.9), WakeDetection("house", 0.95)]
    assert found[1][0] - found[0][0] == pytest.approx(110 * FRAME_S, abs=2 * CHUNK_S)


def test_frames_between_two_probabilities_are_no_fall(scripted: type[Script]) -> None:
    scripted.engines["house"] = FakeWakeEngine([0.1, 0.9, 0.95, 0.9, 0.1], stride=3)
    detector = MicroWakeWords([WakeModel("house", Path(), 0.8)], refractory_s=0.0)
    assert [detection for _, detection in detections(detector, silence(1))] == [WakeDetection("house", 0.9)]


def test_the_cutoff_itself_is_not_enough(scripted: type[Script]) -> None:
    assert not detections(scripted.detector(0.0, house=[0.8] * 20), silence(1))
    assert detections(scripted.detector(0.0, house=[0.801] * 20), silence(1))


@pytest.mark.parametrize(("gap_frames", "count"), [(100, 1), (198, 1), (202, 2)])
def test_the_refractory_period_is_counted_in_audio(scripted: type[Script], gap_frames: int, count: int) -> None:
    detector = scripted.detector(2.0, house=[0.9] + [0.0] * (gap_frames - 1) + [0.9, 0.0])
    assert len(detections(detector, silence(4))) == count


def test_a_word_said_in_the_refractory_period_is_not_reported_later(scripted: type[Script]) -> None:
    detector = scripted.detector(2.0, house=[0.9] + [0.0] * 150 + [0.9] * 200)
    assert len(detections(detector, silence(5))) == 1


def test_the_refractory_period_holds_for_every_word(scripted: type[Script]) -> None:
    detector = scripted.detector(2.0, house=[0.9], garden=[0.0] * 60 + [0.99])
    assert [detection.word for _, detection in detections(detector, silence(4))] == ["house"]


def test_of_two_words_the_surer_one_is_reported(scripted: type[Script]) -> None:
    detector = scripted.detector(2.0, house=[0.0] * 9 + [0.9], garden=[0.0] * 9 + [0.95])
    assert [detection.word for _, detection in detections(detector, silence(2))] == ["garden"]


def test_reset_keeps_the_refractory_period(scripted: type[Script]) -> None:
    detector = scripted.detector(2.0, house=[0.9] + [0.0] * 260 + [0.9])
    assert len(detections(detector, silence(0.5))) == 1
    detector.reset()  # takes 210 of the scripted frames
    assert not detections(detector, silence(1))


@pytest.mark.parametrize("size", [1, 7, 160, CHUNK_SAMPLES, 513, 64_000])
def test_the_outcome_does_not_depend_on_the_size_of_chunks(scripted: type[Script], size: int) -> None:
    detector = scripted.detector(2.0, house=[0.0] * 30 + [0.9])
    assert [detection for _, detection in detections(detector, silence(2), size)] == [WakeDetection("house", 0.9)]


def test_no_words_means_no_detector(config: Config) -> None:
    assert make_wake(load_config(find_paths(), ["wake.words=[]"]).settings.wake) is None
    assert make_wake(config.settings.wake) is not None


def test_cutoffs() -> None:
    assert {model.word: model.cutoff for model in find_wake_models(list(BUILT_IN_CUTOFFS))} == BUILT_IN_CUTOFFS
    assert [model.cutoff for model in find_wake_models(["alexa", "okay_nabu"], cutoff=0.33)] == [0.33, 0.33]


def test_every_built_in_word_of_the_engine_is_known() -> None:
    assert {model.value for model in pymicro_wakeword.Model} == set(BUILT_IN_CUTOFFS)


def test_words_named_twice_are_loaded_once() -> None:
    assert [model.word for model in find_wake_models(["alexa", "okay_nabu", "alexa"])] == ["alexa", "okay_nabu"]


@pytest.mark.parametrize(
    ("word", "hint"), [("okay nabu", "'okay_nabu'"), ("Hey_Jarvi", "'hey_jarvis'"), ("zzz", "Known words: alexa")]
)
def test_an_unknown_word_suggests_a_known_one(word: str, hint: str) -> None:
    with pytest.raises(SpeechError) as caught:
        find_wake_models([word])
    assert caught.value.code == "wake-word-unknown"
    assert hint in caught.value.hint


@pytest.fixture
def custom(tmp_path: Path) -> Path:
    """A user's own word, with files as published."""
    for name in ("hey_jarvis.json", "hey_jarvis.tflite"):
        shutil.copy(BUILT_IN / name, tmp_path / name)
    return tmp_path / "hey_jarvis.json"


def test_a_custom_word_has_its_own_cutoff_unless_told(custom: Path) -> None:
    for file in (custom, custom.with_suffix(".tflite")):
        assert find_wake_models(["butler"], custom={"butler": file}) == (WakeModel("butler", custom, 0.97),)
    assert find_wake_models(["butler"], custom={"butler": custom}, cutoff=0.5)[0].cutoff == 0.5


def test_a_custom_word_runs_beside_a_built_in_one(custom: Path) -> None:
    detector = MicroWakeWords(find_wake_models(["butler", "alexa"], custom={"butler": custom}), refractory_s=2.0)
    assert not detections(detector, silence(1))


def test_noise_is_no_word(data: Path) -> None:
    detector = MicroWakeWords(find_wake_models(list(BUILT_IN_CUTOFFS)), refractory_s=2.0)
    for file in sorted((data / "noise" / "esc10").glob("*.flac"))[::20]:
        assert not detections(detector, read_audio(file).samples)


@pytest.fixture(scope="module")
def voice() -> dict[str, Samples]:
    """Every built-in word, spoken."""
    words = list(BUILT_IN_CUTOFFS)
    return dict(zip(words, speak([word.replace("_", " ") + "." for word in words]), strict=True))


@pytest.mark.models
def test_words_spoken_by_a_voice_are_told_apart(voice: dict[str, Samples]) -> None:
    detector = MicroWakeWords(find_wake_models(list(voice)), refractory_s=2.0)
    audio = np.concatenate([part for word in voice for part in (silence(2.5), voice[word])] + [silence(1)])
    assert [detection.word for _, detection in detections(detector, audio)] == list(voice)


@pytest.mark.models
def test_a_word_is_heard_right_after_it_ended(voice: dict[str, Samples]) -> None:
    detector = MicroWakeWords(find_wake_models(["okay_nabu"]), refractory_s=2.0)
    word = voice["okay_nabu"]
    [(at_s, _)] = detections(detector, np.concatenate((silence(1), word, silence(2))))
    end_s = 1 + (np.flatnonzero(np.abs(word) > 300)[-1] + 1) / RATE_HZ
    assert end_s - 0.3 < at_s < end_s + 0.3


@pytest.mark.models
def test_a_word_cut_in_two_by_a_reset_is_not_heard(voice: dict[str, Samples]) -> None:
    detector = MicroWakeWords(find_wake_models(["okay_nabu"]), refractory_s=2.0)
    word = voice["okay_nabu"]
    middle = len(word) * 2 // 3
    assert not detections(detector, np.concatenate((silence(1), word[:middle])))
    detector.reset()
    assert not detections(detector, np.concatenate((word[middle:], silence(2))))


def test_listening_is_cheap() -> None:
    """0.2% of real time on a desktop; the bound leaves room for slow and busy machines."""
    detector = MicroWakeWords(find_wake_models(["okay_nabu"]), refractory_s=2.0)
    audio = np.random.default_rng(0).normal(0, 1000, RATE_HZ * 20).astype(np.int16)
    started_s = time.process_time()
    detections(detector, audio)
    assert (time.process_time() - started_s) / 20 < 0.02


def test_reset_is_quick_enough_for_the_event_loop() -> None:
    detector = MicroWakeWords(find_wake_models(["okay_nabu"]), refractory_s=2.0)
    started_s = time.process_time()
    detector.reset()
    assert time.process_time() - started_s < 0.02
