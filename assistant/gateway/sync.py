"""`Sync` of `edgewise.cloud.v1.Cloud`: the histories of homes, kept and shared among their devices.

Whose turns they are follows from the token. Where a gateway on loopback needs no tokens, whoever calls is the one
device `LOCAL_ID` of the home `home`; a history that other gateways share is kept for devices with tokens only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from assistant.errors import BusyError, GatewayError, StoreError
from assistant.gateway.access import Access
from assistant.gateway.devices import HOME
from assistant.gateway.history import Asker, History
from assistant.gateway.requests import read_sync_request, receive
from assistant.gateway.statuses import abort
from assistant.values import SyncBatch

log = structlog.get_logger(__name__)

LOCAL_ID = "00000000-0000-7000-8000-000000000000"
"""The device that calls a gateway without tokens."""
MAX_AT_ONCE = 32
"""Exchanges under way, all devices together; more are refused."""
EXPIRY_S = 3_600.0
"""Old turns are looked for this often."""


class SyncService:
    """The servicer's other half."""

    def __init__(
        self,
        history: History | None,
        access: Access | None,
        *,
        history_days: int,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """Turns are kept for `history_days`; 0 for ever. Without `history` nothing is kept, and every call refused."""
        self._history = history
        self._access = access
        self._history_days = history_days
        self._wall_s = wall_s
        self._busy: set[str] = set()
        """Devices that are being served."""

    async def sync(self, _: Any, context: Any) -> None:
        """One batch each way."""
        try:
            history = self._history
            if history is None:
                raise GatewayError("sync-unserved", "this gateway keeps no history")
            who = self._who(history, context.invocation_metadata() or ())
            with self._alone(who.device_id):
                sent, problem = read_sync_request(await receive(context))
                if problem:
                    raise GatewayError("invalid", problem)
                now_ms = round(self._wall_s() * 1000)
                given, more = await history.exchange(who, sent, now_ms=now_ms)
            reply = _reply(sent, given, more=more)
        except (GatewayError, BusyError, StoreError) as exc:
            log.warning("sync-failed", code=exc.code, message=exc.message)
            await abort(context, exc)
        except Exception:
            log.exception("sync-crashed")
            await abort(context, GatewayError("crashed", "the gateway made a mistake"))
        else:
            log.debug("synced", kept=len(sent.turns), forgotten=len(sent.forgotten), given=len(given.turns))
            await context.write(reply)

    async def run(self) -> None:
        """Let old turns go, until cancelled. Returns at once where they are kept for ever, or not at all."""
        while self._history and self._history_days:
            try:
                gone = await self._history.expire(self._history_days, now_ms=round(self._wall_s() * 1000))
            except StoreError as exc:
                log.error("history-not-expired", code=exc.code, message=exc.message)
            else:
                if gone:
                    log.info("history-expired", turns=gone)
            await asyncio.sleep(EXPIRY_S)

    def _who(self, history: History, metadata: Any) -> Asker:
        """The device that calls. Raises GatewayError."""
        if self._access:
            device = self._access.identify(metadata)
            return Asker(device.home, device.id)
        if history.shared:
            raise GatewayError("token-missing", 'a history that gateways share needs gateway.tokens = "required"')
        return Asker(HOME, LOCAL_ID)

    @contextlib.contextmanager
    def _alone(self, device_id: str) -> Iterator[None]:
        """One exchange of a device at a time, and not too many by all."""
        if device_id in self._busy:
            raise GatewayError("device-busy", "another exchange of this device is under way", retryable=True)
        if len(self._busy) >= MAX_AT_ONCE:
            raise BusyError("the gateway")
        self._busy.add(device_id)
        try:
            yield
        finally:
            self._busy.discard(device_id)


def _reply(sent: SyncBatch, given: SyncBatch, *, more: bool) -> bytes:
    from assistant._pb.edgewise.cloud.v1 import cloud_pb2  # noqa: PLC0415 - heavy

    reply = cloud_pb2.SyncReply(
        stored_turn_ids=[turn.id for turn in sent.turns],
        cursor=given.cursor,
        more=more,
        forgotten_turn_ids=given.forgotten,
    )
    for turn in given.turns:
        reply.turns.add(
            turn_id=turn.id,
            conversation_id=turn.conversation_id,
            device_id=turn.device_id,
            started_ms=turn.started_ms,
            utterance=turn.text,
            reply=turn.reply,
        )
    return bytes(reply.SerializeToString())
