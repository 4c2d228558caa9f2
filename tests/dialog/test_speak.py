"""What is synthesised before anybody asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from assistant.audio.format import Chunk
from assistant.dialog.reply import Answer
from assistant.dialog.speak import Speaker, Spoken
from assistant.errors import SpeechError
from assistant.events import Event

RATE_HZ = 16_000
PARTS = 4


class CountingSynthesizer:
    """Each text in PARTS parts, all of them different."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.made = 0
        self.closed = 0
        self.error: SpeechError | None = None

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        self.asked.append(text)
        if self.error:
            raise self.error
        try:
            for part in range(PARTS):
                self.made += 1
                yield Chunk(np.full(10, part + 1, np.int16), RATE_HZ)
                await asyncio.sleep(0)
        finally:
            self.closed += 1


def speaker() -> tuple[Speaker, CountingSynthesizer]:
    synthesizer, events = CountingSynthesizer(), list[Event]()
    return Speaker(synthesizer, None, events.append), synthesizer


async def rest() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def said(by: Speaker, text: str) -> list[int]:
    """The first sample of each part that is heard."""
    heard: list[int] = []

    async def pieces() -> AsyncIterator[str]:
        yield text

    await by.say(
        pieces(), Spoken("t"), Answer(), aloud=False, on_audio=lambda chunk: heard.append(int(chunk.samples[0]))
    )
    return heard


async def test_only_the_first_sound_is_made_until_the_sentence_is_said() -> None:
    voice, synthesizer = speaker()
    voice.prepare("It is four. Good night.")
    await rest()
    assert (synthesizer.asked, synthesizer.made) == (["It is four."], 1)
    assert await said(voice, "It is four.") == [1, 2, 3, 4]
    assert synthesizer.asked == ["It is four."], "not synthesised again"
    assert synthesizer.closed == 1


async def test_what_is_prepared_already_is_not_prepared_again() -> None:
    voice, synthesizer = speaker()
    for _ in range(3):
        voice.prepare("It is four.")
        await rest()
    assert synthesizer.asked == ["It is four."]
    voice.prepare("It is five.")
    await rest()
    assert synthesizer.asked == ["It is four.", "It is five."]
    assert synthesizer.closed == 1, "the first was given up"
    voice.prepare("")
    await rest()
    assert synthesizer.closed == 2


async def test_another_sentence_than_the_prepared_one_is_made_anew() -> None:
    voice, synthesizer = speaker()
    voice.prepare("It is four.")
    await rest()
    assert await said(voice, "It is five.") == [1, 2, 3, 4]
    assert synthesizer.asked == ["It is four.", "It is five."]
    voice.drop_prepared()
    await rest()
    assert synthesizer.closed == 2


async def test_what_could_not_be_prepared_is_tried_again() -> None:
    voice, synthesizer = speaker()
    synthesizer.error = SpeechError("tts-failed", "no")
    voice.prepare("It is four.")
    await rest()
    synthesizer.error = None
    voice.prepare("It is four.")
    await rest()
    assert await said(voice, "It is four.") == [1, 2, 3, 4]
