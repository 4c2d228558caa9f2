"""Guessing at an utterance while it is being heard, so that the answer is ready when the user stops.

While the user speaks, what was said so far is transcribed now and then (every `partial_every_s`, more rarely on a
machine that takes longer). After `speculate_s` of silence a guess is made of the whole; it counts for as long as no
more voice comes, and tells how much silence ends the turn. Guessing has no side effect: it transcribes and understands.

That silence can be as short as 0.04 s: the voice detector bridges what is shorter than a pause, so that waiting for
0.08 s saves few guesses (3.2 instead of 3.9 in a read sentence, 1.2 instead of 1.3 in a request).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from assistant.audio.format import Chunk
from assistant.dialog.end_of_turn import Guess, SilencePolicy, patience
from assistant.dialog.ports import EndOfTurnState

_BUSY_SHARE = 0.5
"""At most this share of the time goes into partial transcripts."""


class Guesser(Protocol):
    async def __call__(self, audio: Chunk, *, whole: bool) -> Guess | None:
        """What the sound so far means; None when that is doubtful. `whole`: the user is silent.

        Raises nothing but cancellation.
        """


class Speculation:
    """The guesses of one utterance."""

    def __init__(self, guesser: Guesser, policy: SilencePolicy, *, speculate_s: float, partial_every_s: float) -> None:
        """`partial_every_s` 0 makes no partial transcripts; the guess at the whole is made all the same."""
        self._guesser = guesser
        self._policy = policy
        self._speculate_s = speculate_s
        self._task: asyncio.Task[Guess | None] | None = None
        self._in_silence = False
        """Whether the task guesses at the whole, from within the present silence."""
        self._partial_every_s = partial_every_s
        self._next_partial_s = partial_every_s
        self.on_whole: Callable[[], None] = lambda: None
        """Called when the guess at the whole is there: the turn may end now."""

    def judge(self, state: EndOfTurnState, at_s: float, audio: Callable[[], Chunk]) -> str:
        """Look at the newest audio, `at_s` into the utterance; the rule by which the turn ends now, or empty."""
        if not state.speech_started:
            return ""
        if state.silence_s < self._speculate_s:
            if self._in_silence and state.silence_s == 0.0:
                self._drop()  # speech resumed: the guess is void
            if not self._in_silence and state.silence_s == 0.0:
                self._begin_partial(at_s, audio)
            return ""
        if not self._in_silence:
            self._drop()
            self._in_silence = True
            self._task = asyncio.create_task(self._guess_whole(audio()))
            self._task.add_done_callback(self._is_there)
        assert self._task is not None
        if not self._task.done():
            return ""
        needed = patience(self._task.result(), self._policy)
        return needed.rule if state.silence_s >= needed.silence_s else ""

    @property
    def whole(self) -> asyncio.Task[Guess | None] | None:
        """The guess at the whole utterance, perhaps still in the making; None when there is none that counts."""
        return self._task if self._in_silence else None

    def close(self) -> None:
        """Give up what nobody waits for."""
        if not self._in_silence:
            self._drop()

    def _begin_partial(self, at_s: float, audio: Callable[[], Chunk]) -> None:
        if not self._partial_every_s or at_s < self._next_partial_s or (self._task and not self._task.done()):
            return
        self._task = asyncio.create_task(self._partial(audio()))
        self._next_partial_s = at_s + self._partial_every_s

    async def _partial(self, audio: Chunk) -> Guess | None:
        began_s = asyncio.get_running_loop().time()
        guess = await self._guesser(audio, whole=False)
        took_s = asyncio.get_running_loop().time() - began_s
        self._next_partial_s += max(0.0, took_s / _BUSY_SHARE - self._partial_every_s)
        return guess

    async def _guess_whole(self, audio: Chunk) -> Guess | None:
        return await self._guesser(audio, whole=True)

    def _is_there(self, task: asyncio.Task[Guess | None]) -> None:
        if task is self._task and not task.cancelled():
            self.on_whole()

    def _drop(self) -> None:
        if self._task:
            self._task.cancel()
        self._task = None
        self._in_silence = False
