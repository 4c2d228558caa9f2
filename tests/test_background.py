"""Parts that fail, crash and recover, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from assistant.daemon.background import HEALTHY_S, RESTART_S, Background
from assistant.errors import AudioError
from assistant.events import Event, Failed


class Part:
    """Fails as told, one error a start, then runs on."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.starts = 0

    async def run(self) -> None:
        self.starts += 1
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.Event().wait()


LOST = AudioError("mic-lost", "the microphone is gone", retryable=True)


@pytest.mark.parametrize("error", [LOST, RuntimeError("a bug")])
async def test_a_problem_is_told_until_the_part_is_well_again(error: Exception) -> None:
    published: list[Event] = []
    part = Part(error, error)
    async with AsyncExitStack() as stack:
        background = Background(stack, published.append)
        background.run("ears", part.run)
        await asyncio.sleep(2 * RESTART_S + HEALTHY_S - 0.1)
        assert list(background.problems) == ["ears"]
        await asyncio.sleep(0.2)
        assert background.problems == {}
    assert part.starts == 3
    told = [event.code for event in published if isinstance(event, Failed)]
    assert told == (["mic-lost"] * 2 if error is LOST else [])


async def test_what_can_not_be_tried_again_stays_a_problem() -> None:
    part = Part(AudioError("mic-refused", "no permission"))
    async with AsyncExitStack() as stack:
        background = Background(stack, lambda _: None)
        background.run("ears", part.run)
        await asyncio.sleep(60)
        assert "no permission" in background.problems["ears"]
    assert part.starts == 1
