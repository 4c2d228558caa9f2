"""What is said, and made ready to be said, once the voice is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from assistant.daemon.engines import Engines
from assistant.dialog import phrases
from assistant.due.scheduler import Scheduler
from assistant.streams import closing


async def say_first_words(
    engines: Engines,
    due: Scheduler,
    *,
    say: Callable[[str], Awaitable[None]] | None,
    idle: Callable[[], Awaitable[None]],
) -> None:
    """Tell what was missed while off, then render the frequent phrases ahead of need. Returns when all engines of sound
    are loaded.

    `say`: None where nobody would hear it. `idle` returns once nobody speaks.
    """
    voice = await engines.tts.settled()
    if voice is None:
        return
    missed = due.missed()
    if missed and say:
        await say(phrases.missed([(item.kind, item.name) for item in missed]))
        await due.told([item.id for item in missed])
    for phrase in phrases.FREQUENT:
        await idle()  # a reply's sentences come first
        async with closing(voice.synthesize(phrase)) as chunks:
            async for _ in chunks:
                pass
    await engines.stt.settled()
