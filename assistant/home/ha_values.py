"""What Home Assistant tells of its things, as the values of `homes`. Pure; no message of any kind raises.

https://developers.home-assistant.io/docs/api/websocket and the commands of its `config` component.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant.homes import Area, Device

State = tuple[str, Mapping[str, Any]]
"""State and raw attributes of one entity."""

_DOMAINS = frozenset(
    {
        *("climate", "cover", "fan", "humidifier", "lawn_mower", "light", "lock", "media_player", "scene", "script"),
        *("switch", "todo", "vacuum", "valve", "water_heater"),
    }
)
"""Exposed without anybody's doing, as Home Assistant has it; media players too: people talk to a speaker about them."""
_BINARY_CLASSES = frozenset(["door", "garage_door", "lock", "motion", "opening", "presence", "window"])
_SENSOR_CLASSES = frozenset(["aqi", "carbon_dioxide", "carbon_monoxide", "humidity", "pm10", "pm25", "temperature"])
_KEPT = frozenset(
    {
        *("friendly_name", "device_class", "brightness", "color_mode", "rgb_color", "color_temp_kelvin"),
        *("current_position", "percentage", "temperature", "current_temperature", "humidity", "min_temp", "max_temp"),
        *("unit_of_measurement", "temperature_unit", "volume_level", "is_volume_muted", "media_title", "media_artist"),
    }
)
"""Attributes that are of use; there are some hundred others."""
_OPEN, _LOCK, _SEEN = (
    {"on": "open", "off": "closed"},
    {"on": "unlocked", "off": "locked"},
    {"on": "detected", "off": "clear"},
)
_BINARY_STATES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("door", "garage_door", "opening", "window"), _OPEN),
    **dict.fromkeys(("motion", "occupancy", "smoke", "gas", "carbon_monoxide", "moisture", "vibration"), _SEEN),
    "lock": _LOCK,
    "presence": {"on": "home", "off": "not_home"},
}
"""What on and off mean of some sensors."""
_COLORED = frozenset(["hs", "rgb", "rgbw", "rgbww", "xy"])


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registries say of an entity."""

    area: str = ""
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    """Put out of sight, or for setting something up: not exposed unless somebody says so."""


@dataclass(frozen=True, slots=True)
class Registries:
    """What was read of a whole home, but for aliases."""

    areas: tuple[Area, ...]
    entries: Mapping[str, Entry]
    states: Mapping[str, State]
    exposed: frozenset[str]
    weathers: tuple[str, ...]
    """Weather entities, exposed or not."""
    unit: str
    """Of temperatures."""


def read(answers: Mapping[str, Any]) -> Registries:
    """A home from the answers to `get_config` ("config"), the lists of "areas", "floors", "devices" and the entity
    "registry" for display, who is "exposed" and the "preference" for new ones, and `get_states` ("states")."""
    known = states(answers["states"])
    found = entries(answers["registry"], answers["devices"])
    return Registries(
        areas(answers["areas"], answers["floors"]),
        found,
        known,
        all_exposed(known, found, decisions(answers["exposed"]), answers["preference"]),
        tuple(sorted(identifier for identifier in known if identifier.startswith("weather."))),
        unit_of(answers["config"]),
    )


def kept(attributes: Any) -> dict[str, Any]:
    """Those of an entity's attributes that are of use."""
    return {key: attributes[key] for key in _KEPT & attributes.keys()} if isinstance(attributes, Mapping) else {}


def states(listed: Any) -> dict[str, State]:
    """States by entity id: from `get_states`."""
    return {
        str(each["entity_id"]): (str(each.get("state")), kept(each.get("attributes")))
        for each in _dicts(listed)
        if "entity_id" in each
    }


def changes(event: Any, known: Mapping[str, State]) -> Iterator[tuple[str, State | None]]:
    """What an event of `subscribe_entities` says: (entity id, its state, None when it is gone) each."""
    told = _dict(event)
    for identifier, new in _dict(told.get("a")).items():
        yield identifier, (str(_dict(new).get("s")), kept(_dict(new).get("a")))
    for identifier, change in _dict(told.get("c")).items():
        if identifier in known:
            yield identifier, _changed(known[identifier], change)
    for identifier in _strings(told.get("r")):
        yield identifier, None


def all_exposed(
    known: Mapping[str, State], entries: Mapping[str, Entry], decided: Mapping[str, bool], preference: Any
) -> frozenset[str]:
    """Of the `known` entities those that voice assistants may know: as somebody decided by hand, else by Home
    Assistant's own rule. `preference`: from `homeassistant/expose_new_entities/get`; None for not known."""
    by_default = _dict(preference).get("expose_new", True) is not False
    return frozenset(
        identifier
        for identifier, (_, attributes) in known.items()
        if decided.get(identifier, by_default and _exposed(identifier, attributes, entries.get(identifier)))
    )


def device(entity_id: str, state: State, entry: Entry, unit: str) -> Device:
    """An entity as a device. `unit` is the home's unit of temperature (`°C`)."""
    value, raw = state
    domain = entity_id.partition(".")[0]
    if domain == "binary_sensor":
        value = _BINARY_STATES.get(str(raw.get("device_class")), {}).get(value, value)
    read = _READ.get(domain)
    attributes = {key: each for key, each in read(raw, unit).items() if each is not None} if read else {}
    name = raw.get("friendly_name")
    return Device(
        entity_id,
        name.strip() if isinstance(name, str) and name.strip() else entity_id.partition(".")[2].replace("_", " "),
        entry.area,
        entry.aliases,
        str(raw.get("device_class") or ""),
        value,
        attributes,
    )


def areas(listed: Any, floors: Any) -> tuple[Area, ...]:
    """The areas, with the floors that they are on."""
    named = {str(floor.get("floor_id")): floor for floor in _dicts(floors)}
    found = []
    for area in _dicts(listed):
        identifier, name = area.get("area_id"), area.get("name")
        if isinstance(identifier, str) and isinstance(name, str):
            floor = named.get(str(area.get("floor_id")), {})
            found.append(
                Area(
                    identifier,
                    name,
                    _strings(area.get("aliases")),
                    str(floor.get("name") or ""),
                    _strings(floor.get("aliases")),
                )
            )
    return tuple(found)


def entries(display: Any, devices: Any) -> dict[str, Entry]:
    """Entries by entity id, without aliases: from `list_for_display` and the device registry's list."""
    area_of = {str(each.get("id")): str(each.get("area_id") or "") for each in _dicts(devices)}
    return {
        str(each.get("ei")): Entry(
            area=str(each.get("ai") or area_of.get(str(each.get("di")), "")),
            hidden=bool(each.get("hb")) or each.get("ec") is not None,
        )
        for each in _dicts(_dict(display).get("entities"))
    }


def with_aliases(known: Mapping[str, Entry], told: Any) -> dict[str, Entry]:
    """Those of the `known` entries that have aliases: from `get_entries`."""
    return {
        identifier: replace(known[identifier], aliases=aliases)
        for identifier, entry in _dict(told).items()
        if identifier in known and (aliases := _strings(_dict(entry).get("aliases")))
    }


def unit_of(config: Any) -> str:
    """The home's unit of temperature: from `get_config`."""
    return str(_dict(_dict(config).get("unit_system")).get("temperature") or "°C")


def decisions(listed: Any) -> dict[str, bool]:
    """Who was exposed or hidden by hand: from `homeassistant/expose_entity/list`."""
    told = _dict(_dict(listed).get("exposed_entities"))
    return {
        identifier: decided
        for identifier, by_assistant in told.items()
        if isinstance(decided := _dict(by_assistant).get("conversation"), bool)
    }


def first_found(told: Any, player: str) -> dict[str, str]:
    """What `media_player.search_media` found first, for `play_media`; empty for nothing."""
    results = _dict(_dict(_dict(told).get("response")).get(player)).get("result")
    for each in _dicts(results):
        kind, identifier = each.get("media_content_type"), each.get("media_content_id")
        if isinstance(kind, str) and isinstance(identifier, str):
            return {"media_content_id": identifier, "media_content_type": kind}
    return {}


def _changed(state: State, change: Any) -> State:
    """A state after `{"+": {"s", "a"}, "-": {"a"}}`."""
    added, removed = _dict(_dict(change).get("+")), _dict(_dict(change).get("-"))
    attributes = {**state[1], **kept(added.get("a"))}
    for key in _strings(removed.get("a")):
        attributes.pop(key, None)
    return str(added.get("s", state[0])), attributes


def _exposed(identifier: str, attributes: Mapping[str, Any], entry: Entry | None) -> bool:
    """Home Assistant's own rule."""
    if entry and entry.hidden:
        return False
    domain, kind = identifier.partition(".")[0], attributes.get("device_class")
    return (
        domain in _DOMAINS
        or (domain == "binary_sensor" and kind in _BINARY_CLASSES)
        or (domain == "sensor" and kind in _SENSOR_CLASSES)
    )


def _light(raw: Mapping[str, Any], _: str) -> dict[str, Any]:
    mode, color = str(raw.get("color_mode")), raw.get("rgb_color")
    colored = mode in _COLORED and isinstance(color, list | tuple) and len(color) == 3
    return {
        "brightness": _percent(raw.get("brightness"), 255),
        "color": list(color) if colored and color else None,
        "kelvin": _number(raw.get("color_temp_kelvin")) if mode == "color_temp" else None,
    }


def _climate(raw: Mapping[str, Any], unit: str) -> dict[str, Any]:
    numbers = {key: _number(raw.get(key)) for key in ("temperature", "current_temperature", "min_temp", "max_temp")}
    return {**numbers, "unit": unit}


def _media_player(raw: Mapping[str, Any], _: str) -> dict[str, Any]:
    muted = raw.get("is_volume_muted")
    return {
        "volume": _percent(raw.get("volume_level"), 1),
        "muted": muted if isinstance(muted, bool) else None,
        "title": _text(raw.get("media_title")),
        "artist": _text(raw.get("media_artist")),
    }


_READ: Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "light": _light,
    "climate": _climate,
    "water_heater": _climate,
    "media_player": _media_player,
    "cover": lambda raw, _: {"position": _percent(raw.get("current_position"), 100)},
    "valve": lambda raw, _: {"position": _percent(raw.get("current_position"), 100)},
    "fan": lambda raw, _: {"percentage": _percent(raw.get("percentage"), 100)},
    "humidifier": lambda raw, _: {"humidity": _number(raw.get("humidity"))},
    "sensor": lambda raw, _: {"unit": _text(raw.get("unit_of_measurement"))},
    "weather": lambda raw, unit: {
        "temperature": _number(raw.get("temperature")),
        "unit": _text(raw.get("temperature_unit")) or unit,
    },
}


def _percent(value: Any, whole: float) -> int | None:
    """A share of the whole; something is never told as nothing."""
    number = _number(value)
    if number is None:
        return None
    share = min(100, max(0, round(number / whole * 100)))
    return share or int(number > 0)


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if usable else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
