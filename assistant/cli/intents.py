"""`assistant intents`."""

from __future__ import annotations

import typer

from assistant.cli.options import AsJson
from assistant.cli.output import show_json, show_table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def intents() -> None:
    """What can be understood without the cloud."""


@app.command("list")
def list_intents(as_json: AsJson = False) -> None:
    """Every intent with its skill, the slots it needs, and how it may be said."""
    from assistant.nlu.understand import Understander  # noqa: PLC0415 -- reads the grammar
    from assistant.skills.book import SkillBook  # noqa: PLC0415

    skills = SkillBook.built_in().intents()
    understander = Understander()
    templates, examples = understander.intents(), understander.examples()
    facts = [
        {
            "intent": name,
            "skill": skills[name].skill,
            "required": list(skills[name].required),
            "templates": len(templates.get(name, ())),
            "example": examples.get(name, ""),
        }
        for name in sorted(skills)
    ]
    if as_json:
        show_json(facts)
        return
    rows = [
        (str(fact["intent"]), str(fact["skill"]), ", ".join(skills[str(fact["intent"])].required) or "-",
         str(fact["templates"]), str(fact["example"]))
        for fact in facts
    ]  # fmt: skip
    show_table(("intent", "skill", "needs", "templates", "for example"), rows)
