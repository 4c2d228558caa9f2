"""What goes on beside everything else, all the time."""

from __future__ import annotations

import structlog

from assistant.events import AudioDeviceLost, EventBus, Failed, StateChanged, log_fields
from assistant.executor import BoundedExecutor
from assistant.process import trim_memory
from assistant.values import State

log = structlog.get_logger(__name__)


async def log_events(bus: EventBus) -> None:
    """A line for each event, without what is private in it."""
    with bus.subscribe(1024) as events:
        async for event in events:
            tell = log.warning if isinstance(event, Failed | AudioDeviceLost) else log.info
            tell(type(event).__name__, **log_fields(event))


async def tidy_memory(bus: EventBus, work: BoundedExecutor) -> None:
    """Loading engines and long replies leave much freed memory behind: give it back whenever it gets quiet."""
    with bus.subscribe(64) as events:
        async for event in events:
            if isinstance(event, StateChanged) and event.new is State.IDLE:
                await work.run(trim_memory)
