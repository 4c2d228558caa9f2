"""The one gate through which text leaves the device.

What must not leave doesn't (private mode), what needn't be known is hidden (`privacy.redact`), and the rest is written
down before it goes: what can't be written down doesn't leave. So the log may hold a message that then got lost on its
way, but nothing ever left that isn't in it.

Parts with a channel of their own publish DataLeft themselves; `overheard` writes that down as well, without its text.
Overflow policy: of those, when more than MAX_OVERHEARD wait for the disk, the newest are dropped, and an error is
logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import structlog

from assistant.dialog.ports import CloudAgent, EgressLog, PrivateMode
from assistant.dialog.redact import Redactor
from assistant.errors import CloudError, StoreError
from assistant.events import DataLeft, Event
from assistant.records import Departure
from assistant.streams import closing
from assistant.values import Clock, CloudQuestion

log = structlog.get_logger(__name__)

WRITE_TIMEOUT_S = 2.0
"""A disk that takes longer to take a line keeps the message here."""
MAX_OVERHEARD = 256
KEPT_S = 400 * 86_400.0
"""Older lines are dropped when the assistant starts."""


class Egress:
    """Lets messages out, one way for all."""

    def __init__(
        self,
        egress_log: EgressLog,
        redactor: Redactor,
        private: Callable[[], PrivateMode],
        publish: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self._log = egress_log
        self._redactor = redactor
        self._private = private
        self._publish = publish
        self._clock = clock
        self._own: DataLeft | None = None
        self._overheard: asyncio.Queue[Departure] = asyncio.Queue(MAX_OVERHEARD)

    async def ask(
        self, cloud: CloudAgent, question: CloudQuestion, *, turn_id: str, why: str
    ) -> AsyncGenerator[str, None]:
        """Ask the cloud: the answer's pieces, with what was hidden put back. Closing the iterator hangs up.

        Raises:
            CloudError: what `cloud.converse` raises; `egress-private` and `egress-unlogged`: nothing left.
        """
        sent, hidden = self._redactor.question(question)
        size = sum(len(text.encode()) for text in (sent.text, *(message.text for message in sent.context)))
        departure = Departure(
            number=0,
            at_wall_s=self._clock.wall_s(),
            turn_id=turn_id,
            to=cloud.address,
            bytes=size,
            why=why,
            text=sent.text,
            context=len(sent.context),
            replaced=tuple(hidden.of),
        )
        await self._let_out(departure)
        async with closing(hidden.restored(cloud.converse(sent))) as pieces:
            async for piece in pieces:
                yield piece

    async def leave(self, to: str, text: str, why: str) -> None:
        """Write down that `text` leaves for `to`, on nobody's request in particular; send it once this returned.

        Raises:
            CloudError: `egress-private` or `egress-unlogged`; it must not leave then.
        """
        now_s = self._clock.wall_s()
        await self._let_out(Departure(0, now_s, "", to, len(text.encode()), why, text, context=0, replaced=()))

    def overheard(self, event: Event) -> None:
        """A watcher of the bus: writes down what left by other ways."""
        if not isinstance(event, DataLeft) or event is self._own:
            return
        now_s = self._clock.wall_s()
        departure = Departure(0, now_s, event.turn_id, event.to, event.bytes, event.why, "", context=0, replaced=())
        try:
            self._overheard.put_nowait(departure)
        except asyncio.QueueFull:
            log.error("left unlogged", to=event.to, bytes=event.bytes, why=event.why)

    async def write_overheard(self) -> None:
        """The part that runs beside everything else; drops what is too old first. Raises StoreError."""
        await self._log.drop_before(self._clock.wall_s() - KEPT_S)
        while True:
            await self._log.append(await self._overheard.get())

    async def _let_out(self, departure: Departure) -> None:
        if self._private().on:
            raise CloudError("egress-private", "private mode is on: nothing leaves this device")
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._log.append(departure)
        except (StoreError, TimeoutError) as exc:
            code = exc.code if isinstance(exc, StoreError) else "timeout"
            raise CloudError(
                "egress-unlogged",
                f"what leaves can't be written down ({code}), so nothing was sent",
                hint="Check the disk: `assistant doctor`.",
                retryable=True,
            ) from exc
        self._own = DataLeft(turn_id=departure.turn_id, to=departure.to, bytes=departure.bytes, why=departure.why)
        self._publish(self._own)
