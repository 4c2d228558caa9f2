"""One utterance being heard: voice activity and end of turn over chunks, synchronously, no clock.

The end of the user's turn may come too early ("set a timer for ten minutes | and thirty seconds"): for AMEND_S behind
it the ear stays open, and speech that resumes goes on with the utterance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.end_of_turn import Guess
from assistant.dialog.ports import EndOfTurn, EndOfTurnState, VoiceActivity
from assistant.dialog.speculate import Speculation
from assistant.events import Event, SpeechEnded, SpeechStarted, TurnAmended

AMEND_S = 1.0
"""Speech that resumes within this long of the end of the turn belongs to it."""

SUPERSEDED = "wake-word"
"""What the user went on with behind the end of the turn turned out to be a wake word: another turn begins."""

MUTED = "muted"
"""The microphone was turned off."""

DROPPED = frozenset({SUPERSEDED, MUTED})
"""Ends of a turn whose words nobody is to understand."""

_FINAL = frozenset({"timeout", "stream-end", "no-speech"}) | DROPPED
"""Ends of a turn behind which nothing is awaited."""

_STEP_SAMPLES = RATE_HZ // 50
"""20 ms: shorter than the 32 ms blocks of a voice detector, so that no block's verdict is skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a listening brought."""

    audio: Chunk
    """Everything from the pre-roll on."""
    reason: str
    """`silence` `timeout` `no-speech` `stream-end` `wake-word`, or the rule of `end_of_turn` that fitted."""
    voiced: bool
    """Whether speech began at all."""
    guess: asyncio.Task[Guess | None] | None
    """What was made of it while the user was silent, perhaps still in the making."""


class Listening:
    """Collects one utterance. Feed it chunks; `heard` resolves when the user's turn is over.

    Then `resumed` resolves: to True when the user went on speaking, and `heard` is a new future that resolves at the
    next end; to False when they didn't within AMEND_S.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one utterance's collaborators
        self,
        turn_id: str,
        vad: VoiceActivity,
        endpoint: EndOfTurn,
        preroll: Iterable[Chunk],
        publish: Callable[[Event], None],
        speculation: Speculation | None = None,
        echoes: Callable[[], bool] = lambda: True,
    ) -> None:
        """`echoes` says whether the microphone may hear the assistant itself now: then nothing can be amended."""
        self._turn_id = turn_id
        self._vad = vad
        self._endpoint = endpoint
        self._publish = publish
        self._speculation = speculation
        self._parts = [chunk.samples for chunk in preroll]
        self._voiced = False
        self._state: EndOfTurnState | None = None
        self._samples = 0
        self._ended_at = 0
        self.ended_once = False
        """Whether the end of the turn was decided, even if the user then went on speaking."""
        self._echoes = echoes
        loop = asyncio.get_running_loop()
        self.heard: asyncio.Future[Heard] = loop.create_future()
        self.resumed: asyncio.Future[bool] = loop.create_future()
        if speculation:
            speculation.on_whole = self._speculate
        vad.reset()
        endpoint.reset()
        for part in self._parts:  # the detector hears what it will be judged on from the start
            vad.process(Chunk(part, RATE_HZ))

    def feed(self, chunk: Chunk) -> None:
        """Take the next chunk; ignored once the turn is over for good."""
        if self.over:
            return
        self._parts.append(chunk.samples)
        for at in range(0, len(chunk.samples), _STEP_SAMPLES):
            samples = chunk.samples[at : at + _STEP_SAMPLES]
            self._samples += len(samples)
            if self.heard.done():
                self._await_more(samples)
            else:
                self._judge(samples)
            if self.over:
                return

    @property
    def over(self) -> bool:
        """Whether nothing more belongs to this utterance."""
        return self.heard.done() and self.resumed.done()

    def _await_more(self, samples: Samples) -> None:
        if self._echoes() or self._samples - self._ended_at > AMEND_S * RATE_HZ:
            self.close()
        elif self._endpoint.resumes(len(samples), self._vad.process(Chunk(samples, RATE_HZ))):
            loop = asyncio.get_running_loop()
            resumed, self.resumed, self.heard = self.resumed, loop.create_future(), loop.create_future()
            resumed.set_result(True)
            self._publish(TurnAmended(turn_id=self._turn_id, at_s=self._samples / RATE_HZ))

    def _judge(self, samples: Samples) -> None:
        state = self._state = self._endpoint.process(len(samples), self._vad.process(Chunk(samples, RATE_HZ)))
        if state.speech_started and not self._voiced:
            self._voiced = True
            self._publish(SpeechStarted(turn_id=self._turn_id, at_s=state.speech_start_s))
        if state.ended:
            self.finish(state.ended)
        else:
            self._speculate()

    def _speculate(self) -> None:
        """End the turn if what was said allows it. Also called as soon as that is known, between two chunks."""
        if self._speculation is None or self._state is None or self.heard.done():
            return
        if ended := self._speculation.judge(self._state, self._samples / RATE_HZ, self._audio):
            self.finish(ended)

    def finish(self, reason: str) -> None:
        """End the listening, e.g. because the microphone's stream ended; behind its end, await no more."""
        if self.heard.done():
            self.close()
            return
        if self._voiced:
            self._publish(SpeechEnded(turn_id=self._turn_id, at_s=self._samples / RATE_HZ, reason=reason))
        guess = None
        if self._speculation:
            self._speculation.close()
            guess = self._speculation.whole
        self._ended_at = self._samples
        self.ended_once = True
        self.heard.set_result(Heard(self._audio(), reason, self._voiced, guess))
        if reason in _FINAL:
            self.close()

    def close(self) -> None:
        """Await nothing behind the end of the turn any more."""
        if not self.resumed.done():
            self.resumed.set_result(False)

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        self.close()
        if self._speculation and (guess := self._speculation.whole):
            guess.cancel()
        if self._speculation:
            self._speculation.close()

    def _audio(self) -> Chunk:
        return Chunk(np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16), RATE_HZ)
