"""What a household does all day, what goes wrong there, and what is unclear."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.audio.format import RATE_HZ, Chunk
from assistant.audio.resample import resample
from assistant.config import Config
from assistant.evaluate.words import load_normaliser
from tests.conftest import REAL_MODELS_DIR
from tests.house import UserVoice
from tests.scenarios.household import ClearVoice, Household, scenarios

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

    def says(text: str, pace: float) -> Chunk:
        sound = user.says(text, pace=pace)
        return Chunk(resample(sound.samples, sound.rate_hz, RATE_HZ), RATE_HZ)

    def same(said: str, heard: str) -> bool:
        return normalise(said).replace(" ", "") == normalise(heard).replace(" ", "")

    voice = ClearVoice(says, same)
    try:
        await Household(config, scenario, voice).play()
    except AssertionError:
        if voice.misheard:
            pytest.xfail(f"the voice was never heard right: {voice.misheard}")
        raise


@pytest.fixture(scope="module")
def user() -> UserVoice:
    return UserVoice(REAL_MODELS_DIR)


def test_names_tell_scenarios_apart() -> None:
    names = [scenario["name"] for scenario in _SCENARIOS]
    assert len(set(names)) == len(names)
