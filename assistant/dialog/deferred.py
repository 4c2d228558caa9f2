"""Open questions that came while the cloud was away: asked once it is back, their answers told when the room is quiet.

    waiting --asked--> answered --marked--> telling --told--> gone          any but telling, a day old: gone

What is marked is never told again, also when the device is switched off in mid-sentence: told twice is worse than cut
short. In private mode nothing is asked; in quiet hours nothing is told aloud; both go on afterwards.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from assistant.dialog import phrases
from assistant.dialog.egress import Egress
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.errors import CloudError, EdgewiseError
from assistant.events import Event, LinkChanged, PrivateModeChanged, QuestionAnswered, QuestionDeferred
from assistant.sentences import split_sentences
from assistant.skills.deferred import Became
from assistant.streams import closing
from assistant.values import Clock, CloudQuestion, DeferredQuestion, DeferredState, new_id

log = structlog.get_logger(__name__)

EXPIRES_S = 86_400.0
MAX_KEPT = 10
POLL_S = 60.0
"""While something is kept, what no event tells of (a schedule, an hour) is looked at this often."""
TOLD_SENTENCES = 3
"""A late answer is no longer than this."""
_NO_USE = frozenset({"cloud-invalid", "cloud-empty"})
"""Codes after which asking the same again is of no use."""


class DeferredStore(Protocol):
    """Keeps the questions. All raise StoreError, and are durable when they return."""

    async def save(self, question: DeferredQuestion) -> None: ...

    async def remove(self, question_id: str) -> None: ...

    async def all(self) -> Sequence[DeferredQuestion]:
        """In the order in which they were asked."""


class DeferredQuestions:
    """skills.deferred.Keeper. Call `start`, then `run` for as long as the assistant does."""

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

    async def keep(self, text: str) -> Became:
        """Keep a question, unless it is there already or there is no room. Raises StoreError."""
        if any(each.text.casefold() == text.casefold() for each in self._waiting()):
            return "already"
        if len(self._kept) >= MAX_KEPT:
            return "full"
        question = DeferredQuestion(new_id(), text, self._clock.wall_s())
        self._kept[question.id] = question
        try:
            await self._store.save(question)
        except EdgewiseError:
            del self._kept[question.id]
            raise
        self._publish(QuestionDeferred(question_id=question.id))
        self._more.set()
        return "kept"

    def news(self, later: Callable[[Coroutine[Any, Any, None]], object]) -> str:
        """Answers that nothing can say aloud, for before a reply; empty for none. `later` does what is left to do."""
        answered = [each for each in self._kept.values() if each.state is DeferredState.ANSWERED]
        if self._audible() or not answered:
            return ""
        for question in answered:
            del self._kept[question.id]
        later(self._all_told(answered))
        return " ".join(phrases.late_answer(each.text, each.answer) for each in answered)

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
        for question in self._waiting():
            if self._private.on or not self._cloud.up or not await self._ask(question):
                break
        for question in self.kept:
            if question.state is DeferredState.ANSWERED and not await self._tell(question):
                break

    def _waiting(self) -> list[DeferredQuestion]:
        return [each for each in self._kept.values() if each.state is DeferredState.WAITING]

    async def _expire(self) -> None:
        now_s = self._clock.wall_s()
        for question in self.kept:
            if now_s - question.asked_wall_s >= EXPIRES_S:
                log.info("deferred question expired", question_id=question.id)
                del self._kept[question.id]
                await self._store.remove(question.id)

    async def _ask(self, question: DeferredQuestion) -> bool:
        """False when the cloud can't answer anything now."""
        request = CloudQuestion(
            request_id=question.id,
            conversation_id=question.id,
            text=question.text,
            context=(),
            locale=self._locale,
            deadline_s=self._answer_timeout_s,
        )
        text = ""
        try:
            stream = self._egress.ask(self._cloud, request, turn_id="", why="deferred")
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
            await self._say(phrases.late_answer(question.text, question.answer))
        except EdgewiseError as exc:
            log.info("late answer not spoken", question_id=question.id, code=exc.code)
            await self._become(question, DeferredState.ANSWERED, question.answer)
            return False
        del self._kept[question.id]
        await self._told(question)
        return True

    def _may_tell(self, question: DeferredQuestion) -> bool:
        return self._audible() and not self._quiet() and question.id in self._kept

    async def _become(self, question: DeferredQuestion, state: DeferredState, answer: str) -> None:
        changed = dataclasses.replace(question, state=state, answer=answer)
        await self._store.save(changed)
        self._kept[question.id] = changed

    async def _all_told(self, questions: Sequence[DeferredQuestion]) -> None:
        for question in questions:
            await self._told(question)

    async def _told(self, question: DeferredQuestion) -> None:
        await self._store.remove(question.id)
        waited_s = self._clock.wall_s() - question.asked_wall_s
        self._publish(QuestionAnswered(question_id=question.id, waited_s=waited_s))
