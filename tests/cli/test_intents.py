"""`assistant intents list`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from assistant.cli.intents import app
from assistant.skills.book import SkillBook


def test_every_intent_is_listed_with_an_example() -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    facts = {fact["intent"]: fact for fact in json.loads(result.stdout)}
    assert set(facts) == set(SkillBook.built_in().intents())
    assert facts["HassStartTimer"]["required"] == ["duration"]
    assert all(fact["example"] and fact["templates"] for fact in facts.values())


def test_the_table_is_for_people() -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    assert "what is 15 percent of 80" in result.stdout
