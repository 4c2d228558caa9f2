"""An answer's pieces into sentences that come faster than they are spoken, and where they don't, into clauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

from assistant.dialog.deadline import Pace
from assistant.sentences import SentenceSplitter
from assistant.streams import closing


async def paced(pieces: AsyncIterator[str], pace: Pace, said: Collection[str] = ()) -> AsyncIterator[str]:
    """The sentences, each with a line's end behind it: they are said at once, whatever follows.

    Where a sentence takes too long, the part of it up to the last pause for breath is said first. What is among `said`
    is left out, and nothing comes twice. Raises TimeoutError when nothing can be said in time, and what `pieces` raise.
    """
    loop = asyncio.get_running_loop()
    splitter, known = SentenceSplitter(), set(said)
    async with closing(pieces):
        upcoming = asyncio.ensure_future(anext(pieces))
        try:
            ended = False
            while not ended:
                await asyncio.wait({upcoming}, timeout=max(0.0, pace.by_s - loop.time()))
                if not upcoming.done():
                    raise TimeoutError
                try:
                    ready = splitter.feed(upcoming.result())
                    upcoming = asyncio.ensure_future(anext(pieces))
                except StopAsyncIteration:
                    ready, ended = splitter.flush(), True
                # Only while pieces come: what stalls would leave half a sentence, and then the word that it broke off.
                if not ready and not ended and loop.time() >= pace.clause_s:
                    ready = splitter.take_clause()
                for sentence in ready:
                    if sentence not in known:
                        known.add(sentence)
                        pace.comes(len(sentence), loop.time())
                        yield f"{sentence}\n"
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)
