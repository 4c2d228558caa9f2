"""Rings while a due thing rings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from assistant.audio.format import Chunk
from assistant.daemon.announcer import REMINDER
from assistant.dialog.ports import PlaybackHandle, Player
from assistant.events import RingStarted, RingStopped, Subscription

RING_VOLUME = 40
"""A muted assistant still wakes people."""
RING_PRIORITY = 10
"""Below a reply: it is ducked while somebody is being answered."""


async def ring_on_events(events: Subscription, player: Player, tone: Chunk) -> None:
    """Sound `tone` over and over from the first RingStarted to the last RingStopped, until the events end."""
    ringing: set[str] = set()
    handle: PlaybackHandle | None = None
    try:
        async for event in events:
            if isinstance(event, RingStarted) and event.kind != REMINDER:
                ringing.add(event.due_id)
            elif isinstance(event, RingStopped):
                ringing.discard(event.due_id)
            if ringing and handle is None:
                handle = player.play(_over_and_over(tone), priority=RING_PRIORITY, at_least=RING_VOLUME)
            elif not ringing and handle is not None:
                handle.stop()
                handle = None
    finally:
        if handle:
            handle.stop()


async def _over_and_over(tone: Chunk) -> AsyncIterator[Chunk]:
    while True:
        yield tone
        await asyncio.sleep(0)
