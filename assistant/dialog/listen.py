"""One utterance being heard: voice activity and end of turn over chunks, synchronously, no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.end_of_turn import Guess
from assistant.dialog.ports import EndOfTurn, VoiceActivity
from assistant.dialog.speculate import Speculation
from assistant.events import Event, SpeechEnded, SpeechStarted

_STEP_SAMPLES = RATE_HZ // 50
"""20 ms: shorter than the 32 ms blocks of a voice detector, so that no block's verdict is skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a listening brought."""

    audio: Chunk
    """Everything from the pre-roll on."""
    reason: str
    """`silence` `timeout` `no-speech` `stream-end`, or the rule of `end_of_turn` that fitted."""
    voiced: bool
    """Whether speech began at all."""
    guess: asyncio.Task[Guess | None] | None
    """What was made of it while the user was silent, perhaps still in the making."""


class Listening:
    """Collects one utterance. Feed it chunks; `heard` resolves when the user's turn is over."""

    def __init__(  # noqa: PLR0913, PLR0917 - one utterance's collaborators
        self,
        turn_id: str,
        vad: VoiceActivity,
        endpoint: EndOfTurn,
        preroll: Iterable[Chunk],
        publish: Callable[[Event], None],
        speculation: Speculation | None = None,
    ) -> None:
        self._turn_id = turn_id
        self._vad = vad
        self._endpoint = endpoint
        self._publish = publish
        self._speculation = speculation
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
        ended = state.ended
        if self._speculation and not ended:
            ended = self._speculation.judge(state, self._samples / RATE_HZ, self._audio)
        if ended:
            self.finish(ended)

    def finish(self, reason: str) -> None:
        """End the listening, e.g. because the microphone's stream ended."""
        if self.heard.done():
            return
        if self._voiced:
            self._publish(SpeechEnded(turn_id=self._turn_id, at_s=self._samples / RATE_HZ, reason=reason))
        guess = None
        if self._speculation:
            self._speculation.close()
            guess = self._speculation.whole
        self.heard.set_result(Heard(self._audio(), reason, self._voiced, guess))

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        if self._speculation and (guess := self._speculation.whole):
            guess.cancel()
        if self._speculation:
            self._speculation.close()

    def _audio(self) -> Chunk:
        return Chunk(np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16), RATE_HZ)
