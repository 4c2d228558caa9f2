"""What the LLM is told."""

from __future__ import annotations

import pytest

from assistant.errors import GatewayError
from assistant.gateway.prompt import build_messages
from assistant.prompts import SYSTEM_PROMPT, estimate_tokens
from assistant.values import Message

BARE = estimate_tokens(SYSTEM_PROMPT) + estimate_tokens("and now")
TALK = [Message("user", "first question"), Message("assistant", "first answer"), Message("user", "second question")]


def contents(budget_tokens: int, locale: str = "en") -> list[str]:
    return [m["content"] for m in build_messages(TALK, "and now", locale=locale, budget_tokens=budget_tokens)]


def test_everything_that_fits_in_order() -> None:
    assert contents(6000) == [SYSTEM_PROMPT, *(message.text for message in TALK), "and now"]


def test_the_newest_context_stays_and_the_bare_question_always_fits_its_own_size() -> None:
    assert contents(BARE) == [SYSTEM_PROMPT, "and now"]
    assert contents(BARE + estimate_tokens("second question")) == [SYSTEM_PROMPT, "second question", "and now"]


def test_a_question_over_the_budget_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        contents(BARE - 1)
    assert caught.value.code == "prompt-too-long"
    assert "and now" not in str(caught.value)


@pytest.mark.parametrize(("locale", "told"), [("", False), ("en-GB", False), ("de", True)])
def test_another_language_is_asked_for(locale: str, told: bool) -> None:
    assert contents(6000, locale)[0].endswith(f"Answer in {locale}.") is told


def test_the_estimate_grows_with_bytes() -> None:
    assert estimate_tokens("日本語") > estimate_tokens("abc")
