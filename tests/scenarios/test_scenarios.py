"""What a household does all day, what goes wrong there, and what is unclear."""

from __future__ import annotations

import functools
import shutil
import subprocess
from typing import Any

import jellyfish
import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk
from assistant.audio.resample import resample
from assistant.config import Config
from assistant.evaluate.words import load_normaliser
from tests.conftest import REAL_MODELS_DIR
from tests.house import UserVoice
from tests.scenarios.household import ClearVoice, Household, Way, scenarios

_SCENARIOS = scenarios()
_SPOKEN = [scenario for scenario in _SCENARIOS if scenario.get("spoken", True)]
"""But for those that are about writing: nobody says "..." or misspells."""


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=[scenario["name"] for scenario in _SCENARIOS])
async def test_scenario(config: Config, scenario: dict[str, Any]) -> None:
    await Household(config, scenario).play()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", _SPOKEN, ids=[scenario["name"] for scenario in _SPOKEN])
async def test_spoken_scenario(config: Config, scenario: dict[str, Any], user: UserVoice) -> None:
    """The same with everything said aloud by a voice, and written down by real speech recognition."""
    normalise = load_normaliser()

    def wrong(said: str, heard: str) -> int:
        words, others = normalise(said), normalise(heard)
        return jellyfish.levenshtein_distance(words.replace(" ", ""), others.replace(" ", ""))

    voice = ClearVoice(_ways(user), wrong)
    try:
        await Household(config, scenario, voice).play()
    except AssertionError:
        if voice.misheard:
            pytest.xfail(f"the voice was never heard right: {voice.misheard}")
        raise


@pytest.fixture(scope="module")
def user() -> UserVoice:
    return UserVoice(REAL_MODELS_DIR)


def _ways(user: UserVoice) -> list[Way]:
    """One voice plainly at two paces, then as people do, differently each time; then others of the household."""

    def says(text: str, pace: float, *, chance: bool) -> Chunk:
        return _between_silence(user.says(text, pace=pace, chance=chance))

    def another(text: str, voice: str) -> Chunk:
        command = ["espeak-ng", "-v", voice, "-s", "150", "--stdout", text]
        return _between_silence(read_audio(subprocess.run(command, check=True, capture_output=True).stdout))

    plain = [functools.partial(says, pace=pace, chance=False) for pace in (1.0, 1.2)]
    by_chance = [functools.partial(says, pace=pace, chance=True) for pace in (1.0, 1.15, 1.3) * 2]
    others = [functools.partial(another, voice=voice) for voice in ("en-us", "en-gb", "en-us+f3", "en-gb-x-rp+f2")]
    return [*plain, *by_chance, *(others if shutil.which("espeak-ng") else ())]


def _between_silence(sound: Chunk) -> Chunk:
    quiet = np.zeros(sound.rate_hz // 4, np.int16)
    samples = np.concatenate([quiet, sound.samples, quiet])
    return Chunk(resample(samples, sound.rate_hz, RATE_HZ), RATE_HZ)


def test_names_tell_scenarios_apart() -> None:
    names = [scenario["name"] for scenario in _SCENARIOS]
    assert len(set(names)) == len(names)
