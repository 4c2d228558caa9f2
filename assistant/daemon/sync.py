"""The conversation history: what is remembered, what is shared with the home's other devices, what is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from assistant.cloud.client import GrpcCloud
from assistant.cloud.sync import Synchroniser
from assistant.daemon.background import Background
from assistant.daemon.ledger import make_redactor
from assistant.errors import ControlError, StoreError
from assistant.events import DataLeft, EventBus, LinkChanged, PrivateModeChanged
from assistant.settings import Settings
from assistant.store.database import Database
from assistant.store.history import SqliteHistory
from assistant.store.outbox import SqliteOutbox
from assistant.store.turns import SqliteTurnStore
from assistant.values import Clock, PastTurn

log = structlog.get_logger(__name__)

EXPIRY_S = 86_400.0
"""Old turns are looked for this often."""
FIRST_EXPIRY_S = 60.0
"""And the first time so long after the start, when there is less to do."""


class History:
    """Made with the database; `connect` once there is a way to the gateway."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, forgot: Callable[[Collection[str]], None]
    ) -> None:
        """`forgot` is told the ids of turns that are forgotten, here or elsewhere."""
        self._settings = settings
        self._clock = clock
        self._forgot = [forgot]
        self._history = SqliteHistory(database)
        self._outbox = SqliteOutbox(database, self._tell_forgotten)
        self._sync: Synchroniser | None = None
        self.turns = SqliteTurnStore(database, share=self.shares, stored=self._wake)

    @property
    def shares(self) -> bool:
        """Whether turns go to the gateway."""
        return self._settings.cloud.sync and bool(self._settings.cloud.address)

    @property
    def problems(self) -> tuple[str, ...]:
        return (self._sync.problem,) if self._sync and self._sync.problem else ()

    def connect(self, cloud: GrpcCloud, private: Callable[[], bool], bus: EventBus, background: Background) -> None:
        """Start what goes on beside: letting old turns go, and, where turns are shared, keeping in step."""
        background.run("history", self._expire)
        if not self.shares:
            return

        def publish(event: DataLeft) -> None:
            bus.publish(event)

        self._sync = Synchroniser(
            self._outbox,
            cloud.exchange,
            address=cloud.address,
            allowed=lambda: cloud.up and not private(),
            conceal=make_redactor(self._settings).exchange,
            publish=publish,
            clock=self._clock,
            interval_s=self._settings.cloud.sync_interval_s,
        )
        background.run("sync", self._sync.run)
        background.run("sync wake-up", lambda: self._wake_on_events(bus))

    async def newest(self, limit: int, device: str) -> Sequence[PastTurn]:
        """See `store.history`. Raises StoreError."""
        return await self._history.newest(limit, device)

    async def forget(self, turn_id: str) -> int:
        """Forget this turn; 1. Raises StoreError, ControlError `turn-unknown`."""
        ids = await self._history.forget_turn(turn_id, now_s=self._clock.wall_s())
        if not ids:
            hint = "`assistant history list` shows the ids."
            raise ControlError("turn-unknown", "the history has no turn with that id", hint=hint)
        return self._forgotten(ids)

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        """Forget turns by when they began; how many there were. Raises StoreError."""
        return self._forgotten(await self._history.forget_between(since_s, before_s, now_s=self._clock.wall_s()))

    def _forgotten(self, ids: Sequence[str]) -> int:
        self._tell_forgotten(ids)
        self._wake()
        return len(ids)

    def on_forget(self, forgot: Callable[[Collection[str]], None]) -> None:
        """Tell this one as well."""
        self._forgot.append(forgot)

    def _tell_forgotten(self, ids: Collection[str]) -> None:
        for forgot in self._forgot:
            forgot(ids)

    def _wake(self) -> None:
        if self._sync:
            self._sync.wake()

    async def _wake_on_events(self, bus: EventBus) -> None:
        with bus.subscribe(64) as events:
            async for event in events:
                if isinstance(event, LinkChanged | PrivateModeChanged):
                    self._wake()

    async def _expire(self) -> None:
        wait_s = FIRST_EXPIRY_S
        while self._settings.store.history_days:
            await asyncio.sleep(wait_s)
            wait_s = EXPIRY_S
            try:
                gone = await self._history.expire(self._settings.store.history_days, now_s=self._clock.wall_s())
            except StoreError as exc:
                log.error("history-not-expired", code=exc.code)
                continue
            if gone:
                log.info("history-expired", turns=gone)
