"""Making the reply: a decision becomes a stream of text pieces.

Whatever goes wrong, the stream ends with a true sentence: an error before the first piece becomes a sentence instead
of the answer, a stream that dies half-way is closed at its last whole sentence and says that it was cut off.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from assistant.dialog import phrases
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.dialog.router import Action, Decision
from assistant.errors import CloudError, EdgewiseError, SkillError
from assistant.events import DataLeft, Event, Failed
from assistant.nlu.understanding import Understanding
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.book import SkillBook
from assistant.streams import closing, with_filler
from assistant.values import CloudQuestion, IntentMatch, Message, Outcome, new_id

log = structlog.get_logger(__name__)

_WAIT = f"{phrases.ONE_MOMENT}\n"
"""A sentence of its own."""
_INSTEAD_OF_CLOUD = {
    "cloud-busy": phrases.CLOUD_BUSY,
    "cloud-quota": phrases.CLOUD_QUOTA,
    "cloud-refused": phrases.CLOUD_REFUSED,
    "cloud-invalid": phrases.CLOUD_INVALID,
    "cloud-empty": phrases.NO_ANSWER,
}
"""What is said when the gateway is there and gives no answer; every other failure means that it can't be reached."""

IRREVERSIBLE_S = 0.7
"""What can't be taken back waits this long: the user may yet go on speaking."""

REHEARSAL_S = 0.2
"""A reply that takes longer isn't made ahead: the turn would wait for it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a reply is wanted to."""

    turn_id: str
    conversation_id: str
    text: str
    """What was said, as it was said."""
    understanding: Understanding
    decision: Decision
    amendable: bool
    """Whether the user may yet go on speaking, and mean something else."""
    context: tuple[Message, ...]
    aloud: bool = False
    """Somebody listens, and silence would make them wonder."""


@dataclass(slots=True)
class Answer:
    """What became of a reply; complete once its stream has ended."""

    outcome: Outcome = Outcome.ANSWERED
    expects_answer: bool = False
    intent: IntentMatch | None = None
    pending: IntentMatch | None = None
    """A request that waits for the user's answer to be complete."""
    acknowledges: bool = False
    """All that is said is that what was asked is done."""
    cut: bool = False
    """The stream broke: an unfinished sentence must not be spoken."""
    news: str = ""
    """What is told before the reply."""
    action: asyncio.Task[list[SkillReply]] | None = None
    """The skills at work, or done. It always comes to its end: who leaves must not leave things half done."""
    undo: Callable[[], Awaitable[None]] | None = None
    """Takes back what the skill did, where that can be. May raise StoreError."""
    changed: Callable[[], bool] = lambda: False
    """Whether there is something to take back."""


class Answerer:
    """Runs skills and the cloud for the turn."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        *,
        skills: SkillBook,
        skill_context: Callable[[], SkillContext],
        rehearsal: Callable[[], SkillContext],
        news: Callable[[], str],
        private: PrivateMode,
        cloud: CloudAgent,
        publish: Callable[[Event], None],
        locale: str,
        skill_timeout_s: float,
        patience_s: float,
        answer_timeout_s: float,
        cloud_configured: bool,
        defer: Callable[[str, Understanding], IntentMatch | None] = lambda *_: None,
    ) -> None:
        """`defer`: the request to answer a question once the link is back, to be confirmed; None for no such offer."""
        self._skills = skills
        self._skill_context = skill_context
        self._rehearsal = rehearsal
        self._news = news
        self._private = private
        self._cloud = cloud
        self._publish = publish
        self._locale = locale
        self._skill_timeout_s = skill_timeout_s
        self._patience_s = patience_s
        self._answer_timeout_s = answer_timeout_s
        self._cloud_configured = cloud_configured
        self._defer = defer
        self._said_offline = False

    @property
    def private(self) -> bool:
        """Whether nothing may leave the device."""
        return self._private.on

    @property
    def link_up(self) -> bool:
        """Whether the cloud can be asked; known without a network call."""
        return self._cloud.up

    async def foresee(self, understanding: Understanding, decision: Decision) -> str:
        """What the edge would reply; empty when only the doing can tell. Changes nothing."""
        match = understanding.match
        if match is None or decision.action not in {Action.SKILL, Action.ASK_BACK}:
            return ""  # fixed phrases are rendered ahead
        if decision.action is Action.ASK_BACK:
            return self._question_back(match, understanding.missing)
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
            case Action.CLARIFY:
                answer.outcome = Outcome.NOT_UNDERSTOOD
                yield phrases.CLARIFY
            case Action.UNABLE:
                answer.outcome = Outcome.NOT_UNDERSTOOD
                yield phrases.UNABLE
            case Action.PRIVATE_MESSAGE:
                answer.outcome = Outcome.NOT_UNDERSTOOD
                yield phrases.private(len(question.context) // 2, self._cloud.address if self._cloud_configured else "")
            case Action.OFFLINE_MESSAGE:
                yield self._offline(answer)
            case Action.CLOUD:
                async with closing(self._ask_cloud(question, answer)) as pieces:
                    async for piece in pieces:
                        yield piece
        if answer.outcome is Outcome.OFFLINE and (offer := self._defer(question.text, question.understanding)):
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
                return await self._skills.handle(match, context)
        except TimeoutError:
            error = SkillError("skill-timeout", f"{match.intent} took over {self._skill_timeout_s:g} s", retryable=True)
            self._fail(question, error)
            return self._skills.overdue(match)

    def _ask_back(self, question: Question, answer: Answer) -> str:
        understanding = question.understanding
        match = understanding.match
        assert match is not None, "the router asks back only about a skill's request"
        answer.outcome = Outcome.ASKED_BACK
        answer.expects_answer = True
        answer.intent = match
        answer.pending = match if understanding.missing else dataclasses.replace(match, confidence=1.0)
        return self._question_back(match, understanding.missing)

    def _question_back(self, match: IntentMatch, missing: tuple[str, ...]) -> str:
        return self._skills.ask_back(match, missing).text if missing else phrases.CONFIRM

    def _offline(self, answer: Answer) -> str:
        answer.outcome = Outcome.OFFLINE
        if not self._cloud_configured:
            return phrases.NOT_CONFIGURED
        text = phrases.OFFLINE_SHORT if self._said_offline else phrases.OFFLINE
        self._said_offline = True
        return text

    async def _ask_cloud(self, question: Question, answer: Answer) -> AsyncIterator[str]:
        text = question.text
        request = CloudQuestion(
            request_id=new_id(),
            conversation_id=question.conversation_id,
            text=text,
            context=question.context,
            locale=self._locale,
            deadline_s=self._answer_timeout_s,
        )
        size = sum(len(part.encode()) for part in (text, *(message.text for message in question.context)))
        self._publish(
            DataLeft(turn_id=question.turn_id, to=self._cloud.address, bytes=size, why=question.decision.reason)
        )
        spoken = False
        try:
            stream = self._cloud.converse(request)
            patience_s = self._patience_s if question.aloud else self._answer_timeout_s
            async with closing(with_filler(stream, patience_s, _WAIT)) as pieces:
                async for piece in pieces:
                    spoken |= piece is not _WAIT
                    yield piece
        except CloudError as exc:
            if exc.code == "cloud-truncated":
                answer.cut = True
                yield f" {phrases.TRUNCATED}"
                return
            self._fail(question, exc)
            answer.outcome = Outcome.FAILED
            answer.cut = spoken
            yield f" {phrases.CUT_OFF}" if spoken else self._instead_of_cloud(exc, answer)
        else:
            self._said_offline = False
            if not spoken:
                yield phrases.NO_ANSWER

    def _instead_of_cloud(self, error: CloudError, answer: Answer) -> str:
        return _INSTEAD_OF_CLOUD.get(error.code) or self._offline(answer)

    def _fail(self, question: Question, error: EdgewiseError) -> None:
        log.warning("answer failed", turn_id=question.turn_id, code=error.code, stage=error.stage)
        self._publish(
            Failed(
                code=error.code,
                message=error.message,
                stage=error.stage,
                retryable=error.retryable,
                turn_id=question.turn_id,
            )
        )
