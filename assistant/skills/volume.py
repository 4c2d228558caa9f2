"""How loud the assistant is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch

_STEP = 10


class SetVolume(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassSetVolume": (),
        "HassSetVolumeRelative": (),
        "HassMediaPlayerMute": (),
        "HassMediaPlayerUnmute": (),
    }

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        slots, level = match.slots, context.volume.level
        match match.intent:
            case "HassMediaPlayerMute":
                wanted = 0
            case "HassMediaPlayerUnmute":
                wanted = level or context.volume.before_mute
            case _ if "volume_level" in slots:
                wanted = round(float(slots["volume_level"]))
            case "HassSetVolumeRelative":
                step = float(slots.get("volume_step", _STEP))
                wanted = round(level - abs(step) if slots.get("direction") == "down" or step < 0 else level + step)
            case _:
                return SkillReply(self._replies.say(match.intent, "how_loud"), expects_answer=True)
        wanted = min(100, max(0, wanted))
        await context.volume.set(wanted)
        return SkillReply(self._replies.say(match.intent, "done" if wanted else "silent", level=wanted))
