"""What every wake detector does, the real one and the fake one."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.audio.format import CHUNK_SAMPLES, RATE_HZ, Chunk, Samples
from assistant.dialog.ports import WakeDetector
from assistant.errors import SpeechError
from assistant.speech.wake import MicroWakeWords, find_wake_models
from assistant.values import WakeDetection
from tests.fakes import FakeWake
from tests.speech.voices import speak

pytestmark = pytest.mark.models


@pytest.fixture(params=["microwakeword", "fake"])
def detector(request: pytest.FixtureRequest) -> WakeDetector:
    if request.param == "fake":
        return FakeWake(refractory_s=2.5)  # two words as slowly as the voice ever says them
    return MicroWakeWords(find_wake_models(["okay_nabu"]), refractory_s=2.5)


@pytest.fixture(scope="module")
def word() -> Samples:
    """The wake word, spoken, with a little silence around."""
    [speech] = speak(["okay nabu."])
    return np.concatenate((silence(0.2), speech, silence(0.4)))


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def listen(detector: WakeDetector, *parts: Samples) -> list[WakeDetection]:
    audio = np.concatenate(parts)
    chunks = (Chunk(audio[at : at + CHUNK_SAMPLES], RATE_HZ) for at in range(0, len(audio), CHUNK_SAMPLES))
    return [detection for chunk in chunks if (detection := detector.process(chunk))]


def test_a_word_is_heard_once(detector: WakeDetector, word: Samples) -> None:
    [detection] = listen(detector, silence(1), word, silence(2))
    assert detection.word == "okay_nabu"
    assert 0 < detection.probability <= 1


def test_silence_is_no_word(detector: WakeDetector) -> None:
    assert not listen(detector, silence(3))


def test_a_word_right_behind_another_is_ignored(detector: WakeDetector, word: Samples) -> None:
    assert len(listen(detector, silence(1), word, word, silence(1))) == 1


def test_after_the_refractory_period_a_word_is_heard_again(detector: WakeDetector, word: Samples) -> None:
    assert len(listen(detector, silence(1), word, silence(2), word, silence(1))) == 2


def test_reset_forgets_the_audio(detector: WakeDetector, word: Samples) -> None:
    middle = len(word) // 2
    listen(detector, silence(1), word[:middle])
    detector.reset()
    assert not listen(detector, silence(1))


def test_reset_does_not_shorten_the_refractory_period(detector: WakeDetector, word: Samples) -> None:
    assert listen(detector, silence(1), word)
    detector.reset()
    assert not listen(detector, word)


def test_no_audio_is_no_word(detector: WakeDetector) -> None:
    assert detector.process(Chunk(silence(0), RATE_HZ)) is None


def test_audio_at_another_rate_is_refused(detector: WakeDetector) -> None:
    with pytest.raises(SpeechError) as caught:
        detector.process(Chunk(silence(0.1), 44_100))
    assert caught.value.code == "audio-rate"
