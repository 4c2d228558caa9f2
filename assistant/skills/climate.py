"""How warm it is, and is to be."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import ClassVar

from assistant.homes import Device, Home
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.device_skill import LISTED, DeviceSkill, call, number, sign
from assistant.values import IntentMatch, Slots

_TEMPERATURE_STEP = 1
_COLDEST_C, _WARMEST_C = 5, 35


class Climate(DeviceSkill):
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
                degrees = now + float(slots.get("step", _TEMPERATURE_STEP)) * sign(slots)
            low, high = _limits(device)
            if not low <= degrees <= high:
                return SkillReply(
                    self._replies.say(match.intent, "limit", low=number(low), high=number(high)), ok=False
                )
            calls.append(("climate.set_temperature", device, {"temperature": degrees}))
        await call(context, calls)
        return self.done(match.intent, "done", self.called(devices, slots, home), degrees=number(degrees))


class HowWarm(DeviceSkill):
    """What thermostats measure, or sensors where there are none."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassClimateGetTemperature": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        told = []
        for device in self.devices(match, home, ("climate",))[:LISTED]:
            degrees = _measured(device)
            area = home.area_of(device)
            place = area.name if area else device.name
            if degrees is not None:
                told.append(self._replies.say(match.intent, "one", degrees=number(degrees), place=place.lower()))
        if not told:
            return SkillReply(self._replies.say(match.intent, "unknown"), ok=False)
        return SkillReply(" ".join(told))

    def _meant(self, slots: Slots, home: Home) -> list[Device]:
        anywhere = {key: value for key, value in slots.items() if key != "domain"}
        measuring = [device for device in super()._meant(anywhere, home) if _measured(device) is not None]
        return measuring or super()._meant(slots, home)


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
