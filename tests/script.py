"""A conversation as a timeline, played to a whole assistant in virtual time.

    script = Script()
    script.says(1.0, "set a timer for five seconds")       # wake word and request, from that second on
    played = await script.play(config, until_s=20.0)
    assert played.replies == ["..."]

Understanding, skills, timers, store, router and mixer are the real ones; hearing and speaking are fakes: loud sound is
speech, very loud sound the wake word, and what is said is what the script wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualMicrophone, VirtualSpeaker
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Assistant, Sound, open_assistant
from assistant.errors import SpeechError
from assistant.events import Event, PlaybackFinished, Reply, TurnEnded
from assistant.models import Models
from assistant.streams import closing
from assistant.values import Clock, DueItem, Outcome
from tests.fakes import FakeEngines, FakeTranscriber
from tests.virtual_time import VirtualClock

WAKE_S = 0.4
_WAKE_DBFS = -8.0
_VIRTUAL = DeviceStatus("virtual", "")


@dataclass(slots=True)
class Played:
    """What came of a script."""

    events: list[tuple[float, Event]] = field(default_factory=list)
    """With the seconds since the start."""
    timers: list[DueItem] = field(default_factory=list)
    heard_s: float = 0.0
    """Sound that came out of the speaker."""
    spoken: list[str] = field(default_factory=list)

    def of(self, *kinds: type[Event]) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for _, event in self.events if isinstance(event, kinds)]

    def at_s(self, kind: type[Event]) -> float:
        """When the first event of that kind came."""
        return next(at_s for at_s, event in self.events if isinstance(event, kind))

    @property
    def replies(self) -> list[str]:
        return [event.text for event in self.of(Reply) if isinstance(event, Reply)]

    @property
    def outcomes(self) -> list[Outcome]:
        return [event.outcome for event in self.of(TurnEnded) if isinstance(event, TurnEnded)]

    @property
    def interrupted(self) -> int:
        """Playbacks that were cut short."""
        return sum(event.interrupted for event in self.of(PlaybackFinished) if isinstance(event, PlaybackFinished))


Step = Callable[[Assistant], Awaitable[object]]


class Script:
    """Who says what when. Times are seconds since the assistant began to listen."""

    def __init__(self) -> None:
        self._sounds: list[tuple[float, float, float, str | SpeechError]] = []
        self._steps: list[tuple[float, Step]] = []

    def says(self, at_s: float, text: str | SpeechError, *, length_s: float = 1.5, wake: bool = True) -> None:
        """The user says the wake word and `text` (an error: what the recogniser fails with).

        Nothing but the wake word when `text` is empty.
        """
        self._sounds.append((at_s, WAKE_S if wake else 0.0, length_s if text else 0.0, text))

    def does(self, at_s: float, step: Step) -> None:
        """Something else happens."""
        self._steps.append((at_s, step))

    async def _speak(self, microphone: VirtualMicrophone, ear: FakeTranscriber) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for at_s, wake_s, length_s, text in sorted(self._sounds, key=lambda sound: sound[0]):
            await asyncio.sleep(max(0.0, began_s + at_s - loop.time()))
            ear.saying = text
            microphone.say(Chunk(np.concatenate([_tone(wake_s, 28_000), _tone(length_s, 12_000)]), RATE_HZ))

    async def play(
        self,
        config: Config,
        *,
        until_s: float,
        clock: Clock | None = None,
        engines: FakeEngines | None = None,
        echo_free: bool = True,
        deaf_from_s: float | None = None,
    ) -> Played:
        """Run the timeline to its end on a fresh assistant (with the state that `config` points to).

        From `deaf_from_s` on the microphone gives nothing at all.
        """
        engines = engines or FakeEngines(config, Models(config.paths.models_dir))
        engines.wake_dbfs = _WAKE_DBFS
        microphone = VirtualMicrophone(realtime=True, room_tone_dbfs=-80.0)
        mixer = Mixer(16_000, volume=100)
        speaker = VirtualSpeaker(mixer, realtime=True)
        played = Played()

        async def sound(_: Callable[[Event], None]) -> Sound:
            source = microphone if deaf_from_s is None else _FallsSilent(microphone, deaf_from_s)
            return Sound(source, mixer, speaker.run, lambda: _VIRTUAL, lambda: _VIRTUAL, echo_free=echo_free)

        async with open_assistant(config, sound, clock=clock or VirtualClock(), engines=engines) as assistant:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            with assistant.bus.watch(lambda event: played.events.append((loop.time() - began_s, event))):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._speak(microphone, engines.transcriber))
                    for at_s, step in self._steps:
                        group.create_task(_later(at_s, step, assistant))
                    group.create_task(asyncio.sleep(until_s))
            played.timers = [item for item, _ in assistant.timers()]
        played.heard_s = float(np.count_nonzero(np.abs(speaker.recorded().samples) > 50)) / mixer.rate_hz
        played.spoken = engines.synthesizer.spoken
        return played


def _tone(seconds: float, level: int) -> Samples:
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * 220 * times_s)).astype(np.int16)


class _FallsSilent:
    """dialog.ports.AudioSource that stops giving chunks."""

    def __init__(self, source: VirtualMicrophone, from_s: float) -> None:
        self._source = source
        self._from_s = from_s

    async def chunks(self) -> AsyncIterator[Chunk]:
        began_s = asyncio.get_running_loop().time()
        async with closing(self._source.chunks()) as chunks:
            async for chunk in chunks:
                if asyncio.get_running_loop().time() - began_s > self._from_s:
                    await asyncio.Event().wait()
                yield chunk


async def _later(at_s: float, step: Step, assistant: Assistant) -> None:
    await asyncio.sleep(at_s)
    await step(assistant)
