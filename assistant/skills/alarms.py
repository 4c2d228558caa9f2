"""Alarms in words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import ClassVar

from assistant.due.calendar import next_after, step_of, weekdays_of
from assistant.errors import SkillError
from assistant.names import closest
from assistant.skills.base import Skill, SkillContext, SkillReply, nth_of
from assistant.skills.moments import AWAKE, moment_of
from assistant.skills.timers import seconds_of
from assistant.values import COMMAND, LASTING, DueItem, DueState, IntentMatch, Slots

_LISTED = 5
_SNOOZE_S = 9 * 60.0
_DAY = timedelta(days=1)


class _Scheduled(Skill):
    """What alarms and reminders share."""

    rehearsable: ClassVar[bool] = True
    kind: ClassVar[str]
    also: ClassVar[frozenset[str]] = frozenset()
    """Kinds that are listed, moved and cancelled with its own."""
    section: ClassVar[str]
    """Of the replies that all intents of a kind use."""

    async def set(self, match: IntentMatch, context: SkillContext, name: str, *, by_day: bool) -> SkillReply:
        """Begin to wait, and say back for when; instead of one that waits already when it is `moved`."""
        now = context.now().replace(tzinfo=None)
        slots, old = match.slots, None
        if "moved" in slots:
            items = self.meant(match, context)
            if len(items) != 1:
                return self._which(items, context) if items else SkillReply(self._say("none"), ok=False)
            (old,) = items
            slots, name = _instead(slots, old, now, by_day=by_day), old.name
        found = _shifted(slots, old) if old and "shift" in slots else moment_of(slots, now, by_day=by_day)
        if found is None:
            return SkillReply(self._replies.say(match.intent, "ask_time"), expects_answer=True)
        local, often = found
        try:
            length_s = 0.0 if "shift" in slots else seconds_of(slots)
            kind = old.kind if old else self.kind
            item = await context.timers.add_at(kind, local, name=name, recurrence=often, length_s=length_s)
        except SkillError as exc:
            if exc.code not in {"due-limit", "due-past"}:
                raise
            return SkillReply(self._say("past" if exc.code == "due-past" else "limit"), ok=False)
        if old:
            await context.timers.cancel(old.id)
        reply = "moved" if old else "undone" if LASTING in slots else "set"
        text = self._replies.say(match.intent, reply, when=self.when(item, context), name=name)
        return SkillReply(text, acknowledges=False)

    def meant(self, match: IntentMatch, context: SkillContext) -> list[DueItem]:
        """Those that a request to move one is for."""
        before = {slot.removeprefix("from_"): value for slot, value in match.slots.items() if slot.startswith("from_")}
        return nth_of(self.fitting(self.waiting(context), before), match.slots)

    def _which(self, items: Sequence[DueItem], context: SkillContext) -> SkillReply:
        if len(items) > _LISTED:
            return SkillReply(self._say("which_many", count=len(items)), expects_answer=True)
        named = self._replies.one_of([self.described(item, context) for item in items])
        return SkillReply(self._say("which", items=named), expects_answer=True)

    def waiting(self, context: SkillContext) -> list[DueItem]:
        """Those that wait, the next first."""
        found = (item for kind in (self.kind, *self.also) for item in context.timers.active(kind))
        items = [item for item in found if item.state is DueState.RUNNING]
        return sorted(items, key=lambda item: item.due_wall_s)

    def when(self, item: DueItem, context: SkillContext) -> str:
        """For the ear: tomorrow at 7:30 AM, every day at 7 AM."""
        local, today = datetime.fromisoformat(item.local), context.now().date()
        clock = self._replies.time(local, context.hour_format)
        kind, _, detail = item.recurrence.partition(":")
        if kind == "weekly":
            on = weekdays_of(detail) or (local.weekday(),)
            named = self._replies.all_of([self._replies.speech["weekdays"][day] for day in on])
            return self._moment("every_weekly", time=clock, weekday=named)
        if kind == "every" and (step := step_of(item.recurrence)):
            if step < _DAY:
                return self._moment("every_length", length=self._replies.length(step.total_seconds()))
            return self._moment("every_days", time=clock, count=step // _DAY)
        if kind:
            return self._moment(f"every_{kind}", time=clock, date=self._replies.speech["days"][local.day - 1])
        ahead = (local.date() - today).days
        reply = {0: "on_today", 1: "on_tomorrow"}.get(ahead, "on_weekday" if ahead < 7 else "on_date")
        day = self._replies.date(local.date())
        return self._moment(reply, time=clock, weekday=self._replies.weekday(local.date()), date=day)

    def listed(self, items: Sequence[DueItem], context: SkillContext) -> str:
        named = [self.described(item, context) for item in items[:_LISTED]]
        return self._replies.all_of(named)

    @abstractmethod
    def described(self, item: DueItem, context: SkillContext) -> str: ...

    def fitting(self, items: Sequence[DueItem], slots: Slots) -> list[DueItem]:
        """Those a request's date and time fit, all when it gives neither."""
        found = list(items)
        if day := str(slots.get("date", "")):
            found = [item for item in found if _is_on(item, day)]
        if often := str(slots.get("recurrence", "")):
            found = [item for item in found if item.recurrence == often]
        if half := slots.get("half"):
            found = [item for item in found if (item.local[11:13] >= "12") == (half == "pm")]
        elif clock := str(slots.get("time", "")):
            clocks = {clock, _other(clock)} if slots.get("ambiguous") else {clock}
            found = [item for item in found if item.local[11:16] in clocks]
        if name := str(slots.get("name", "")):
            found = [item for item in found if set(name.split()) <= set(item.name.split())]
        return found

    async def list(self, match: IntentMatch, context: SkillContext, about: Sequence[DueItem] = ()) -> SkillReply:
        """Those at the time that was said; of `about` alone, if there are any."""
        found = self.fitting(about or self.waiting(context), match.slots)
        if not found:
            return SkillReply(self._say("none"))
        once = "once" in match.slots
        found = found[:1] if once else found
        reply = "next" if once else "one" if len(found) == 1 else "several"
        text = self._replies.say(match.intent, reply, count=len(found), items=self.listed(found, context))
        return SkillReply(text)

    async def cancel(self, match: IntentMatch, context: SkillContext, found: Sequence[DueItem]) -> SkillReply:
        """One is cancelled (only one time of what recurs, when a day was said or `once`), several when meant."""
        found = nth_of(found, match.slots)
        if not found:
            return SkillReply(self._say("none"), ok=False)
        once = "once" in match.slots
        if once:
            found = [min(found, key=lambda item: item.due_wall_s)]
        if len(found) > 1 and "every" not in match.slots:
            return self._which(found, context)
        if len(found) > 1:
            if not match.confirmed:
                text = self._say("confirm_all", count=len(found))
                return SkillReply(text, expects_answer=True, confirms=True)
            for item in found:
                await context.timers.cancel(item.id)
            return SkillReply(self._replies.say(match.intent, "all", count=len(found)), acknowledges=True)
        (item,) = found
        if item.recurrence and (once or "date" in match.slots):
            return await self._leave_out(match, context, item)
        await context.timers.cancel(item.id)
        described = self.described(item, context)
        return SkillReply(self._replies.say(match.intent, "done", item=described), acknowledges=True)

    async def _leave_out(self, match: IntentMatch, context: SkillContext, item: DueItem) -> SkillReply:
        """The next time of what recurs, and no other."""
        if not item.local.startswith(str(match.slots.get("date", ""))):
            return SkillReply(self._say("only_next", next=self.when_once(item, context)), ok=False)
        after = await context.timers.skip(item.id)
        return SkillReply(self._replies.say(match.intent, "skipped", next=self.when_once(after, context)))

    def when_once(self, item: DueItem, context: SkillContext) -> str:
        """Its next time, however often it comes."""
        local, today = datetime.fromisoformat(item.local), context.now().date()
        clock = self._replies.time(local, context.hour_format)
        reply = "on_tomorrow" if (local.date() - today).days == 1 else "on_weekday"
        return self._moment(reply, time=clock, weekday=self._replies.weekday(local.date()))

    def _moment(self, reply: str, **values: object) -> str:
        return self._replies.intents["Moments"][reply].format(**values)

    def _say(self, reply: str, **values: object) -> str:
        return self._replies.say(self.section, reply, **values)


class Alarms(_Scheduled):
    kind: ClassVar[str] = "alarm"
    section: ClassVar[str] = "Alarms"
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "SetAlarm": ("time",),
        "CancelAlarm": (),
        "ListAlarms": (),
        "SnoozeAlarm": (),
    }

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        match match.intent:
            case "SetAlarm":
                return await self.set(match, context, str(match.slots.get("name", "")), by_day=False)
            case "ListAlarms":
                return await self.list(match, context)
            case "SnoozeAlarm":
                return await self._snooze(match, context)
        if any(item.state is DueState.RINGING for item in context.timers.active(self.kind)) and not match.slots:
            context.hush()
            await context.timers.dismiss()
            return SkillReply(self._replies.say(match.intent, "silenced"))
        return await self.cancel(match, context, self.fitting(self.waiting(context), match.slots))

    def described(self, item: DueItem, context: SkillContext) -> str:
        when = self.when(item, context)
        return self._replies.intents["Alarms"]["described"].format(name=item.name, when=when) if item.name else when

    async def _snooze(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        ringing = context.timers.snoozable()
        if not ringing:
            return SkillReply(self._replies.say(match.intent, "nothing"), ok=False)
        seconds = seconds_of(match.slots) or _SNOOZE_S
        for item in ringing:
            await context.timers.snooze(item.id, seconds)
        return SkillReply(self._replies.say(match.intent, "done", length=self._replies.length(seconds)))


class Commands(_Scheduled):
    """What is to be done later. It has no intents of its own: any request may be for later."""

    kind: ClassVar[str] = "command"
    section: ClassVar[str] = "Commands"
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        return await self.set(replace(match, intent=self.section), context, str(match.slots[COMMAND]), by_day=False)

    def described(self, item: DueItem, context: SkillContext) -> str:
        return self._replies.intents["Reminders"]["described"].format(name=item.name, when=self.when(item, context))


class Reminders(_Scheduled):
    kind: ClassVar[str] = "reminder"
    also: ClassVar[frozenset[str]] = frozenset({Commands.kind})
    section: ClassVar[str] = "Reminders"
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "SetReminder": ("message", "time"),
        "ListReminders": (),
        "CancelReminder": (),
    }

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        match match.intent:
            case "SetReminder":
                return await self.set(match, context, str(match.slots.get("message", "")), by_day=True)
            case "ListReminders":
                about = _about(self.waiting(context), match)
                return await self.list(match, context, about)
        found = _about(self.fitting(self.waiting(context), match.slots), match)
        return await self.cancel(match, context, found)

    def meant(self, match: IntentMatch, context: SkillContext) -> list[DueItem]:
        return _about(super().meant(match, context), match)

    def described(self, item: DueItem, context: SkillContext) -> str:
        return self._replies.intents["Reminders"]["described"].format(name=item.name, when=self.when(item, context))


def _about(items: list[DueItem], match: IntentMatch) -> list[DueItem]:
    """Those that are about what was said, if anything was."""
    said = str(match.slots.get("message", ""))
    words = set(said.split())
    like = closest(said, [item.name for item in items]) if said else None
    return [item for item in items if words <= set(item.name.split()) or item.name == like]


def _instead(slots: Slots, old: DueItem, now: datetime, *, by_day: bool) -> Slots:
    """A new moment for what waits, with what it leaves open as it was: its day or how often, and its half of the day;
    but what is `by_day` isn't moved into the night, and nothing to a time of its day that is over.
    """
    local = datetime.fromisoformat(old.local)
    moved = {slot: value for slot, value in slots.items() if not slot.startswith("from_")}
    if "time" not in moved and ("date" in moved or "recurrence" in moved):
        moved["time"] = old.local[11:16]
    elif "ambiguous" in moved and "time" in moved:
        said = str(moved["time"])
        kept = said if (int(said[:2]) >= 12) == (local.hour >= 12) else _other(said)
        if not by_day or AWAKE[0] <= int(kept[:2]) < AWAKE[1]:
            moved["time"] = kept
            del moved["ambiguous"]
    if "recurrence" not in moved and "date" not in moved and not seconds_of(moved):
        clock = time.fromisoformat(str(moved["time"])) if "time" in moved and "ambiguous" not in moved else time.max
        day = {} if datetime.combine(local.date(), clock) <= now else {"date": local.date().isoformat()}
        moved |= {"recurrence": old.recurrence} if old.recurrence else day
    return moved


def _shifted(slots: Slots, old: DueItem) -> tuple[datetime, str]:
    """When what waits comes so much earlier or later, and how often."""
    length = timedelta(seconds=seconds_of(slots))
    return datetime.fromisoformat(old.local) + (-length if slots["shift"] == "earlier" else length), old.recurrence


def _is_on(item: DueItem, day: str) -> bool:
    """Whether it is for that day, or one of the times it recurs is."""
    if item.local.startswith(day) or not item.recurrence:
        return item.local.startswith(day)
    before = datetime.fromisoformat(day) - timedelta(microseconds=1)
    at = next_after(datetime.fromisoformat(item.local), item.recurrence, before)
    return at is not None and at.date().isoformat() == day


def _other(clock: str) -> str:
    """The same time in the other half of the day."""
    return f"{(int(clock[:2]) + 12) % 24:02}{clock[2:]}"
