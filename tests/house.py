"""A whole assistant with a virtual microphone and a virtual speaker, for tests that drive it as a person would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assistant.audio.format import Chunk
from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualMicrophone, VirtualSpeaker
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Assistant, Sound, open_assistant
from assistant.events import Event, Reply, Transcript, TurnEnded
from assistant.models import Models
from assistant.speech.stt import WhisperTranscriber
from assistant.values import Clock, TurnRecord

VIRTUAL = DeviceStatus("virtual", "")


@dataclass(slots=True)
class House:
    """The assistant, what goes into its ear, what comes out, and every event so far."""

    assistant: Assistant
    microphone: VirtualMicrophone
    speaker: VirtualSpeaker
    events: list[Event] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, fits: Callable[[Event], bool], *, timeout_s: float = 60.0) -> Event:
        """The first event that fits and wasn't returned before; waits for it."""
        async with asyncio.timeout(timeout_s):
            while True:
                for position, event in enumerate(self.events):
                    if fits(event):
                        del self.events[: position + 1]
                        return event
                self._news.clear()
                await self._news.wait()

    async def turn(self, *, timeout_s: float = 60.0) -> tuple[str, str, TurnEnded]:
        """Transcript and reply of the next turn that ends."""
        said, replied = "", ""

        def ended(event: Event) -> bool:
            nonlocal said, replied
            if isinstance(event, Transcript):
                said = event.text
            elif isinstance(event, Reply):
                replied = event.text
            return isinstance(event, TurnEnded)

        end = await self.until(ended, timeout_s=timeout_s)
        assert isinstance(end, TurnEnded)
        return said, replied, end


@contextlib.asynccontextmanager
async def open_house(config: Config, *, realtime: bool = True, clock: Clock | None = None) -> AsyncIterator[House]:
    microphone = VirtualMicrophone(realtime=realtime)
    mixer = Mixer(24_000, volume=100)
    speaker = VirtualSpeaker(mixer, realtime=realtime)

    async def sound(publish: Callable[[Event], None]) -> Sound:
        return Sound(microphone, mixer, speaker.run, lambda: VIRTUAL, lambda: VIRTUAL, echo_free=True)

    async with open_assistant(config, sound, clock=clock) as assistant:
        house = House(assistant, microphone, speaker)
        with assistant.bus.watch(house.note):
            yield house


class UserVoice:
    """The user: the same voice without its randomness, so that a test says the same every time."""

    def __init__(self, models_dir: Path) -> None:
        from piper import PiperVoice

        self._voice = PiperVoice.load(Models(models_dir).path("voice-joe") / "en_US-joe-medium.onnx")

    def says(self, text: str, *, pace: float = 1.0, chance: bool = False) -> Chunk:
        """`text` as sound, so many times as long; with `chance` a little different each time, as people do."""
        from piper import SynthesisConfig

        noise = None if chance else 0.0  # None: as the voice has it
        way = SynthesisConfig(length_scale=pace, noise_scale=noise, noise_w_scale=noise)
        parts = [part.audio_int16_array for part in self._voice.synthesize(text, way)]
        return Chunk(np.concatenate(parts), self._voice.config.sample_rate)


async def written(models_dir: Path, sound: Chunk) -> str:
    """What a fresh ear makes of some sound, in lower case."""
    from assistant.audio.resample import resample

    ear = WhisperTranscriber(Models(models_dir).path("whisper-base"), language="en", compute_type="int8", threads=2)
    await ear.start()
    try:
        transcription = await ear.transcribe(Chunk(resample(sound.samples, sound.rate_hz, 16_000), 16_000))
    finally:
        await ear.close()
    return transcription.text.lower()


async def ask(assistant: Assistant, text: str) -> TurnRecord:
    """A turn in writing."""
    return await assistant.ask(text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None)
