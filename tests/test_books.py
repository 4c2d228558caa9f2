"""A whole assistant in front of a real gateway: what is written down of a turn, and of what leaves for it."""

from __future__ import annotations

import pytest

from assistant.config import Config, load_config
from assistant.daemon import open_assistant
from assistant.models import Models
from assistant.records import Aftermath
from tests.fakes import FakeEngines, FakeOpenAiServer
from tests.gateways import gateway_before
from tests.house import ask
from tests.until import until

pytestmark = pytest.mark.real_time


async def test_a_question_to_the_cloud_is_in_both_books_and_names_stay_here(config: Config) -> None:
    async with FakeOpenAiServer("[name 1]", " is a name.") as upstream, gateway_before(upstream) as running:
        settings = [
            f'cloud.address="{running.address}"',
            'privacy.redact=["names"]',
            'privacy.names=["Anna"]',
        ]
        own = load_config(config.paths, settings)
        async with open_assistant(own, engines=FakeEngines(own, Models(own.paths.models_dir))) as assistant:
            await until(lambda: assistant.status().link_up)
            answered = await ask(assistant, "why do people like the name Anna so much?")
            await ask(assistant, "what time is it")
            await ask(assistant, "that's wrong")
            wrong, timed, asked = await assistant.routes(before=0, limit=9)
            (left,) = await assistant.departures(before=0, since_wall_s=0.0, limit=9)
    assert answered.reply == "Anna is a name."
    assert upstream.requests[0]["messages"][-1]["content"] == "why do people like the name [name 1] so much?"
    assert left.text == "why do people like the name [name 1] so much?"
    assert (left.turn_id, left.to, left.why) == (answered.id, own.settings.cloud.address, answered.reason)
    assert (asked.layer, asked.entry.bytes_out, asked.entry.deadline_ms) == ("cloud", left.bytes, 5_000.0)
    assert asked.entry.first_token_ms > 0
    assert (timed.layer, timed.entry.bytes_out, timed.entry.aftermath) == ("edge", 0, Aftermath.DENIED)
    assert wrong.intent == "Deny"
