"""The ear that is always on: wake word, then one spoken turn; a wake word during a reply interrupts it.

Chunks are handled one by one on the event loop: the wake detector sees all of them, the voice detector only those of a
listening, which goes on for a moment behind the end of the user's turn (see `listen`). After a question of ours the
microphone reopens without a wake word, once the speaker has finished.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from assistant.audio.format import Chunk
from assistant.dialog.hearing import Hearing
from assistant.dialog.listen import MUTED, SUPERSEDED, Listening
from assistant.dialog.ports import AudioSource, EndOfTurn, Player, Preroll, VoiceActivity, WakeDetector
from assistant.dialog.speculate import Guesser, Speculation
from assistant.dialog.turn import TurnRunner
from assistant.dialog.turn_state import TurnRequest
from assistant.events import Event, Failed
from assistant.streams import closing
from assistant.values import Outcome, State, TurnRecord, WakeDetection, new_id

log = structlog.get_logger(__name__)

CHIME_PRIORITY = 30
"""Above a reply."""

MAX_FOLLOW_UPS = 3
"""Questions of ours in a row that reopen the microphone: a television must not keep a conversation going."""

FINISH_S = 2.0
"""How long a shutdown lets the sentence being spoken run on."""


class Attention:
    """Turns a microphone into spoken turns."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        *,
        source: AudioSource,
        wake: WakeDetector | None,
        vad: VoiceActivity,
        endpoint: EndOfTurn,
        voice_threshold: float,
        speculation: Callable[[Guesser], Speculation] | None,
        preroll: Preroll,
        runner: TurnRunner,
        echo_free: bool,
        hearing: Hearing,
        hush: Callable[[], bool],
        player: Player | None,
        chime: Chunk | None,
        publish: Callable[[Event], None],
        set_state: Callable[[State], None],
    ) -> None:
        self._source = source
        self._wake = wake
        self._vad = vad
        self._endpoint = endpoint
        self._voice_threshold = voice_threshold
        self._speculation = speculation
        self._runner = runner
        self._echo_free = echo_free
        self._hearing = hearing
        self._deaf = False
        self._hush = hush
        self._player = player
        self._chime = chime
        self._publish = publish
        self._set_state = set_state
        self._preroll = preroll
        self._listening: Listening | None = None
        self._turn: asyncio.Task[None] | None = None
        self._closing = False

    async def run(self) -> None:
        """Listen until the source ends or the task is cancelled; then finish the sentence being spoken."""
        try:
            async with closing(self._source.chunks()) as chunks:
                async for chunk in chunks:
                    await self._take(chunk)
            if self._listening:
                self._listening.finish("stream-end")
            if self._turn:
                await asyncio.wait([self._turn])
        finally:
            await self._close()

    async def _take(self, chunk: Chunk) -> None:
        called = self._hearing.take_call()
        if self._hearing.muted:
            self._go_deaf()
            return
        self._deaf = False
        detection = self._wake.process(chunk) if self._wake else None
        if self._listening and not ((detection or called) and self._listening.ended_once):
            self._listening.feed(chunk)
            if self._listening.over:
                self._listening = None
        elif detection or called:
            await self._interrupt("wake-word" if detection else "button")
            self._begin(detection)
            self._play_chime()
        elif self._wake is None and self._turn is None and self._vad.process(chunk) >= self._voice_threshold:
            self._preroll.push(chunk)
            self._begin(None)
            return
        self._preroll.push(chunk)

    def _go_deaf(self) -> None:
        """Drop what was heard and not yet understood; a reply goes on."""
        listening, self._listening = self._listening, None
        if listening:
            listening.finish(MUTED)
        if self._deaf:
            return
        self._deaf = True
        if self._wake:
            self._wake.reset()
        self._preroll.drain()

    def _begin(self, detection: WakeDetection | None) -> None:
        self._turn = asyncio.create_task(self._spoken_turns(detection, self._listen(new_id(), self._preroll.drain())))

    def _listen(self, turn_id: str, preroll: Sequence[Chunk]) -> tuple[str, Listening]:
        speculation = None
        if self._speculation:
            speculation = self._speculation(functools.partial(self._runner.guess, turn_id))
        self._listening = Listening(
            turn_id, self._vad, self._endpoint, preroll, self._publish, speculation, self._hears_itself
        )
        return turn_id, self._listening

    def _hears_itself(self) -> bool:
        return not self._echo_free and any(reply.first_audio.is_set() for reply in self._runner.aloud)

    async def _spoken_turns(self, detection: WakeDetection | None, first: tuple[str, Listening]) -> None:
        """One turn, and the ones that follow without a wake word while we ask back."""
        turn_id, listening = first
        try:
            for _ in range(MAX_FOLLOW_UPS + 1):
                request = TurnRequest(source="voice", listening=listening, wake=detection, aloud=True, id=turn_id)
                record = await self._runner.run(request)
                if not self._goes_on(record):
                    return
                detection = None
                turn_id, listening = self._listen(new_id(), ())
        except Exception as exc:  # a bug in one turn must not end the daemon's hearing
            log.exception("turn crashed", turn_id=turn_id)
            self._publish(
                Failed(
                    code="internal-error",
                    message=f"the turn crashed: {type(exc).__name__}",
                    stage="dialog",
                    retryable=True,
                    turn_id=turn_id,
                )
            )
        finally:
            listening.abandon()
            if self._turn is asyncio.current_task():
                self._turn = None
                self._listening = None
                self._set_state(State.IDLE)

    def _goes_on(self, record: TurnRecord) -> bool:
        offered = record.outcome is Outcome.OFFLINE and self._runner.waits
        return (record.outcome is Outcome.ASKED_BACK or offered) and not self._closing

    async def _interrupt(self, by: str) -> None:
        """Silence whatever sounds and end the turn under way."""
        listening, self._listening = self._listening, None
        if listening:
            listening.finish(SUPERSEDED)  # a new request, not more of the last one
        self._hush()
        turn, self._turn = self._turn, None
        if turn is None:
            return
        replies = tuple(self._runner.aloud)
        for reply in replies:
            reply.stop(by)
        if not replies and listening is None:
            turn.cancel()
        done, _ = await asyncio.wait([turn], timeout=1.0)
        if not done:
            turn.cancel()
            await asyncio.wait([turn])

    def _play_chime(self) -> None:
        if self._player and self._chime:
            self._player.play(_one(self._chime), priority=CHIME_PRIORITY)

    async def _close(self) -> None:
        self._closing = True
        if self._listening and self._listening.ended_once:
            self._listening.finish(SUPERSEDED)
        turn, self._turn = self._turn, None
        if turn is None:
            return
        if self._runner.aloud:
            for reply in self._runner.aloud:
                reply.finish_sentence()
            await asyncio.wait([turn], timeout=FINISH_S)
            for reply in tuple(self._runner.aloud):
                reply.stop("shutdown")
            await asyncio.wait([turn], timeout=0.5)
        turn.cancel()
        await asyncio.wait([turn])
        self._set_state(State.IDLE)


async def _one(chunk: Chunk) -> AsyncIterator[Chunk]:
    yield chunk
