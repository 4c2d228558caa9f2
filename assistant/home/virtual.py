"""The built-in home: devices that exist only here, so that everything can be tried before anything is bought.

It does what Home Assistant would do to devices of these kinds, and remembers it: saved first, then in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, Protocol

import yaml

from assistant.errors import HomeError
from assistant.homes import Area, Device, Home, ServiceCall

State = tuple[str, Mapping[str, Any]]

_KINDS = {"garage": ("cover", "garage"), "blind": ("cover", "blind"), "outlet": ("switch", "outlet")}
"""Kinds of devices that are a domain with a class; other kinds are domains."""
_BEGIN: Mapping[str, State] = {
    "light": ("off", {"brightness": 100}),
    "switch": ("off", {}),
    "fan": ("off", {"percentage": 50}),
    "media_player": ("off", {"volume": 50}),
    "cover": ("closed", {"position": 0}),
    "lock": ("locked", {}),
    "climate": ("heat", {"temperature": 20.0, "current_temperature": 20.0}),
    "vacuum": ("docked", {}),
}
KINDS = (*_BEGIN, *_KINDS)
_STATES = {
    "turn_on": "on",
    "turn_off": "off",
    "lock": "locked",
    "unlock": "unlocked",
    "start": "cleaning",
    "return_to_base": "docked",
    "stop": "idle",
    "media_play": "playing",
    "media_pause": "paused",
    "media_stop": "idle",
}
_ATTRIBUTES = {
    "brightness_pct": "brightness",
    "rgb_color": "color",
    "color_temp_kelvin": "kelvin",
    "percentage": "percentage",
    "temperature": "temperature",
    "position": "position",
    "is_volume_muted": "muted",
    "volume_level": "volume",
}


class HomeStore(Protocol):
    """Keeps how devices stand. Both raise StoreError."""

    async def save(self, states: Mapping[str, State]) -> None:
        """Durable when it returns."""

    async def states(self) -> Mapping[str, State]: ...


class VirtualHome:
    """homes.HomePort. `changed` is called with each device that stands otherwise than before."""

    def __init__(
        self,
        areas: Sequence[Area],
        devices: Sequence[Device],
        store: HomeStore,
        changed: Callable[[Device], None],
        *,
        area: str = "",
    ) -> None:
        home = Home(tuple(areas), tuple(devices))
        own = home.area_called(area) if area else None
        self._home = replace(home, area=own.id if own else "")
        self._store = store
        self._changed = changed

    async def start(self) -> None:
        """Take up how things stood. Raises StoreError."""
        kept = await self._store.states()
        self._replace({name: state for name, state in kept.items() if name in self._home.device_by_id})

    @property
    def home(self) -> Home:
        return self._home

    @property
    def problem(self) -> None:
        """Always at hand."""

    async def call(self, call: ServiceCall) -> None:
        states = {name: _after(self._device(name), call) for name in call.devices}
        await self._store.save(states)
        for device in self._replace(states):
            self._changed(device)

    async def play(self, player: str, what: str) -> None:
        device = self._device(player)
        if device.domain != "media_player":
            raise HomeError("home-refused", f"a {device.domain} plays nothing")
        states = {player: ("playing", {**device.attributes, "title": what})}
        await self._store.save(states)
        for each in self._replace(states):
            self._changed(each)

    def _device(self, name: str) -> Device:
        device = self._home.device_by_id.get(name)
        if device is None:
            raise HomeError("home-refused", "the built-in home has no such device")
        return device

    def _replace(self, states: Mapping[str, State]) -> list[Device]:
        """Put the states in force; the devices that changed."""
        devices = []
        changed = []
        for device in self._home.devices:
            if device.id in states:
                state, attributes = states[device.id]
                new = replace(device, state=state, attributes=attributes)
                changed += [new] if new != device else []
                devices.append(new)
            else:
                devices.append(device)
        self._home = replace(self._home, devices=tuple(devices))
        return changed


def furnished(devices: Sequence[tuple[str, str, str, str, Sequence[str]]]) -> tuple[list[Area], list[Device]]:
    """A home of (kind, name, area, floor, aliases) each; things of the same name are told apart by their area."""
    areas: dict[str, Area] = {}
    found: dict[str, Device] = {}
    for kind, name, area, floor, aliases in devices:
        if area:
            areas.setdefault(identifier(area), Area(identifier(area), area, floor=floor))
        new = device(kind, name, identifier(area), aliases)
        if new.id in found:
            new = replace(new, id=f"{new.id}_{identifier(area) or len(found)}")
        found[new.id] = new
    return list(areas.values()), list(found.values())


def built_in(language: str) -> tuple[list[Area], list[Device]]:
    """The house that comes with the assistant."""
    content = yaml.safe_load(files("assistant.home").joinpath("houses", f"{language}.yaml").read_text("utf-8"))
    areas, devices = [], []
    for room in content:
        area = Area(identifier(room["area"]), room["area"], tuple(room.get("aliases", ())), room.get("floor", ""))
        if area.name:
            areas.append(area)
        devices += [device(kind, name, area.id) for kind, names in room["devices"].items() for name in names]
    return areas, devices


def device(kind: str, name: str, area: str, aliases: Sequence[str] = ()) -> Device:
    """A device of one of the KINDS, as it is when new."""
    domain, device_class = _KINDS.get(kind, (kind, ""))
    state, attributes = _BEGIN[domain]
    return Device(f"{domain}.{identifier(name)}", name, area, tuple(aliases), device_class, state, attributes)


def identifier(name: str) -> str:
    """A name as ids spell it."""
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split())


def _after(device: Device, call: ServiceCall) -> State:
    """How a device stands after a call. Raises HomeError `home-refused` for what such a device can't do."""
    domain, _, service = call.service.partition(".")
    if domain not in {device.domain, "homeassistant"}:
        raise HomeError("home-refused", f"a {device.domain} has no {call.service}")
    if not set(call.data) <= set(_ATTRIBUTES):
        raise HomeError("home-refused", f"{call.service} takes no such data")
    attributes = {**device.attributes, **{_ATTRIBUTES[key]: value for key, value in call.data.items()}}
    if "volume_level" in call.data:
        attributes["volume"] = round(call.data["volume_level"] * 100)
    if "rgb_color" in call.data:
        attributes.pop("kelvin", None)
        attributes["color"] = list(call.data["rgb_color"])
    if "color_temp_kelvin" in call.data:
        attributes.pop("color", None)
    if device.domain == "cover":
        position = {"open_cover": 100, "close_cover": 0}.get(service, attributes["position"])
        return "open" if position else "closed", {**attributes, "position": position}
    if device.domain == "climate" and service == "turn_on":
        return "heat", attributes
    if device.domain == "fan" and service == "set_percentage":
        return "on" if attributes["percentage"] else "off", attributes
    return _STATES.get(service, device.state), attributes
