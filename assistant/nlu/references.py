"""What a pronoun stands for: "turn it off again", "how long does that have left", "cancel it", "read it to me".

What was talked about last is of one kind: a timer, an alarm, a reminder, a list, sound, or a thing of the home. What is
asked of "it" then means what is done with that kind of thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assistant.nlu.targets import REFERENCE, TARGET_SLOTS
from assistant.values import COMMAND, IntentMatch, Slots

_AMOUNTS = {
    "light": ("HassLightSet", "brightness"),
    "climate": ("HassClimateSetTemperature", "temperature"),
    "cover": ("HassSetPosition", "position"),
    "fan": ("HassFanSetSpeed", "percentage"),
}
"""What changing an amount is called, and the amount, by domain."""
_AMOUNT_OF = dict(_AMOUNTS.values())
_PLACES = frozenset({"area", "floor"})
_RESOLVED = 0.98
"""How sure a request is once it is known what it is for."""


@dataclass(frozen=True, slots=True)
class _Topic:
    """A kind of thing that can be talked about."""

    intents: frozenset[str]
    """That are about such things."""
    kept: frozenset[str]
    """Their slots that tell which one."""
    means: Mapping[str, tuple[str, Slots]]
    """What is asked of "it" -> what that is called here, and its slots."""


_MOMENT = frozenset({"time", "date", "ambiguous"})
_LENGTH = frozenset({"hours", "minutes", "seconds"})
_TIMER = _Topic(
    frozenset(
        {
            "HassStartTimer", "HassCancelTimer", "HassCancelAllTimers", "HassIncreaseTimer", "HassDecreaseTimer",
            "HassPauseTimer", "HassUnpauseTimer", "HassTimerStatus",
        }
    ),
    frozenset({"name", "start_hours", "start_minutes", "start_seconds"}),
    {
        "HassNevermind": ("HassCancelTimer", {}),
        "Stop": ("HassCancelTimer", {}),
        "HassTurnOff": ("HassCancelTimer", {}),
        "HassTurnOn": ("HassUnpauseTimer", {}),
        "HassMediaPause": ("HassPauseTimer", {}),
        "HassMediaUnpause": ("HassUnpauseTimer", {}),
        "HassGetState": ("HassTimerStatus", {}),
        "HassMediaNext": ("HassCancelTimer", {}),
        "HassIncreaseTimer": ("HassIncreaseTimer", {}),
        "HassCancelAllTimers": ("HassCancelAllTimers", {}),
        "ListItems": ("HassTimerStatus", {}),
    },
)  # fmt: skip
_ALARM = _Topic(
    frozenset({"SetAlarm", "CancelAlarm", "ListAlarms"}),
    frozenset({"time", "date", "ambiguous"}),
    {
        "HassNevermind": ("CancelAlarm", {}),
        "HassTurnOff": ("CancelAlarm", {}),
        "HassGetState": ("ListAlarms", {}),
        "ListItems": ("ListAlarms", {}),
        "HassMediaNext": ("CancelAlarm", {"once": True}),
        "HassCancelAllTimers": ("CancelAlarm", {"every": True}),
        "SetAlarm": ("SetAlarm", {}),
    },
)
_REMINDER = _Topic(
    frozenset({"SetReminder", "CancelReminder", "ListReminders"}),
    frozenset({"time", "date", "ambiguous", "message"}),
    {
        "HassNevermind": ("CancelReminder", {}),
        "HassTurnOff": ("CancelReminder", {}),
        "HassGetState": ("ListReminders", {}),
        "ListItems": ("ListReminders", {}),
        "HassMediaNext": ("CancelReminder", {"once": True}),
        "HassCancelAllTimers": ("CancelReminder", {"every": True}),
        "SetAlarm": ("SetReminder", {}),
    },
)
_LIST = _Topic(
    frozenset(
        {
            "HassListAddItem", "HassListRemoveItem", "HassListCompleteItem", "HassShoppingListAddItem",
            "HassShoppingListCompleteItem", "ListItems",
        }
    ),
    frozenset({"name"}),
    {
        "HassNevermind": ("HassListRemoveItem", {}),
        "HassGetState": ("ListItems", {}),
        "ListItems": ("ListItems", {}),
        "HassListAddItem": ("HassListAddItem", {}),
        "HassListRemoveItem": ("HassListRemoveItem", {}),
        "HassListCompleteItem": ("HassListCompleteItem", {}),
    },
)  # fmt: skip
_TOPICS = (_TIMER, _ALARM, _REMINDER, _LIST)
BARE = "bare"
"""Slot: cancelled in one word, which is for what there is, and not for what was cancelled already."""
_REMOVING = frozenset({"HassCancelTimer", "HassCancelAllTimers", "CancelAlarm", "CancelReminder", "HassListRemoveItem"})
_PUTTING = frozenset({"HassListAddItem", "HassShoppingListAddItem", "HassListCompleteItem"})
_LOUDER = "HassSetVolumeRelative", "volume_step"
_VOLUME = frozenset({"HassSetVolume", "HassSetVolumeRelative", "HassMediaPlayerMute", "HassMediaPlayerUnmute"})
_MEDIA = frozenset({"HassMediaSearchAndPlay", "HassMediaUnpause", "HassMediaNext", "HassMediaPrevious"})
_CLEANING = frozenset({"HassVacuumStart", "HassVacuumCleanArea"})
_OF_MEDIA = {"HassTurnOff": "HassMediaPause", "HassTurnOn": "HassMediaUnpause"}
_STOPPING = {"vacuum": "HassVacuumReturnToBase", "cover": "HassStopMoving"}
"""What stopping is called where it isn't switching off, by domain."""


def is_about_a_list(match: IntentMatch) -> bool:
    return match.intent in _LIST.intents


def is_of_several(match: IntentMatch) -> bool:
    """Whether it is for timers, alarms, reminders or what is on lists."""
    return any(match.intent in topic.intents for topic in _TOPICS)


def in_one_topic(first: IntentMatch, second: IntentMatch) -> bool:
    """Whether both are for the same of those kinds."""
    return any({first.intent, second.intent} <= topic.intents for topic in _TOPICS)


def is_removal(match: IntentMatch) -> bool:
    """Whether it takes a timer, an alarm, a reminder or something on a list away."""
    return match.intent in _REMOVING


def is_about(match: IntentMatch) -> bool:
    """Whether a pronoun behind it may stand for what it is about."""
    about_home = not TARGET_SLOTS.isdisjoint(match.slots) and REFERENCE not in match.slots
    return about_home or match.intent in _MEDIA or is_of_several(match)


def resolved(match: IntentMatch, mentioned: IntentMatch | None) -> IntentMatch:
    """The request with what it refers to; the slot REFERENCE stays where nothing was mentioned that it could mean."""
    topic = next((topic for topic in _TOPICS if mentioned and mentioned.intent in topic.intents), None)
    if COMMAND in match.slots:
        topic = None  # what is done later is for things of the home
    if mentioned and topic is _LIST and match.intent in _LIST.means and _unnamed(match):
        return _in_topic(match, mentioned, _LIST)
    if REFERENCE not in match.slots:
        return match
    if mentioned and topic and match.intent in topic.means and not _undoes(match, mentioned, topic):
        return _in_topic(match, mentioned, topic)
    about = {slot: value for slot, value in mentioned.slots.items() if slot in TARGET_SLOTS} if mentioned else {}
    return _of_home(match, mentioned, {} if topic else about)


def _of_home(match: IntentMatch, mentioned: IntentMatch | None, about: Slots) -> IntentMatch:
    """The request with a thing of the home, or with the sound."""
    rest = {slot: value for slot, value in match.slots.items() if slot != REFERENCE}
    if match.intent == "Stop":
        cleans = mentioned is not None and mentioned.intent in _CLEANING
        return _stopped(match, {"domain": "vacuum"} if cleans else about)
    if match.intent in {"HassNevermind", "HassMediaNext"}:
        return replace(match, slots={slot: value for slot, value in match.slots.items() if slot != BARE})
    if mentioned and mentioned.intent in _MEDIA and not about and match.intent in _OF_MEDIA:
        return replace(match, intent=_OF_MEDIA[match.intent], slots=rest)
    if match.intent in _AMOUNT_OF and "domain" not in rest:
        return _changed(match, rest, about, volume=bool(mentioned and mentioned.intent in _VOLUME))
    if "domain" in rest and about.get("domain", rest["domain"]) != rest["domain"]:
        about = {slot: value for slot, value in about.items() if slot in _PLACES}  # "dim it" is not for the heating
    return replace(match, slots={**about, **rest} or match.slots)


def _unnamed(match: IntentMatch) -> bool:
    """Whether a request for a list leaves open which one: "add milk", said of the list talked about."""
    return "item" in match.slots and "name" not in match.slots


def _undoes(match: IntentMatch, mentioned: IntentMatch, topic: _Topic) -> bool:
    """Whether "cancel that" is for what was done, and not for the thing that it was done with."""
    if match.intent != "HassNevermind":
        return False
    return mentioned.intent in _REMOVING or (topic is _LIST and "whole" not in match.slots)


def _in_topic(match: IntentMatch, mentioned: IntentMatch, topic: _Topic) -> IntentMatch:
    intent, more = topic.means[match.intent]
    about = {slot: value for slot, value in mentioned.slots.items() if slot in topic.kept}
    if mentioned.intent == "HassStartTimer" and "name" not in about:
        about = {f"start_{slot}": value for slot, value in mentioned.slots.items() if slot in _LENGTH}
    if "Shopping" in mentioned.intent:
        about = {"name": "shopping"}
    own = {slot: value for slot, value in match.slots.items() if slot not in {REFERENCE, BARE, *TARGET_SLOTS}}
    if topic is _LIST and own.get("whole") == "delete" and mentioned.intent in _PUTTING:
        own = {"item": mentioned.slots["item"]} if "item" in mentioned.slots else own
    elif topic is not _LIST:
        own.pop("whole", None)
    if "moved" in own:
        about = {f"from_{slot}" if slot in _MOMENT else slot: value for slot, value in about.items()}
    if match.intent == "HassCancelAllTimers":
        about, own = {}, {}
    confidence = max(match.confidence, _RESOLVED) if REFERENCE in match.slots else match.confidence
    return replace(match, intent=intent, slots={**about, **own, **more}, confidence=confidence)


def _stopped(match: IntentMatch, about: Slots) -> IntentMatch:
    """An end to what moves or runs; to what sounds where nothing of the home was mentioned."""
    if "domain" not in about:
        return match
    return replace(match, intent=_STOPPING.get(str(about["domain"]), "HassTurnOff"), slots=about)


def _changed(match: IntentMatch, rest: Slots, about: Slots, *, volume: bool) -> IntentMatch:
    """More or less of what was mentioned, each kind of thing by an intent of its own; of nothing: louder or softer."""
    if about.get("domain") in _AMOUNTS:
        intent, amount = _AMOUNTS[str(about["domain"])]
    elif "direction" in rest and not about and match.intent != _AMOUNTS["climate"][0]:
        intent, amount = _LOUDER
        rest = {amount if slot == "step" else slot: value for slot, value in rest.items()}
    elif volume or about.get("domain") == "media_player":
        intent, amount = _LOUDER if "direction" in rest else ("HassSetVolume", "volume_level")
        rest = {amount if slot == "step" else slot: value for slot, value in rest.items()}
    else:
        return replace(match, slots={**about, **rest} if about else match.slots)
    rest = {amount if slot == _AMOUNT_OF[match.intent] else slot: value for slot, value in rest.items()}
    return replace(match, intent=intent, slots={**about, **rest})
