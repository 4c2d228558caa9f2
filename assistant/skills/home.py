"""Things of the home: on and off, open and closed, brighter and darker, faster and slower."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any, ClassVar

import yaml

from assistant.homes import DOORS, Device
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.device_skill import SWITCHED, Answered, DeviceSkill, call, sign
from assistant.values import IntentMatch

_ON: Mapping[str, str] = {
    **{domain: f"{domain}.turn_on" for domain in (*SWITCHED, "climate", "humidifier", "scene", "script")},
    "cover": "cover.open_cover",
    "lock": "lock.lock",
    "vacuum": "vacuum.start",
}
_OFF: Mapping[str, str] = {
    **{domain: f"{domain}.turn_off" for domain in (*SWITCHED, "climate", "humidifier", "script")},
    "cover": "cover.close_cover",
    "lock": "lock.unlock",
    "vacuum": "vacuum.return_to_base",
}
_IS_ON = frozenset({"on", "open", "opening", "locked", "cleaning"})
_IS_OFF = frozenset({"off", "closed", "closing", "unlocked", "docked", "returning"})
_BRIGHTNESS_STEP, _SPEED_STEP, _POSITION_STEP = 20, 25, 20


class Switch(DeviceSkill):
    """On and off, and what people mean by it: open and close, lock and unlock, start and stop."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassTurnOn": ("target",), "HassTurnOff": ("target",)}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        on = match.intent == "HassTurnOn"
        home = context.home.home
        services = _ON if on else _OFF
        devices = self.devices(match, home, ("light",) if on else SWITCHED)
        able = [device for device in devices if device.domain in services]
        if "name" not in match.slots or "every" in match.slots:
            able = [device for device in able if device.state not in (_IS_ON if on else _IS_OFF)] or able
        if not able:
            raise Answered(self._home("unable", ok=False, what=devices[0].name))
        what = self.called(able, match.slots, home)
        if any(_lets_in(device, on) for device in able):
            question = "confirm_open" if on else "confirm_unlock"
            self.confirm(match, question, what=self.the(able, match.slots, home))
        if len(able) > context.confirm_over > 0:
            self.confirm(match, "confirm_many", count=len(able))
        await call(context, [(services[device.domain], device, {}) for device in able])
        domains = {device.domain for device in able}
        domain = domains.pop() if len(domains) == 1 else ""
        return self.done(match.intent, domain if domain in {"cover", "lock", "vacuum"} else "done", what)


class LightSet(DeviceSkill):
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
            await call(context, [_lit(device, data) for device in devices])
            share = data.get("brightness_pct")
            if "color" in slots:
                reply = "color" if share is None else "both"
                return self.done(match.intent, reply, what, color=slots["color"], share=share)
            return self.done(match.intent, "brightness", what, share=share)
        if "direction" not in slots:
            return SkillReply(self._replies.say(match.intent, "which_look"), expects_answer=True)
        step = float(slots.get("step", _BRIGHTNESS_STEP)) * sign(slots)
        on = [device for device in devices if device.state == "on"] or (devices if step > 0 else [])
        if not on:
            return SkillReply(self._replies.say(match.intent, "none_on", what=what), ok=False)
        await call(context, [_lit(device, {"brightness_pct": _moved(device, step)}) for device in on])
        return self.done(match.intent, "brighter" if step > 0 else "darker", what)


class SetPosition(DeviceSkill):
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
            await call(context, [("cover.stop_cover", device, {}) for device in devices])
            return self.done(match.intent, "done", what)
        positions = [self._position(match, device) for device in devices]
        wanted = list(zip(devices, positions, strict=True))
        if any(position and _lets_in(device, on=True) for device, position in wanted):
            self.confirm(match, "confirm_open", what=self.the(devices, match.slots, context.home.home))
        await call(context, [("cover.set_cover_position", device, {"position": each}) for device, each in wanted])
        if len(set(positions)) > 1:
            return self.done(match.intent, "further" if sign(match.slots) > 0 else "less", what)
        return self.done(match.intent, "done", what, share=positions[0])

    @staticmethod
    def _position(match: IntentMatch, device: Device) -> int:
        """In percent, open; from where it is when only the way was said."""
        if "position" in match.slots:
            position = float(match.slots["position"])
        else:
            known = device.attributes.get("position")
            now = float(known) if isinstance(known, int | float) else 100.0 * (device.state in _IS_ON)
            position = now + float(match.slots.get("step", _POSITION_STEP)) * sign(match.slots)
        return min(100, max(0, round(position)))


class FanSpeed(DeviceSkill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassFanSetSpeed": ("target", "percentage")}
    domains: ClassVar[tuple[str, ...]] = ("fan",)

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        devices = self.devices(match, context.home.home)
        if "percentage" in match.slots:
            speed = float(match.slots["percentage"])
        else:
            step = float(match.slots.get("step", _SPEED_STEP)) * sign(match.slots)
            speed = float(devices[0].attributes.get("percentage") or 0) + step
        speed = min(100, max(0, round(speed)))
        await call(context, [("fan.set_percentage", device, {"percentage": speed}) for device in devices])
        return self.done(match.intent, "done", self.called(devices, match.slots, context.home.home), share=speed)


class Vacuum(DeviceSkill):
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
        await call(context, [(service, device, {}) for device in devices])
        return self.done(match.intent, "done", self.called(devices, {}, home))


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
