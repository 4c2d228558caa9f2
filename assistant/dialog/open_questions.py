"""What no skill answers: the cloud, the model on the device, and what is said where neither knows.

Whoever begins, the reply ends with a true sentence in the same voice. What the cloud doesn't begin in time the device's
own model answers, if it is sure enough, and else a sentence says why there is no answer. What breaks off half-way is
ended by that model, or by a sentence that says so; a number or a clause that was cut is never spoken.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import structlog

from assistant.dialog import deadline, phrases
from assistant.dialog.cloud_call import CloudCall
from assistant.dialog.egress import Egress
from assistant.dialog.paced import paced
from assistant.dialog.ports import CloudAgent, LocalModel
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Action, Decision, local_matters
from assistant.errors import BusyError, CloudError, EdgewiseError, LlmError
from assistant.events import Event, failure
from assistant.sentences import SentenceSplitter
from assistant.streams import closing, in_time, whole_words, with_filler
from assistant.values import CloudQuestion, Layer, LocalQuestion, Outcome, new_id

log = structlog.get_logger(__name__)

_WAIT = f"{phrases.ONE_MOMENT}\n"
"""A sentence of its own."""
_INSTEAD_OF_CLOUD = {
    "cloud-busy": phrases.CLOUD_BUSY,
    "cloud-quota": phrases.CLOUD_QUOTA,
    "cloud-refused": phrases.CLOUD_REFUSED,
    "cloud-invalid": phrases.CLOUD_INVALID,
    "cloud-empty": phrases.NO_ANSWER,
    "egress-unlogged": phrases.UNLOGGED,
    "egress-private": phrases.UNABLE,
}
"""What is said when the gateway is there and gives no answer; every other failure means that it can't be reached."""

_TOO_SLOW = CloudError("cloud-timeout", "the answer came too slowly to be spoken", retryable=True)

T = TypeVar("T")


class OpenQuestions:
    """Answers them for the turn. Nothing is raised but bugs."""

    def __init__(  # noqa: PLR0913 - each is one collaborator or setting, handed in by the composition root
        self,
        *,
        cloud: CloudAgent,
        local: LocalModel | None,
        egress: Egress,
        publish: Callable[[Event], None],
        locale: str,
        threshold: float,
        fallback_threshold: float,
        patience_s: float,
        answer_timeout_s: float,
        hedge: bool,
        cloud_configured: bool,
    ) -> None:
        """`local` from `threshold` on is as good as the cloud, from `fallback_threshold` on better than no answer."""
        self._cloud = cloud
        self._local = local
        self._egress = egress
        self._publish = publish
        self._locale = locale
        self._threshold = threshold
        self._fallback_threshold = fallback_threshold
        self._patience_s = patience_s
        self._answer_timeout_s = answer_timeout_s
        self._hedge = hedge
        self._cloud_configured = cloud_configured
        self._said_offline = False

    @property
    def link_up(self) -> bool:
        """Whether the cloud can be asked; known without a network call."""
        return self._cloud.up

    async def settle(self, question: Question, decide: Callable[[float], Decision]) -> Question:
        """The question with who answers it, once the local model was asked where that matters. Whoever gets it closes
        its call.

        `decide` decides again with the local model's confidence. While that is awaited, the cloud is asked as well.
        """
        if not local_matters(question.understanding, question.decision) or not (self._local and self._local.ready):
            return question
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asking = asyncio.create_task(self._confidence(question))
        call: CloudCall | None = None
        try:
            if question.decision.action is Action.CLOUD:
                await asyncio.wait({asking}, timeout=deadline.HEDGE_S)
                call = None if asking.done() else self._call(question)
            confidence = await asking
            decision = question.decision if confidence is None else decide(confidence)
            if call and decision.action is not Action.CLOUD:
                await call.close()
                call = None
        except BaseException:
            asking.cancel()
            if call:
                await call.close()
            raise
        return dataclasses.replace(
            question, decision=decision, call=call, local_confidence=confidence, waited_s=loop.time() - began_s
        )

    async def answer(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        """Stream the text of the reply; `answer` is filled in while it runs."""
        match question.decision.action:
            case Action.CLOUD:
                stream = self._by_cloud(question, answer)
            case Action.LOCAL:
                stream = self._by_local(question, answer)
            case Action.CLARIFY:
                stream = self._clarified(question, answer)
            case Action.PRIVATE_MESSAGE:
                answer.outcome = Outcome.NOT_UNDERSTOOD
                address = self._cloud.address if self._cloud_configured else ""
                stream = _only(phrases.private(len(question.context) // 2, address))
            case Action.OFFLINE_MESSAGE:
                stream = _only(self._offline(answer))
            case _:
                answer.outcome = Outcome.NOT_UNDERSTOOD
                stream = _only(phrases.UNABLE)
        async with closing(stream) as pieces:
            async for piece in pieces:
                yield piece

    async def _by_cloud(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        call = question.call or self._call(question)
        knows = asyncio.create_task(self._local_takes_over(question, call))
        said = _Said()
        try:
            async with closing(self._flowing(call.pieces(), question, said.pace)) as pieces:
                async for piece in pieces:
                    if piece is _WAIT:
                        answer.waited = True
                    else:
                        said.add(piece)
                        answer.layer = Layer.CLOUD
                    yield piece
        except (CloudError, TimeoutError) as exc:
            error = exc if isinstance(exc, CloudError) else _TOO_SLOW
            async with closing(self._without_cloud(question, answer, said, error, knows)) as pieces:
                async for piece in pieces:
                    yield piece
        else:
            self._said_offline = False
            if not said.anything:
                yield phrases.NO_ANSWER
        finally:
            knows.cancel()
            await asyncio.wait({knows})
            await call.close()

    async def _without_cloud(
        self, question: Question, answer: Answer, said: _Said, error: CloudError, knows: asyncio.Task[bool]
    ) -> AsyncIterator[str]:
        """What is said when the cloud gave no answer, or not all of it."""
        if error.code == "cloud-truncated":
            answer.cut = True
            yield f" {phrases.TRUNCATED}"
            return
        self._fail(question, error)
        if said.anything:
            async with closing(self._ended(question, answer, said, knows)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        wait_s = 0.0 if error.code in _INSTEAD_OF_CLOUD else deadline.CONFIDENCE_S
        if await _within(knows, wait_s, default=False):
            async with closing(self._by_local(question, answer)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        answer.outcome = Outcome.FAILED
        yield _INSTEAD_OF_CLOUD.get(error.code) or self._offline(answer)

    async def _ended(
        self, question: Question, answer: Answer, said: _Said, knows: asyncio.Task[bool]
    ) -> AsyncIterator[str]:
        """An answer that broke off: ended by the local model where it is sure, else by a sentence."""
        answer.cut = True  # half a sentence is never spoken
        apology = phrases.CUT_OFF
        if await _within(knows, 0.0, default=False):
            try:
                async with closing(self._continued(question, said)) as sentences:
                    async for sentence in sentences:
                        yield f" {sentence}"
                        answer.cut, apology = False, phrases.STOPPED
            except (LlmError, BusyError, TimeoutError) as exc:
                apology = phrases.TRUNCATED if _is_truncated(exc) and not answer.cut else apology
            else:
                if not answer.cut:
                    return
        answer.outcome = Outcome.FAILED
        yield f" {apology}"

    async def _continued(self, question: Question, said: _Said) -> AsyncIterator[str]:
        """What the local model goes on with, in sentences that are new. Raises LlmError, BusyError, TimeoutError."""
        assert self._local is not None, "it said how sure it is"
        said.pace.hand_over(asyncio.get_running_loop().time())
        stream = in_time(
            self._local.converse(self._for_local(question, begun=said.whole)),
            deadline.LOCAL_FIRST_S,
            deadline.LOCAL_NEXT_S,
        )
        async with closing(paced(stream, said.pace, said.sentences)) as sentences:
            async for sentence in sentences:
                yield sentence

    async def _by_local(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        """The local model's own answer; where it fails, what else can be said."""
        assert self._local is not None, "the router gives it only what it was asked about"
        said = _Said()
        first_s = deadline.LOCAL_FIRST_S
        if (question.local_confidence or 0.0) < self._threshold:
            yield f"{phrases.NOT_SURE}\n"
            said.pace.comes(len(phrases.NOT_SURE), asyncio.get_running_loop().time())
            first_s = deadline.LOCAL_SOON_S
        try:
            stream = self._local.converse(self._for_local(question))
            timed = in_time(stream, first_s, deadline.LOCAL_NEXT_S)
            silent = first_s == deadline.LOCAL_FIRST_S and not answer.waited
            async with closing(self._flowing(timed, question, said.pace, wait=silent)) as pieces:
                async for piece in pieces:
                    if piece is not _WAIT:
                        said.add(piece)
                        answer.layer = Layer.EDGE
                    yield piece
        except (LlmError, BusyError, TimeoutError) as exc:
            if _is_truncated(exc) and said.anything:
                answer.cut = True
                yield f" {phrases.TRUNCATED}"
                return
            error = exc if isinstance(exc, EdgewiseError) else LlmError("llm-timeout", "the local model fell silent")
            self._fail(question, error)
            answer.outcome = Outcome.FAILED
            answer.cut = said.anything
            yield f" {phrases.STOPPED}" if said.anything else phrases.UNABLE
        else:
            if not said.anything:
                yield phrases.NO_ANSWER

    def _flowing(
        self, pieces: AsyncIterator[str], question: Question, pace: deadline.Pace, *, wait: bool = True
    ) -> AsyncIterator[str]:
        """An answer as it is passed on: where it is spoken, in whole sentences that follow each other soon enough, and
        with a word in front to `wait`; where it is read, in whole words. May raise TimeoutError."""
        if not question.aloud:
            return whole_words(pieces)
        sentences = paced(pieces, pace)
        patience_s = max(0.0, self._patience_s - question.waited_s)
        return with_filler(sentences, patience_s, _WAIT) if wait else sentences

    async def _clarified(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        """The edge's question what was meant; the cloud's answer instead, where that begins before patience ends."""
        answer.outcome = Outcome.NOT_UNDERSTOOD
        if question.decision.reason != "default" or not (self._hedge and question.may_hedge):
            yield phrases.CLARIFY
            return
        call = self._call(question)
        begun = False
        try:
            begun = await call.begins(self._patience_s)
        finally:
            if not begun:
                await call.close()
        if not begun:
            yield phrases.CLARIFY
            return
        answer.outcome = Outcome.ANSWERED
        async with closing(self._by_cloud(dataclasses.replace(question, call=call), answer)) as pieces:
            async for piece in pieces:
                yield piece

    def _call(self, question: Question) -> CloudCall:
        """Ask the cloud, from now on."""
        request = CloudQuestion(
            request_id=new_id(),
            conversation_id=question.conversation_id,
            text=question.text,
            context=question.context,
            locale=self._locale,
            deadline_s=self._answer_timeout_s,
        )
        why = question.decision.reason
        return CloudCall(self._egress.ask(self._cloud, request, turn_id=question.turn_id, why=why))

    async def _confidence(self, question: Question) -> float | None:
        """How sure the local model is; None when it doesn't say in time."""
        if self._local is None or not self._local.ready:
            return None
        try:
            async with asyncio.timeout(deadline.CONFIDENCE_S):
                return await self._local.confidence(self._for_local(question))
        except (LlmError, BusyError, TimeoutError) as exc:
            code = exc.code if isinstance(exc, EdgewiseError) else "llm-timeout"
            log.info("local model not asked", turn_id=question.turn_id, code=code)
            return None

    async def _local_takes_over(self, question: Question, call: CloudCall) -> bool:
        """Whether the local model is to answer, or to end, what the cloud doesn't; found out while that is awaited."""
        confidence = question.local_confidence
        if confidence is None and not await call.begins(self._patience_s / 2):
            confidence = await self._confidence(question)
        return confidence is not None and confidence >= self._fallback_threshold

    def _for_local(self, question: Question, begun: str = "") -> LocalQuestion:
        return LocalQuestion(question.text, question.context, self._locale, begun)

    def _offline(self, answer: Answer) -> str:
        answer.outcome = Outcome.OFFLINE
        if not self._cloud_configured:
            return phrases.NOT_CONFIGURED
        text = phrases.OFFLINE_SHORT if self._said_offline else phrases.OFFLINE
        self._said_offline = True
        return text

    def _fail(self, question: Question, error: EdgewiseError) -> None:
        log.warning("answer failed", turn_id=question.turn_id, code=error.code, stage=error.stage)
        self._publish(failure(error, question.turn_id))


class _Said:
    """The sentences of an answer so far."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.anything = False
        self.pace = deadline.Pace(asyncio.get_running_loop().time() + deadline.FIRST_SENTENCE_S)
        """By when the next one must be there."""
        self._splitter = SentenceSplitter()

    @property
    def whole(self) -> str:
        return " ".join(self.sentences)

    def add(self, piece: str) -> list[str]:
        """The sentences that are whole with this piece."""
        self.anything = True
        found = self._splitter.feed(piece)
        self.sentences += found
        return found

    def rest(self) -> list[str]:
        """What is left when nothing more comes."""
        return self._splitter.flush()


def _is_truncated(error: Exception) -> bool:
    """Whether the local model came to its limit: what it said till then stands."""
    return isinstance(error, LlmError) and error.code == "llm-truncated"


async def _only(text: str) -> AsyncIterator[str]:
    yield text


async def _within(task: asyncio.Task[T], wait_s: float, *, default: T) -> T:
    """A task's result, if it is there in time; the task goes on."""
    await asyncio.wait({task}, timeout=wait_s)
    return task.result() if task.done() and not task.cancelled() else default
