"""All skills: which intent goes where, and what is said when a skill fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import structlog

from assistant.errors import EdgewiseError
from assistant.homes import ALL
from assistant.skills.alarms import Alarms, Commands, Reminders
from assistant.skills.base import Handler, Skill, SkillContext, SkillReply
from assistant.skills.calculator import Calculator
from assistant.skills.chance import FlipCoin, RandomNumber, RollDice, TellJoke
from assistant.skills.climate import Climate, HowWarm
from assistant.skills.clock import Date, DaysUntil, Time
from assistant.skills.control import Nevermind, Repeat, Stop
from assistant.skills.home import FanSpeed, LightSet, SetPosition, Switch, Vacuum
from assistant.skills.lists import AddItem, CompleteItem, ReadList, RemoveItem
from assistant.skills.media import PlayMedia, SteerMedia
from assistant.skills.privacy import ExplainLast, SetPrivateMode
from assistant.skills.replies import Replies, filled, load_replies
from assistant.skills.smalltalk import Smalltalk
from assistant.skills.states import GetState
from assistant.skills.timers import CancelAllTimers, CancelTimer, ChangeTimer, PauseTimer, StartTimer, TimerStatus
from assistant.skills.units import ConvertUnit
from assistant.skills.volume import SetVolume
from assistant.skills.weather import GetWeather
from assistant.values import COMMAND, LASTING, PROVISO, IntentMatch, gives

_log = structlog.get_logger(__name__)
_BUILT_IN: tuple[type[Skill], ...] = (
    Alarms, Reminders, Time, Date, DaysUntil, StartTimer, CancelTimer, CancelAllTimers, ChangeTimer, PauseTimer,
    TimerStatus, Calculator, Switch, LightSet, Climate, HowWarm, SetPosition, FanSpeed, Vacuum, GetState,
    AddItem, RemoveItem, CompleteItem, ReadList, FlipCoin, RollDice, RandomNumber, TellJoke, ConvertUnit, SetVolume,
    GetWeather, PlayMedia, SteerMedia, SetPrivateMode, ExplainLast, Stop, Nevermind, Repeat, Smalltalk,
)  # fmt: skip
_Reply = Callable[[IntentMatch, SkillContext], Awaitable[SkillReply]]


@dataclass(frozen=True, slots=True)
class IntentInfo:
    """An intent and who does it."""

    intent: str
    skill: str
    required: tuple[str, ...]
    """Slots it can't do without; `duration` is any of hours, minutes, seconds."""


class SkillBook:
    """Finds the skill for a request and runs it."""

    def __init__(self, skills: Iterable[Skill], replies: Replies) -> None:
        self._replies = replies
        self._skills: dict[str, Handler] = {}
        self._intents: dict[str, IntentInfo] = {}
        self._texts: dict[str, Mapping[str, str]] = {}
        self._later = Commands(replies)
        for skill in skills:
            self.add(skill, type(skill).__name__, replies.intents)

    def add(self, skill: Handler, name: str, texts: Mapping[str, Mapping[str, str]]) -> None:
        """Have a skill handle its intents. `texts`: intent -> its replies."""
        for intent, required in skill.intents.items():
            self._skills[intent] = skill
            self._intents[intent] = IntentInfo(intent, name, required)
            self._texts[intent] = texts.get(intent, {})

    @property
    def replies(self) -> Replies:
        """What the built-in skills say."""
        return self._replies

    @property
    def off(self) -> str:
        """What a skill says that is off."""
        return self._replies.general["off"]

    @classmethod
    def built_in(cls, language: str = "en") -> SkillBook:
        """The skills that come with the assistant. Raises SkillError when the replies can't be read."""
        replies = load_replies(language)
        return cls((skill(replies) for skill in _BUILT_IN), replies)

    def intents(self) -> Mapping[str, IntentInfo]:
        return MappingProxyType(self._intents)

    def irreversible(self, intent: str) -> bool:
        """Whether what an intent does can't be taken back."""
        skill = self._skills.get(intent)
        return skill is not None and intent in skill.irreversible

    def missing_slots(self, match: IntentMatch) -> tuple[str, ...]:
        """The required slots a request lacks; none for an intent nobody handles."""
        info = self._intents.get(match.intent)
        return tuple(slot for slot in info.required if not gives(match.slots, slot)) if info else ()

    def ask_back(self, match: IntentMatch, missing: tuple[str, ...]) -> SkillReply:
        """The question for what is missing, or whether the request was understood right when nothing is."""
        texts = self._texts.get(match.intent, {})
        asked = (texts[f"ask_{slot}"] for slot in missing if f"ask_{slot}" in texts)
        vague = PROVISO in match.slots or match.slots.get("name") == ALL  # "all but the pasta timer" is not that one
        named = (texts[f"doubt_{slot}"] for slot in match.slots if f"doubt_{slot}" in texts and not vague)
        doubt = texts.get("doubt", self._replies.general["confirm"])
        question = next(asked, None) or next(named, doubt)
        return SkillReply(filled(question, dict(match.slots)), expects_answer=True)

    async def rehearse(self, match: IntentMatch, context: SkillContext) -> SkillReply | None:
        """What `handle` would reply; None when only the doing can tell. `context` is one that changes nothing."""
        skill = self._skill_for(match)
        return await self._reply(match, skill.rehearse, context) if skill and skill.rehearsable else None

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Do what is asked. Never raises but CancelledError: a failing skill gives the intent's apology, `ok` False."""
        skill = self._skill_for(match)
        if skill is None:
            return SkillReply(self._replies.general["unknown"], ok=False)
        return await self._reply(match, skill.handle, context)

    def overdue(self, match: IntentMatch) -> SkillReply:
        """The apology for what was given up since it took too long."""
        if skill := self._skills.get(match.intent):
            skill.took_too_long()
        return self._apology(match)

    async def _reply(self, match: IntentMatch, reply: _Reply, context: SkillContext) -> SkillReply:
        missing = self.missing_slots(match)
        if proviso := str(match.slots.get(PROVISO, "")):
            text = self._replies.general[f"proviso_{proviso}"]
            when = self.ask_back(match, missing).text if "time" in missing else ""  # it may be told at a time instead
            return SkillReply(f"{text} {when}".strip(), expects_answer=bool(when), ok=False)
        if missing:
            return self.ask_back(match, missing)
        try:
            return await self._done(match, reply, context)
        except EdgewiseError as exc:
            _log.warning("skill-failed", intent=match.intent, code=exc.code, stage=exc.stage)
        except Exception as exc:
            _log.error("skill-broken", intent=match.intent, error=type(exc).__name__)
        return self._apology(match)

    def _skill_for(self, match: IntentMatch) -> Handler | None:
        """Whose a request is: what is for later is kept, whatever it is."""
        skill = self._skills.get(match.intent)
        return self._later if skill and COMMAND in match.slots and LASTING not in match.slots else skill

    async def _done(self, match: IntentMatch, reply: _Reply, context: SkillContext) -> SkillReply:
        """What is done now; and what undoes it is kept for later, once it was done."""
        said = await reply(match, context)
        if LASTING not in match.slots or said.expects_answer or not said.ok:
            return said
        later = await self._later.handle(match, context)
        return replace(said, text=f"{said.text} {later.text}", acknowledges=False, ok=later.ok)

    def _apology(self, match: IntentMatch) -> SkillReply:
        general = self._replies.general["failed"]
        return SkillReply(self._texts.get(match.intent, {}).get("failed", general), ok=False)
