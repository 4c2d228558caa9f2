"""What in a home an utterance names: a device, the lights of a room, everything upstairs, "it".

A target is read word by word from the left, the longest reading wins:

    target  [every] [the] ( device | [area] kind | area | everything | pronoun ) [ [in the] place ] [but]
    place   area | floor | here | the whole house
    but     except [in] target [and [in] target ...]; also by itself ("turn everything off except the hall")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assistant.homes import ALL, EXCEPT, SPARED, Device, Home, called, chosen, named
from assistant.names import closest
from assistant.nlu.language import Language
from assistant.nlu.tokens import Phrases, Token, tokenise
from assistant.values import NAMED_BY, NTH, Slots, SlotValue

REFERENCE = "reference"
"""The slot of a pronoun, until it is known what it stands for."""
TARGET_SLOTS = NAMED_BY | {EXCEPT, SPARED, REFERENCE, NTH}


@dataclass(frozen=True, slots=True)
class Target:
    """What was named, as slots of `homes.chosen`."""

    slots: Slots
    domains: frozenset[str] = field(default=frozenset())
    """Of the devices it may mean; empty when any."""


_FEW, _LONGEST = 300, 4
"""So many devices are compared with what was said, by up to so many words."""
_Found = tuple[dict[str, SlotValue], int]


class HomeNames:
    """The names of one home, to be found in texts. Built in a millisecond a hundred devices; thread-safe."""

    def __init__(self, language: Language, home: Home) -> None:
        words = language.table("home")
        self._home = home
        self._language = language
        self._articles = language.set("name_articles")
        self._every, self._all, self._in, self._pronouns, self._here, self._whole, self._anywhere, self._ones = (
            Phrases(words[name])
            for name in ("every", "everything", "in", "pronouns", "here", "everywhere", "anywhere", "ones")
        )
        self._verbs, self._but = Phrases(words["verbs"]), Phrases(words["but"])
        self._amounts = Phrases(language.table("amounts"))
        self._joiner = str(language.words["joiner"])
        self._one, self._many = Phrases(words["kinds"]["one"]), Phrases(words["kinds"]["many"])
        self._one_of: Mapping[str, str] = words["kinds"]["one"]
        self._many_of: Mapping[str, str] = words["kinds"]["many"]
        self._kinds = tuple(name for kinds in words["kinds"].values() for name in kinds if " " not in name)
        self._areas = Phrases({_plain(name): area.name for area in home.areas for name in area.names})
        self._floors = Phrases({_plain(name): floor for name, floor in home.floors.items()})
        self._devices = Phrases(self._by_name())
        self._devices_named = frozenset(name.casefold() for device in home.devices for name in device.names)

    @property
    def home(self) -> Home:
        return self._home

    def at(self, tokens: tuple[Token, ...], index: int) -> tuple[Target, int] | None:
        """(target, index behind it) of the longest target that starts at `index`."""
        found = self._named(tokens, index)
        pronoun = self._pronoun(tokens, index)  # "that"; but "that lamp"
        if pronoun and (found is None or found[1] <= pronoun[1]):
            return Target({REFERENCE: True}), pronoun[1]
        return found

    def _pronoun(self, tokens: tuple[Token, ...], index: int) -> tuple[object, int] | None:
        """The longest pronoun that starts at `index` and leaves an amount whole: "them" of "them all the way"."""
        found = self._pronouns.at(tokens, index)
        for at in range(index + 1, found[1] if found else 0):
            amount = self._amounts.at(tokens, at)
            if found and amount and amount[1] > found[1]:
                return self._pronouns.at(tokens[:at], index)
        return found

    def _named(self, tokens: tuple[Token, ...], index: int) -> tuple[Target, int] | None:
        """The longest target that starts at `index` and is no pronoun."""
        start, slots = index, dict[str, SlotValue]()
        if every := self._every.at(tokens, index):
            slots["every"], index = True, every[1]
        index = self._past_articles(tokens, index)
        best = max(self._cores(tokens, index, determined=index > start), key=lambda found: found[1], default=None)
        if best is None or best[1] == start:
            alone = self._left_out(tokens, start)
            return (Target(alone[0]), alone[1]) if alone else None
        found, end = best
        but, end = self._left_out(tokens, end) or ({}, end)
        return Target({**slots, **found, **but}, self._domains(found)), end

    def read(self, text: str) -> Target | None:
        """The target that a plain text is, as a whole."""
        tokens = tokenise(text)
        found = self.at(tokens, 0) if tokens else None
        return found[0] if found and found[1] == len(tokens) else None

    def read_nearly(self, text: str) -> Target | None:
        """The same, also of what only sounds like it, in a home of not very many devices."""
        exact = self.read(text)
        if exact or len(self._home.devices) > _FEW:
            return exact
        slots = self._nearly(self._language.bare(text, "name_articles"))
        return Target(slots, self._domains(slots)) if slots else None

    def named_in(self, text: str) -> Slots:
        """The first target that a plain text names, a pronoun only where nothing else is; empty for none."""
        tokens = tokenise(text)
        found = [each[0].slots for index in range(len(tokens)) if (each := self.at(tokens, index))]
        return next((slots for slots in found if REFERENCE not in slots), found[0] if found else {})

    def several_named_in(self, text: str) -> bool:
        """Whether a plain text names more than one place or device, and not one in the other."""
        tokens, at, named_ones = tokenise(text), 0, set[SlotValue]()
        while at < len(tokens):
            found = self.at(tokens, at)
            if found and (slots := found[0].slots):
                named_ones |= {next((slots[slot] for slot in ("name", "area", "floor") if slot in slots), "")}
            at = found[1] if found else at + 1
        return len(named_ones - {""}) > 1

    def answer(self, text: str) -> Slots | None:
        """What an answer to "which one?" says: a place ("the bedroom one"), a device, or all of them."""
        tokens = tokenise(text)
        index = self._past_articles(tokens, 0)
        for everything in (self._every.at(tokens, index), self._all.at(tokens, index)):
            if everything and everything[1] == len(tokens):
                return {"every": True}
        one_of_them = self._ones.at(tokens, index)  # "the one in the hall"
        if before := self._in.at(tokens, one_of_them[1] if one_of_them else index):
            index = self._past_articles(tokens, before[1])
        if place := self._place_here(tokens, index):
            one = self._ones.at(tokens, place[1]) or self._one.at(tokens, place[1])
            if (one[1] if one else place[1]) == len(tokens):
                return place[0]
        target = self.read(text)
        return target.slots if target else self._by_words(tokens, index)

    def _by_words(self, tokens: tuple[Token, ...], index: int) -> Slots | None:
        """What words of its name say before "one": "the bedside one"."""
        said = _said(tokens, index, len(tokens) - 1)
        is_one = bool(said) and self._ones.at(tokens, len(tokens) - 1)
        return {"name": said} if is_one and named(said, self._home.devices, self._home) else None

    def one_place_each(self, text: str) -> tuple[tuple[str, Slots], ...]:
        """A plain text once for each of the places that are joined in it ("the kitchen and living room lights"), with
        the place; empty where none are."""
        tokens = tokenise(text)
        for start in range(len(tokens)):
            places, joined, at = list[tuple[int, int, Slots]](), False, start
            while found := self._place(tokens, begin := self._past_articles(tokens, at)):
                places.append((begin, found[1], found[0]))
                at = found[1]
                if at < len(tokens) and tokens[at].text == self._joiner:
                    joined, at = True, at + 1
            if joined and len(places) > 1:
                before, behind = _said(tokens, 0, places[0][0]), _said(tokens, places[-1][1], len(tokens))
                return tuple(
                    (f"{before} {_said(tokens, begin, end)} {behind}".strip(), place) for begin, end, place in places
                )
        return ()

    def may_be(self, slots: Slots) -> list[Device]:
        """The devices that may be meant: a lamp, too, by "the light", which is what its kind is called."""
        plainest = next((name for name, kind in self._one_of.items() if kind == slots.get("domain")), "")
        return chosen(self._home, {slot: value for slot, value in slots.items() if (slot, value) != ("name", plainest)})

    def things(self, domain: str) -> str:
        """What several things of a kind are called: lights."""
        return next((name for name, kind in self._many_of.items() if kind == domain), "")

    def with_kind(self, text: str, domain: str) -> str:
        """A plain text with that kind of things for "one" or "ones" in it."""
        word = self.things(domain)
        return " ".join(word if word and self._ones.at(tokenise(said), 0) else said for said in text.split())

    def meant(self, slots: Slots) -> Slots:
        """The slots with names as the home has them, where what was said is like one of them."""
        changed: dict[str, SlotValue] = dict(slots)
        said = tokenise(str(slots.get("area", "")))
        if (here := self._here.at(said, 0) if said else None) and here[1] == len(said):
            own = self._place_here(said, 0)
            changed = {**{key: value for key, value in changed.items() if key != "area"}, **(own[0] if own else {})}
        elif area := self._home.area_called(str(slots.get("area", ""))) if "area" in slots else None:
            changed["area"] = area.name
        elif "area" in slots and (target := self._exactly(str(slots["area"]))):
            changed = {**{key: value for key, value in changed.items() if key != "area"}, **target}
        if "name" in slots:
            name = str(slots["name"])
            if target := self._exactly(name) or self._nearly(name):
                del changed["name"]
                changed = {**target, **changed}
        return changed

    def is_device(self, slots: Slots) -> bool:
        """Whether the slots name one by its whole name, or a place."""
        names = self._devices_named
        return "area" in slots or "floor" in slots or str(slots.get("name", "")).casefold() in names

    def nearly_in(self, text: str) -> Slots:
        """The device that some words of a plain text sound like, of those behind an article ("the whole lamp" is the
        hall lamp); empty for none, and in a home of very many."""
        found = self._sounding_in(text.split())
        return {"name": found[0].name, "domain": found[0].domain} if found else {}

    def _sounding_in(self, words: Sequence[str]) -> tuple[Device, int, int] | None:
        """(device, where it begins, where it ends): words that are about as many as its name has."""
        devices = self._home.devices if len(self._home.devices) <= _FEW else ()
        for at, word in enumerate(words, 1):
            if devices and word in self._articles:
                for end in range(min(len(words), at + _LONGEST), at + 1, -1):
                    device = called(" ".join(words[at:end]), devices)
                    if device and abs(len(device.name.split()) - (end - at)) <= 1:
                        return device, at, end
        return None

    def respelled(self, text: str) -> str | None:
        """A plain text with the device, or the kind of thing, that words behind an article sound like ("turn on the
        haul lap"); None when none do."""
        words = text.split()
        if found := self._sounding_in(words):
            device, start, end = found
            return " ".join([*words[:start], _plain(device.name), *words[end:]])
        for at, word in enumerate(words[1:], 1):
            if words[at - 1] in self._articles and (kind := closest(word, self._kinds)):
                return " ".join([*words[:at], kind, *words[at + 1 :]])
        return None

    def _exactly(self, text: str) -> Slots | None:
        target = self.read(text)
        return target.slots if target else None

    def _nearly(self, text: str) -> Slots | None:
        """What sounds like a device, or like a kind of a room ("kitchin lite")."""
        if device := called(text, self._home.devices):
            return {"name": device.name, "domain": device.domain}
        words = text.split()
        for cut in range(1, len(words)):
            area = self._home.area_called(" ".join(words[:cut]))
            rest = area and self._exactly(" ".join(words[cut:]))
            if area and rest:
                return {**rest, "area": area.name}
        return None

    def _cores(self, tokens: tuple[Token, ...], index: int, *, determined: bool) -> Iterator[_Found]:
        if device := self._device(tokens, index, {}):
            yield device  # first: of readings that are equally long the first is taken
        if place := self._place(tokens, index):
            yield place
            if inner := self._thing(tokens, place[1], place[0]):
                yield {**place[0], **inner[0]}, inner[1]
        verb = not determined and self._verbs.at(tokens, index)
        if not verb and (thing := self._thing(tokens, index, {})):
            yield thing
            if place := self._behind(tokens, thing[1]):
                yield {**thing[0], **place[0]}, place[1]
        if everything := self._all.at(tokens, index):
            place = self._behind(tokens, everything[1])
            yield ({"every": True, **place[0]}, place[1]) if place else ({"name": ALL, "every": True}, everything[1])

    def _left_out(self, tokens: tuple[Token, ...], index: int) -> _Found | None:
        """What a request isn't for, as it was said, and which devices that are: "except the hall and the tv"."""
        but = self._but.at(tokens, index)
        if but is None:
            return None
        spared: dict[str, None] = {}
        begin, end = but[1], 0
        while begin:
            start = self._past_articles(tokens, begin)
            one = self._ones.at(tokens, start) or self._one.at(tokens, start)
            before = self._in.at(tokens, one[1] if one else start)
            start = self._past_articles(tokens, before[1] if before else start)
            best = max(self._cores(tokens, start, determined=True), key=lambda found: found[1], default=None)
            if best is None:
                break
            spared |= {device.id: None for device in chosen(self._home, {**best[0], "every": True})}
            ones = self._ones.at(tokens, best[1])
            end = ones[1] if ones else best[1]
            begin = end + 1 if end < len(tokens) and tokens[end].text == self._joiner else 0
        return ({EXCEPT: _said(tokens, but[1], end), SPARED: " ".join(spared)}, end) if spared else None

    def _thing(self, tokens: tuple[Token, ...], index: int, place: Slots) -> _Found | None:
        """A device by its name, or a kind of devices."""
        found = [device] if (device := self._device(tokens, index, place)) else []
        if many := self._many.at(tokens, index):
            found.append((_kind(many[0]), many[1]))
        if one := self._one.at(tokens, index):
            found.append(({**_kind(one[0]), "name": _said(tokens, index, one[1])}, one[1]))
        return max(found, key=lambda each: each[1], default=None)

    def _device(self, tokens: tuple[Token, ...], index: int, place: Slots) -> _Found | None:
        """A device by its name: as the home has it, or as said where several are called so."""
        found = self._devices.at(tokens, index)
        there = chosen(replace(self._home, devices=found[0], area=""), place) if found else []
        if not found or not there:
            return None
        if len(there) > 1:
            return {"name": _said(tokens, index, found[1])}, found[1]
        return {"name": there[0].name, "domain": there[0].domain}, found[1]

    def _behind(self, tokens: tuple[Token, ...], index: int) -> _Found | None:
        """The place that follows: "in the kitchen", "upstairs", "here"."""
        if before := self._in.at(tokens, index):
            return self._place_here(tokens, self._past_articles(tokens, before[1]))
        if anywhere := self._anywhere.at(tokens, index):
            return {"every": True}, anywhere[1]
        if self._areas.at(tokens, index) or self._whole.at(tokens, index):
            return None
        return self._place_here(tokens, index)

    def _place_here(self, tokens: tuple[Token, ...], index: int) -> _Found | None:
        if here := self._here.at(tokens, index):
            own = self._home.area_by_id.get(self._home.area)
            return ({"area": own.name} if own else {}), here[1]
        if whole := self._whole.at(tokens, index):
            return {"every": True}, whole[1]
        return self._place(tokens, index)

    def _place(self, tokens: tuple[Token, ...], index: int) -> _Found | None:
        area, floor = self._areas.at(tokens, index), self._floors.at(tokens, index)
        if area and (not floor or area[1] >= floor[1]):
            return {"area": area[0]}, area[1]
        return ({"floor": floor[0]}, floor[1]) if floor else None

    def _past_articles(self, tokens: tuple[Token, ...], index: int) -> int:
        while index < len(tokens) and tokens[index].text in self._articles:
            index += 1
        return index

    def _domains(self, slots: Mapping[str, SlotValue]) -> frozenset[str]:
        if "domain" in slots:
            return frozenset({str(slots["domain"])})
        return frozenset(device.domain for device in chosen(self._home, slots)) if "name" in slots else frozenset()

    def _by_name(self) -> dict[str, tuple[Device, ...]]:
        """Devices by every name, also without the room that it begins with ("counter light" in the kitchen), as long as
        that is more than what kind of thing it is; and written in one word ("counterlight").
        """
        found: dict[str, tuple[Device, ...]] = {}
        for device in self._home.devices:
            area = self._home.area_of(device)
            names = {_plain(name) for name in device.names}
            short = {name.removeprefix(f"{_plain(area.name)} ") for name in names} if area else set()
            names |= {name for name in short if not self._is_kind(name)}
            for name in names | {name.replace(" ", "") for name in names}:
                found[name] = (*found.get(name, ()), device)
        return found

    def _is_kind(self, name: str) -> bool:
        tokens = tokenise(name)
        kinds = self._one.at(tokens, 0), self._many.at(tokens, 0)
        return any(kind and kind[1] == len(tokens) for kind in kinds)


def retargeted(slots: Slots, target: Slots) -> Slots:
    """The slots of a request for another target; only a place keeps the kind of what was meant there."""
    if set(target) <= {"area", "floor"}:
        kept = {
            key: value for key, value in slots.items() if key not in TARGET_SLOTS or key in {"domain", "device_class"}
        }
    else:
        kept = {key: value for key, value in slots.items() if key not in TARGET_SLOTS}
    return {**kept, **target}


def _kind(value: str) -> dict[str, SlotValue]:
    domain, _, device_class = value.partition(".")
    return {"domain": domain, "device_class": device_class} if device_class else {"domain": domain}


def _said(tokens: tuple[Token, ...], start: int, end: int) -> str:
    return " ".join(token.text for token in tokens[start:end])


def _plain(name: str) -> str:
    tokens = tokenise(name.lower())
    return _said(tokens, 0, len(tokens))
