"""Does what was to be done later ("turn off the lamp in ten minutes") when it is due.

The words are read anew then: the home may have changed meanwhile. Each is a turn of its own, in a conversation of its
own, so that it is no answer to what the assistant may just have asked somebody, and stands in the history. Done, it is
done in silence; what can't be done is told, and what nobody could be told stays missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from assistant.dialog import phrases
from assistant.dialog.turn import TurnRunner
from assistant.dialog.turn_state import SCHEDULE, TurnRequest
from assistant.due.scheduler import Scheduler
from assistant.errors import EdgewiseError
from assistant.events import RingStarted, Subscription
from assistant.nlu.understanding import Understanding
from assistant.values import Outcome

KIND = "command"
_log = structlog.get_logger(__name__)


async def do_commands(
    events: Subscription, due: Scheduler, runner: TurnRunner, say: Callable[[str], Awaitable[None]]
) -> None:
    """Do each command that is due, until the events end."""
    async for event in events:
        if isinstance(event, RingStarted) and event.kind == KIND:
            record = await runner.run(TurnRequest(source=SCHEDULE, text=event.name))
            settled = record.outcome is Outcome.ANSWERED
            if not settled:
                try:
                    await say(phrases.not_done(event.name, record.reply))
                    settled = True
                except EdgewiseError as exc:
                    _log.info("command not done", code=exc.code)
            await due.announced(event.due_id, heard=settled)


def confirmed(understanding: Understanding) -> Understanding:
    """As it is when a command is due: whoever asked for it meant it, and isn't there to be asked again."""
    match = understanding.match and replace(understanding.match, confirmed=True)
    also = tuple(replace(each, confirmed=True) for each in understanding.also)
    return replace(understanding, match=match, also=also)
