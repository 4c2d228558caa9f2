"""Making the reply: a decision becomes a stream of text pieces.

Skills answer here, everything else in `open_questions`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable

import structlog

from assistant.dialog import phrases
from assistant.dialog.open_questions import OpenQuestions
from assistant.dialog.ports import PrivateMode
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Action, Decision
from assistant.errors import EdgewiseError, SkillError
from assistant.events import Event, failure
from assistant.nlu.understanding import Understanding
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.book import SkillBook
from assistant.streams import closing
from assistant.values import COMMAND, LASTING, IntentMatch, Outcome

log = structlog.get_logger(__name__)

IRREVERSIBLE_S = 0.7
"""What can't be taken back waits this long: the user may yet go on speaking."""

_OF_THEN = frozenset({"HassMediaPause", "HassMediaUnpause", "HassMediaNext", "HassMediaPrevious"})
"""What depends on what is playing when it is done."""

REHEARSAL_S = 0.2
"""A reply that takes longer isn't made ahead: the turn would wait for it."""


class Answerer:
    """Makes every reply of a turn."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        *,
        skills: SkillBook,
        skill_context: Callable[[], SkillContext],
        rehearsal: Callable[[], SkillContext],
        news: Callable[[], str],
        private: PrivateMode,
        open_questions: OpenQuestions,
        publish: Callable[[Event], None],
        skill_timeout_s: float,
        defer: Callable[[Question], IntentMatch | None] = lambda _: None,
    ) -> None:
        """`defer`: the request to answer a question once the link is back, to be confirmed; None for no such offer."""
        self._skills = skills
        self._skill_context = skill_context
        self._rehearsal = rehearsal
        self._news = news
        self._private = private
        self._open_questions = open_questions
        self._publish = publish
        self._skill_timeout_s = skill_timeout_s
        self._defer = defer

    @property
    def private(self) -> bool:
        """Whether nothing may leave the device."""
        return self._private.on

    @property
    def link_up(self) -> bool:
        """Whether the cloud can be asked; known without a network call."""
        return self._open_questions.link_up

    async def settle(self, question: Question, decide: Callable[[float], Decision]) -> Question:
        """The question with who answers it for good; see `OpenQuestions.settle`."""
        return await self._open_questions.settle(question, decide)

    async def foresee(self, understanding: Understanding, decision: Decision) -> str:
        """What the edge would reply; empty when only the doing can tell. Changes nothing."""
        match = understanding.match
        if match is None or decision.action not in {Action.SKILL, Action.ASK_BACK}:
            return ""  # fixed phrases are rendered ahead
        if decision.action is Action.ASK_BACK:
            return self._skills.ask_back(match, understanding.to_ask).text
        try:
            async with asyncio.timeout(REHEARSAL_S):
                replies = [await self._skills.rehearse(each, self._rehearsal()) for each in understanding.requests]
        except TimeoutError:
            return ""
        texts = [reply.text for reply in replies if reply]
        return " ".join(texts) if len(texts) == len(replies) else ""

    async def answer(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        """Stream the reply's text; `answer` is filled in while it runs. Nothing is raised but bugs."""
        answer.news = answer.news or self._news()
        if answer.news:
            yield f"{answer.news}\n"  # a sentence of its own: it is spoken while the answer is still being made
        decision = question.decision
        match decision.action:
            case Action.SKILL:
                yield await self._run_skill(question, answer)
            case Action.ASK_BACK:
                yield self._ask_back(question, answer)
            case _:
                async with closing(self._open_questions.answer(question, answer)) as pieces:
                    async for piece in pieces:
                        yield piece
        if answer.outcome is Outcome.OFFLINE and (offer := self._defer(question)):
            answer.pending, answer.expects_answer = offer, True
            yield f" {phrases.OFFER_LATER}"

    async def _run_skill(self, question: Question, answer: Answer) -> str:
        requests = question.understanding.requests
        assert requests, "the router gives a skill only what a skill claims"
        answer.intent = requests[0]
        if answer.action is None:
            if question.amendable and any(self._skills.irreversible(match.intent) for match in requests):
                await asyncio.sleep(IRREVERSIBLE_S)
            context = self._skill_context()
            answer.undo, answer.changed = context.undo, lambda: context.changed
            answer.action = asyncio.create_task(self._act_on_all(question, context))
        replies = list(zip(requests, await asyncio.shield(answer.action), strict=True))
        replies.sort(key=lambda each: each[1].expects_answer)  # a question of ours comes last
        match, last = replies[-1]
        answer.expects_answer = last.expects_answer
        if last.expects_answer:
            answer.outcome = Outcome.ASKED_BACK
            answer.pending = dataclasses.replace(match, confidence=1.0) if last.confirms else match
        elif not all(reply.ok for _, reply in replies):
            answer.outcome = Outcome.FAILED
        answer.acknowledges = all(reply.acknowledges for _, reply in replies)
        texts = [reply.text for _, reply in replies]
        if question.understanding.unread:
            answer.acknowledges = False
            texts.append(phrases.UNREAD)
        return " ".join(texts)

    async def _act_on_all(self, question: Question, context: SkillContext) -> list[SkillReply]:
        """One request after the other, whatever becomes of the one before."""
        return [await self._act(question, match, context) for match in question.understanding.requests]

    async def _act(self, question: Question, match: IntentMatch, context: SkillContext) -> SkillReply:
        try:
            async with asyncio.timeout(self._skill_timeout_s):
                doubt = await self._doubt_of(match) if COMMAND in match.slots and LASTING not in match.slots else None
                return doubt or await self._skills.handle(match, context)
        except TimeoutError:
            error = SkillError("skill-timeout", f"{match.intent} took over {self._skill_timeout_s:g} s", retryable=True)
            self._fail(question, error)
            return self._skills.overdue(match)

    async def _doubt_of(self, match: IntentMatch) -> SkillReply | None:
        """What is to be asked or told of a request for later that couldn't be done now either; None for nothing."""
        if match.intent in _OF_THEN:
            return None
        slots = {slot: value for slot, value in match.slots.items() if slot != COMMAND}
        reply = await self._skills.rehearse(dataclasses.replace(match, slots=slots), self._rehearsal())
        return reply if reply and (reply.expects_answer or not reply.ok) else None

    def _ask_back(self, question: Question, answer: Answer) -> str:
        understanding = question.understanding
        match = understanding.match
        assert match is not None, "the router asks back only about a skill's request"
        answer.outcome = Outcome.ASKED_BACK
        answer.expects_answer = True
        answer.intent = match
        answer.pending = match if understanding.to_ask else dataclasses.replace(match, confidence=1.0)
        return self._skills.ask_back(match, understanding.to_ask).text

    def _fail(self, question: Question, error: EdgewiseError) -> None:
        log.warning("answer failed", turn_id=question.turn_id, code=error.code, stage=error.stage)
        self._publish(failure(error, question.turn_id))
