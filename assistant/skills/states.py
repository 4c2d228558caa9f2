"""How things of the home stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assistant.homes import Device
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.device_skill import LISTED, DeviceSkill, number
from assistant.values import IntentMatch

_SHARES = ("brightness", "position", "percentage")
"""Attributes that say how bright, how far open, how fast: 0 to 100."""
_ACTIVE = frozenset({"on", "open"})


class GetState(DeviceSkill):
    """How things stand: "is the front door locked", "which lights are on"."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassGetState": ("target",)}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        home = context.home.home
        devices = self.devices(match, home)
        asked = str(match.slots.get("state", ""))
        if len(devices) == 1:
            return self._one(match.intent, devices[0], asked)
        if not asked:
            told = [self._one(match.intent, device, "").text for device in devices[:LISTED]]
            return SkillReply(" ".join(told))
        fits = [device for device in devices if device.state == asked]
        what = self.called(devices, match.slots, home)
        if not fits:
            return self.told(match.intent, "none_of", what, state=self._state(asked))
        if len(fits) == len(devices):
            return self.told(match.intent, "all_of", what, state=self._state(asked))
        if len(fits) > LISTED:
            return self.told(match.intent, "some_many", what, count=len(fits), state=self._state(asked))
        names = self._replies.all_of([device.name.lower() for device in fits])
        return self.told(match.intent, "some_of" if len(fits) > 1 else "only", names, state=self._state(asked))

    def _one(self, intent: str, device: Device, asked: str) -> SkillReply:
        share = next((device.attributes[each] for each in _SHARES if each in device.attributes), None)
        if not asked and share is not None and device.state in _ACTIVE:
            return self.told(intent, "is_at", device.name.lower(), state=self._standing(device), share=share)
        reply = ("yes" if device.state == asked else "no") if asked else "is"
        return self.told(intent, reply, device.name.lower(), state=self._standing(device))

    def _standing(self, device: Device) -> str:
        """How a device stands, for the ear; what was measured with its unit."""
        try:
            amount, unit = number(float(device.state)), str(device.attributes.get("unit", ""))
        except ValueError:
            return self._state(device.state)
        spoken = self._replies.intents["Home"].get(f"unit_{unit}", unit)
        return self._say("measured", number=amount, unit=spoken) if spoken else amount

    def _state(self, state: str) -> str:
        return self._replies.intents["Home"].get(f"state_{state}", state.replace("_", " "))
