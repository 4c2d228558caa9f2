"""Trying a plugin out with the real understanding, for the tests of whoever writes one.

answer = ask(Coin, "flip a coin")
assert answer.reply in {"Heads.", "Tails."}
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assistant.daemon.plugins import compiled
from assistant.home.virtual import State, VirtualHome, built_in
from assistant.nlu.understand import Known, Understander
from assistant.skills.book import SkillBook
from assistant.skills.plugin import Context, Plugin, PluginHome
from assistant.skills.plugin_check import made
from assistant.skills.plugin_skill import PluginSkill
from assistant.values import Slots

_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an utterance."""

    intent: str
    """As the assistant names it (`coin.FlipCoin`); empty when no sentence fits."""
    slots: Slots
    reply: str
    """The plugin's, or its question for what is missing; empty when the intent isn't the plugin's."""


def ask(plugin: type[Plugin], text: str, *, now: datetime | None = None) -> Answer:
    """What an assistant with that plugin makes of a text, in the furnished home that it comes with.

    Raises:
        EdgewiseError: what is wrong with the plugin, or what becomes of an error that it raises.
    """
    return asyncio.run(_ask(made(plugin, plugin.name, _LANGUAGE), text, now or datetime.now().astimezone()))


async def _ask(plugin: Plugin, text: str, now: datetime) -> Answer:
    areas, devices = built_in(_LANGUAGE)
    home = VirtualHome(areas, devices, _Forgetful(), lambda _device: None)
    understander = Understander(known=lambda: Known((), home.home), plugins=[compiled(plugin)])
    match = understander.understand(text, now=now).match
    book = SkillBook.built_in(_LANGUAGE)
    skill = PluginSkill(plugin, off=book.off)
    if match is None or match.intent not in skill.intents:
        return Answer(match.intent if match else "", match.slots if match else {}, "")
    book.add(skill, plugin.name, skill.texts)
    if missing := book.missing_slots(match):
        return Answer(match.intent, match.slots, book.ask_back(match, missing).text)
    try:
        reply = await skill.run(match, Context(now, 12, "", PluginHome(home)))
    finally:
        skill.close()
    return Answer(match.intent, match.slots, reply.text)


class _Forgetful:
    """home.virtual.HomeStore that keeps nothing."""

    async def save(self, states: Mapping[str, State]) -> None:
        """Nothing."""

    async def states(self) -> Mapping[str, State]:
        return {}
