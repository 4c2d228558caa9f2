"""Open questions that came while the cloud was away: asked once it is back, their answers told when the room is quiet.

    waiting --asked--> answered --marked--> telling --told--> gone
       '--a day old--> expired --marked----'

What is marked is never told again, also when the device is switched off in mid-sentence: told twice is worse than cut
short. In private mode nothing is asked; in quiet hours nothing is told aloud; both go on afterwards.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Literal, Protocol

import structlog

from assistant.dialog import phrases
from assistant.dialog.egress import Egress
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.errors import CloudError, EdgewiseError, SkillError
from assistant.events import Event, LinkChanged, PrivateModeChanged, QuestionAnswered, QuestionDeferred, QuestionDropped
from assistant.sentences import split_sentences
from assistant.streams import closing
from assistant.values import Clock, CloudQuestion, DeferredQuestion, DeferredState, Exchange, Message, new_id

log = structlog.get_logger(__name__)

EXPIRES_S = 86_400.0
"""A question waits so long for an answer."""
MAX_CONTEXT_CHARS = 8_000
"""Of what was said before a question; the oldest exchanges are left out."""
MAX_KEPT = 10
POLL_S = 60.0
"""While something is kept, what no event tells of (a schedule, an hour) is looked at this often."""
TOLD_SENTENCES = 3
"""A late answer is no longer than this."""
_TO_TELL = frozenset({DeferredState.ANSWERED, DeferredState.EXPIRED})
_NO_USE = frozenset({"cloud-invalid", "cloud-empty"})
"""Codes after which asking the same again is of no use."""


Kept = Literal["kept", "already", "full"]


class DeferredStore(Protocol):
    """Keeps the questions. All raise StoreError, and are durable when they return."""

    async def add(self, question: DeferredQuestion) -> None: ...

    async def change(self, question_id: str, state: DeferredState, answer: str) -> None:
        """Nothing when it is gone."""

    async def remove(self, question_id: str) -> None: ...

    async def all(self) -> Sequence[DeferredQuestion]:
        """In the order in which they were asked."""


class DeferredQuestions:
    """Keeps, asks and tells them. Call `start`, then `run` for as long as the assistant does."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        *,
        store: DeferredStore,
        cloud: CloudAgent,
        egress: Egress,
        private: PrivateMode,
        quiet: Callable[[], bool],
        audible: Callable[[], bool],
        say: Callable[[str], Awaitable[None]],
        idle: Callable[[], Awaitable[None]],
        clock: Clock,
        publish: Callable[[Event], None],
        locale: str,
        answer_timeout_s: float,
    ) -> None:
        """`quiet`: whether nobody is to be spoken to unasked now. `audible`: whether `say` would be heard; else `news`
        tells. `idle` returns once nobody speaks."""
        self._store = store
        self._cloud = cloud
        self._egress = egress
        self._private = private
        self._quiet = quiet
        self._audible = audible
        self._say = say
        self._idle = idle
        self._clock = clock
        self._publish = publish
        self._locale = locale
        self._answer_timeout_s = answer_timeout_s
        self._kept: dict[str, DeferredQuestion] = {}
        self._more = asyncio.Event()

    @property
    def capacity(self) -> int:
        return MAX_KEPT

    @property
    def kept(self) -> tuple[DeferredQuestion, ...]:
        """What isn't told yet, in the order in which it was asked."""
        return tuple(self._kept.values())

    async def start(self) -> None:
        """Take up what was kept. Raises StoreError."""
        for question in await self._store.all():
            if question.state is DeferredState.TELLING:
                await self._store.remove(question.id)
            else:
                self._kept[question.id] = question

    async def keep(self, text: str, turn_id: str = "", context: Sequence[Exchange] = ()) -> Kept:
        """Keep a question and what was said before it, unless it is there already or there is no room.

        Raises StoreError.
        """
        waiting = self._in(DeferredState.WAITING)
        if any(each.text.casefold() == text.casefold() and each.context == context for each in waiting):
            return "already"
        if len(self._kept) - len(self._in(DeferredState.EXPIRED)) >= MAX_KEPT:
            return "full"
        question = DeferredQuestion(
            new_id(), text, self._clock.wall_s(), turn_id=turn_id, context=_newest(context, MAX_CONTEXT_CHARS)
        )
        self._kept[question.id] = question
        try:
            await self._store.add(question)
        except EdgewiseError:
            del self._kept[question.id]
            raise
        self._publish(QuestionDeferred(question_id=question.id))
        self._more.set()
        return "kept"

    async def cancel(self, question_id: str) -> DeferredQuestion:
        """Drop one. Raises SkillError `question-unknown`, StoreError."""
        question = self._kept.get(question_id)
        if question is None:
            hint = "`assistant deferred` lists them."
            raise SkillError("question-unknown", "no question with that id is kept", hint=hint)
        await self._drop(question, "cancelled")
        return question

    def forget(self, turn_ids: Collection[str]) -> None:
        """Those turns are forgotten, by the store as well: with them what was asked in them, and said."""
        for question in self.kept:
            if question.turn_id in turn_ids:
                del self._kept[question.id]
                self._publish(QuestionDropped(question_id=question.id, why="forgotten"))
            else:
                context = tuple(each for each in question.context if each.turn_id not in turn_ids)
                self._kept[question.id] = dataclasses.replace(question, context=context)

    def news(self, later: Callable[[Coroutine[Any, Any, None]], object]) -> str:
        """What nothing can say aloud, for before a reply; empty for none. `later` does what is left to do."""
        told = [each for each in self._kept.values() if each.state in _TO_TELL]
        if self._audible() or not told:
            return ""
        for question in told:
            del self._kept[question.id]
        later(self._all_told(told))
        return " ".join(map(_words, told))

    async def run(self, events: AsyncIterator[Event]) -> None:
        """Ask and tell, until cancelled or the events end."""
        listening = asyncio.create_task(self._listen(events))
        try:
            while not listening.done():
                self._more.clear()
                await self._work()
                waking = asyncio.create_task(self._more.wait())
                try:
                    await asyncio.wait(
                        {waking, listening},
                        timeout=POLL_S if self._kept else None,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    waking.cancel()
                    await asyncio.wait({waking})
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            if isinstance(event, LinkChanged | PrivateModeChanged):
                self._more.set()

    async def _work(self) -> None:
        await self._expire()
        for question in self._in(DeferredState.WAITING):
            if self._private.on or not self._cloud.up or not await self._ask(question):
                break
        for question in self.kept:
            if question.state in _TO_TELL and not await self._tell(question):
                break

    def _in(self, state: DeferredState) -> list[DeferredQuestion]:
        return [each for each in self._kept.values() if each.state is state]

    async def _expire(self) -> None:
        now_s = self._clock.wall_s()
        for question in self.kept:
            if question.state is DeferredState.WAITING and now_s - question.asked_wall_s >= EXPIRES_S:
                log.info("deferred question expired", question_id=question.id)
                await self._become(question, DeferredState.EXPIRED, "")
        for question in self._in(DeferredState.EXPIRED)[:-MAX_KEPT]:
            await self._drop(question, "expired")

    async def _drop(self, question: DeferredQuestion, why: str) -> None:
        self._kept.pop(question.id, None)
        await self._store.remove(question.id)
        self._publish(QuestionDropped(question_id=question.id, why=why))

    async def _ask(self, question: DeferredQuestion) -> bool:
        """False when the cloud can't answer anything now."""
        request = CloudQuestion(
            request_id=question.id,
            conversation_id=question.id,
            text=question.text,
            context=tuple(
                message
                for each in question.context
                for message in (Message("user", each.text), Message("assistant", each.reply))
            ),
            locale=self._locale,
            deadline_s=self._answer_timeout_s,
        )
        text = ""
        try:
            stream = self._egress.ask(self._cloud, request, turn_id=question.turn_id, why="deferred")
            async with asyncio.timeout(self._answer_timeout_s), closing(stream) as pieces:
                async for piece in pieces:
                    text += piece
        except (CloudError, TimeoutError) as exc:
            code = exc.code if isinstance(exc, CloudError) else "cloud-timeout"
            if code not in _NO_USE and code != "cloud-truncated":
                log.info("deferred question not answered", question_id=question.id, code=code)
                return False
        answer = " ".join(split_sentences(text)[:TOLD_SENTENCES]) or phrases.NO_ANSWER
        await self._become(question, DeferredState.ANSWERED, answer)
        return True

    async def _tell(self, question: DeferredQuestion) -> bool:
        """False when nothing can be told now."""
        if not self._may_tell(question):
            return False
        await self._idle()
        if not self._may_tell(question):
            return False
        await self._become(question, DeferredState.TELLING, question.answer)
        try:
            await self._say(_words(question))
        except EdgewiseError as exc:
            log.info("late answer not spoken", question_id=question.id, code=exc.code)
            await self._become(question, question.state, question.answer)
            return False
        self._kept.pop(question.id, None)
        await self._told(question)
        return True

    def _may_tell(self, question: DeferredQuestion) -> bool:
        return self._audible() and not self._quiet() and question.id in self._kept

    async def _become(self, question: DeferredQuestion, state: DeferredState, answer: str) -> None:
        """In the store first. One that was dropped meanwhile stays so."""
        await self._store.change(question.id, state, answer)
        if now := self._kept.get(question.id):
            self._kept[question.id] = dataclasses.replace(now, state=state, answer=answer)

    async def _all_told(self, questions: Sequence[DeferredQuestion]) -> None:
        for question in questions:
            await self._told(question)

    async def _told(self, question: DeferredQuestion) -> None:
        if question.state is DeferredState.EXPIRED:
            await self._drop(question, "expired")
            return
        await self._store.remove(question.id)
        waited_s = self._clock.wall_s() - question.asked_wall_s
        self._publish(QuestionAnswered(question_id=question.id, waited_s=waited_s))


def _words(question: DeferredQuestion) -> str:
    """What is told of it."""
    if question.state is DeferredState.EXPIRED:
        return phrases.too_late(question.text)
    return phrases.late_answer(question.text, question.answer)


def _newest(context: Sequence[Exchange], chars: int) -> tuple[Exchange, ...]:
    """As many of the newest as have no more characters than that."""
    kept: list[Exchange] = []
    for each in reversed(context):
        chars -= len(each.text) + len(each.reply)
        if chars < 0:
            break
        kept.append(each)
    return tuple(reversed(kept))
