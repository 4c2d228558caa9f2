"""What of a skill's context most tests don't look at."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from assistant.home.open_meteo import NoWeather
from assistant.skills.list_book import ListJournal, Lists
from assistant.skills.loudness import Volume, VolumeJournal
from assistant.skills.music_journal import MusicJournal
from tests.fakes import FakeListStore, FakeMusic, FakeSwitch


def bystanders() -> dict[str, Any]:
    """Each new, empty and harmless, by the name it has in `SkillContext`."""
    return {
        "lists": ListJournal(Lists(FakeListStore())),
        "volume": VolumeJournal(Volume(50, lambda level: None, _unkept)),
        "music": MusicJournal(FakeMusic()),
        "work": _at_once,
        "random": Random(1),
        "memory": {},
        "weather": NoWeather(),
        "private": FakeSwitch(),
        "last_turn": None,
    }


async def _unkept(name: str, value: Any) -> None:
    """Keeps nothing."""


async def _at_once(work: Callable[[], Any]) -> Any:
    return work()
