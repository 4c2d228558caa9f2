"""Timers in words: finds the one that is meant, does what was asked, says what is left."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from assistant.due.change import MAX_S
from assistant.errors import SkillError
from assistant.names import closest
from assistant.skills.base import Skill, SkillContext, SkillReply, nth_of
from assistant.values import DueItem, DueState, IntentMatch, Slots

_LISTED = 4
"""More timers than this are counted, not read out."""
_UNITS_S = {"hours": 3600, "minutes": 60, "seconds": 1}


def seconds_of(slots: Slots, prefix: str = "") -> float:
    """The length that the hours, minutes and seconds slots make."""
    return sum(float(slots.get(f"{prefix}{unit}", 0)) * unit_s for unit, unit_s in _UNITS_S.items())


class _NoTimer(Exception):  # noqa: N818 - carries the reply that says so
    """Not exactly one timer is meant."""

    def __init__(self, reply: SkillReply) -> None:
        self.reply = reply


class _Timers(Skill):
    """What the timer skills share: choosing and naming. Subclasses have `act`, which may raise _NoTimer."""

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        try:
            return await self.act(match, context)
        except _NoTimer as exc:
            return exc.reply

    @abstractmethod
    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply: ...

    def label(self, item: DueItem) -> str:
        """The pasta timer, the 10 minute timer."""
        if item.name:
            return self._replies.say("Timers", "named", name=item.name).lower()
        return self._replies.say("Timers", "unnamed", length=self._replies.compound(item.duration_s))

    def matching(self, items: Sequence[DueItem], slots: Slots) -> list[DueItem]:
        """Those a request's name and start length fit, all when it gives neither.

        Raises:
            _NoTimer: there are none.
        """
        if not items:
            raise _NoTimer(SkillReply(self._replies.say("Timers", "none"), ok=False))
        found = list(items)
        start_s = seconds_of(slots, "start_")
        name = str(slots.get("name", ""))
        if start_s:
            found = [item for item in found if abs(item.duration_s - start_s) < 1]
            if not found:
                length = self._replies.compound(start_s)
                raise _NoTimer(SkillReply(self._replies.say("Timers", "none_of", length=length), ok=False))
        if name:
            found = _called(found, name)
            if not found:
                raise _NoTimer(SkillReply(self._replies.say("Timers", "none_called", name=name), ok=False))
        if not (found := nth_of(found, slots)):
            raise _NoTimer(SkillReply(self._replies.say("Timers", "none_there"), ok=False))
        return found

    def only(self, found: Sequence[DueItem]) -> DueItem:
        """The one that is meant. Raises _NoTimer with a question when there are several."""
        if len(found) == 1:
            return found[0]
        labels = list(dict.fromkeys(f"the {self.label(item)}" for item in found))
        if len(labels) == 1:
            reply = self._replies.say("Timers", "alike", count=len(found))
        elif len(found) > _LISTED:
            reply = self._replies.say("Timers", "which_many", count=len(found))
        else:
            reply = self._replies.say("Timers", "which", timers=self._replies.one_of(labels))
        raise _NoTimer(SkillReply(reply, expects_answer=True))

    def said(self, match: IntentMatch, reply: str, item: DueItem, context: SkillContext) -> SkillReply:
        left = self._replies.left(context.timers.remaining_s(item))
        return SkillReply(self._replies.say(match.intent, reply, timer=self.label(item), left=left))


class StartTimer(_Timers):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassStartTimer": ("duration",)}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        duration_s = seconds_of(match.slots)
        if duration_s <= 0:
            return SkillReply(self._replies.say(match.intent, "ask_duration"), expects_answer=True)
        if duration_s > MAX_S:
            return SkillReply(self._replies.say(match.intent, "too_long"), ok=False)
        name = str(match.slots.get("name", ""))
        if "moved" in match.slots:
            return await self._change(match, duration_s, context)
        try:
            await context.timers.add(duration_s=duration_s, name=name)
        except SkillError as exc:
            if exc.code != "due-limit":
                raise
            return SkillReply(self._replies.say(match.intent, "limit"), ok=False)
        reply = "started_named" if name else "started"
        return SkillReply(self._replies.say(match.intent, reply, name=name, length=self._replies.length(duration_s)))

    async def _change(self, match: IntentMatch, duration_s: float, context: SkillContext) -> SkillReply:
        """One that runs gets another length, from now on."""
        which = {slot: value for slot, value in match.slots.items() if slot == "name" or slot.startswith("start_")}
        item = self.only(self.matching(context.timers.active(), which))
        label = self.label(item)
        if item.state is DueState.RINGING:
            return SkillReply(self._replies.say("HassDecreaseTimer", "ringing", timer=label), ok=False)
        item = await context.timers.extend(item.id, duration_s - context.timers.remaining_s(item))
        left = self._replies.left(context.timers.remaining_s(item))
        return SkillReply(self._replies.say("HassIncreaseTimer", "done", timer=label, left=left))


class CancelTimer(_Timers):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassCancelTimer": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Without name or length, what rings is meant first."""
        found = self.matching(context.timers.active(), match.slots)
        if all(item.state is DueState.RINGING for item in found) or (
            not match.slots and any(item.state is DueState.RINGING for item in found)
        ):
            context.hush()
            await context.timers.dismiss()
            return SkillReply(self._replies.say(match.intent, "silenced"))
        item = await context.timers.cancel(self.only(found).id)
        return self.said(match, "done", item, context)


class CancelAllTimers(_Timers):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassCancelAllTimers": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        items = self.matching(context.timers.active(), {})
        for item in items:
            await context.timers.cancel(item.id)
        reply = "one" if len(items) == 1 else "several"
        return SkillReply(self._replies.say(match.intent, reply, count=len(items)))


class ChangeTimer(_Timers):
    """More or less time."""

    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassIncreaseTimer": ("duration",),
        "HassDecreaseTimer": ("duration",),
    }

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        seconds = seconds_of(match.slots)
        item = self.only(self.matching(context.timers.active(), match.slots))
        if seconds <= 0:
            return SkillReply(self._replies.say(match.intent, "ask_duration"), expects_answer=True)
        longer = match.intent == "HassIncreaseTimer"
        if longer and context.timers.remaining_s(item) + seconds > MAX_S:
            return SkillReply(self._replies.say(match.intent, "limit"), ok=False)
        if not longer and item.state is DueState.RINGING:
            return self.said(match, "ringing", item, context)
        label = self.label(item)
        over = not longer and seconds >= context.timers.remaining_s(item)
        item = await context.timers.extend(item.id, seconds if longer else -seconds)
        left = self._replies.left(context.timers.remaining_s(item))
        return SkillReply(self._replies.say(match.intent, "over" if over else "done", timer=label, left=left))


class PauseTimer(_Timers):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassPauseTimer": (), "HassUnpauseTimer": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Without name or length, those the request can apply to are meant."""
        pause = match.intent == "HassPauseTimer"
        before = DueState.RUNNING if pause else DueState.PAUSED
        found = self.matching(context.timers.active(), match.slots)
        changing = [item for item in found if item.state is before]
        if "every" in match.slots and len(changing) > 1:
            for item in changing:
                await (context.timers.pause(item.id) if pause else context.timers.resume(item.id))
            return SkillReply(self._replies.say(match.intent, "several", count=len(changing)), acknowledges=True)
        item = self.only(changing or found)
        if item.state is DueState.RINGING:
            return self.said(match, "ringing", item, context)
        if item.state is not before:
            return self.said(match, "already", item, context)
        item = await (context.timers.pause(item.id) if pause else context.timers.resume(item.id))
        return self.said(match, "done", item, context)


class TimerStatus(_Timers):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassTimerStatus": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        found = self.matching(context.timers.active(), match.slots)
        lines = [self.said(match, str(item.state), item, context).text for item in found[:_LISTED]]
        if len(found) == 1:
            return SkillReply(lines[0])
        reply = "several" if len(found) <= _LISTED else "first_of"
        return SkillReply(self._replies.say(match.intent, reply, count=len(found), lines=" ".join(lines)))


def _called(items: Sequence[DueItem], name: str) -> list[DueItem]:
    """Those of that name; else those whose name holds it or is held by it; else the one that sounds most like it."""
    named = [item for item in items if item.name]
    for fits in (
        lambda item: item.name == name,
        lambda item: set(name.split()) <= set(item.name.split()) or set(item.name.split()) <= set(name.split()),
    ):
        found = [item for item in named if fits(item)]
        if found:
            return found
    meant = closest(name, (item.name for item in named))
    return [item for item in named if item.name == meant]
