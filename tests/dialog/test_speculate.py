"""How often what was said so far is transcribed while the user still speaks."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from assistant.audio.format import RATE_HZ, Chunk
from assistant.dialog.end_of_turn import Guess, SilencePolicy
from assistant.dialog.speculate import Speculation

POLICY = SilencePolicy(complete_s=0.25, usual_s=0.7, unclear_s=1.2, threshold=0.85)
STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class Heard:
    silence_s: float
    speech_started: bool = True
    speech_start_s: float = 0.0
    ended: str = ""


class SlowGuesser:
    """Takes `took_s` for every guess and keeps when each began, seconds of the loop, and whether of the whole."""

    def __init__(self, took_s: float) -> None:
        self._took_s = took_s
        self.began: list[tuple[float, bool]] = []

    async def __call__(self, audio: Chunk, *, whole: bool) -> Guess | None:
        self.began.append((asyncio.get_running_loop().time(), whole))
        await asyncio.sleep(self._took_s)
        return None


async def begun(*, every_s: float, took_s: float, speech_s: float = 6.0, silence_s: float = 0.0) -> SlowGuesser:
    """The guesses over `speech_s` of speech and `silence_s` of silence, heard as they pass."""
    guesser = SlowGuesser(took_s)
    speculation = Speculation(guesser, POLICY, speculate_s=0.16, partial_every_s=every_s)
    audio = Chunk(np.zeros(0, np.int16), RATE_HZ)
    for step in range(1, round((speech_s + silence_s) / STEP_S) + 1):
        at_s = step * STEP_S
        speculation.judge(Heard(max(0.0, at_s - speech_s)), at_s, lambda: audio)
        await asyncio.sleep(STEP_S)
    speculation.close()
    if speculation.whole:
        await speculation.whole
    await asyncio.sleep(0)
    return guesser


@pytest.mark.parametrize(("every_s", "count"), [(0.5, 12), (1.0, 6), (2.5, 2), (60.0, 0)])
async def test_partial_transcripts_are_made_as_often_as_configured(every_s: float, count: int) -> None:
    guesser = await begun(every_s=every_s, took_s=0.01)
    assert abs(len(guesser.began) - count) <= (1 if count else 0), guesser.began
    times = [at_s for at_s, _ in guesser.began]
    for earlier, later in itertools.pairwise(times):
        assert later - earlier == pytest.approx(every_s, abs=STEP_S * 1.5)


async def test_a_machine_that_takes_longer_makes_them_more_rarely() -> None:
    guesser = await begun(every_s=0.5, took_s=0.6)
    times = [at_s for at_s, _ in guesser.began]
    assert len(times) >= 3
    for earlier, later in itertools.pairwise(times):
        assert later - earlier >= 2 * 0.6 - STEP_S, "at most half of the time goes into them"


async def test_none_are_made_when_turned_off_but_the_whole_is_guessed_at() -> None:
    guesser = await begun(every_s=0.0, took_s=0.05, silence_s=0.3)
    assert [whole for _, whole in guesser.began] == [True]
