"""One utterance being heard: voice activity and end of turn over chunks, synchronously, no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.ports import EndOfTurn, VoiceActivity
from assistant.events import Event, SpeechEnded, SpeechStarted

_STEP_SAMPLES = RATE_HZ // 50
"""20 ms: shorter than the 32 ms blocks of a voice detector, so that no block's verdict is skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a listening brought."""

    audio: Chunk
    """Everything from the pre-roll on."""
    reason: str
    """`silence` `timeout` `no-speech` `stream-end`."""
    voiced: bool
    """Whether speech began at all."""


class Listening:
    """Collects one utterance. Feed it chunks; `heard` resolves when the user's turn is over."""

    def __init__(
        self,
        turn_id: str,
        vad: VoiceActivity,
        endpoint: EndOfTurn,
        preroll: Iterable[Chunk],
        publish: Callable[[Event], None],
    ) -> None:
        self._turn_id = turn_id
        self._vad = vad
        self._endpoint = endpoint
        self._publish = publish
        self._parts = [chunk.samples for chunk in preroll]
        self._voiced = False
        self._samples = 0
        self.heard: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        vad.reset()
        endpoint.reset()
        for part in self._parts:  # the detector hears what it will be judged on from the start
            vad.process(Chunk(part, RATE_HZ))

    def feed(self, chunk: Chunk) -> None:
        """Take the next chunk; ignored once the turn is over."""
        if self.heard.done():
            return
        self._parts.append(chunk.samples)
        for at in range(0, len(chunk.samples), _STEP_SAMPLES):
            self._judge(chunk.samples[at : at + _STEP_SAMPLES])
            if self.heard.done():
                return

    def _judge(self, samples: Samples) -> None:
        self._samples += len(samples)
        state = self._endpoint.process(len(samples), self._vad.process(Chunk(samples, RATE_HZ)))
        if state.speech_started and not self._voiced:
            self._voiced = True
            self._publish(SpeechStarted(turn_id=self._turn_id, at_s=state.speech_start_s))
        if state.ended:
            self.finish(state.ended)

    def finish(self, reason: str) -> None:
        """End the listening, e.g. because the microphone's stream ended."""
        if self.heard.done():
            return
        if self._voiced:
            self._publish(SpeechEnded(turn_id=self._turn_id, at_s=self._samples / RATE_HZ, reason=reason))
        audio = np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)
        self.heard.set_result(Heard(Chunk(audio, RATE_HZ), reason, self._voiced))
