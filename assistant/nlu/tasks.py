"""The task types of the seed, and which one a request to the house is: a rule on its intent and its values.

    greeting, farewell, yes_no   intents Greeting, Thanks; Farewell; Affirm, Deny
    simple_query                 intents that ask a skill (_QUERIES)
    entity_extraction            any other intent, with a value
    intent_classification        any other intent, without

The others (OPEN_TASKS) are for what no local intent claims; there a model says which.
"""

from __future__ import annotations

from assistant.nlu.targets import REFERENCE
from assistant.values import IntentMatch, TextReading

OPEN_TASKS = (
    "multi_step_reasoning",
    "code_generation",
    "long_form_writing",
    "complex_analysis",
    "rag_retrieval",
)
LOOKED_UP = "rag_retrieval"
TASKS = (
    "greeting",
    "farewell",
    "yes_no",
    "simple_query",
    "intent_classification",
    "entity_extraction",
    *OPEN_TASKS,
)
SMALLTALK = {
    "Greeting": "greeting",
    "Thanks": "greeting",
    "Farewell": "farewell",
    "Affirm": "yes_no",
    "Deny": "yes_no",
}
_QUERIES = frozenset(
    [
        "HassGetCurrentTime",
        "HassGetCurrentDate",
        "HassGetWeather",
        "HassGetState",
        "HassClimateGetTemperature",
        "HassTimerStatus",
        "ListAlarms",
        "ListReminders",
        "ListItems",
        "Calculate",
        "ConvertUnit",
        "WhatCanYouDo",
        "WhoAreYou",
        "TellJoke",
        "ExplainLast",
        "DaysUntil",
        "FlipCoin",
        "RollDice",
        "RandomNumber",
        "RepeatLast",
    ]
)
_NO_VALUES = frozenset({"direction", "domain", "device_class", "every", "state", "whole", "condition", REFERENCE})
"""Slots that say what is to be done, or with what kind of things."""


def task_for(match: IntentMatch | None, reading: TextReading | None) -> str:
    """The task type: by rule of what is claimed, of the rest by the model; empty where nobody knows."""
    if match:
        return task_of(match.intent, has_values=not _NO_VALUES.issuperset(match.slots))
    return reading.task if reading and reading.task in OPEN_TASKS else ""


def task_of(intent: str, *, has_values: bool) -> str:
    """The task type of a request with a local intent."""
    if intent in SMALLTALK:
        return SMALLTALK[intent]
    if intent in _QUERIES:
        return "simple_query"
    return "entity_extraction" if has_values else "intent_classification"
