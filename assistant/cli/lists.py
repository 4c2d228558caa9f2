"""`assistant lists`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import Session, with_session
from assistant.config import Config
from assistant.errors import ControlError
from assistant.names import closest
from assistant.values import ListItem, NamedList

SHOW = "show"

ListName = Annotated[str, typer.Argument(metavar="NAME", help="What the list is called.", show_default=False)]
Texts = Annotated[list[str], typer.Argument(metavar="ITEM...", help="One thing each.", show_default=False)]


class _ShowsByName(TyperGroup):
    """`lists shopping` is `lists show shopping`; a list that is called like a command needs the `show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ShowsByName)


@app.callback()
def lists() -> None:
    """Every list, or what is on the one that is named; put things on it, take them off."""


@app.command(SHOW)
def show(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Just this list, item by item.")] = None,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Every list, or what is on one; `show` can be left out."""
    found, _ = with_session(load(config_file, overrides), lambda session: session.lists())
    if name is not None:
        _show_one(pick(found, name), as_json=as_json)
    elif as_json:
        show_json(found)
    elif not found:
        typer.echo("no lists")
    else:
        rows = [(each.name, str(len(_left(each))), str(len(each.items) - len(_left(each)))) for each in found]
        show_table(("list", "left", "done"), rows)


@app.command()
def add(
    name: ListName, items: Texts, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Put things on a list, each once; a list that isn't there is made."""
    _change(load(config_file, overrides), name, "add", items, as_json=as_json)


@app.command()
def remove(
    name: ListName, items: Texts, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """Take things off a list; when one of them isn't on it, none is taken off."""
    _change(load(config_file, overrides), name, "remove", items, as_json=as_json)


def pick(found: Sequence[NamedList], name: str) -> NamedList:
    """The list of that name; case doesn't matter. Raises ControlError `list-unknown`."""
    wanted = name.strip().casefold()
    for each in found:
        if each.name.casefold() == wanted:
            return each
    like = closest(name, [each.name for each in found])
    hint = f"Did you mean {like!r}?" if like else "`assistant lists` shows them all."
    raise ControlError("list-unknown", f"there is no list {name!r}", hint=hint)


def _change(config: Config, name: str, change: str, items: Sequence[str], *, as_json: bool) -> None:
    if not name.strip() or not all(text.strip() for text in items):
        raise typer.BadParameter("a list has a name, and no empty items")

    async def work(session: Session) -> NamedList:
        return await session.change_list(name, change, items)

    changed, _ = with_session(config, work)
    _show_one(changed, as_json=as_json)


def _show_one(found: NamedList, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    elif not found.items:
        typer.echo(f"nothing on {shlex.quote(found.name)}")
    else:
        for item in found.items:
            typer.echo(f"[{'x' if item.done else ' '}] {item.text}")


def _left(found: NamedList) -> list[ListItem]:
    return [item for item in found.items if not item.done]
