"""Reading the assistant's books page by page: the ledger, and what left the device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.cli.session import Session
from assistant.errors import ControlError
from assistant.records import Departure, Route

PAGE = 100


async def routes(session: Session, *, limit: int | None = None) -> list[Route]:
    """The ledger, the newest first; all of it without a limit."""
    found: list[Route] = []
    before = 0
    while limit is None or len(found) < limit:
        wanted = PAGE if limit is None else min(PAGE, limit - len(found))
        page = await session.routes(before=before, limit=wanted)
        found += page
        if len(page) < wanted:
            break
        before = page[-1].number
    return found


async def find_route(session: Session, which: str) -> Route:
    """The line with that number, or of the turn with that id. Raises ControlError `route-unknown`."""
    if which.isdecimal() and len(which) < 18:
        candidates: Sequence[Route] = await session.routes(before=int(which) + 1, limit=1)
    else:
        candidates = await routes(session)
    for each in candidates:
        if which in {str(each.number), each.entry.turn_id}:
            return each
    raise ControlError("route-unknown", f"the ledger has no line {which!r}", hint="`assistant routes` lists them.")


async def departures(session: Session, *, since_wall_s: float, limit: int) -> list[Departure]:
    """What left the device since then, the newest first."""
    found: list[Departure] = []
    before = 0
    while len(found) < limit:
        wanted = min(PAGE, limit - len(found))
        page = await session.departures(before=before, since_wall_s=since_wall_s, limit=wanted)
        found += page
        if len(page) < wanted:
            break
        before = page[-1].number
    return found


def moment(wall_s: float) -> str:
    """A time as people here read it."""
    return datetime.fromtimestamp(wall_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def shortened(text: str, most: int = 48) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
