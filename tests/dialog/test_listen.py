"""One utterance: what decides its end is the sound, not how the microphone cut it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.config import Config
from assistant.dialog.listen import Listening
from assistant.events import Event, SpeechEnded, SpeechStarted
from assistant.speech.endpoint import Endpoint
from tests.fakes import FakeVad


def sound(*runs: tuple[float, int]) -> Samples:
    """(seconds, level) one after the other."""
    return np.concatenate([np.full(round(seconds * RATE_HZ), level, np.int16) for seconds, level in runs])


def listen(config: Config, samples: Samples, size: int) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    plain = config.settings.endpoint.model_copy(update={"semantic": False})
    endpoint = Endpoint(plain, threshold=0.5)
    listening = Listening("turn", FakeVad(), endpoint, [], events.append)
    for at in range(0, len(samples), size):
        listening.feed(Chunk(samples[at : at + size], RATE_HZ))
    assert listening.heard.done()
    return listening.heard.result(), events


@pytest.mark.parametrize("size", [320, 640, 1_600, 64_000])
@pytest.mark.parametrize(
    ("runs", "events", "reason"),
    [
        (
            [(0.42, 0), (1.0, 9000), (3.0, 0)],
            [SpeechStarted(turn_id="turn", at_s=0.42), SpeechEnded(turn_id="turn", at_s=2.12, reason="silence")],
            "silence",
        ),
        (
            [(0.1, 9000), (0.02, 0), (0.1, 9000), (5.0, 0)],
            [],
            "no-speech",
        ),
        (
            [(1.0, 9000), (0.68, 0), (0.12, 9000), (0.3, 0), (0.02, 9000), (3.0, 0)],
            [SpeechStarted(turn_id="turn", at_s=0.0), SpeechEnded(turn_id="turn", at_s=2.5, reason="silence")],
            "silence",
        ),
    ],
    ids=["a sentence", "two clicks", "a pause"],
)
async def test_the_end_does_not_depend_on_how_the_sound_is_cut(
    config: Config, runs: list[tuple[float, int]], events: list[Event], reason: str, size: int
) -> None:
    heard, told = listen(config, sound(*runs), size)
    assert told == events
    assert heard.reason == reason
    assert heard.voiced == bool(events)
    assert len(heard.audio.samples) % size in {0, len(sound(*runs)) % size}, "whole chunks are kept"
