"""One turn's life: heard or read, understood, routed, answered, spoken, remembered.

    TurnStarted [WakeWordDetected SpeechStarted SpeechEnded] [Transcript]
        (IntentRecognized+ | NotRecognized) Routed ReplyChunk+ [PlaybackStarted ... PlaybackFinished] Reply TurnEnded

Nothing is done before the end of the user's turn is decided. That may have been too early: when the user goes on
speaking right behind it (TurnAmended), the reply falls silent, what was done is taken back unless the whole means the
same, and everything from SpeechEnded on happens again.

Whatever happens in between, a turn's first event is TurnStarted and its last is TurnEnded; errors of ours become
Failed and a spoken apology; cancellation passes through untouched.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from assistant.audio.format import Chunk
from assistant.dialog import phrases
from assistant.dialog.answer import Answerer
from assistant.dialog.context import Context
from assistant.dialog.followup import Before, Understand
from assistant.dialog.guess import GuessMaker
from assistant.dialog.ledger import Ledger
from assistant.dialog.listen import AMEND_S, DROPPED
from assistant.dialog.ports import Transcriber, TurnStore
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Decision, RouterPolicy, route
from assistant.dialog.speak import Speaker, Spoken
from assistant.dialog.turn_state import SCHEDULE, Done, Turn, TurnRequest, Withdrawn
from assistant.errors import EdgewiseError, StoreError
from assistant.events import (
    Event,
    IntentRecognized,
    NotRecognized,
    Reply,
    Routed,
    Transcript,
    TurnEnded,
    TurnStarted,
    WakeWordDetected,
    failure,
)
from assistant.nlu.understanding import Understanding
from assistant.values import (
    Clock,
    IntentMatch,
    Layer,
    Outcome,
    StageTime,
    State,
    Transcription,
    TurnRecord,
)

log = structlog.get_logger(__name__)

PENDING_S = 30.0
"""An unanswered question of ours is forgotten after this long, and so is what might be corrected."""
MENTIONED_S = 120.0
"""A pronoun refers to what was talked about so long ago."""


class TurnRunner:
    """Runs turns. Spoken ones one at a time (the caller sees to that); text asks beside them."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        *,
        transcriber: Transcriber,
        finished: Callable[[Chunk], Coroutine[Any, Any, float | None]],
        understand: Understand,
        answerer: Answerer,
        speaker: Speaker,
        policy: RouterPolicy,
        context: Context,
        context_turns: int,
        store: TurnStore,
        ledger: Ledger,
        clock: Clock,
        publish: Callable[[Event], None],
        set_state: Callable[[State], None],
    ) -> None:
        self._transcriber = transcriber
        self._understand = understand
        self._answerer = answerer
        self._speaker = speaker
        self._policy = policy
        self._context = context
        self._context_turns = context_turns
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._publish = publish
        self._set_state = set_state
        self._pending: tuple[IntentMatch, float] | None = None
        self._done: Done | None = None
        self._mentioned: tuple[Sequence[IntentMatch], float] | None = None
        self.guess = GuessMaker(
            transcriber=transcriber,
            finished=finished,
            understand=lambda text: understand(text, self._before()),
            answerer=answerer,
            speaker=speaker,
            policy=policy,
            publish=publish,
        )
        """What an utterance under way means so far."""
        self.aloud: list[Spoken] = []
        """The replies being made or spoken aloud, for whoever must silence them."""

    @property
    def waits(self) -> bool:
        """Whether a question of ours is open."""
        return self._pending is not None

    async def run(self, request: TurnRequest) -> TurnRecord:
        """Run one turn to its end and return what is remembered of it."""
        now_s = self._clock.wall_s()
        conversation_id = self._context.conversation_id(now_s)
        turn = Turn(request, conversation_id, now_s, Spoken(request.id), private=self._answerer.private)
        self._publish(TurnStarted(turn_id=request.id, conversation_id=conversation_id, source=request.source))
        try:
            try:
                await self._converse_on(turn)
            except EdgewiseError as exc:
                await self._apologise(turn, exc)
        except asyncio.CancelledError:
            turn.answer.outcome = Outcome.CANCELLED
            raise
        except Exception:
            turn.answer.outcome = Outcome.FAILED
            raise
        finally:
            if request.listening:
                self._speaker.drop_prepared()
            # private mode may have been turned on or off by this very turn
            record = turn.record(private=turn.private or self._answerer.private)
            self._context.add(record)
            self._publish(TurnEnded(turn_id=request.id, outcome=turn.answer.outcome))
        await self._remember(record)
        return record

    def _before(self) -> Before:
        """What the user may refer to: what isn't forgotten yet."""
        waiting = self._pending and self._now() - self._pending[1] <= PENDING_S
        done = self._done and self._now() - self._done.ended_s <= PENDING_S
        mentioned = self._mentioned and self._now() - self._mentioned[1] <= MENTIONED_S
        last = self._context.last_turn
        if last and self._clock.wall_s() - last.started_wall_s > MENTIONED_S:
            last = None
        return Before(
            waiting=self._pending[0] if self._pending and waiting else None,
            done=self._done.match if self._done and done else None,
            undoable=bool(self._done and done and self._done.changed),
            mentioned=self._mentioned[0][-1] if self._mentioned and mentioned else None,
            mentioned_too=tuple(self._mentioned[0][:-1]) if self._mentioned and mentioned else (),
            reply=last.reply if last else "",
            open=last is not None and not last.intent and last.outcome is Outcome.ANSWERED,
        )

    async def _converse_on(self, turn: Turn) -> None:
        """Converse, and again whenever the user goes on speaking right behind the end of their turn."""
        before = self._pending, self._done, self._mentioned
        while await self._is_resumed(turn):
            self._pending, self._done, self._mentioned = before

    async def _is_resumed(self, turn: Turn) -> bool:
        """Converse. True when that was cut short since the user went on; what was done is then `withdrawn`."""
        listening = turn.request.listening
        if listening is None:
            await self._converse(turn)
            return False
        resumed = listening.resumed
        conversing = asyncio.create_task(self._converse(turn))
        try:
            either: set[asyncio.Future[Any]] = {conversing, resumed}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not resumed.done() and not conversing.exception() and not turn.spoken.interrupted_by:
                await asyncio.wait({resumed}, timeout=AMEND_S)  # a microphone that fell silent doesn't tell
            if not (resumed.done() and resumed.result()):
                await conversing
                return False
            await self._withdraw(turn, conversing)
        finally:
            conversing.cancel()
            await asyncio.wait({conversing})
        return True

    @staticmethod
    async def _withdraw(turn: Turn, conversing: asyncio.Task[None]) -> None:
        """Fall silent and begin anew; an action under way comes to its end first."""
        turn.spoken.stop("amended")
        conversing.cancel()
        await asyncio.wait({conversing})
        if turn.answer.action:
            await asyncio.wait({turn.answer.action})
        turn.withdrawn = turn.withdrawn or Withdrawn(turn.text, turn.decision, turn.answer, turn.spoken)
        turn.text, turn.guess, turn.decision = "", None, None
        turn.answer, turn.spoken = Answer(news=turn.answer.news), Spoken(turn.request.id)
        turn.stages.clear()

    async def _settle_withdrawn(self, turn: Turn) -> None:
        """What was done before the user went on stands if the whole means the same, else it is taken back."""
        before, turn.withdrawn = turn.withdrawn, None
        if before is None:
            return
        turn.text = turn.text or before.text
        if _words(turn.text) == _words(before.text):
            turn.answer.action, turn.answer.undo = before.answer.action, before.answer.undo
            turn.answer.changed = before.answer.changed
        elif before.answer.undo:
            await self._take_back(turn, before.answer.undo)

    async def _take_back(self, turn: Turn, undo: Callable[[], Awaitable[None]]) -> None:
        try:
            await undo()
        except EdgewiseError as exc:
            log.warning("not taken back", turn_id=turn.request.id, code=exc.code)
            self._publish_failure(exc, turn.request.id)

    def _let_stand(self, turn: Turn) -> None:
        """What the user went on with was another request: what was done stands, what was being said is over."""
        before, turn.withdrawn = turn.withdrawn, None
        if before is None:
            turn.answer.outcome = Outcome.NOTHING_HEARD
            return
        turn.text, turn.decision, turn.answer, turn.spoken = before.text, before.decision, before.answer, before.spoken
        turn.answer.outcome = Outcome.INTERRUPTED
        self._publish_reply(turn)

    async def _converse(self, turn: Turn) -> None:
        started_s = self._now()
        try:
            turn.text = await self._hear(turn)
        except _Superseded:
            self._let_stand(turn)
            return
        await self._settle_withdrawn(turn)
        if not turn.text:
            turn.answer.outcome = Outcome.NOTHING_HEARD
            return
        self._show(turn, State.PROCESSING)
        done = self._done
        understanding = await self._make_sense(turn)
        if understanding.corrects and done:
            await self._take_back(turn, done.undo)
        seen = {"link_up": self._answerer.link_up, "private": self._answerer.private}

        def decide(local: float | None) -> Decision:
            decision = route(understanding, self._policy, **seen, local=local)
            asked = turn.request.source != SCHEDULE
            self._ledger.noted(
                turn.request.id, understanding, decision, self._policy, **seen, now_s=self._now(), asked=asked
            )
            return decision

        question = Question(
            turn_id=turn.request.id,
            conversation_id=turn.conversation_id,
            text=understanding.text if understanding.layer else turn.text,
            understanding=understanding,
            decision=decide(None),
            amendable=turn.request.listening is not None,
            context=self._context.messages(turn.conversation_id, self._context_turns, private=self._answerer.private),
            aloud=turn.request.aloud,
            may_hedge=seen["link_up"] and not seen["private"],
        )
        question = await self._answerer.settle(question, decide)
        try:
            turn.decision = decision = question.decision
            self._publish(
                Routed(
                    turn_id=turn.request.id, layer=decision.layer, reason=decision.reason, sentence=decision.sentence
                )
            )
            await self._reply(turn, question)
        finally:
            if question.call:
                await question.call.close()
        self._stage(turn, "total", started_s)

    async def _hear(self, turn: Turn) -> str:
        request = turn.request
        if request.wake and not turn.withdrawn:
            wake = request.wake
            self._publish(WakeWordDetected(turn_id=request.id, word=wake.word, probability=wake.probability))
        audio = request.audio
        if request.listening:
            self._show(turn, State.LISTENING)
            heard = await asyncio.shield(request.listening.heard)
            if heard.reason in DROPPED:
                raise _Superseded
            if not heard.voiced:
                return ""
            audio = heard.audio
            started_s = self._now()
            turn.guess = await heard.guess if heard.guess else None
            if turn.guess:
                return self._transcribed(turn, turn.guess.transcription, started_s)
        if audio is None:
            return request.text.strip()
        self._show(turn, State.PROCESSING)
        started_s = self._now()
        return self._transcribed(turn, await self._transcriber.transcribe(audio), started_s)

    def _transcribed(self, turn: Turn, transcription: Transcription, started_s: float) -> str:
        self._stage(turn, "stt", started_s)
        self._publish(
            Transcript(
                turn_id=turn.request.id,
                text=transcription.text,
                confidence=transcription.confidence,
                audio_s=transcription.audio_s,
            )
        )
        return transcription.text

    async def _make_sense(self, turn: Turn) -> Understanding:
        started_s = self._now()
        before = self._before()
        self._pending = self._done = None
        understanding = turn.guess.understanding if turn.guess else await self._understand(turn.text, before)
        self._stage(turn, "nlu", started_s)
        for match in understanding.requests:
            self._publish(
                IntentRecognized(
                    turn_id=turn.request.id, intent=match.intent, slots=match.slots, confidence=match.confidence
                )
            )
        if not understanding.requests:
            self._publish(NotRecognized(turn_id=turn.request.id, open_question=understanding.open_question))
        return understanding

    async def _reply(self, turn: Turn, question: Question) -> None:
        request = turn.request
        started_s = self._now()
        timing = asyncio.create_task(self._time_first_audio(turn, started_s))
        if request.aloud:
            self._show(turn, State.RESPONDING)
            self.aloud.append(turn.spoken)
        try:
            pieces = self._answerer.answer(question, turn.answer)
            await self._speaker.say(pieces, turn.spoken, turn.answer, aloud=request.aloud, on_audio=request.on_audio)
        finally:
            timing.cancel()
            self._speaker.drop_prepared()
            if request.aloud:
                self.aloud.remove(turn.spoken)
        self._stage(turn, "reply", started_s)
        one = not question.understanding.also  # which of several a correction means nobody knows
        if turn.answer.pending:
            self._pending = (turn.answer.pending, self._now())
        elif turn.answer.intent and turn.answer.undo and turn.answer.outcome is Outcome.ANSWERED and one:
            self._done = Done(turn.answer.intent, turn.answer.undo, self._now(), changed=turn.answer.changed())
        if turn.answer.intent:
            self._mentioned = (question.understanding.requests, self._now())
        if turn.spoken.interrupted_by:
            turn.answer.outcome = Outcome.INTERRUPTED
        self._publish_reply(turn)

    def _publish_reply(self, turn: Turn) -> None:
        decision = turn.decision
        self._publish(
            Reply(
                turn_id=turn.request.id,
                text=turn.spoken.text,
                layer=turn.answer.layer or (decision.layer if decision else Layer.EDGE),
                reason=decision.reason if decision else "failed",
                expects_answer=turn.answer.expects_answer,
            )
        )

    async def _time_first_audio(self, turn: Turn, started_s: float) -> None:
        await turn.spoken.first_audio.wait()
        self._stage(turn, "first-audio", started_s)

    async def _apologise(self, turn: Turn, error: EdgewiseError) -> None:
        """Say that something failed; when even that fails, the event has told."""
        turn.answer.outcome = Outcome.FAILED
        log.warning("turn failed", turn_id=turn.request.id, code=error.code, stage=error.stage)
        self._publish_failure(error, turn.request.id)
        if not turn.spoken.text:
            try:
                await self._speaker.say(
                    _one_piece(phrases.FAILED),
                    turn.spoken,
                    turn.answer,
                    aloud=turn.request.aloud,
                    on_audio=turn.request.on_audio,
                )
            except EdgewiseError as exc:
                self._publish_failure(exc, turn.request.id)
        self._publish_reply(turn)

    async def _remember(self, record: TurnRecord) -> None:
        if not record.text:
            return
        try:
            await self._store.append(record)
        except StoreError as exc:
            log.error("turn not stored", turn_id=record.id, code=exc.code)
            self._publish_failure(exc, record.id)

    def _publish_failure(self, error: EdgewiseError, turn_id: str) -> None:
        self._publish(failure(error, turn_id))

    def _show(self, turn: Turn, state: State) -> None:
        if turn.request.aloud:
            self._set_state(state)

    def _stage(self, turn: Turn, stage: str, started_s: float) -> None:
        turn.stages.append(StageTime(stage, round((self._now() - started_s) * 1000.0, 2)))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _Superseded(Exception):  # noqa: N818 - no error
    """A wake word began another turn."""


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


async def _one_piece(text: str) -> AsyncIterator[str]:
    yield text
