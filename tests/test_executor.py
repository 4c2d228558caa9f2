"""Work in threads: bounded, and given up where nobody can wait for its end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from assistant.errors import BusyError
from assistant.executor import AbandonableThread, BoundedExecutor

pytestmark = pytest.mark.real_time


async def test_one_thread_does_one_thing_after_the_other_and_errors_come_back() -> None:
    executor = BoundedExecutor("test", pool=AbandonableThread("test"))
    names = {(await executor.run(threading.current_thread)).name for _ in range(3)}
    assert names == {"edgewise-test"}
    with pytest.raises(ZeroDivisionError):
        await executor.run(lambda: 1 / 0)
    assert await executor.run(lambda: 2) == 2
    executor.close()


async def test_a_stuck_thread_turns_more_away_and_closing_drops_what_waits() -> None:
    executor = BoundedExecutor("test", max_pending=1, pool=AbandonableThread("test"))
    begun, released = threading.Event(), threading.Event()
    done: list[int] = []

    def wait() -> bool:
        begun.set()
        return released.wait(30)

    stuck = asyncio.create_task(executor.run(wait))
    assert await asyncio.to_thread(begun.wait, 30)
    waiting = asyncio.create_task(executor.run(done.append, 1))
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await executor.run(done.append, 2)
    executor.close()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    released.set()
    await stuck
    assert not done
