"""What is in a home, and which of it a request means. Facts and pure decisions; the rooms that reach a home are in
`home`.

Domains, services, states and attributes are Home Assistant's (`light`, `light.turn_on`, `on`), with shares in percent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from assistant.errors import HomeError
from assistant.names import closest
from assistant.values import Slots

UNAVAILABLE = "unavailable"
ALL = "all"
"""The `name` of everything that can be switched."""
EXCEPT, SPARED = "except", "spared"
"""The slots of what a request isn't for: as it was said, and the ids of those devices."""


DOORS = frozenset({"garage", "door", "gate"})
"""Classes of covers that people come in by."""


@dataclass(frozen=True, slots=True)
class Area:
    """A room, or any other part of a home."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    floor: str = ""
    """The floor's name; empty for none."""
    floor_aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Device:
    """One thing that can be asked or told something: a light, a lock, a thermostat."""

    id: str
    """`domain.name`, as Home Assistant writes entity ids."""
    name: str
    area: str = ""
    """An area's id; empty for none."""
    aliases: tuple[str, ...] = ()
    device_class: str = ""
    """`garage`, `blind`, `outlet`, `temperature` ...; empty for none."""
    state: str = UNAVAILABLE
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """`brightness`, `position`, `percentage`: 0 to 100; `color`: red, green, blue, 0 to 255 each; `kelvin`;
    `temperature`: wanted, `current_temperature`: measured, in the home's unit."""

    @property
    def domain(self) -> str:
        return self.id.partition(".")[0]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One thing done to some devices."""

    service: str
    """`domain.service`."""
    devices: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """A home at one moment. `area` is where the assistant itself stands (an area's id; empty when nobody said)."""

    areas: tuple[Area, ...] = ()
    devices: tuple[Device, ...] = ()
    area: str = ""

    @cached_property
    def area_by_id(self) -> Mapping[str, Area]:
        return {area.id: area for area in self.areas}

    @cached_property
    def device_by_id(self) -> Mapping[str, Device]:
        return {device.id: device for device in self.devices}

    @cached_property
    def names(self) -> tuple[object, ...]:
        """All that has a name: it changes only when something is called otherwise."""
        return (
            self.area,
            self.areas,
            tuple((device.id, device.name, device.aliases, device.area) for device in self.devices),
        )

    @cached_property
    def floors(self) -> Mapping[str, str]:
        """What floors are called, each with the floor's name."""
        return {name: area.floor for area in self.areas if area.floor for name in (area.floor, *area.floor_aliases)}

    def area_called(self, name: str) -> Area | None:
        """The area with that name, or one that sounds like it."""
        return called(name, self.areas)

    def area_of(self, device: Device) -> Area | None:
        return self.area_by_id.get(device.area)


class HomePort(Protocol):
    """A home that can be reached: the built-in one or Home Assistant."""

    @property
    def home(self) -> Home:
        """How things stand. Another object once anything has changed, so it may be kept as a key."""

    @property
    def problem(self) -> HomeError | None:
        """Why it can't be reached, so that what stands in `home` is old; None when it can."""

    async def call(self, call: ServiceCall) -> None:
        """Have it done; returns when it is.

        Raises:
            HomeError: `home-offline`, `home-timeout`, `home-busy` (all retryable), `home-auth`, `home-refused`.
        """

    async def play(self, player: str, what: str) -> None:
        """Have a player (its device id) play what is called so, or a stream's URL. Raises as `call`."""


class Named(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...


NamedT = TypeVar("NamedT", bound=Named)


def called(name: str, things: Iterable[NamedT]) -> NamedT | None:
    """The one of the things (with `names`) that is called so, or nearly; None for none."""
    by_name = {each.casefold(): thing for thing in things for each in thing.names}
    found = name.casefold()
    return by_name.get(found) or by_name.get(closest(found, by_name) or "")


def chosen(home: Home, slots: Slots) -> list[Device]:
    """The devices that a request's `name`, `area`, `floor` and `domain` mean; of those that are near, where it matters;
    without those it leaves out.

    A name is a device's whole one, else words of it ("lamp"), else sounds like it. What has only a kind ("the lights")
    means those of the assistant's own room, if that has any.
    """
    devices: Sequence[Device] = home.devices
    if domain := str(slots.get("domain", "")):
        devices = [device for device in devices if device.domain == domain]
    if kind := str(slots.get("device_class", "")):
        devices = [device for device in devices if device.device_class == kind]
    if floor := str(slots.get("floor", "")):
        areas = {area.id for area in home.areas if area.floor.casefold() == floor.casefold()}
        devices = [device for device in devices if device.area in areas]
    if name := str(slots.get("area", "")):
        area = home.area_called(name)
        devices = [device for device in devices if area and device.area == area.id]
    if domain == "cover" and not {"name", "device_class"} & set(slots):  # nobody means the gate by all the blinds
        devices = [device for device in devices if device.device_class not in DOORS] or devices
    if name := str(slots.get("name", "")):
        devices = named(name, devices, home) or (devices if domain and name != ALL else [])
    if not {"area", "floor", "every"} & set(slots) and home.area:
        devices = [device for device in devices if device.area == home.area] or devices
    spared = str(slots.get(SPARED, "")).split()
    return [device for device in devices if device.id not in spared]


def named(name: str, devices: Sequence[Device], home: Home) -> list[Device]:
    """Those of the devices that a name means: by the whole name, else by words of name and area, else by sound."""
    wanted = name.casefold()
    whole = [device for device in devices if wanted in map(str.casefold, device.names)]
    if whole:
        return whole
    words = set(wanted.split())
    parts = [device for device in devices if any(words <= each for each in _words(device, home))]
    if parts:
        return parts
    alike = called(wanted, devices)
    return [alike] if alike else []


_SWITCHED = {"light", "switch", "fan", "media_player", "input_boolean", "humidifier"}
_KEPT: Mapping[str, Mapping[str, str]] = {
    "light": {"brightness": "brightness_pct", "color": "rgb_color", "kelvin": "color_temp_kelvin"},
    "fan": {"percentage": "percentage"},
}
_BACK = {
    ("lock", "unlocked"): "lock.unlock",
    ("vacuum", "cleaning"): "vacuum.start",
    ("vacuum", "docked"): "vacuum.return_to_base",
    ("media_player", "playing"): "media_player.media_play",
    ("media_player", "paused"): "media_player.media_pause",
    ("cover", "open"): "cover.open_cover",
    ("cover", "closed"): "cover.close_cover",
    **{(domain, "off"): f"{domain}.turn_off" for domain in _SWITCHED},
}


def inverse(device: Device) -> ServiceCall | None:
    """What brings a device back to how it stands now; None where nothing can."""
    attributes, targets, domain = device.attributes, (device.id,), device.domain
    if domain == "cover" and "position" in attributes:
        return ServiceCall("cover.set_cover_position", targets, {"position": attributes["position"]})
    if domain == "climate" and "temperature" in attributes:
        return ServiceCall("climate.set_temperature", targets, {"temperature": attributes["temperature"]})
    if service := _BACK.get((domain, device.state)):
        return ServiceCall(service, targets)
    if domain in _SWITCHED:
        data = {to: attributes[at] for at, to in _KEPT.get(domain, {}).items() if at in attributes}
        return ServiceCall(f"{domain}.turn_on", targets, data)
    return None


def _words(device: Device, home: Home) -> list[set[str]]:
    """The words of each name, with those of the area."""
    area = home.area_of(device)
    around = set(area.name.casefold().split()) if area else set()
    return [set(name.casefold().split()) | around for name in device.names]
