"""What a pronoun stands for: "turn it off again", "how long does that have left"."""

from __future__ import annotations

from dataclasses import replace

from assistant.nlu.targets import REFERENCE, TARGET_SLOTS
from assistant.values import IntentMatch, Slots

_OF_TIMERS = {"HassTurnOff": "HassCancelTimer", "HassTurnOn": "HassUnpauseTimer", "HassGetState": "HassTimerStatus"}
"""What is asked of a device is something else of a timer."""
_AMOUNTS = {
    "light": ("HassLightSet", "brightness"),
    "climate": ("HassClimateSetTemperature", "temperature"),
    "cover": ("HassSetPosition", "position"),
    "fan": ("HassFanSetSpeed", "percentage"),
}
"""What changing an amount is called, and the amount, by domain."""
_AMOUNT_OF = dict(_AMOUNTS.values())
_PLACES = frozenset({"area", "floor"})
_TIMER_SLOTS = frozenset({"name", "start_hours", "start_minutes", "start_seconds"})


def resolved(match: IntentMatch, mentioned: IntentMatch | None) -> IntentMatch:
    """The request with what it refers to; without any target when nothing was mentioned that it could mean."""
    if REFERENCE not in match.slots:
        return match
    rest = {slot: value for slot, value in match.slots.items() if slot != REFERENCE}
    before: Slots = mentioned.slots if mentioned else {}
    if mentioned and mentioned.intent.endswith("Timer") and match.intent in _OF_TIMERS:
        about = {slot: value for slot, value in before.items() if slot in _TIMER_SLOTS}
        return replace(match, intent=_OF_TIMERS[match.intent], slots=about)
    about = {slot: value for slot, value in before.items() if slot in TARGET_SLOTS}
    if match.intent in _AMOUNT_OF and "domain" not in rest:
        return _changed(match, rest, about)
    if "domain" in rest and about.get("domain", rest["domain"]) != rest["domain"]:
        about = {slot: value for slot, value in about.items() if slot in _PLACES}  # "dim it" is not for the heating
    return replace(match, slots={**about, **rest})


def _changed(match: IntentMatch, rest: Slots, about: Slots) -> IntentMatch:
    """More or less of what was mentioned, each kind of thing by an intent of its own; of nothing: louder or softer."""
    if about.get("domain") in _AMOUNTS:
        intent, amount = _AMOUNTS[str(about["domain"])]
    elif "direction" in rest and not about:
        intent, amount = "HassSetVolumeRelative", "volume_step"
        rest = {amount if slot == "step" else slot: value for slot, value in rest.items()}
    else:
        return replace(match, slots={**about, **rest})
    rest = {amount if slot == _AMOUNT_OF[match.intent] else slot: value for slot, value in rest.items()}
    return replace(match, intent=intent, slots={**about, **rest})
