"""A process made to be killed: it changes timers, alarms and lists as fast as the disk allows, and says what it does, a
JSON line each.

    {"try": VERB, "ids": [...]}       before a change of due things
    {"try": VERB, "list": NAME, "items": [[TEXT, DONE], ...] or null}   before a change of a list: what it makes of it
    {"now": [ID, STATE, DURATION_S, LOCAL, RECURRENCE]}   a due thing is so: whoever listens was told
    {"rang": ID}                      it begins to ring
    {"done": VERB}                    the change was acknowledged
    {"failed": CODE}                  something couldn't be saved

Arguments: database file, seed, by how many seconds the wall clock is ahead.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assistant.due.scheduler import Scheduler
from assistant.errors import SkillError
from assistant.events import DueChanged, Event, Failed, RingStarted
from assistant.skills.list_book import Change, Items, Lists, added, completed, removed
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.store.lists import SqliteLists
from assistant.values import DueItem, SystemClock

RING_TIMEOUT_S = 1.0
CROWD = 60
SOON_S = 5.0
"""What has less time left may ring before a change that is under way is done."""
DUE_VERBS = ("add", "add", "add_at", "add_at", "cancel", "pause", "resume", "extend", "skip", "snooze", "dismiss")
LIST_VERBS = ("add", "add", "add", "remove", "complete", "clear", "delete")
LIST_NAMES = ("shopping", "to do", "party")


class ShiftedClock(SystemClock):
    """The machine's clock, its wall clock set to another time."""

    def __init__(self, shift_s: float) -> None:
        super().__init__()
        self._shift_s = shift_s

    def wall_s(self) -> float:
        return super().wall_s() + self._shift_s


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def publish(event: Event) -> None:
    match event:
        case DueChanged(item=item):
            say(now=[item.id, item.state.value, item.duration_s, item.local, item.recurrence])
        case RingStarted(due_id=due_id):
            say(rang=due_id)
        case Failed(code=code):
            say(failed=code)


class Household:
    """Everything that is kept, and somebody who can't leave it alone."""

    def __init__(self, scheduler: Scheduler, lists: Lists, clock: ShiftedClock, seed: int) -> None:
        self._scheduler = scheduler
        self._lists = lists
        self._clock = clock
        self._seed = seed
        self._chance = random.Random(seed)
        self._texts = 0

    async def live(self) -> None:
        await self._tell()
        while True:
            await (self._change_due() if self._chance.random() < 0.7 else self._change_list())
            if self._chance.random() < 0.1:
                await self._tell()

    async def _tell(self) -> None:
        ids = [item.id for item in self._scheduler.missed()]
        say(**{"try": "told"}, ids=ids)
        await self._scheduler.told(ids)
        say(done="told")

    async def _change_due(self) -> None:
        active = self._scheduler.active(kind=None)
        verb = self._chance.choice(DUE_VERBS) if len(active) <= CROWD else "cancel"
        touched = self._touched(verb, active)
        if touched is None:
            return
        say(**{"try": verb}, ids=[item.id for item in touched])
        try:
            await self._act(verb, touched)
        except SkillError as exc:
            if exc.code not in {"due-state", "due-unknown"}:  # it rings, or rang out in the meantime
                raise
        say(done=verb)

    def _touched(self, verb: str, active: tuple[DueItem, ...]) -> list[DueItem] | None:
        """What the change is for; None when there is nothing."""
        if verb in {"add", "add_at"}:
            return []
        if verb == "dismiss":
            return [item for item in active if self._scheduler.remaining_s(item) < SOON_S]
        found = {
            "cancel": active,
            "skip": [item for item in active if item.recurrence],
            "snooze": self._scheduler.snoozable(),
        }.get(verb, self._scheduler.active())
        return [self._chance.choice(found)] if found else None

    async def _act(self, verb: str, touched: list[DueItem]) -> None:
        scheduler, chance = self._scheduler, self._chance
        match verb:
            case "add":
                await scheduler.add(duration_s=chance.choice([1.0, 1.5, 60.0, 3600.0]))
            case "add_at":
                ahead_s = chance.choice([1, 1, 2, 1800, 90_000])
                local = datetime.fromtimestamp(self._clock.wall_s() + ahead_s, UTC).replace(tzinfo=None)
                local = local.replace(microsecond=0) + timedelta(seconds=1)
                await scheduler.add_at("alarm", local, recurrence=chance.choice(["", "", "hourly", "daily", "weekly"]))
            case "dismiss":
                await scheduler.dismiss()
            case "extend":
                await scheduler.extend(touched[0].id, chance.choice([-1.0, 0.5, 30.0]))
            case "snooze":
                await scheduler.snooze(touched[0].id, chance.choice([1.0, 60.0]))
            case _:
                await getattr(scheduler, verb)(touched[0].id)

    async def _change_list(self) -> None:
        name = self._chance.choice(LIST_NAMES)
        there = self._lists.items(name) or ()
        verb = self._chance.choice(LIST_VERBS) if len(there) <= CROWD else "clear"
        change = self._list_change(verb, there)
        after = change(self._lists.items(name))
        say(**{"try": verb}, list=name, items=None if after is None else [[item.text, item.done] for item in after])
        await self._lists.change(name, change)
        say(done=verb)

    def _list_change(self, verb: str, there: Items) -> Change:
        some = self._chance.sample(there, self._chance.randint(0, min(3, len(there))))
        match verb:
            case "add":
                self._texts += 4
                return functools.partial(added, [f"{self._seed}-{self._texts + number}" for number in range(4)])
            case "remove":
                return functools.partial(removed, some)
            case "complete":
                return functools.partial(completed, some)
            case "clear":
                return lambda _: ()
        return lambda _: None


async def main(path: Path, seed: int, shift_s: float) -> None:
    database = await Database.open(path)
    assert database.set_aside is None
    clock = ShiftedClock(shift_s)
    scheduler = Scheduler(SqliteDueStore(database), clock, publish, ring_timeout_s=RING_TIMEOUT_S)
    lists = Lists(SqliteLists(database))
    await lists.start()
    await scheduler.start()
    await Household(scheduler, lists, clock, seed).live()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
