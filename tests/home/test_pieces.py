"""Large messages of the home are read as small ones are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.home import pieces

_STATES = [
    {
        "entity_id": f"sensor.n{number}",
        "state": "1",
        "attributes": {"friendly_name": f'A "quoted" [name] {number}', "list": [1, {"result": []}]},
    }
    for number in range(50)
]


@pytest.mark.parametrize(
    "message",
    [
        {"id": 5, "type": "result", "success": True, "result": _STATES},
        {"id": 5, "result": [], "more": [1, 2]},
        {"id": 5, "result": [1], "behind": {"result": [2]}},
        {"id": 6, "type": "event", "event": {"result": [1, 2]}},
        {"id": 7, "result": None},
        [{"id": 8, "result": [3]}, {"id": 9, "result": [4]}],
        {"id": 10, "text": 'it says "result":[1,2'},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_it_is_what_any_parser_reads(message: Any, separators: tuple[str, str]) -> None:
    assert pieces.loads(json.dumps(message, separators=separators)) == message


@pytest.mark.parametrize(
    "text", ["", "{", '{"result":[', '{"result":[1', '{"result":[1 2]}', '{"result":[1,]}', '{"result":[1]']
)
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        pieces.loads(text)
