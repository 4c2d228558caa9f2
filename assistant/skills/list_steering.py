"""Lists as a command steers them: by name, item by item, nothing guessed. Spoken requests are `skills.lists`."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Sequence

from assistant.errors import SkillError
from assistant.skills.list_book import MAX_CHARS, Items, ListJournal, added
from assistant.values import NamedList


def named_lists(lists: ListJournal) -> list[NamedList]:
    """Every list, the oldest first."""
    return [NamedList(name, lists.items(name) or ()) for name in lists.names]


async def change_list(lists: ListJournal, name: str, change: str, texts: Sequence[str]) -> NamedList:
    """`add` items to a list, which is made when it isn't there, or `remove` them. Returns the list as it is then.

    Names and items are written as they are heard: in small letters.

    Raises:
        SkillError: `list-change`, `list-unknown`, `item-unknown` (then none was removed), `lists-limit`. StoreError.
    """
    name, wanted = _heard(name), [_heard(text) for text in texts]
    if not 0 < len(name) <= MAX_CHARS or not all(wanted):
        raise SkillError("lists-limit", f"a list has a name of at most {MAX_CHARS} characters, and no empty items")
    match change:
        case "add":
            await lists.change(name, functools.partial(added, wanted))
        case "remove":
            await lists.change(name, functools.partial(_removed, name, wanted))
        case _:
            raise SkillError("list-change", f"lists know no {change!r}", hint="Use add or remove.")
    return NamedList(name, lists.items(name) or ())


def _removed(name: str, texts: Sequence[str], now: Items | None) -> Items:
    if now is None:
        raise SkillError("list-unknown", f"there is no list {name!r}", hint="`assistant lists` shows them all.")
    there = {_heard(item.text) for item in now}
    if missing := [text for text in texts if text not in there]:
        message = f"not on the list {name!r}: {', '.join(missing)}"
        raise SkillError("item-unknown", message, hint=f"`assistant lists {shlex.quote(name)}` shows it.")
    return tuple(item for item in now if _heard(item.text) not in texts)


def _heard(text: str) -> str:
    return " ".join(text.lower().split())
