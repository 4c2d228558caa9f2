"""Music, radio, and the home's players.

Who plays: the player that was named, or those of the place that was named; without either the device itself, if it has
such a thing; else the player of the assistant's own room, or the only one there is. What is said to whatever plays
("pause", "next") is for the device's own music first, then for a player that plays, nearest first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from assistant.errors import AudioError, HomeError
from assistant.homes import UNAVAILABLE, Device, Home, ServiceCall, chosen
from assistant.media import Playing
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch, Slots

_PLAYER = "media_player"
PLAYING = frozenset({"playing", "buffering"})
"""How a player stands that sounds."""
_RESTART_S = 5.0
"""Later in a track than this, "previous" begins it again."""


class PlayMedia(Skill):
    """Play something."""

    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassMediaSearchAndPlay": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        query = str(match.slots.get("query", ""))
        home = context.home.home
        players = players_meant(match.slots, home)
        if {"name", "area", "floor"} & match.slots.keys():
            return await self._there(query, players, context) if players else self._say("no_player", ok=False)
        if here := await self._here(query, context):
            return here
        if not players:
            return self._say("not_found" if query else "nothing", ok=False, what=query)
        return await self._there(query, nearest(players, home), context)

    async def _here(self, query: str, context: SkillContext) -> SkillReply | None:
        """Play it on the device itself; None when it has no such thing."""
        now = context.music.playing
        if not query and now:
            wanted, what = replace(now, paused=False), now.track.title
        elif tracks := await context.music.find(query):
            wanted = Playing(tracks if query else tuple(context.random.sample(tracks, len(tracks))))
            what = query if query and len(tracks) > 1 else wanted.track.title
        else:
            return None
        try:
            await context.music.put(wanted)
        except AudioError as exc:
            return self._say("no_speaker" if exc.code == "no-speaker" else "unplayable", ok=False)
        return self._say("playing", what=what)

    async def _there(self, query: str, players: Sequence[Device], context: SkillContext) -> SkillReply:
        if len(players) > 1:
            names = self._replies.one_of([player.name for player in players])
            return SkillReply(self._replies.say("HassMediaSearchAndPlay", "which", choices=names), expects_answer=True)
        player = players[0]
        try:
            if not query:
                await context.home.call(ServiceCall("media_player.media_play", (player.id,)))
                return self._say("going_on", player=player.name)
            own = await context.music.find(query)
            station = own[0] if len(own) == 1 and own[0].live else None
            await context.home.play(player.id, station.url if station else query)
        except HomeError as exc:
            return self._say("unreachable" if exc.retryable else "unplayable", ok=False, what=query)
        return self._say("playing_on", what=station.title if station else query, player=player.name)

    def _say(self, reply: str, *, ok: bool = True, **values: object) -> SkillReply:
        text = self._replies.say("HassMediaSearchAndPlay", reply, **values)
        return SkillReply(text, ok=ok, acknowledges=ok)


class SteerMedia(Skill):
    """Pause, go on, the next one, the one before."""

    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassMediaPause": (),
        "HassMediaUnpause": (),
        "HassMediaNext": (),
        "HassMediaPrevious": (),
    }
    _SERVICES: ClassVar[Mapping[str, tuple[str, frozenset[str]]]] = {
        "HassMediaPause": ("media_player.media_pause", frozenset({"playing", "buffering", "on"})),
        "HassMediaUnpause": ("media_player.media_play", frozenset({"paused", "idle", "on"})),
        "HassMediaNext": ("media_player.media_next_track", frozenset({"playing", "paused", "buffering", "on"})),
        "HassMediaPrevious": ("media_player.media_previous_track", frozenset({"playing", "paused", "buffering", "on"})),
    }
    """The service, and how a player stands for which it makes sense."""

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        own = context.music.playing
        if own and not {"name", "area", "floor"} & match.slots.keys() and self._concerns(match.intent, own):
            return await self._own(match.intent, own, context)
        service, states = self._SERVICES[match.intent]
        players = players_meant(match.slots, context.home.home)
        fitting = nearest([player for player in players if player.state in states], context.home.home)
        active = [player for player in fitting if player.state in PLAYING | {"paused"}] or fitting
        if not active:
            return SkillReply(self._replies.say(match.intent, "nothing"), ok=False)
        try:
            await context.home.call(ServiceCall(service, tuple(player.id for player in active)))
        except HomeError as exc:
            reply = "unreachable" if exc.retryable else "unable"
            return SkillReply(self._replies.say(match.intent, reply), ok=False)
        return SkillReply(self._replies.say(match.intent, "done"), acknowledges=True)

    @staticmethod
    def _concerns(intent: str, own: Playing) -> bool:
        """Whether it is for the device's own music as that stands."""
        return {"HassMediaPause": not own.paused, "HassMediaUnpause": own.paused}.get(intent, True)

    async def _own(self, intent: str, own: Playing, context: SkillContext) -> SkillReply:
        wanted = replace(own, paused=intent == "HassMediaPause")
        if intent == "HassMediaNext":
            if own.index + 1 >= len(own.tracks):
                return SkillReply(self._replies.say(intent, "last"), ok=False)
            wanted = replace(wanted, index=own.index + 1, at_s=0.0)
        if intent == "HassMediaPrevious":
            back = 1 if own.index and own.at_s < _RESTART_S else 0
            wanted = replace(wanted, index=own.index - back, at_s=0.0)
        try:
            await context.music.put(wanted)
        except AudioError:
            return SkillReply(self._replies.say(intent, "unable"), ok=False)
        return SkillReply(self._replies.say(intent, "done"), acknowledges=True)


def players_meant(slots: Slots, home: Home) -> list[Device]:
    """The players that a request names, or all of them, that answer."""
    named = {key: value for key, value in slots.items() if key in {"name", "area", "floor", "every"}}
    found = chosen(home, {**named, "domain": _PLAYER, "every": True})
    return [player for player in found if player.state != UNAVAILABLE]


def nearest(players: Sequence[Device], home: Home) -> list[Device]:
    """Those of the assistant's own room, if it has any."""
    return [player for player in players if home.area and player.area == home.area] or list(players)
