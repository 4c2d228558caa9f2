"""Large JSON read bit by bit: whoever shares the interpreter with its thread gets a turn in between.

Home Assistant tells all its states in one message, megabytes of it, and a parser that takes it whole holds the
interpreter for longer than a frame of sound lasts.
"""

from __future__ import annotations

import json
from typing import Any

_RESULTS = '"result":['
_DECODER = json.JSONDecoder()


def loads(text: str) -> Any:
    """A JSON text; of an object whose `result` is a list, the members are read one at a time. Raises ValueError."""
    head, found, tail = text.partition(_RESULTS)
    if not found:
        return json.loads(text)
    members, at = list[Any](), _next(tail, 0)
    more = not tail.startswith("]", at)
    while more:
        member, at = _DECODER.raw_decode(tail, at)
        members.append(member)
        at = _next(tail, at)
        more = tail.startswith(",", at)
        if more:
            at = _next(tail, at + 1)
    message = json.loads(f"{head}{_RESULTS}{tail[at:]}")
    if not isinstance(message, dict) or message.get("result") != []:  # another list, deeper down
        return json.loads(text)
    return {**message, "result": members}


def _next(text: str, at: int) -> int:
    """Where the next thing begins behind white space."""
    while text[at : at + 1] in {" ", "\n", "\r", "\t"}:
        at += 1
    return at
