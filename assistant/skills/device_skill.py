"""What skills for things of the home share: which are meant, what they are called, asking back, having it done.

What is meant is chosen by `homes.chosen`. Of several that one name fits it is asked which; a verb for a whole room is
for what people mean by it there: its lights, and to be switched off whatever is switched.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from assistant.errors import HomeError
from assistant.homes import ALL, EXCEPT, UNAVAILABLE, Device, Home, ServiceCall, chosen
from assistant.skills.base import Skill, SkillContext, SkillReply, nth_of
from assistant.values import IntentMatch, Slots

_PROBLEMS = {
    "home-offline": "offline",
    "home-busy": "offline",
    "home-timeout": "timeout",
    "home-auth": "locked_out",
}
"""What is said about each kind of failure."""
LISTED = 4
"""More things than this are counted, not read out."""
SWITCHED = ("light", "switch", "fan", "media_player", "input_boolean")


class Answered(Exception):  # noqa: N818 - carries the reply that says so
    """It can't simply be done."""

    def __init__(self, reply: SkillReply) -> None:
        self.reply = reply


class DeviceSkill(Skill):
    """What these skills share: finding, naming, asking. Subclasses have `act`, which may raise Answered."""

    rehearsable: ClassVar[bool] = True
    domains: ClassVar[tuple[str, ...]] = ()
    """Of the devices that it is for; empty: any."""

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        try:
            if problem := context.home.problem:
                raise problem.again()
            return await self.act(match, context)
        except Answered as exc:
            return exc.reply
        except HomeError as exc:
            return self._home(_PROBLEMS.get(exc.code, "refused"), ok=False)

    @abstractmethod
    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply: ...

    def devices(self, match: IntentMatch, home: Home, default: Sequence[str] = ()) -> list[Device]:
        """Those a request means and that answer; what names only a place means its devices of the `default` domains.

        Raises:
            Answered: there are none, or it must be asked which.
        """
        slots = match.slots
        found = self._meant(slots, home)
        if "domain" not in slots and (slots.get("name") in {None, ALL}):
            found = [device for device in found if device.domain in default] or found
        if not found:
            raise Answered(self._none(slots))
        if "name" in slots and "every" not in slots and len(found := nth_of(found, slots) or found) > 1:
            raise Answered(self._which(found, home))
        if not (ready := [device for device in found if device.state != UNAVAILABLE]):
            raise Answered(self._home("unavailable", ok=False, what=self.called(found, slots, home)))
        return ready

    def called(self, devices: Sequence[Device], slots: Slots, home: Home) -> str:
        """What the devices are, for the ear: the kitchen lights, everything upstairs, all lights except the hall."""
        if len(devices) == 1:
            return devices[0].name
        if EXCEPT in slots:
            rest = {slot: value for slot, value in slots.items() if slot != EXCEPT}
            return self._say("but", what=self.called(devices, rest, home), but=slots[EXCEPT])
        place = str(slots.get("area", "") or slots.get("floor", ""))
        if not place and {device.area for device in devices} == {home.area} and home.area:
            place = home.area_by_id[home.area].name
        kinds = {device.domain for device in devices}
        if len(kinds) > 1:
            return self._say("everything_in", place=place) if place else self._say("everything")
        kind = self._replies.intents["Home"].get(f"kind_{kinds.pop()}") or self._say("devices")
        return self._say("kinds_in", place=place, kinds=kind) if place else self._say("kinds", kinds=kind)

    def confirm(self, match: IntentMatch, question: str, **values: object) -> None:
        """Raises Answered with the question, unless it was said already that this is meant."""
        if not match.confirmed:
            text = self._replies.say("Home", question, **values)
            raise Answered(SkillReply(text, expects_answer=True, confirms=True))

    def the(self, devices: Sequence[Device], slots: Slots, home: Home) -> str:
        """The same within a sentence: the hall lamp, all lights."""
        what = self.called(devices, slots, home).lower()
        return self._say("the", name=what) if len(devices) == 1 else what

    def done(self, intent: str, reply: str, what: str, **values: object) -> SkillReply:
        return SkillReply(self._replies.say(intent, reply, what=what, **values), acknowledges=True)

    def told(self, intent: str, reply: str, what: str, **values: object) -> SkillReply:
        return SkillReply(self._replies.say(intent, reply, what=what, **values))

    def _meant(self, slots: Slots, home: Home) -> list[Device]:
        found = chosen(home, slots)
        if slots.get("name") == ALL:
            everywhere = {slot: value for slot, value in slots.items() if slot != "name"}
            found = [device for device in chosen(home, {**everywhere, "every": True}) if device.domain in SWITCHED]
        return [device for device in found if not self.domains or device.domain in self.domains]

    def _none(self, slots: Slots) -> SkillReply:
        name = "" if slots.get("name") == ALL else str(slots.get("name", ""))
        place = str(slots.get("area", "") or slots.get("floor", ""))
        if name and place:
            return self._home("no_name_in", ok=False, name=name, place=place)
        if name:
            return self._home("no_name", ok=False, name=name)
        return self._home("none_in", ok=False, place=place) if place else self._home("none", ok=False)

    def _which(self, found: Sequence[Device], home: Home) -> SkillReply:
        names = [device.name for device in found]
        if len(set(names)) < len(names):
            names = [area.name if (area := home.area_of(device)) else device.name for device in found]
        if len(names) > LISTED:
            text = self._replies.say("Home", "which_many", count=len(names))
        else:
            choices = self._replies.one_of([self._say("the", name=name.lower()) for name in names])
            text = self._replies.say("Home", "which", choices=choices)
        return SkillReply(text, expects_answer=True)

    def _home(self, reply: str, *, ok: bool, **values: object) -> SkillReply:
        return SkillReply(self._replies.say("Home", reply, **values), ok=ok)

    def _say(self, reply: str, **values: object) -> str:
        return self._replies.intents["Home"][reply].format(**values)


async def call(context: SkillContext, wanted: Iterable[tuple[str, Device, Mapping[str, Any]]]) -> None:
    """Have it all done, with one call for what is alike."""
    calls: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for service, device, data in wanted:
        calls.setdefault((service, repr(sorted(data.items()))), (data, []))[1].append(device.id)
    for (service, _), (data, devices) in calls.items():
        await context.home.call(ServiceCall(service, tuple(devices), data))


def sign(slots: Slots) -> int:
    return 1 if slots["direction"] == "up" else -1


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
