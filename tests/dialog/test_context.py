"""What of a conversation whoever answers next is told."""

from __future__ import annotations

from assistant.dialog.context import Context
from assistant.values import Layer, Message, Outcome, TurnRecord, new_id


def exchange(number: int, conversation_id: str, outcome: Outcome = Outcome.ANSWERED) -> TurnRecord:
    return TurnRecord(
        id=new_id(),
        conversation_id=conversation_id,
        started_wall_s=float(number),
        source="text",
        text=f"question {number}",
        reply=f"reply {number}",
        intent="",
        slots={},
        layer=Layer.CLOUD,
        reason="edge-doubtful",
        confidence=0.0,
        outcome=outcome,
    )


def test_apologies_are_not_told_as_answers() -> None:
    context = Context()
    apologies = (Outcome.OFFLINE, Outcome.FAILED, Outcome.NOT_UNDERSTOOD)
    for number, outcome in enumerate((Outcome.ANSWERED, *apologies, Outcome.ASKED_BACK)):
        context.add(exchange(number, "here", outcome))

    assert context.messages("here", 6) == (
        Message("user", "question 0"),
        Message("assistant", "reply 0"),
        Message("user", "question 4"),
        Message("assistant", "reply 4"),
    )
    assert context.last_reply == "reply 4"


def test_the_newest_exchanges_of_this_conversation_are_told_oldest_first() -> None:
    context = Context()
    for number in range(4):
        context.add(exchange(number, "here" if number else "elsewhere"))

    assert [message.text for message in context.messages("here", 2)] == [
        "question 2",
        "reply 2",
        "question 3",
        "reply 3",
    ]
    assert context.messages("here", 0) == ()
