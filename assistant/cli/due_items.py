"""What the commands for timers, alarms, reminders and what is to be done later share: picking, cancelling, JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from assistant.cli.output import note, show_json
from assistant.cli.session import Session, with_session
from assistant.config import Config
from assistant.errors import ControlError, EdgewiseError
from assistant.values import DueItem

ID_PREFIX_CHARS = 4
"""A beginning of an id shorter than this names nothing: `1` is the first in the list."""
HAPPENS = {
    "timer": "timers ring",
    "alarm": "alarms ring",
    "reminder": "reminders are spoken",
    "command": "commands are done",
}

All = Annotated[bool, typer.Option("--all", help="Cancel every one.")]


def pick(found: Sequence[tuple[DueItem, float]], which: str | None, kind: str = "timer") -> DueItem:
    """The one a person means: by its number in the list, its name, its id or the beginning of that.

    Raises:
        ControlError: `timer-none`, `timer-unknown`, `timer-ambiguous`; the same for the other kinds.
    """
    items = [item for item, _ in found]
    if not items:
        raise ControlError(f"{kind}-none", f"there are no {kind}s")
    if which is None:
        matches = items
    else:
        matches = [item for item in items if which == item.id]
        matches = matches or [item for item in items if item.name and item.name.casefold() == which.strip().casefold()]
        if not matches and which.isascii() and which.isdigit() and 0 < int(which[:9]) <= len(items):
            matches = [items[int(which) - 1]]
        if not matches and len(which) >= ID_PREFIX_CHARS:
            matches = [item for item in items if item.id.startswith(which)]
    if not matches:
        raise ControlError(f"{kind}-unknown", f"there is no such {kind}", hint=f"`assistant {kind}s` lists them.")
    if len(matches) > 1:
        hint = f"Use a number of `assistant {kind}s`."
        raise ControlError(f"{kind}-ambiguous", f"that fits several {kind}s", hint=hint)
    return matches[0]


def cancel_items(
    config: Config, kind: str, which: str | None, label: Callable[[DueItem], str], *, everything: bool, as_json: bool
) -> None:
    """Cancel the one that is meant, or all of a kind, and say which. Raises EdgewiseError; typer.BadParameter."""
    if everything and which is not None:
        raise typer.BadParameter(f"say which {kind}, or --all")

    async def work(session: Session) -> list[DueItem]:
        found = await session.due_items(kind)
        if not everything:
            return [await session.change_timer(pick(found, which, kind).id, "cancel")]
        return [item for each, _ in found if (item := await _cancelled(session, each.id))]

    cancelled, _ = with_session(config, work)
    if as_json:
        show_json([facts(item, None) for item in cancelled] if everything else facts(cancelled[0], None))
        return
    for item in cancelled:
        typer.echo(f"cancelled {label(item)} ({item.id})")
    if not cancelled:
        typer.echo(f"no {kind}s")


def facts(item: DueItem, remaining_s: float | None) -> dict[str, Any]:
    """An item as JSON has it; `remaining_s` None leaves that out."""
    found: dict[str, Any] = {
        "id": item.id,
        "kind": item.kind,
        "name": item.name,
        "state": item.state,
        "duration_s": item.duration_s,
        "due_wall_s": item.due_wall_s,
    }
    if item.local:
        found |= {"local": item.local, "recurrence": item.recurrence}
    return found if remaining_s is None else found | {"remaining_s": remaining_s}


def warn_silent(kind: str) -> None:
    """Say that nothing happens without a daemon."""
    note(f"no assistant is running: {HAPPENS[kind]} once `assistant run` runs.")


async def _cancelled(session: Session, item_id: str) -> DueItem | None:
    """None for one that is over by itself meanwhile."""
    try:
        return await session.change_timer(item_id, "cancel")
    except EdgewiseError as exc:
        if exc.code != "due-unknown":
            raise
        return None
