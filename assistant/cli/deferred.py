"""`assistant deferred`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from assistant.cli.due_items import ID_PREFIX_CHARS, All
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import note, show_json, show_table
from assistant.cli.session import Session, with_session
from assistant.config import Config
from assistant.control.ports import KeptQuestion
from assistant.errors import ControlError, EdgewiseError

app = typer.Typer(
    invoke_without_command=True, help="Questions that wait for the gateway; without a command, list them."
)
Which = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="Its number in the list, or id; not needed when there is just one."),
]


@app.callback()
def root(
    ctx: typer.Context, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    if ctx.invoked_subcommand is None:
        show(load(config_file, overrides), as_json=as_json)


@app.command("list")
def list_questions(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """The questions that wait for an answer, and the answers that wait to be told."""
    show(load(config_file, overrides), as_json=as_json)


@app.command()
def cancel(
    which: Which = None,
    everything: All = False,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Drop one, or all of them: it is neither asked nor told."""
    if everything and which is not None:
        raise typer.BadParameter("say which question, or --all")

    async def work(session: Session) -> list[KeptQuestion]:
        found = await session.deferred()
        chosen = found if everything else [pick(found, which)]
        return [gone for each in chosen if (gone := await _cancelled(session, each.id, everything=everything))]

    cancelled, _ = with_session(load(config_file, overrides), work)
    if as_json:
        show_json(cancelled if everything else cancelled[0])
        return
    for question in cancelled:
        typer.echo(f"cancelled {question.text} ({question.id})")
    if not cancelled:
        typer.echo("no questions")


def show(config: Config, *, as_json: bool) -> None:
    """Print what waits."""
    found, daemon = with_session(config, lambda session: session.deferred())
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("no questions")
    else:
        rows = [
            (
                str(number),
                f"{datetime.fromtimestamp(each.asked_wall_s).astimezone():%Y-%m-%d %H:%M}",
                each.state,
                each.text,
                each.answer or "-",
                each.id,
            )
            for number, each in enumerate(found, 1)
        ]
        show_table(("", "asked", "state", "question", "answer", "id"), rows)
    if found and not daemon:
        note("no assistant is running: questions are asked and answers told once `assistant run` runs.")


def pick(found: Sequence[KeptQuestion], which: str | None) -> KeptQuestion:
    """The one a person means: by its number in the list, its id or the beginning of that.

    Raises:
        ControlError: `question-none`, `question-unknown`, `question-ambiguous`.
    """
    if not found:
        raise ControlError("question-none", "no question waits")
    matches = [each for each in found if which in {None, each.id}]
    if not matches and which and which.isascii() and which.isdigit() and 0 < int(which[:9]) <= len(found):
        matches = [found[int(which) - 1]]
    if not matches and which and len(which) >= ID_PREFIX_CHARS:
        matches = [each for each in found if each.id.startswith(which)]
    if not matches:
        raise ControlError("question-unknown", "there is no such question", hint="`assistant deferred` lists them.")
    if len(matches) > 1:
        raise ControlError(
            "question-ambiguous", "that fits several questions", hint="Use a number of `assistant deferred`."
        )
    return matches[0]


async def _cancelled(session: Session, question_id: str, *, everything: bool) -> KeptQuestion | None:
    """None for one of many that is told by itself meanwhile."""
    try:
        return await session.cancel_deferred(question_id)
    except EdgewiseError as exc:
        if exc.code != "question-unknown" or not everything:
            raise
        return None
