"""A Wyoming server that hears how many samples it is sent and speaks a chunk a word.

`python -m tests.evaluate.wyoming_server --uri URI --slow-s S`. Asked to speak "hang up" it does that, and of "fail" it
makes an error.
"""

from __future__ import annotations

import asyncio
import sys

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.tts import Synthesize


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


class Handler(AsyncEventHandler):
    samples = 0
    slow_s = float(option("--slow-s"))
    """What a transcript takes, and each chunk that is spoken."""

    async def handle_event(self, event: Event) -> bool:
        if AudioChunk.is_type(event.type):
            await asyncio.sleep(0.05)  # slower than it is sent
            self.samples += AudioChunk.from_event(event).samples
        elif Describe.is_type(event.type):
            await self.write_event(Info().event())
        elif AudioStop.is_type(event.type):
            await asyncio.sleep(self.slow_s)
            await self.write_event(Transcript(f" {self.samples}  samples ").event())
            return False
        elif Synthesize.is_type(event.type):
            return await self._speak(Synthesize.from_event(event).text)
        return True

    async def _speak(self, text: str) -> bool:
        if text == "hang up":
            return False
        if text == "fail":
            await self.write_event(Error("no voice").event())
            return True
        form = {"rate": 16_000, "width": 2, "channels": 1}
        await self.write_event(AudioStart(**form).event())
        for _ in text.split():
            await asyncio.sleep(self.slow_s)
            await self.write_event(AudioChunk(audio=bytes(640), **form).event())
        await self.write_event(AudioStop().event())
        return True


if __name__ == "__main__":
    asyncio.run(AsyncServer.from_uri(option("--uri")).run(Handler))
