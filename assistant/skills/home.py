"""Things of the home: on and off, open and closed, brighter, warmer, and how they stand.

What is meant is chosen by `homes.chosen`. Of several that one name fits it is asked which; a verb for a whole room is
for what people mean by it there: its lights, and to be switched off whatever is switched.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any, ClassVar

import yaml

from assistant.errors import HomeError
from assistant.homes import ALL, DOORS, EXCEPT, UNAVAILABLE, Device, Home, ServiceCall, chosen, unspared
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch, Slots

_PROBLEMS = {
    "home-offline": "offline",
    "home-busy": "offline",
    "home-timeout": "timeout",
    "home-auth": "locked_out",
}
"""What is said about each kind of failure."""
_LISTED = 4
"""More things than this are counted, not read out."""
_SWITCHED = ("light", "switch", "fan", "media_player", "input_boolean")
_ON: Mapping[str, str] = {
    **{domain: f"{domain}.turn_on" for domain in (*_SWITCHED, "climate", "humidifier", "scene", "script")},
    "cover": "cover.open_cover",
    "lock": "lock.lock",
    "vacuum": "vacuum.start",
}
_OFF: Mapping[str, str] = {
    **{domain: f"{domain}.turn_off" for domain in (*_SWITCHED, "climate", "humidifier", "script")},
    "cover": "cover.close_cover",
    "lock": "lock.unlock",
    "vacuum": "vacuum.return_to_base",
}
_IS_ON = frozenset({"on", "open", "opening", "locked", "cleaning"})
_IS_OFF = frozenset({"off", "closed", "closing", "unlocked", "docked", "returning"})
_BRIGHTNESS_STEP, _TEMPERATURE_STEP = 20, 1
_SPEED_STEP = 25
_COLDEST_C, _WARMEST_C = 5, 35


class _Answered(Exception):  # noqa: N818 - carries the reply that says so
    """It can't simply be done."""

    def __init__(self, reply: SkillReply) -> None:
        self.reply = reply


class _HomeSkill(Skill):
    """What these skills share: finding, naming, asking. Subclasses have `act`, which may raise _Answered."""

    rehearsable: ClassVar[bool] = True
    domains: ClassVar[tuple[str, ...]] = ()
    """Of the devices that it is for; empty: any."""

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        try:
            if problem := context.home.problem:
                raise problem.again()
            return await self.act(match, context)
        except _Answered as exc:
            return exc.reply
        except HomeError as exc:
            return self._home(_PROBLEMS.get(exc.code, "refused"), ok=False)

    @abstractmethod
    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply: ...

    def devices(self, match: IntentMatch, home: Home, default: Sequence[str] = ()) -> list[Device]:
        """Those a request means and that answer; what names only a place means its devices of the `default` domains.

        Raises:
            _Answered: there are none, or it must be asked which.
        """
        slots = match.slots
        found = self._meant(slots, home)
        if "domain" not in slots and (slots.get("name") in {None, ALL}):
            found = [device for device in found if device.domain in default] or found
        if not found:
            raise _Answered(self._none(slots))
        if "name" in slots and "every" not in slots and len(found) > 1:
            raise _Answered(self._which(found, home))
        if not (ready := [device for device in found if device.state != UNAVAILABLE]):
            raise _Answered(self._home("unavailable", ok=False, what=self.called(found, slots, home)))
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
        """Raises _Answered with the question, unless it was said already that this is meant."""
        if not match.confirmed:
            text = self._replies.say("Home", question, **values)
            raise _Answered(SkillReply(text, expects_answer=True, confirms=True))

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
            found = unspared([device for device in home.devices if device.domain in _SWITCHED], slots)
        return [device for device in found if not self.domains or device.domain in self.domains]

    def _none(self, slots: Slots) -> SkillReply:
        name, place = str(slots.get("name", "")), str(slots.get("area", "") or slots.get("floor", ""))
        if name and place:
            return self._home("no_name_in", ok=False, name=name, place=place)
        if name:
            return self._home("no_name", ok=False, name=name)
        return self._home("none_in", ok=False, place=place) if place else self._home("none", ok=False)

    def _which(self, found: Sequence[Device], home: Home) -> SkillReply:
        names = [device.name for device in found]
        if len(set(names)) < len(names):
            names = [area.name if (area := home.area_of(device)) else device.name for device in found]
        if len(names) > _LISTED:
            text = self._replies.say("Home", "which_many", count=len(names))
        else:
            choices = self._replies.one_of([self._say("the", name=name.lower()) for name in names])
            text = self._replies.say("Home", "which", choices=choices)
        return SkillReply(text, expects_answer=True)

    def _home(self, reply: str, *, ok: bool, **values: object) -> SkillReply:
        return SkillReply(self._replies.say("Home", reply, **values), ok=ok)

    def _say(self, reply: str, **values: object) -> str:
        return self._replies.intents["Home"][reply].format(**values)


class Switch(_HomeSkill):
    """On and off, and what people mean by it: open and close, lock and unlock, start and stop."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassTurnOn": ("target",), "HassTurnOff": ("target",)}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        on = match.intent == "HassTurnOn"
        home = context.home.home
        services = _ON if on else _OFF
        devices = self.devices(match, home, ("light",) if on else _SWITCHED)
        able = [device for device in devices if device.domain in services]
        if "name" not in match.slots or "every" in match.slots:
            able = [device for device in able if device.state not in (_IS_ON if on else _IS_OFF)] or able
        if not able:
            raise _Answered(self._home("unable", ok=False, what=devices[0].name))
        what = self.called(able, match.slots, home)
        if any(_lets_in(device, on) for device in able):
            question = "confirm_open" if on else "confirm_unlock"
            self.confirm(match, question, what=self.the(able, match.slots, home))
        if len(able) > context.confirm_over > 0:
            self.confirm(match, "confirm_many", count=len(able))
        await _call(context, [(services[device.domain], device, {}) for device in able])
        domains = {device.domain for device in able}
        domain = domains.pop() if len(domains) == 1 else ""
        return self.done(match.intent, domain if domain in {"cover", "lock", "vacuum"} else "done", what)


class LightSet(_HomeSkill):
    """Brightness and colour."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassLightSet": ()}
    domains: ClassVar[tuple[str, ...]] = ("light",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        slots = match.slots
        home = context.home.home
        devices = self.devices(match, home)
        what = self.called(devices, slots, home)
        data: dict[str, Any] = {}
        if "color" in slots:
            color = _COLORS.look(str(slots["color"]))
            if color is None:
                return SkillReply(self._replies.say(match.intent, "no_color"), expects_answer=True)
            data |= color
        if "brightness" in slots:
            data["brightness_pct"] = min(100, max(0, round(float(slots["brightness"]))))
        if data:
            await _call(context, [_lit(device, data) for device in devices])
            share = data.get("brightness_pct")
            if "color" in slots:
                reply = "color" if share is None else "both"
                return self.done(match.intent, reply, what, color=slots["color"], share=share)
            return self.done(match.intent, "brightness", what, share=share)
        if "direction" not in slots:
            return SkillReply(self._replies.say(match.intent, "which_look"), expects_answer=True)
        step = float(slots.get("step", _BRIGHTNESS_STEP)) * _sign(slots)
        on = [device for device in devices if device.state == "on"] or (devices if step > 0 else [])
        if not on:
            return SkillReply(self._replies.say(match.intent, "none_on", what=what), ok=False)
        await _call(context, [_lit(device, {"brightness_pct": _moved(device, step)}) for device in on])
        return self.done(match.intent, "brighter" if step > 0 else "darker", what)


class Climate(_HomeSkill):
    """Warmer, cooler."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassClimateSetTemperature": ()}
    domains: ClassVar[tuple[str, ...]] = ("climate",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        devices = self.devices(match, home)
        slots = match.slots
        if "temperature" not in slots and "direction" not in slots:
            return SkillReply(self._replies.say(match.intent, "how_warm"), expects_answer=True)
        calls = []
        degrees = 0.0
        for device in devices:
            if "temperature" in slots:
                degrees = _in_unit_of(device, float(slots["temperature"]), str(slots.get("temperature_unit", "")))
            else:
                now = float(device.attributes.get("temperature") or device.attributes.get("current_temperature") or 20)
                degrees = now + float(slots.get("step", _TEMPERATURE_STEP)) * _sign(slots)
            low, high = _limits(device)
            if not low <= degrees <= high:
                return SkillReply(
                    self._replies.say(match.intent, "limit", low=_number(low), high=_number(high)), ok=False
                )
            calls.append(("climate.set_temperature", device, {"temperature": degrees}))
        await _call(context, calls)
        return self.done(match.intent, "done", self.called(devices, slots, home), degrees=_number(degrees))


class HowWarm(_HomeSkill):
    """What thermostats measure, or sensors where there are none."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassClimateGetTemperature": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        told = []
        for device in self.devices(match, home, ("climate",))[:_LISTED]:
            degrees = _measured(device)
            area = home.area_of(device)
            place = area.name if area else device.name
            if degrees is not None:
                told.append(self._replies.say(match.intent, "one", degrees=_number(degrees), place=place.lower()))
        if not told:
            return SkillReply(self._replies.say(match.intent, "unknown"), ok=False)
        return SkillReply(" ".join(told))

    def _meant(self, slots: Slots, home: Home) -> list[Device]:
        anywhere = {key: value for key, value in slots.items() if key != "domain"}
        measuring = [device for device in super()._meant(anywhere, home) if _measured(device) is not None]
        return measuring or super()._meant(slots, home)


class SetPosition(_HomeSkill):
    """How far open blinds are; and that they stay where they are on their way."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassSetPosition": ("target", "position"),
        "HassStopMoving": ("target",),
    }
    domains: ClassVar[tuple[str, ...]] = ("cover",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        devices = self.devices(match, context.home.home)
        what = self.called(devices, match.slots, context.home.home)
        if match.intent == "HassStopMoving":
            await _call(context, [("cover.stop_cover", device, {}) for device in devices])
            return self.done(match.intent, "done", what)
        position = min(100, max(0, round(float(match.slots["position"]))))
        if position and any(_lets_in(device, on=True) for device in devices):
            self.confirm(match, "confirm_open", what=self.the(devices, match.slots, context.home.home))
        await _call(context, [("cover.set_cover_position", device, {"position": position}) for device in devices])
        return self.done(match.intent, "done", what, share=position)


class FanSpeed(_HomeSkill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassFanSetSpeed": ("target", "percentage")}
    domains: ClassVar[tuple[str, ...]] = ("fan",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        devices = self.devices(match, context.home.home)
        if "percentage" in match.slots:
            speed = float(match.slots["percentage"])
        else:
            step = float(match.slots.get("step", _SPEED_STEP)) * _sign(match.slots)
            speed = float(devices[0].attributes.get("percentage") or 0) + step
        speed = min(100, max(0, round(speed)))
        await _call(context, [("fan.set_percentage", device, {"percentage": speed}) for device in devices])
        return self.done(match.intent, "done", self.called(devices, match.slots, context.home.home), share=speed)


class Vacuum(_HomeSkill):
    """Start, go home. Rooms can't be chosen: no service does that for every robot."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassVacuumStart": (),
        "HassVacuumReturnToBase": (),
        "HassVacuumCleanArea": (),
    }
    domains: ClassVar[tuple[str, ...]] = ("vacuum",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        place = match.intent == "HassVacuumCleanArea" or "name" not in match.slots
        anyone = IntentMatch(match.intent, {"domain": "vacuum"}, 1.0, match.source)  # wherever it stands
        devices = self.devices(anyone if place else match, home)
        service = "vacuum.return_to_base" if match.intent == "HassVacuumReturnToBase" else "vacuum.start"
        await _call(context, [(service, device, {}) for device in devices])
        return self.done(match.intent, "done", self.called(devices, {}, home))


class GetState(_HomeSkill):
    """How things stand: "is the front door locked", "which lights are on"."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassGetState": ("target",)}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        devices = self.devices(match, home)
        asked = str(match.slots.get("state", ""))
        if len(devices) == 1:
            return self._one(match.intent, devices[0], asked)
        if not asked:
            told = [self._one(match.intent, device, "").text for device in devices[:_LISTED]]
            return SkillReply(" ".join(told))
        fits = [device for device in devices if device.state == asked]
        what = self.called(devices, match.slots, home)
        if not fits:
            return self.told(match.intent, "none_of", what, state=self._state(asked))
        if len(fits) == len(devices):
            return self.told(match.intent, "all_of", what, state=self._state(asked))
        if len(fits) > _LISTED:
            return self.told(match.intent, "some_many", what, count=len(fits), state=self._state(asked))
        names = self._replies.all_of([device.name.lower() for device in fits])
        return self.told(match.intent, "some_of" if len(fits) > 1 else "only", names, state=self._state(asked))

    def _one(self, intent: str, device: Device, asked: str) -> SkillReply:
        reply = ("yes" if device.state == asked else "no") if asked else "is"
        return self.told(intent, reply, device.name.lower(), state=self._standing(device))

    def _standing(self, device: Device) -> str:
        """How a device stands, for the ear; what was measured with its unit."""
        try:
            number, unit = _number(float(device.state)), str(device.attributes.get("unit", ""))
        except ValueError:
            return self._state(device.state)
        spoken = self._replies.intents["Home"].get(f"unit_{unit}", unit)
        return self._say("measured", number=number, unit=spoken) if spoken else number

    def _state(self, state: str) -> str:
        return self._replies.intents["Home"].get(f"state_{state}", state.replace("_", " "))


class _Colors:
    """What the words for colours are, from one file a language."""

    @cached_property
    def _table(self) -> Mapping[str, Any]:
        content = yaml.safe_load(files("assistant.skills").joinpath("replies", "colors.yaml").read_text("utf-8"))
        return {str(name): value for name, value in content.items()}

    def look(self, color: str) -> Mapping[str, Any] | None:
        """A colour as light services take it; None when nobody knows it."""
        value = self._table.get(color)
        if value is None:
            return None
        return {"color_temp_kelvin": value} if isinstance(value, int) else {"rgb_color": list(value)}


_COLORS = _Colors()


async def _call(context: SkillContext, wanted: Iterable[tuple[str, Device, Mapping[str, Any]]]) -> None:
    """Have it all done, with one call for what is alike."""
    calls: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for service, device, data in wanted:
        calls.setdefault((service, repr(sorted(data.items()))), (data, []))[1].append(device.id)
    for (service, _), (data, devices) in calls.items():
        await context.home.call(ServiceCall(service, tuple(devices), data))


def _lit(device: Device, data: Mapping[str, Any]) -> tuple[str, Device, Mapping[str, Any]]:
    """A light set so; a brightness of none is off."""
    off = data.get("brightness_pct") == 0
    return ("light.turn_off", device, {}) if off else ("light.turn_on", device, data)


def _moved(device: Device, step: float) -> int:
    now = float(device.attributes.get("brightness") or 0) if device.state == "on" else 0.0
    return min(100, max(1, round(now + step)))


def _lets_in(device: Device, on: bool) -> bool:
    """Whether it lets people in: unlocking, opening a garage."""
    return (device.domain == "lock" and not on) or (on and device.device_class in DOORS)


def _sign(slots: Slots) -> int:
    return 1 if slots["direction"] == "up" else -1


def _measured(device: Device) -> float | None:
    """How warm it is there."""
    degrees = device.attributes.get("current_temperature")
    if device.domain == "sensor" and device.device_class == "temperature":
        with contextlib.suppress(ValueError):
            degrees = float(device.state)
    return degrees if isinstance(degrees, int | float) else None


def _in_unit_of(device: Device, degrees: float, unit: str) -> float:
    """A temperature in the unit the device works with."""
    theirs = "fahrenheit" if device.attributes.get("unit") == "°F" else "celsius"
    if not unit or unit == theirs:
        return degrees
    return round((degrees - 32) / 1.8, 1) if unit == "fahrenheit" else round(degrees * 1.8 + 32, 1)


def _limits(device: Device) -> tuple[float, float]:
    low, high = device.attributes.get("min_temp"), device.attributes.get("max_temp")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return low, high
    factor, zero = (1.8, 32) if device.attributes.get("unit") == "°F" else (1, 0)
    return _COLDEST_C * factor + zero, _WARMEST_C * factor + zero


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
