"""Rings while a due thing rings."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

from assistant.audio.fade import faded_in
from assistant.audio.format import Chunk
from assistant.daemon.announcer import REMINDER
from assistant.daemon.commands import KIND as COMMAND
from assistant.dialog.ports import PlaybackHandle, Player
from assistant.events import RingStarted, RingStopped, Subscription

ALARM = "alarm"
RING_VOLUME = 40
"""A muted assistant still wakes people."""
RING_PRIORITY = 10
"""Below a reply: it is ducked while somebody is being answered."""
_PIECE_S = 0.25


async def ring_on_events(events: Subscription, player: Player, tone: Chunk, *, alarm_fade_in_s: float) -> None:
    """Sound `tone` over and over from the first RingStarted to the last RingStopped, until the events end.

    An alarm begins quietly and is as loud as anything else after `alarm_fade_in_s`; whatever else rings meanwhile is
    loud at once.
    """
    ringing: set[str] = set()
    ring: PlaybackHandle | None = None
    rises = False
    try:
        async for event in events:
            if isinstance(event, RingStarted) and event.kind not in {REMINDER, COMMAND}:
                ringing.add(event.due_id)
                if ring and rises and event.kind != ALARM:
                    ring.stop()
                    ring = None
                if ring is None:
                    rises = event.kind == ALARM
                    sound = _over_and_over(tone, fade_in_s=alarm_fade_in_s if rises else 0.0)
                    ring = player.play(sound, priority=RING_PRIORITY, at_least=RING_VOLUME)
            elif isinstance(event, RingStopped):
                ringing.discard(event.due_id)
                if ring and not ringing:
                    ring.stop()
                    ring = None
    finally:
        if ring:
            ring.stop()


async def _over_and_over(tone: Chunk, *, fade_in_s: float) -> AsyncIterator[Chunk]:
    """Piece by piece, so that the fade never holds up the event loop."""
    size = round(_PIECE_S * tone.rate_hz)
    pieces = [Chunk(tone.samples[at : at + size], tone.rate_hz) for at in range(0, len(tone.samples), size)]
    at_s = 0.0
    for piece in itertools.cycle(pieces):
        yield faded_in(piece, at_s, fade_in_s)
        at_s += piece.duration_s
        await asyncio.sleep(0)
