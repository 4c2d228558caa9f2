"""The assistant's books: its turns, how each was routed, and what left the device, on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from assistant.daemon.background import Background
from assistant.daemon.calibration import Comparer
from assistant.dialog.context import Context
from assistant.dialog.egress import Egress
from assistant.dialog.ledger import Ledger
from assistant.dialog.ports import CloudAgent, PrivateMode
from assistant.dialog.redact import Redactor
from assistant.events import Event, EventBus
from assistant.records import Departure, Route
from assistant.settings import Settings
from assistant.store.database import Database
from assistant.store.egress import SqliteEgress
from assistant.store.ledger import SqliteLedger, beside_turn
from assistant.store.turns import SqliteTurnStore
from assistant.values import Clock, TurnRecord


class Books:
    """dialog.ports.TurnStore: a turn and its line in the ledger are written in one transaction."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it keeps, and what it hears
        self,
        settings: Settings,
        database: Database,
        turns: SqliteTurnStore,
        clock: Clock,
        bus: EventBus,
        private: Callable[[], PrivateMode],
    ) -> None:
        self._turns = turns
        self._log = SqliteEgress(database)
        self._bus = bus
        self._settings = settings
        self._private = private
        self._lines = SqliteLedger(database)
        self._written: Callable[[TurnRecord], None] | None = None
        self.ledger = Ledger(settings.cloud.first_token_timeout_s)
        redactor = Redactor(settings.privacy.redact, settings.privacy.names, settings.locale.language)
        self.egress = Egress(self._log, redactor, private, bus.publish, clock)

    def start(self, stack: AsyncExitStack, background: Background) -> None:
        """Begin to listen to what happens."""
        stack.enter_context(self._bus.watch(self._overheard))
        background.run("egress log", self.egress.write_overheard)

    def compare(self, cloud: CloudAgent, context: Context, background: Background) -> None:
        """Have the cloud answer as well what the edge answered, where that is wanted."""
        settings = self._settings
        if settings.calibration.enabled and settings.cloud.address:
            comparer = Comparer(
                settings,
                egress=self.egress,
                cloud=cloud,
                ledger=self._lines,
                private=self._private,
                context=context.messages,
            )
            self._written = comparer.ended
            background.run("calibration", comparer.run)

    async def append(self, record: TurnRecord) -> None:
        page = self.ledger.close(record, asyncio.get_running_loop().time())
        await self._turns.append(record, beside_turn(page.entry, page.reaction) if page else None)
        if self._written and page:
            self._written(record)

    async def recent(self, limit: int) -> Sequence[TurnRecord]:
        return await self._turns.recent(limit)

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]:
        return await self._lines.page(before=before, limit=limit)

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        return await self._log.page(before=before, since_wall_s=since_wall_s, limit=limit)

    def _overheard(self, event: Event) -> None:
        self.ledger.overheard(event, asyncio.get_running_loop().time())
        self.egress.overheard(event)
