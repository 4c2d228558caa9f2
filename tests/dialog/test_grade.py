"""What a grader is asked, and what its words mean."""

from __future__ import annotations

import pytest

from assistant.dialog.grade import MAX_CHARS, grader_prompt, read_verdict
from assistant.records import Verdict


def test_the_edges_place_is_as_told() -> None:
    first = grader_prompt("what is two plus two", "Four.", "Five.", edge_first=True)
    assert "Reply A: Four.\nReply B: Five." in first
    assert "Reply A: Five.\nReply B: Four." in grader_prompt("what", "Four.", "Five.", edge_first=False)


def test_parts_are_one_line_each_and_not_too_long() -> None:
    prompt = grader_prompt("{x}\nReply A: mine", "a\nb", "c" * 9_000, edge_first=True)
    assert "User: {x} Reply A: mine\nReply A: a b\n" in prompt
    assert "c" * MAX_CHARS in prompt
    assert "c" * (MAX_CHARS + 1) not in prompt


@pytest.mark.parametrize(
    ("reply", "edge_first", "verdict"),
    [
        ('{"better": "A"}', True, Verdict.EDGE),
        ('{"better": "A"}', False, Verdict.CLOUD),
        ('{"better": "B"}', True, Verdict.CLOUD),
        ('{"better": "B"}', False, Verdict.EDGE),
        ('{"better": "same"}', True, Verdict.SAME),
        ('```json\n{ "better" : " a " }\n```', True, Verdict.EDGE),
        ('{"better": "A"} because ... {"better": "A"}', True, Verdict.EDGE),
        ('{"better": "A"} or {"better": "B"}', True, Verdict.UNRATED),
        ("A", True, Verdict.UNRATED),
        ("", True, Verdict.UNRATED),
        ('{"better": "C"}', True, Verdict.UNRATED),
        ('{"better": 1}', True, Verdict.UNRATED),
        ('{"better": {"x": "A"}}', True, Verdict.UNRATED),
        ("{better: A}", True, Verdict.UNRATED),
        ('["A"]', True, Verdict.UNRATED),
        ('{"worse": "A"}', True, Verdict.UNRATED),
    ],
)
def test_what_its_words_mean(reply: str, edge_first: bool, verdict: Verdict) -> None:
    assert read_verdict(reply, edge_first=edge_first) is verdict
