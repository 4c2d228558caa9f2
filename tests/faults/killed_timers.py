"""A process made to be killed: it changes timers as fast as the disk allows, and says what it does, a JSON line each.

    {"try": VERB, "ids": [...]}             before a change
    {"done": VERB, "items": [[ID, STATE, DURATION_S], ...]}   once it was acknowledged
    {"rang": ID}                            when a timer begins to ring

Arguments: database file, seed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from assistant.due.scheduler import Scheduler
from assistant.errors import SkillError
from assistant.events import Event, RingStarted
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.values import DueItem, SystemClock

RING_TIMEOUT_S = 1.0
CROWD = 60


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def acknowledge(verb: str, items: Iterable[DueItem]) -> None:
    say(done=verb, items=[[item.id, item.state.value, item.duration_s] for item in items])


def publish(event: Event) -> None:
    if isinstance(event, RingStarted):
        say(rang=event.due_id)


async def tell(scheduler: Scheduler, missed: tuple[DueItem, ...]) -> None:
    ids = [item.id for item in missed]
    say(**{"try": "told"}, ids=ids)
    await scheduler.told(ids)
    say(done="told", items=[[item.id, "done", item.duration_s] for item in missed])


async def change(scheduler: Scheduler, chance: random.Random) -> None:
    active = scheduler.active()
    verb = chance.choice(["add", "add", "add", "cancel", "pause", "resume", "extend", "dismiss"])
    if len(active) > CROWD:
        verb = "cancel"
    if verb == "add" or not active:
        say(**{"try": "add"}, ids=[])
        duration_s = chance.choice([1.0, 1.5, 60.0, 3600.0])
        acknowledge("add", [await scheduler.add(duration_s=duration_s)])
    elif verb == "dismiss":
        say(**{"try": verb}, ids=[item.id for item in active])
        acknowledge(verb, await scheduler.dismiss())
    else:
        item = chance.choice(active)
        say(**{"try": verb}, ids=[item.id])
        arguments = (chance.choice([-1.0, 0.5, 30.0]),) if verb == "extend" else ()
        try:
            acknowledge(verb, [await getattr(scheduler, verb)(item.id, *arguments)])
        except SkillError:  # it rings, or rang out in the meantime
            acknowledge(verb, [])


async def main(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    database = await Database.open(path)
    assert database.set_aside is None
    scheduler = Scheduler(SqliteDueStore(database), SystemClock(), publish, ring_timeout_s=RING_TIMEOUT_S)
    await tell(scheduler, await scheduler.start())
    while True:
        await change(scheduler, chance)
        if chance.random() < 0.1:
            await tell(scheduler, scheduler.missed())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
