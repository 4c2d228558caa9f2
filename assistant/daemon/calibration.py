"""Comparing the edge with the cloud, on purpose and in the background: `calibration.enabled`.

Of the turns that the edge answered, `calibration.sample_share` are asked once more of the cloud, with the same context,
and then, in both orders, which answer was better. All three questions leave by the gate (`dialog.egress`), written down
as `calibration`.
What a skill did is compared as well: a request that was misread is what the threshold is for. Not compared: turns in
private mode, and what failed.

Overflow policy: at most MAX_WAITING turns wait, then the oldest goes uncompared. One is compared at a time, when
nothing has been said for QUIET_S, at most one every PAUSE_S.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import structlog

from assistant.dialog.egress import Egress
from assistant.dialog.grade import agreed, grader_prompt, read_verdict
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.errors import CloudError, StoreError
from assistant.records import Verdict
from assistant.settings import Settings
from assistant.store.ledger import SqliteLedger
from assistant.streams import closing
from assistant.values import CloudQuestion, Layer, Message, Outcome, TurnRecord, new_id

log = structlog.get_logger(__name__)

WHY = "calibration"
MAX_WAITING = 16
QUIET_S = 5.0
PAUSE_S = 20.0
MAX_ANSWER_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A turn to compare."""

    record: TurnRecord
    context: tuple[Message, ...]


class Comparer:
    """Picks turns, asks the cloud the same, has both answers graded."""

    def __init__(  # noqa: PLR0913 - each is one collaborator
        self,
        settings: Settings,
        *,
        egress: Egress,
        cloud: CloudAgent,
        ledger: SqliteLedger,
        private: Callable[[], PrivateMode],
        context: Callable[[str, int], tuple[Message, ...]],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`context` gives the exchanges of a conversation, so many at most; `chance` draws from 0 to 1."""
        self._settings = settings
        self._egress = egress
        self._cloud = cloud
        self._ledger = ledger
        self._private = private
        self._context = context
        self._chance = chance
        self._waiting: deque[_Waiting] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()
        self._heard_s = 0.0

    def ended(self, record: TurnRecord) -> None:
        """A turn was written down; perhaps it is one to compare."""
        self._heard_s = asyncio.get_running_loop().time()
        wanted = (
            record.layer == Layer.EDGE
            and record.outcome is Outcome.ANSWERED
            and record.confidence > 0
            and record.reply
            and not self._private().on
        )
        if not wanted or self._chance() >= self._settings.calibration.sample_share:
            return
        context = self._context(record.conversation_id, self._settings.cloud.context_turns + 1)
        self._waiting.append(_Waiting(record, _before(record, context)))
        self._news.set()

    async def run(self) -> None:
        """Compare what waits, whenever it is quiet, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            while (left_s := self._heard_s + QUIET_S - loop.time()) > 0:  # noqa: ASYNC110 - not polled: until then
                await asyncio.sleep(left_s)
            if self._cloud.up and self._waiting:
                await self._compare(self._waiting.popleft())
            await asyncio.sleep(PAUSE_S)

    async def _compare(self, waiting: _Waiting) -> None:
        """What can't be had now isn't had at all: there are other turns."""
        record = waiting.record
        try:
            answer = await self._ask(record.id, record.conversation_id, record.text, waiting.context)
            verdict = agreed(
                await self._grade(record, answer, edge_first=True), await self._grade(record, answer, edge_first=False)
            )
            await self._ledger.rate(record.id, verdict, answer)
        except (CloudError, StoreError) as exc:
            log.info("not compared", turn_id=record.id, code=exc.code)
            return
        log.info("compared", turn_id=record.id, verdict=verdict.value, rated=verdict is not Verdict.UNRATED)

    async def _grade(self, record: TurnRecord, answer: str, *, edge_first: bool) -> Verdict:
        prompt = grader_prompt(record.text, record.reply, answer, edge_first=edge_first)
        return read_verdict(await self._ask(record.id, new_id(), prompt, ()), edge_first=edge_first)

    async def _ask(self, turn_id: str, conversation_id: str, text: str, context: tuple[Message, ...]) -> str:
        """The cloud's whole answer. Raises CloudError."""
        question = CloudQuestion(
            request_id=new_id(),
            conversation_id=conversation_id,
            text=text,
            context=context,
            locale=self._settings.locale.language,
            deadline_s=self._settings.cloud.answer_timeout_s,
        )
        return await whole(self._egress.ask(self._cloud, question, turn_id=turn_id, why=WHY))


def _before(record: TurnRecord, context: tuple[Message, ...]) -> tuple[Message, ...]:
    """What was said before a turn, which is itself in its context by now; nothing when it isn't."""
    own = Message("user", record.text), Message("assistant", record.reply)
    found = [at for at in range(len(context) - 1) if context[at : at + 2] == own]
    return context[: found[-1]] if found else ()


async def whole(pieces: AsyncIterator[str]) -> str:
    """An answer in one piece, MAX_ANSWER_CHARS at most; one that the model's own limit cut is taken as it is."""
    answer = ""
    try:
        async with closing(pieces) as stream:
            async for piece in stream:
                answer += piece
                if len(answer) > MAX_ANSWER_CHARS:
                    break
    except CloudError as exc:
        if exc.code != "cloud-truncated":
            raise
    return answer[:MAX_ANSWER_CHARS]
