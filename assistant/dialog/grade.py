"""Which of two answers is better, as a language model sees it: what it is asked, and what its words mean. Pure.

The two are called A and B, and models favour a place, small ones to the point of always naming A. So each pair is
graded in both orders, and only what is said both times is a verdict (`agreed`): a model that favours a place gives
none, instead of one drawn by lot. What is said comes as JSON; anything else is no verdict.
"""

from __future__ import annotations

import json
import re

from assistant.records import Verdict

MAX_CHARS = 1_500
"""Of each part; more tells no more."""
_PROMPT = (
    "Compare two replies of a smart speaker. Judge only which one serves the user better: is it right, and does it do "
    "what was asked? Length and style don't matter. The speaker can really do things (lights, timers, lists, music, "
    "the time): a reply that says something was done is right if that is what was asked.\n\n"
    "User: {question}\nReply A: {a}\nReply B: {b}\n\n"
    'Answer with one JSON object and nothing else: {{"better": "A"}} or {{"better": "B"}} or, if both are about as '
    'good, {{"better": "same"}}.'
)
_OBJECT = re.compile(r"\{[^{}]*\}")


def grader_prompt(question: str, edge: str, cloud: str, *, edge_first: bool) -> str:
    """What the grader is asked."""
    a, b = (edge, cloud) if edge_first else (cloud, edge)
    parts = {"question": question, "a": a, "b": b}
    return _PROMPT.format(**{name: " ".join(text.split())[:MAX_CHARS] for name, text in parts.items()})


def read_verdict(reply: str, *, edge_first: bool) -> Verdict:
    """What the grader said; UNRATED for what is not the one object that was asked for, whatever is around it."""
    verdicts = {_verdict(found[0], edge_first=edge_first) for found in _OBJECT.finditer(reply)}
    return verdicts.pop() if len(verdicts) == 1 else Verdict.UNRATED


def agreed(first: Verdict, second: Verdict) -> Verdict:
    """What the two orders came to; UNRATED when they differ."""
    return first if first is second else Verdict.UNRATED


def _verdict(text: str, *, edge_first: bool) -> Verdict:
    try:
        said = json.loads(text)
    except ValueError:
        return Verdict.UNRATED
    better = said.get("better") if isinstance(said, dict) else None
    if not isinstance(better, str):
        return Verdict.UNRATED
    match better.strip().casefold():
        case "same":
            return Verdict.SAME
        case "a":
            return Verdict.EDGE if edge_first else Verdict.CLOUD
        case "b":
            return Verdict.CLOUD if edge_first else Verdict.EDGE
    return Verdict.UNRATED
