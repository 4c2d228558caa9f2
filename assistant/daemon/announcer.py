"""Speaks reminders when they are due. What nobody can hear stays missed, and is told later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from assistant.due.scheduler import Scheduler
from assistant.errors import EdgewiseError
from assistant.events import RingStarted, Subscription

REMINDER = "reminder"
_log = structlog.get_logger(__name__)


async def announce_reminders(
    events: Subscription, due: Scheduler, say: Callable[[str], Awaitable[None]], text: Callable[[str], str]
) -> None:
    """Say `text` of each reminder that is due, until the events end."""
    async for event in events:
        if not isinstance(event, RingStarted) or event.kind != REMINDER:
            continue
        try:
            await say(text(event.name))
            heard = True
        except EdgewiseError as exc:
            _log.info("reminder not spoken", code=exc.code)
            heard = False
        await due.announced(event.due_id, heard=heard)
