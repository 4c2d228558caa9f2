"""What a pronoun stands for: "turn it off again", "how long does that have left"."""

from __future__ import annotations

from dataclasses import replace

from assistant.nlu.targets import REFERENCE, TARGET_SLOTS
from assistant.values import IntentMatch

_OF_TIMERS = {"HassTurnOff": "HassCancelTimer", "HassTurnOn": "HassUnpauseTimer", "HassGetState": "HassTimerStatus"}
"""What is asked of a device is something else of a timer."""
_AMOUNTS = {
    "light": ("HassLightSet", "brightness"),
    "climate": ("HassClimateSetTemperature", "temperature"),
    "cover": ("HassSetPosition", "position"),
    "fan": ("HassFanSetSpeed", "percentage"),
}
"""What changing an amount is called, and the amount, by domain."""
_SURE = 0.9
_PLACES = frozenset({"area", "floor"})
_TIMER_SLOTS = frozenset({"name", "start_hours", "start_minutes", "start_seconds"})


def resolved(match: IntentMatch, mentioned: IntentMatch | None) -> IntentMatch:
    """The request with what it refers to; without any target when nothing was mentioned that it could mean."""
    if REFERENCE not in match.slots:
        return match
    rest = {slot: value for slot, value in match.slots.items() if slot != REFERENCE}
    if mentioned is None:
        return replace(match, slots=rest)
    if mentioned.intent.endswith("Timer") and match.intent in _OF_TIMERS:
        about = {slot: value for slot, value in mentioned.slots.items() if slot in _TIMER_SLOTS}
        return replace(match, intent=_OF_TIMERS[match.intent], slots=about)
    about = {slot: value for slot, value in mentioned.slots.items() if slot in TARGET_SLOTS}
    names = dict(_AMOUNTS.values())
    if match.intent in names and "domain" not in rest and about.get("domain") in _AMOUNTS:
        intent, amount = _AMOUNTS[str(about["domain"])]
        rest = {amount if slot == names[match.intent] else slot: value for slot, value in rest.items()}
        return replace(match, intent=intent, slots={**about, **rest}, confidence=max(match.confidence, _SURE))
    if "domain" in rest and about.get("domain", rest["domain"]) != rest["domain"]:
        about = {slot: value for slot, value in about.items() if slot in _PLACES}  # "dim it" is not for the heating
    return replace(match, slots={**about, **rest})
