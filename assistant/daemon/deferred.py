"""Deferred questions, built and joined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, tzinfo

from assistant.daemon.background import Background
from assistant.dialog.deferred import DeferredQuestions
from assistant.dialog.egress import Egress
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.dialog.privacy import read_schedule, within
from assistant.events import EventBus
from assistant.nlu.understanding import Understanding
from assistant.settings import Settings
from assistant.skills.book import SkillBook
from assistant.skills.deferred import INTENT, DeferQuestion, offer
from assistant.store.database import Database
from assistant.store.deferred import SqliteDeferred
from assistant.values import Clock, IntentMatch, Layer


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
    background: Background,
    stack: AsyncExitStack,
) -> DeferredQuestions:
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
    if settings.cloud.address:
        skills.add(DeferQuestion(skills.replies, questions), INTENT, skills.replies.intents)
        events = stack.enter_context(bus.subscribe(64))
        background.run("deferred questions", lambda: questions.run(events))
    return questions


def offer_for(text: str, understanding: Understanding) -> IntentMatch | None:
    """The offer to answer it later; None for what the cloud wouldn't have been asked."""
    wanted = understanding.open_question or understanding.layer is Layer.CLOUD
    return offer(text) if wanted else None
