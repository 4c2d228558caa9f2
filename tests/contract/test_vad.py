"""What every voice activity detector does, the real ones and the fake one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.ports import VoiceActivity
from assistant.errors import SpeechError
from assistant.speech.vad import SileroVad, WebrtcVad
from tests.fakes import FakeVad

MAKERS: dict[str, Callable[[], VoiceActivity]] = {
    "silero": SileroVad,
    "webrtcvad": lambda: WebrtcVad(2),
    "fake": FakeVad,
}


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[], VoiceActivity]:
    return MAKERS[request.param]


@pytest.fixture
def speech(data: Path) -> Samples:
    """Two seconds from the middle of a read sentence."""
    return read_audio(data / "speech" / "ljspeech" / "LJ002-0173.flac").samples[RATE_HZ : 3 * RATE_HZ]


def listen(vad: VoiceActivity, samples: Samples, size: int = 320) -> list[float]:
    return [vad.process(Chunk(samples[at : at + size], RATE_HZ)) for at in range(0, len(samples), size)]


def test_silence_is_not_speech(make: Callable[[], VoiceActivity]) -> None:
    assert max(listen(make(), np.zeros(RATE_HZ, np.int16))) < 0.3


def test_speech_is_speech(make: Callable[[], VoiceActivity], speech: Samples) -> None:
    probabilities = listen(make(), speech)
    assert max(probabilities) > 0.8
    assert all(0 <= value <= 1 for value in probabilities)


def test_after_speech_it_falls_silent(make: Callable[[], VoiceActivity], speech: Samples) -> None:
    vad = make()
    listen(vad, speech)
    assert listen(vad, np.zeros(RATE_HZ, np.int16))[-1] < 0.3


@pytest.mark.parametrize("size", [1, 100, 512, 5_000])
def test_the_size_of_chunks_does_not_matter(make: Callable[[], VoiceActivity], speech: Samples, size: int) -> None:
    start = speech[:10_240]
    if make is FakeVad and size == 1:
        size = 160  # a single sample has no level
    assert listen(make(), start, size)[-1] == pytest.approx(listen(make(), start)[-1], abs=1e-3)


def test_reset_forgets_the_audio(make: Callable[[], VoiceActivity], speech: Samples) -> None:
    vad, fresh = make(), make()
    listen(vad, speech[:16_100])
    vad.reset()
    assert vad.process(Chunk(np.zeros(0, np.int16), RATE_HZ)) < 0.3
    assert listen(vad, speech) == pytest.approx(listen(fresh, speech), abs=1e-3)


def test_no_audio_changes_nothing(make: Callable[[], VoiceActivity], speech: Samples) -> None:
    vad = make()
    before = listen(vad, speech)[-1]
    assert vad.process(Chunk(np.zeros(0, np.int16), RATE_HZ)) == before


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_audio_at_another_rate_is_refused(make: Callable[[], VoiceActivity], rate_hz: int) -> None:
    with pytest.raises(SpeechError) as caught:
        make().process(Chunk(np.zeros(320, np.int16), rate_hz))
    assert caught.value.code == "audio-rate"
