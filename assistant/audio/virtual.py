"""A microphone and a speaker without a sound card, behind the same ports: in real time, or as fast as can be."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator

import numpy as np

from assistant.audio.format import CHUNK_S, CHUNK_SAMPLES, RATE_HZ, Chunk, Samples
from assistant.audio.mixer import Mixer
from assistant.audio.resample import Rechunker, resample

_LONGEST_BACKLOG_CHUNKS = round(5.0 / CHUNK_S)
ROOM_TONE_DBFS = -70.0


class VirtualMicrophone:
    """Says what it is given, and room tone otherwise; see `dialog.ports.AudioSource`.

    `realtime`: chunks come at the pace of the loop's clock (and the oldest are dropped for a reader 5 s behind), with
    room tone while there is nothing to say. Otherwise they come as fast as they are read, and the reader waits while
    there is nothing to say.
    """

    def __init__(self, *, realtime: bool, room_tone_dbfs: float | None = ROOM_TONE_DBFS) -> None:
        self._realtime = realtime
        self._to_say: deque[Samples] = deque()
        self._rechunker = Rechunker()
        self._changed = asyncio.Event()
        self._ended = False
        self._room = _room_tone(room_tone_dbfs)
        self._room_at = 0
        self.given_s = 0.0
        """Sound handed to the reader so far."""
        self.dropped_s = 0.0
        self.began_s = 0.0
        """Loop time of the first sample, once it is read at the clock's pace."""

    def say(self, audio: Chunk) -> None:
        """Append sound of any rate, filled up with silence to whole chunks. From the event loop."""
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
        self._to_say.extend([*self._rechunker.feed(samples), *self._rechunker.flush()])
        self._changed.set()

    def pause(self, length_s: float) -> None:
        """Append room tone, in whole chunks."""
        self._to_say.extend(self._room_chunk() for _ in range(round(length_s / CHUNK_S)))
        self._changed.set()

    def end(self) -> None:
        """The source ends once everything was said."""
        self._ended = True
        self._changed.set()

    async def said(self) -> None:
        """Wait until the reader has taken everything there was to say."""
        while self._to_say:
            self._changed.clear()
            await self._changed.wait()

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Chunks of CHUNK_SAMPLES; ends after `end`. One reader at a time."""
        paced = self._paced() if self._realtime else self._hurried()
        async with contextlib.aclosing(paced):
            async for samples in paced:
                self.given_s += CHUNK_S
                yield Chunk(samples, RATE_HZ)

    async def _hurried(self) -> AsyncGenerator[Samples, None]:
        while True:
            if self._to_say:
                yield self._next()
                await asyncio.sleep(0)
            elif self._ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _paced(self) -> AsyncGenerator[Samples, None]:
        loop = asyncio.get_running_loop()
        self.began_s = loop.time()
        given = 0
        while True:
            await asyncio.sleep(max(0.0, self.began_s + (given + 1) * CHUNK_S - loop.time()))
            due = int((loop.time() - self.began_s) / CHUNK_S + 1e-6)
            for _ in range(due - given):
                if self._ended and not self._to_say:
                    return
                samples = self._next() if self._to_say else self._room_chunk()
                given += 1
                if due - given >= _LONGEST_BACKLOG_CHUNKS:
                    self.dropped_s += CHUNK_S
                else:
                    yield samples

    def _next(self) -> Samples:
        samples = self._to_say.popleft()
        if not self._to_say:
            self._changed.set()
        return samples

    def _room_chunk(self) -> Samples:
        self._room_at = (self._room_at + CHUNK_SAMPLES) % len(self._room)
        return self._room[self._room_at : self._room_at + CHUNK_SAMPLES]


def _room_tone(level_dbfs: float | None) -> Samples:
    """Two seconds of noise that repeat (the same every time); zeros for None."""
    if level_dbfs is None:
        return np.zeros(RATE_HZ * 2, np.int16)
    noise = np.random.default_rng(1).normal(0.0, 32768.0 * 10 ** (level_dbfs / 20), RATE_HZ * 2)
    tone: Samples = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
    return tone


def file_source(audio: Chunk, *, realtime: bool, then_silence_s: float = 0.0) -> VirtualMicrophone:
    """A microphone that says one sound, then room tone for `then_silence_s`, and ends."""
    microphone = VirtualMicrophone(realtime=realtime)
    microphone.say(audio)
    microphone.pause(then_silence_s)
    microphone.end()
    return microphone


class VirtualSpeaker:
    """Pulls the mixer as a sound card would, and keeps what it pulled.

    `realtime`: at the pace of the loop's clock. Otherwise as fast as there is something to play: a voice that waits
    for its synthesis is waited for, so nothing but the sound itself is recorded. Not for endless sound: no time passes.
    Overflow policy of the recording: the oldest part is dropped beyond `longest_s`.
    """

    def __init__(self, mixer: Mixer, *, realtime: bool, block_s: float = 0.02, longest_s: float = 600.0) -> None:
        self._mixer = mixer
        self._realtime = realtime
        self._block_s = block_s
        self._recorded: deque[Samples] = deque(maxlen=max(1, round(longest_s / block_s)))

    def recorded(self) -> Chunk:
        """What was played so far, at the mixer's rate; the silence between playbacks is left out."""
        return Chunk(np.concatenate([np.zeros(0, np.int16), *self._recorded]), self._mixer.rate_hz)

    def forget(self) -> None:
        """Begin a new recording."""
        self._recorded.clear()

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            await self._mixer.wait_playing()
            if self._realtime:
                await self._mixer.pump(self._recorded.append, block_s=self._block_s)
            else:
                await self._hurried()

    async def _hurried(self) -> None:
        frames = round(self._block_s * self._mixer.rate_hz)
        while self._mixer.playing:
            await self._mixer.wait_renderable(frames)
            self._recorded.append(self._mixer.render(frames))
            await asyncio.sleep(0)
