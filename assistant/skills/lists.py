"""Lists: put things on them, read, cross off, clear. A list that is named for the first time is made."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from assistant.errors import SkillError
from assistant.names import closest
from assistant.skills.base import Skill, SkillContext, SkillReply, nth_of
from assistant.skills.list_book import added, completed, removed
from assistant.values import NTH, IntentMatch, ListItem, Slots

_READ_OUT = 8
"""More items than this are counted, and only so many read."""
_WORDS_OF_A_THING = 2
_SHOPPING, _TO_DO = "shopping", "to do"


class _ListSkill(Skill):
    """What these skills share: which list is meant, and which of its items."""

    rehearsable: ClassVar[bool] = True

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        try:
            return await self.act(match, context)
        except SkillError as exc:
            if exc.code != "lists-limit":
                raise
            return SkillReply(self._say("limit"), ok=False)

    @abstractmethod
    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply: ...

    def list_name(self, match: IntentMatch, context: SkillContext) -> str:
        """The list that is meant: the one called so, or nearly; a new name as it was said; the shopping list."""
        said = str(match.slots.get("name", ""))
        for suffix in self._words("suffixes"):
            said = said.removesuffix(f" {suffix}").strip()
        if not said:
            only = context.lists.names
            return only[0] if len(only) == 1 and "Shopping" not in match.intent else _SHOPPING
        for name in (_SHOPPING, _TO_DO):
            if said in self._words(f"alias_{name.replace(' ', '_')}"):
                return name
        return closest(said, context.lists.names) or said

    def found(self, items: Sequence[ListItem], said: str) -> list[ListItem]:
        """The items that are meant, one for each that was said: as it stands there, by a word of it, by its sound."""
        wanted = [item for text in self.parts(said, several=True) for item in _meant(items, text)]
        return list(dict.fromkeys(wanted))

    def meant(self, items: Sequence[ListItem], slots: Slots) -> list[ListItem]:
        """The items that are named, or the one by its place."""
        return self.found(items, str(slots["item"])) if "item" in slots else nth_of(items, slots)

    def _called(self, slots: Slots) -> str:
        """An item that isn't there, for the ear."""
        return str(slots["item"]) if "item" in slots else self._replies.intents["Lists"]["that_one"]

    def missing(self, items: Sequence[ListItem], said: str) -> list[str]:
        """What was said that none of the items is."""
        return [text for text in self.parts(said, several=True) if not _meant(items, text)]

    def parts(self, said: str, *, several: bool) -> list[str]:
        """What was said, item by item: cut at commas, and where there are `several` things also at "and"."""
        joiner = str(self._replies.speech["pair"]).format(first="", last="")
        together = self._words("together")
        found: list[str] = []
        for stretch in said.split(","):
            text = stretch.strip().removeprefix(joiner.strip() + " ")
            cut = joiner in text and text not in together and (several or "," in said)
            found += text.split(joiner) if cut else [text]
        return [text for text in (self._bare(part) for part in found) if text]

    def read_out(self, items: Sequence[ListItem]) -> str:
        return self._replies.all_of([item.text for item in items])

    def _bare(self, text: str) -> str:
        """Without an article in front."""
        words = text.split()
        while len(words) > 1 and words[0] in self._words("articles"):
            words = words[1:]
        return " ".join(words)

    def _words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self._replies.intents["Lists"][name].split(","))

    def _say(self, reply: str, **values: object) -> str:
        return self._replies.say("Lists", reply, **values)


class AddItem(_ListSkill):
    """Also makes a list, when nothing is said to be put on it."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassListAddItem": (), "HassShoppingListAddItem": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        name = self.list_name(match, context)
        items = context.lists.items(name)
        if "item" not in match.slots:
            if match.slots.get("whole") != "new":
                return SkillReply(self._say("add_what", list=name), expects_answer=True)
            if items is None:
                await context.lists.change(name, lambda now: now or ())
                return SkillReply(self._replies.say(match.intent, "made", list=name), acknowledges=True)
            return SkillReply(self._replies.say(match.intent, "exists", list=name))
        said = str(match.slots["item"])
        wanted = dict.fromkeys(self.parts(said, several=name == _SHOPPING or self._are_things(said, name)))
        there = {item.text for item in items or () if not item.done}
        new = [text for text in wanted if text not in there]
        if not new:
            return SkillReply(self._replies.say(match.intent, "already", items=self._all(wanted), list=name))
        await context.lists.change(name, functools.partial(added, new))
        text = self._replies.say(match.intent, "added", items=self._all(new), list=name)
        return SkillReply(text, acknowledges=True)

    def _are_things(self, said: str, name: str) -> bool:
        """Whether what is joined are several things: "nails and screws", "call the plumber and pay the rent", but not
        "wash and iron the shirts"."""
        lengths = [len(part.split()) for part in self.parts(said, several=True)]
        return min(lengths) >= _WORDS_OF_A_THING if name == _TO_DO else max(lengths) <= _WORDS_OF_A_THING

    def _all(self, texts: Iterable[str]) -> str:
        return self._replies.all_of(list(texts))


class RemoveItem(_ListSkill):
    """Also clears or deletes a list, when nothing of it is named; that is asked about first."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassListRemoveItem": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        name = self.list_name(match, context)
        items = context.lists.items(name)
        if items is None:
            return SkillReply(self._say("no_list", list=name), ok=False)
        if "item" not in match.slots and NTH not in match.slots:
            return await self._whole(match, context, name, items)
        found = self.meant([item for item in items if not item.done or "item" in match.slots], match.slots)
        if not found:
            return SkillReply(self._say("not_on", item=self._called(match.slots), list=name), ok=False)
        await context.lists.change(name, functools.partial(removed, found))
        text = self._replies.say(match.intent, "removed", items=self.read_out(found), list=name)
        if missing := self.missing(items, str(match.slots.get("item", ""))):
            return SkillReply(f"{text} {self._say('not_on', item=self._replies.all_of(missing), list=name)}")
        return SkillReply(text, acknowledges=True)

    async def _whole(
        self, match: IntentMatch, context: SkillContext, name: str, items: Sequence[ListItem]
    ) -> SkillReply:
        delete = match.slots.get("whole") == "delete"
        if not items and not delete:
            return SkillReply(self._say("empty", list=name))
        if not match.confirmed:
            question = "confirm_delete" if delete else "confirm_clear" if len(items) > 1 else "confirm_clear_one"
            text = self._replies.say(match.intent, question, list=name, count=len(items))
            return SkillReply(text, expects_answer=True, confirms=True)
        await context.lists.change(name, lambda _: None if delete else ())
        text = self._replies.say(match.intent, "deleted" if delete else "cleared", list=name)
        return SkillReply(text, acknowledges=True)


class CompleteItem(_ListSkill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "HassListCompleteItem": (),
        "HassShoppingListCompleteItem": (),
    }

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        if "item" not in match.slots and NTH not in match.slots:
            return SkillReply(self._say("complete_what"), expects_answer=True)
        names = [self.list_name(match, context)] if match.slots.get("name") else list(context.lists.names)
        for name in names:
            items = context.lists.items(name) or ()
            found = self.meant([item for item in items if not item.done], match.slots)
            if found:
                await context.lists.change(name, functools.partial(completed, found))
                text = self._replies.say(match.intent, "done", items=self.read_out(found), list=name)
                return SkillReply(text, acknowledges=True)
        item = self._called(match.slots)
        missed = self._say("not_on", item=item, list=names[0]) if match.slots.get("name") else ""
        return SkillReply(missed or self._say("on_none", item=item), ok=False)


class ReadList(_ListSkill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"ListItems": ()}

    async def act(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        names = context.lists.names
        if not {"name", "item"} & set(match.slots) and len(names) > 1:
            return SkillReply(self._replies.say(match.intent, "lists", lists=self._replies.all_of(names)))
        name = self.list_name(match, context)
        items = context.lists.items(name)
        if items is None:
            return SkillReply(self._say("no_list", list=name), ok=False)
        left = [item for item in items if not item.done]
        if "item" in match.slots:
            found = self.found(left, str(match.slots["item"]))
            reply = "is_on" if found else "is_not_on"
            text = self.read_out(found) or str(match.slots["item"])
            return SkillReply(self._replies.say(match.intent, reply, item=text, list=name))
        if not left:
            return SkillReply(self._say("empty", list=name))
        if match.confirmed:
            left = left[_READ_OUT:]
        if len(left) > _READ_OUT and not match.confirmed:
            text = self._replies.say(
                match.intent, "many", count=len(left), items=self.read_out(left[:_READ_OUT]), list=name
            )
            return SkillReply(text, expects_answer=True, confirms=True)
        return SkillReply(self._replies.say(match.intent, "items", items=self.read_out(left), list=name))


def _meant(items: Sequence[ListItem], text: str) -> list[ListItem]:
    """The items that are so, that alone has its words, or that sounds like it."""
    exact = [item for item in items if item.text == text]
    within = [item for item in items if set(text.split()) <= set(item.text.split())]
    like = closest(text, [item.text for item in items])
    return exact or (within if len(within) == 1 else [item for item in items if item.text == like])
