"""Voice activity on what is known without listening: silence, noise, read speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, to_float
from assistant.config import Config, find_paths, load_config
from assistant.speech.vad import SileroVad, WebrtcVad, make_vad


def shares(vad: SileroVad | WebrtcVad, audio: Chunk, threshold: float = 0.5) -> float:
    """Share of pieces of 20 ms (what a listening feeds it) judged to be speech."""
    chunks = [Chunk(audio.samples[at : at + 320], RATE_HZ) for at in range(0, len(audio.samples), 320)]
    return sum(vad.process(chunk) >= threshold for chunk in chunks) / len(chunks)


def test_the_configured_engine_is_made(config: Config) -> None:
    assert isinstance(make_vad(config.settings.vad), SileroVad)
    other = load_config(find_paths(), ['vad.engine="webrtcvad"'])
    assert isinstance(make_vad(other.settings.vad), WebrtcVad)


def test_silero_block_by_block_gives_what_it_gives_for_the_whole(data: Path) -> None:
    from faster_whisper.vad import get_vad_model

    sound = read_audio(data / "speech" / "ljspeech" / "LJ002-0173.flac").samples
    blocks = sound[: len(sound) // 512 * 512].reshape(-1, 512)
    vad = SileroVad()
    found = [vad.process(Chunk(block, RATE_HZ)) for block in blocks]
    whole = np.asarray(get_vad_model()(to_float(blocks.ravel()))).ravel()
    np.testing.assert_allclose(found, whole, atol=1e-3)


@pytest.mark.parametrize("make", [SileroVad, lambda: WebrtcVad(2)], ids=["silero", "webrtcvad"])
def test_read_speech_is_speech(make: type[SileroVad], data: Path) -> None:
    files = sorted((data / "speech" / "ljspeech").glob("*.flac"))[:3]
    assert np.mean([shares(make(), read_audio(file)) for file in files]) > 0.75


def test_silero_takes_no_household_noise_for_speech(data: Path) -> None:
    for file in sorted((data / "noise" / "household").glob("*.flac")):
        sound = read_audio(file).samples[: 8 * RATE_HZ]
        assert shares(SileroVad(), Chunk(sound, RATE_HZ)) < 0.02


def test_webrtcvad_is_stricter_when_told(data: Path) -> None:
    noises = [read_audio(file) for file in sorted((data / "noise" / "esc10").glob("clock_tick*.flac"))]
    strict, lax = (sum(shares(WebrtcVad(level), noise) for noise in noises) for level in (3, 0))
    assert strict < lax / 2


def test_webrtcvad_tells_a_share_of_the_last_tenth_of_a_second() -> None:
    vad = WebrtcVad(0)
    tone = (9000 * np.sin(np.arange(RATE_HZ // 2) * 2 * np.pi * 300 / RATE_HZ)).astype(np.int16)
    vad.process(Chunk(tone, RATE_HZ))
    values = [vad.process(Chunk(np.zeros(160, np.int16), RATE_HZ)) for _ in range(60)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0.0
    assert {round(value * 10) for value in values} >= {0, 5, 9}
