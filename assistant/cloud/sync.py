"""Keeps this device's turns and those of the home's other devices in step with the gateway, over `Sync`.

What is to be sent waits in the outbox, where it was put in the same transaction as the turn itself. A batch leaves it
only when the gateway has said that it has it; what is received is stored together with the cursor behind it. So
whoever dies in between, and however often a batch is sent, each turn is everywhere once.

Nothing is sent while private mode is on, or while the link is down.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from assistant.backoff import Backoff
from assistant.errors import CloudError, EdgewiseError, StoreError
from assistant.events import DataLeft
from assistant.values import Clock, SharedTurn, SyncBatch

log = structlog.get_logger(__name__)

EXCHANGE_S = 20.0
MAX_ENTRIES = 100
MAX_RECEIVED = 200
"""Turns and deletions that one reply may bring."""
RETRY_FIRST_S = 1.0
RETRY_LONGEST_S = 300.0
JITTER = 0.5


class SyncStore(Protocol):
    """What waits to be sent, and where it goes that was received. Every method raises StoreError."""

    async def batch(self, limit: int) -> SyncBatch:
        """The oldest of what waits, at most `limit` turns and deletions, and the cursor that was stored last."""

    async def settle(self, sent: SyncBatch, received: SyncBatch, *, now_s: float) -> None:
        """In one transaction: `sent` waits no longer, `received` and its cursor are stored."""

    async def refuse(self, batch: SyncBatch) -> None:
        """The gateway won't ever take these: they wait no longer, and are kept."""


Conceal = Callable[[str, str], tuple[str, str]]
"""What was said and replied -> the same as it may leave."""


def _nothing(text: str, reply: str) -> tuple[str, str]:
    return text, reply


class Synchroniser:
    """`run` it; `wake` it when there is something new, or when something may be possible again."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed in by the composition root
        self,
        store: SyncStore,
        exchange: Callable[[bytes, float], Awaitable[bytes]],
        *,
        address: str,
        allowed: Callable[[], bool],
        conceal: Conceal = _nothing,
        publish: Callable[[DataLeft], None],
        clock: Clock,
        interval_s: float,
    ) -> None:
        """`exchange` sends a SyncRequest's bytes within so many seconds, and returns the reply's; it raises CloudError.

        `allowed`: whether anything may be sent now. `conceal` hides what needn't be known. `interval_s`: look for
        news of others this often.
        """
        self.problem = ""
        """Why turns aren't in step, for people; empty while they are, or wait for the link."""
        self._store = store
        self._exchange = exchange
        self._address = address
        self._allowed = allowed
        self._conceal = conceal
        self._publish = publish
        self._clock = clock
        self._interval_s = interval_s
        self._woken = asyncio.Event()
        self._woken.set()
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_LONGEST_S, jitter=JITTER)
        self._limit = MAX_ENTRIES

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Keep in step until cancelled."""
        while True:
            await self._wait(self._interval_s)
            if not self._allowed():
                continue
            try:
                await self.catch_up()
            except (CloudError, StoreError) as exc:
                self._note(exc)
                await asyncio.sleep(self._backoff.next_s())  # woken or not: new turns don't mend what failed
                self._woken.set()
            else:
                self.problem = ""
                self._backoff.reset()

    async def catch_up(self) -> None:
        """Exchange batches until nothing waits on either side, or it is no longer allowed.

        Raises:
            CloudError, StoreError: nothing is lost; try again.
        """
        while self._allowed():
            batch = await self._store.batch(self._limit)
            if not self._allowed() or not await self._exchange_one(batch):
                return

    async def _wait(self, longest_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._woken.wait()
        self._woken.clear()

    async def _exchange_one(self, batch: SyncBatch) -> bool:
        """Whether there may be more to exchange."""
        request = _request(batch, self._conceal)
        entries = len(batch.turns) + len(batch.forgotten)
        if entries:
            self._publish(DataLeft(turn_id="", to=self._address, bytes=len(request), why="sync"))
        try:
            async with asyncio.timeout(EXCHANGE_S + 1.0):
                data = await self._exchange(request, EXCHANGE_S)
        except TimeoutError as exc:
            raise CloudError("cloud-timeout", "the gateway didn't answer in time", retryable=True) from exc
        except CloudError as exc:
            if exc.code != "cloud-invalid" or not entries:
                raise
            await self._narrow_down(batch, entries)
            return True
        received, stored, more = _read(data)
        sent = SyncBatch(tuple(turn for turn in batch.turns if turn.id in stored), batch.forgotten, b"")
        if len(sent.turns) < len(batch.turns):
            log.warning("sync-incomplete", unsent=len(batch.turns) - len(sent.turns))
        if sent.turns or sent.forgotten or received.turns or received.forgotten or received.cursor != batch.cursor:
            await self._store.settle(sent, received, now_s=self._clock.wall_s())
        if batch.turns and not sent.turns:
            raise CloudError("cloud-protocol", "the gateway keeps none of the turns that it is sent", retryable=True)
        narrowed, self._limit = self._limit < MAX_ENTRIES, MAX_ENTRIES
        return more or narrowed or entries > 1  # one alone was all: any two fit into a batch

    async def _narrow_down(self, batch: SyncBatch, entries: int) -> None:
        """One of these is refused: find out which, by itself, so that it doesn't hold up the others for ever."""
        if entries > 1:
            self._limit = max(1, entries // 2)
            return
        log.error("sync-refused", hint="one turn stays on this device")
        await self._store.refuse(batch)
        self._limit = MAX_ENTRIES

    def _note(self, error: EdgewiseError) -> None:
        log.warning("sync-failed", code=error.code, message=error.message)
        self.problem = f"The conversation history isn't in step with the gateway: {error}"


def _request(batch: SyncBatch, conceal: Conceal) -> bytes:
    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - pulls in protobuf

    request = cloud_pb2.SyncRequest(cursor=batch.cursor, forgotten_turn_ids=batch.forgotten)
    for turn in batch.turns:
        text, reply = conceal(turn.text, turn.reply)
        request.turns.add(
            turn_id=turn.id,
            conversation_id=turn.conversation_id,
            started_ms=turn.started_ms,
            utterance=text,
            reply=reply,
        )
    return bytes(request.SerializeToString())


def _read(data: bytes) -> tuple[SyncBatch, frozenset[str], bool]:
    """What a reply brings, which turns the gateway has, and whether there is more. Raises CloudError."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - heavy

    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - pulls in protobuf

    try:
        reply = cloud_pb2.SyncReply.FromString(data)
    except DecodeError as exc:
        raise CloudError("cloud-protocol", "the gateway's messages can't be read") from exc
    if len(reply.turns) + len(reply.forgotten_turn_ids) > MAX_RECEIVED or not all(turn.turn_id for turn in reply.turns):
        raise CloudError("cloud-protocol", "the gateway sends turns that make no sense")
    turns = tuple(
        SharedTurn(turn.turn_id, turn.conversation_id, turn.device_id, turn.started_ms, turn.utterance, turn.reply)
        for turn in reply.turns
    )
    received = SyncBatch(turns, tuple(reply.forgotten_turn_ids), reply.cursor)
    return received, frozenset(reply.stored_turn_ids), reply.more
