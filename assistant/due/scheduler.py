"""Keeps timers, alarms and reminders: loads them, sleeps until the next is due, rings, and saves every change first.

    what a person does   saved first, then in force and published; a StoreError propagates and nothing has changed.
                         A caller that is cancelled leaves; the change goes on, so memory and store agree.
    what happens by      (due, missed, rung out) and dismissing a ring: saved first too, but a full or stalled disk must
    itself               neither keep a timer from ringing nor a ring from stopping. After SAVE_TIMEOUT_S it is in
                         force unsaved, `Failed` is published, and saving is tried again every RECHECK_S. Dying
                         before that is safe: the stored item, still running and overdue, rings again or was missed.

When the machine is taken to another time zone, what waits for a local time waits for that time there: it is moved
before anything else happens, so that nothing rings by the old clock. What has passed there already was missed, and what
rang does not come again.

A missed item stays MISSED until `told`, across restarts and crashes. Told but not yet recorded when the power goes is
told again: better twice than never.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

import structlog

from assistant.due import change, decide
from assistant.due.decide import RECHECK_S, Now
from assistant.due.ports import DueStore
from assistant.errors import EdgewiseError, SkillError, StoreError
from assistant.events import DueChanged, Event, RingStarted, RingStopped, failure
from assistant.values import Clock, DueItem, DueState, new_id

MAX_ITEMS = 100
"""Items that wait or ring at once. Of the missed, the newest MAX_ITEMS are kept to be told."""

SAVE_TIMEOUT_S = 2.0
"""How long a ring waits for the disk."""

SNOOZE_WINDOW_S = 60.0
"""What was silenced can still be snoozed for so long."""

_ACTIVE = {DueState.RUNNING, DueState.PAUSED, DueState.RINGING}
_OPEN = _ACTIVE | {DueState.MISSED}
_MIN_SLEEP_S = 0.001
"""A sleep too short to move the loop's clock would spin."""

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Scheduler:
    """The one scheduler of a running assistant. All methods belong to the event loop that started it.

    `publish` gets DueChanged for every change, RingStarted and RingStopped. Subscribe before `start`.
    """

    def __init__(
        self,
        store: DueStore,
        clock: Clock,
        publish: Callable[[Event], None],
        *,
        ring_timeout_s: float,
        zone: Callable[[], tzinfo] = lambda: UTC,
    ) -> None:
        """`zone` gives the time zone in force, the same object unless it is another zone. It is asked at every tick."""
        self._store = store
        self._clock = clock
        self._publish = publish
        self._ring_timeout_s = ring_timeout_s
        self._zone_now = zone
        self._zone = zone()
        self._silenced: tuple[DueItem, ...] = ()
        self._silenced_at_s = -math.inf
        self._items: dict[str, DueItem] = {}
        self._rang_at_s: dict[str, float] = {}
        self._unsaved: dict[str, DueItem] = {}
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None
        self._changes: set[asyncio.Task[Any]] = set()

    async def start(self) -> tuple[DueItem, ...]:
        """Load and begin. Items due less than GRACE_S ago ring.

        Returns the missed items nobody was told of yet: due while nothing ran, or rung out unheard; oldest first. Call
        `told` once the user knows. Raises StoreError.
        """
        loaded = await self._store.open_items()
        self._zone = self._zone_now()
        # aligned first: what rang already has had its time, in whatever zone
        self._items = {item.id: decide.revived(change.aligned(item, self._zone)) for item in loaded}
        await self._tick()
        self._loop_task = asyncio.create_task(self._run(), name="due")
        _log.info("due-started", active=len(self.active()), missed=len(self.missed()))
        return self.missed()

    async def stop(self) -> None:
        """Finish what is under way, fall silent. What rings stays so in the store and, restarted soon, rings on."""
        if self._loop_task:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
            self._loop_task = None
        await asyncio.gather(*self._changes, return_exceptions=True)
        if self._unsaved:
            await self._flush()
        for item_id in self._rang_at_s:
            self._publish(RingStopped(due_id=item_id, by="shutdown"))
        self._rang_at_s.clear()

    async def add(self, *, duration_s: float, name: str = "") -> DueItem:
        """Begin a timer.

        Raises:
            SkillError: `due-limit`: too short, too long, too many, or too long a name.
            StoreError: it was not saved and does not run.
        """

        def added() -> DueItem:
            if len(self.active(kind=None)) >= MAX_ITEMS:
                raise SkillError("due-limit", f"{MAX_ITEMS} timers are running", hint="Cancel some first.")
            return change.timer(new_id(), name, duration_s, self._now())

        return await self._apply(added)

    async def add_at(
        self, kind: str, local: datetime, *, name: str = "", recurrence: str = "", length_s: float = 0.0
    ) -> DueItem:
        """Begin to wait for a local time (naive); `length_s` when that is only so long from now, wherever one goes.

        Raises:
            SkillError: `due-limit` or `due-past`. StoreError: it was not saved and won't ring.
        """

        def added() -> DueItem:
            if len(self.active(kind=None)) >= MAX_ITEMS:
                raise SkillError("due-limit", f"{MAX_ITEMS} things are waiting", hint="Cancel some first.")
            what, when = (kind, name), (local, recurrence)
            return change.scheduled(new_id(), what, when, self._now(), self._zone, length_s=length_s)

        return await self._apply(added)

    async def skip(self, item_id: str) -> DueItem:
        """Leave out the next time of what recurs. Returns the one after it. Raises as `cancel`; `due-state`."""

        def skipped() -> tuple[DueItem, DueItem]:
            item = self._get(item_id)
            after = change.following(item, self._now(), self._zone)
            if after is None:
                raise SkillError("due-state", "that doesn't recur")
            return after, change.cancelled(item)

        after, _ = await self._apply_all(skipped)
        return after

    async def snooze(self, item_id: str, seconds: float) -> DueItem:
        """Have what rings, or was just silenced, ring again later.

        Raises SkillError `due-unknown`, `due-state` or `due-limit`, StoreError.
        """

        def snoozed() -> DueItem:
            item = next((each for each in self.snoozable() if each.id == item_id), None) or self._get(item_id)
            return change.snoozed(item, seconds, self._now(), self._zone)

        return await self._apply(snoozed)

    def snoozable(self) -> tuple[DueItem, ...]:
        """What rings; or rang until a moment ago: the wake word has silenced it before anybody can say "snooze"."""
        ringing = tuple(item for item in self.active(kind=None) if item.state is DueState.RINGING)
        recent = self._clock.steady_s() - self._silenced_at_s <= SNOOZE_WINDOW_S
        return ringing or (self._silenced if recent else ())

    async def announced(self, item_id: str, *, heard: bool) -> None:
        """A reminder was spoken, or nobody could have heard it: then it was missed."""
        item = self._items.get(item_id)
        if item and item.state is DueState.RINGING:
            await self._uncancelled(self._announced(item, DueState.DONE if heard else DueState.MISSED))

    async def cancel(self, item_id: str) -> DueItem:
        """End an item; one that rings falls silent. Raises SkillError `due-unknown`, StoreError."""
        return await self._apply(lambda: change.cancelled(self._get(item_id)))

    async def pause(self, item_id: str) -> DueItem:
        """Paused already is fine. Raises SkillError `due-unknown` or `due-state`, StoreError."""
        return await self._apply(lambda: change.paused(self._get(item_id), self._now()))

    async def resume(self, item_id: str) -> DueItem:
        """Running already is fine. Raises SkillError `due-unknown` or `due-state`, StoreError."""
        return await self._apply(lambda: change.resumed(self._get(item_id), self._now()))

    async def extend(self, item_id: str, seconds: float) -> DueItem:
        """Longer by `seconds`, shorter when negative; with nothing left it rings at once; a ringing one is snoozed.

        Raises SkillError `due-unknown`, `due-state` or `due-limit`, StoreError.
        """
        return await self._apply(lambda: change.extended(self._get(item_id), seconds, self._now()))

    async def restore(self, item: DueItem) -> None:
        """Put an item back as it was; one that was due meanwhile rings. Raises StoreError."""
        await self._apply(lambda: change.aligned(item, self._zone))

    def rehearsal(self) -> Scheduler:
        """A copy to try things on: what becomes of it is saved nowhere, told nobody and never rings."""
        copy = Scheduler(
            _Nowhere(), self._clock, lambda _: None, ring_timeout_s=self._ring_timeout_s, zone=lambda: self._zone
        )
        copy._items = dict(self._items)
        copy._rang_at_s = dict(self._rang_at_s)
        return copy

    async def dismiss(self, *, by: str = "user") -> tuple[DueItem, ...]:
        """Silence everything that rings, even when it can't be saved. Returns what rang."""
        return await self._uncancelled(self._dismiss(by))

    async def told(self, item_ids: Collection[str]) -> None:
        """The user was told of these missed items: they are done. Others are ignored. Raises StoreError."""
        await self._uncancelled(self._told(frozenset(item_ids)))

    def active(self, kind: str | None = "timer") -> tuple[DueItem, ...]:
        """Of one kind or of all, running, paused and ringing, the next due first; a paused one stands where it would if
        it were resumed.
        """
        items = [item for item in self._items.values() if item.state in _ACTIVE and kind in {item.kind, None}]
        return tuple(sorted(items, key=lambda item: (self.remaining_s(item), item.id)))

    def missed(self) -> tuple[DueItem, ...]:
        """Missed and not told yet, oldest first."""
        items = [item for item in self._items.values() if item.state is DueState.MISSED]
        return tuple(sorted(items, key=lambda item: (item.due_wall_s, item.id)))

    def remaining_s(self, item: DueItem) -> float:
        """Time left; 0 once it rings or is over."""
        if item.state not in {DueState.RUNNING, DueState.PAUSED}:
            return 0.0
        return max(0.0, decide.left_s(item, self._now()))

    def _now(self) -> Now:
        return Now(self._clock.wall_s(), self._clock.steady_s(), self._clock.boot_id)

    def _get(self, item_id: str) -> DueItem:
        item = self._items.get(item_id)
        if item is None or item.state not in _ACTIVE:
            raise SkillError("due-unknown", "there is no such timer", hint="`assistant timers` lists them.")
        return item

    async def _run(self) -> None:
        while True:
            delay_s = await self._tick()
            try:
                async with asyncio.timeout(delay_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _tick(self) -> float:
        """Let happen what is due. Returns how long to sleep unless something changes."""
        async with self._lock:
            now = self._now()
            stepped = [self._step(item, now) for item in self._in_zone()]
            changed = [item for item in stepped if item is not self._items[item.id]]
            await self._settle([each for item in changed for each in self._with_following(item, now)], by="timeout")
            if too_many := self.missed()[:-MAX_ITEMS]:
                await self._settle([replace(item, state=DueState.DONE) for item in too_many], by="timeout")
            self._changed.clear()  # everything so far is reckoned with below; others change things under the lock
            now = self._now()
            check_in_s = min((self._check_in_s(item, now) for item in self._items.values()), default=RECHECK_S)
            return max(_MIN_SLEEP_S, check_in_s)

    def _in_zone(self) -> list[DueItem]:
        """All items, in the time zone in force."""
        before, self._zone = self._zone, self._zone_now()
        if self._zone is before:
            return list(self._items.values())
        _log.info("due-zone-changed", active=len(self.active(kind=None)))
        return [item if (moved := change.aligned(item, self._zone)) == item else moved for item in self._items.values()]

    def _with_following(self, item: DueItem, now: Now) -> list[DueItem]:
        """What is due, and with it the next one of what recurs."""
        after = change.following(item, now, self._zone) if item.state is not DueState.RUNNING else None
        return [after, replace(item, recurrence="")] if after else [item]

    def _step(self, item: DueItem, now: Now) -> DueItem:
        rang_at_s = self._rang_at_s.get(item.id)
        return decide.step(item, now, rang_at_s=rang_at_s, ring_timeout_s=self._ring_timeout_s)

    def _check_in_s(self, item: DueItem, now: Now) -> float:
        rang_at_s = self._rang_at_s.get(item.id)
        return decide.check_in_s(item, now, rang_at_s=rang_at_s, ring_timeout_s=self._ring_timeout_s)

    async def _announced(self, item: DueItem, state: DueState) -> None:
        async with self._lock:
            await self._settle([replace(item, state=state)], by="user")

    async def _dismiss(self, by: str) -> tuple[DueItem, ...]:
        async with self._lock:
            rang = tuple(self._items[item_id] for item_id in self._rang_at_s)
            if rang:
                self._silenced, self._silenced_at_s = rang, self._clock.steady_s()
            silenced = [replace(item, state=DueState.DONE) for item in rang]
            await self._settle(silenced, by=by)
            return tuple(silenced)

    async def _told(self, item_ids: frozenset[str]) -> None:
        async with self._lock:
            await self._save([replace(item, state=DueState.DONE) for item in self.missed() if item.id in item_ids])

    async def _apply(self, changed: Callable[[], DueItem]) -> DueItem:
        (item,) = await self._apply_all(lambda: (changed(),))
        return item

    async def _apply_all(self, changed: Callable[[], tuple[DueItem, ...]]) -> tuple[DueItem, ...]:
        """Do what a person asked: decide under the lock, save all or nothing, then adopt."""

        async def apply() -> tuple[DueItem, ...]:
            async with self._lock:
                items = changed()
                await self._save([item for item in items if item != self._items.get(item.id)])
                return items

        return await self._uncancelled(apply())

    async def _save(self, items: Sequence[DueItem]) -> None:
        if items:
            await self._store.save(*items)
        for item in items:
            self._unsaved.pop(item.id, None)
            self._adopt(item, by="user")

    async def _uncancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish `work` even when the caller is cancelled."""
        task = asyncio.create_task(work, name="due-change")
        self._changes.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: a caller that was cancelled no longer reads it

    async def _settle(self, items: Iterable[DueItem], *, by: str) -> None:
        """Adopt what happened by itself, saved if the disk allows."""
        happened = {item.id: item for item in items}
        self._unsaved.update(happened)
        if self._unsaved:
            await self._flush()
        for item in happened.values():
            self._adopt(item, by=by)

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(SAVE_TIMEOUT_S):
                await self._store.save(*self._unsaved.values())
            self._unsaved.clear()
        except TimeoutError:
            self._failed(StoreError("store-stalled", "the disk takes too long to save a timer", retryable=True))
        except EdgewiseError as exc:
            self._failed(exc)

    def _failed(self, error: EdgewiseError) -> None:
        _log.error("due-unsaved", code=error.code, items=len(self._unsaved))
        self._publish(failure(error))

    def _adopt(self, item: DueItem, *, by: str) -> None:
        """Put an item in force and say so."""
        if item.state in _OPEN:
            self._items[item.id] = item
        else:
            self._items.pop(item.id, None)
        if item.state is not DueState.RINGING and self._rang_at_s.pop(item.id, None) is not None:
            self._publish(RingStopped(due_id=item.id, by=by))
        self._publish(DueChanged(item=item))
        if item.state is DueState.RINGING and item.id not in self._rang_at_s:
            self._rang_at_s[item.id] = self._clock.steady_s()
            self._publish(RingStarted(due_id=item.id, kind=item.kind, name=item.name))
        self._changed.set()


class _Nowhere:
    """A store that keeps nothing."""

    async def save(self, *items: DueItem) -> None:
        """Nothing to do."""

    async def open_items(self) -> Sequence[DueItem]:
        return ()
