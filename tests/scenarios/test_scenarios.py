"""What a household does all day, what goes wrong there, and what is unclear."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.config import Config
from tests.scenarios.household import Household, scenarios

_SCENARIOS = scenarios()


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=[scenario["name"] for scenario in _SCENARIOS])
async def test_scenario(config: Config, scenario: dict[str, Any]) -> None:
    await Household(config, scenario).play()


def test_names_tell_scenarios_apart() -> None:
    names = [scenario["name"] for scenario in _SCENARIOS]
    assert len(set(names)) == len(names)
