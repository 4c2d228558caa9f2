"""How loud the assistant is, or a player of the home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from assistant.errors import HomeError
from assistant.homes import Device, ServiceCall
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.media import players_meant
from assistant.values import IntentMatch, Slots

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
        if {"name", "area", "floor"} & match.slots.keys():
            players = players_meant(match.slots, context.home.home)
            if not players:
                return SkillReply(self._replies.say(match.intent, "no_player"), ok=False)
            return await self._of_players(match, players, context)
        level = context.volume.level
        match match.intent:
            case "HassMediaPlayerMute":
                wanted: int | None = 0
            case "HassMediaPlayerUnmute":
                wanted = level or context.volume.before_mute
            case _:
                wanted = _wanted(match, level)
        if wanted is None:
            return SkillReply(self._replies.say(match.intent, "how_loud"), expects_answer=True)
        await context.volume.set(wanted)
        return SkillReply(self._replies.say(match.intent, "done" if wanted else "silent", level=wanted))

    async def _of_players(self, match: IntentMatch, players: list[Device], context: SkillContext) -> SkillReply:
        calls = []
        wanted: int | None = None
        for player in players:
            data: dict[str, Any]
            if match.intent in {"HassMediaPlayerMute", "HassMediaPlayerUnmute"}:
                service, data = "volume_mute", {"is_volume_muted": match.intent == "HassMediaPlayerMute"}
            else:
                wanted = _wanted(match, round(float(player.attributes.get("volume", 50))))
                if wanted is None:
                    return SkillReply(self._replies.say(match.intent, "how_loud"), expects_answer=True)
                service, data = "volume_set", {"volume_level": wanted / 100}
            calls.append(ServiceCall(f"media_player.{service}", (player.id,), data))
        try:
            for call in calls:
                await context.home.call(call)
        except HomeError:
            return SkillReply(self._replies.say(match.intent, "unreachable"), ok=False)
        what = players[0].name if len(players) == 1 else self._replies.say(match.intent, "players")
        return SkillReply(self._replies.say(match.intent, "of_player", player=what, level=wanted), acknowledges=True)


def _wanted(match: IntentMatch, level: int) -> int | None:
    """How loud it is to be, 0 to 100; None when nobody said."""
    slots: Slots = match.slots
    if "volume_level" in slots:
        wanted = round(float(slots["volume_level"]))
    elif match.intent == "HassSetVolumeRelative" and {"direction", "volume_step"} & slots.keys():
        step = float(slots.get("volume_step", _STEP))
        wanted = round(level - abs(step) if slots.get("direction") == "down" or step < 0 else level + step)
    else:
        return None
    return min(100, max(0, wanted))
