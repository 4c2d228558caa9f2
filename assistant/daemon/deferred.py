"""Deferred questions, built and joined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, tzinfo

from assistant.control.ports import KeptQuestion
from assistant.daemon.background import Background
from assistant.daemon.sync import History
from assistant.dialog.context import Context
from assistant.dialog.deferred import DeferredQuestions
from assistant.dialog.egress import Egress
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.dialog.privacy import read_schedule, within
from assistant.dialog.reply import Question
from assistant.events import EventBus
from assistant.settings import Settings
from assistant.skills.book import SkillBook
from assistant.skills.deferred import INTENT, Became, DeferQuestion, offer
from assistant.store.database import Database
from assistant.store.deferred import SqliteDeferred
from assistant.values import Clock, DeferredQuestion, IntentMatch, Layer


class Deferred:
    """`control.ports.KeptQuestions`, `skills.deferred.Keeper`."""

    def __init__(self, questions: DeferredQuestions, context: Context, context_turns: int) -> None:
        self._questions = questions
        self._context = context
        self._context_turns = context_turns
        self.news = questions.news

    @property
    def capacity(self) -> int:
        return self._questions.capacity

    async def keep(self, turn_id: str) -> Became:
        """Keep what was asked in a turn, with the conversation before it. Raises StoreError."""
        found = self._context.asked_in(turn_id, self._context_turns)
        if found is None:
            return "gone"
        asked, before = found
        return await self._questions.keep(asked.text, turn_id, before)

    def all(self) -> Sequence[KeptQuestion]:
        """In the order in which they were asked."""
        return [_kept(each) for each in self._questions.kept]

    async def cancel(self, question_id: str) -> KeptQuestion:
        """Drop one. Raises EdgewiseError `question-unknown`."""
        return _kept(await self._questions.cancel(question_id))


def _kept(question: DeferredQuestion) -> KeptQuestion:
    return KeptQuestion(question.id, question.text, question.asked_wall_s, question.state.value, question.answer)


async def start_deferred(  # noqa: PLR0913 - each is one collaborator
    settings: Settings,
    *,
    database: Database,
    cloud: CloudAgent,
    egress: Egress,
    private: PrivateMode,
    audible: Callable[[], bool],
    say: Callable[[str], Awaitable[None]],
    idle: Callable[[], Awaitable[None]],
    clock: Clock,
    zone: tzinfo,
    bus: EventBus,
    skills: SkillBook,
    history: History,
    context: Context,
    background: Background,
    stack: AsyncExitStack,
) -> Deferred:
    """Questions kept from now on and from earlier. Raises StoreError."""
    quiet_hours = read_schedule(settings.skills.quiet_hours)
    questions = DeferredQuestions(
        store=SqliteDeferred(database),
        cloud=cloud,
        egress=egress,
        private=private,
        quiet=lambda: within(datetime.fromtimestamp(clock.wall_s(), zone).time(), quiet_hours),
        audible=audible,
        say=say,
        idle=idle,
        clock=clock,
        publish=bus.publish,
        locale=settings.locale.language,
        answer_timeout_s=settings.cloud.answer_timeout_s,
    )
    await questions.start()
    history.on_forget(questions.forget)
    deferred = Deferred(questions, context, settings.cloud.context_turns)
    if settings.cloud.address:
        skills.add(DeferQuestion(skills.replies, deferred), INTENT, skills.replies.intents)
        events = stack.enter_context(bus.subscribe(64))
        background.run("deferred questions", lambda: questions.run(events))
    return deferred


def offer_for(question: Question) -> IntentMatch | None:
    """The offer to answer it later; None for what the cloud wouldn't have been asked."""
    wanted = question.understanding.open_question or question.understanding.layer is Layer.CLOUD
    return offer(question.turn_id) if wanted else None
