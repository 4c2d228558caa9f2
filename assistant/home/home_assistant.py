"""A real home, through Home Assistant. Its areas, floors, names and states are kept here, told by it as they change.

Only what is exposed to voice assistants there is known here. A token of an administrator is needed to be told what was
exposed by hand; with any other Home Assistant's default applies. While the connection is down the home stays as it was
last seen, so that names are still understood, and `call` says at once that it can't be reached.

    connect -> areas, floors, devices, entities, exposure, states -> subscribe to the exposed ones -> calls, changes
                    ^ again when a registry changes, a component loads, exposure changed, or RESYNC_S have passed
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from assistant.backoff import Backoff
from assistant.errors import HomeError
from assistant.home import ha_values as values
from assistant.home.ha_socket import Socket, offline, open_socket
from assistant.homes import Device, Home, ServiceCall

log = structlog.get_logger(__name__)

CALL_TIMEOUT_S = 4.0
"""Below what a skill may take, so that it is the skill that says what happened."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
REFUSED_PAUSE_S = 300.0
"""Before a token that was refused is tried again: whoever tries too often is banned there."""
RESYNC_S = 600.0
EXPOSURE_S = 20.0
SETTLE_S = 0.5
"""Registries change in bursts: they are read once it has been quiet for this long."""
_BATCH = 250
"""Entities asked about, or made into devices, in one step: some milliseconds."""
_REGISTRIES = ("area", "floor", "device", "entity")
_NO_ENTRY = values.Entry()


class HomeAssistant:
    """homes.HomePort. `run` keeps it connected; `changed` is called with each device whose state is another."""

    def __init__(self, url: str, token: str, changed: Callable[[Device], None], *, area: str = "") -> None:
        self._url = url
        self._token = token
        self._changed = changed
        self._own_area = area
        self._socket: Socket | None = None
        self._stale = asyncio.Event()
        self._settled = asyncio.Event()
        self._problem: HomeError | None = offline("wasn't asked yet")
        self._unit = ""
        self._entries: Mapping[str, values.Entry] = {}
        self._exposed: frozenset[str] = frozenset()
        self._exposure: Any = None
        """Who was exposed or hidden by hand, as it was told."""
        self._weathers: tuple[str, ...] = ()
        self._followed: set[str] = set()
        """Whose changes this connection tells."""
        self._states: dict[str, values.State] = {}
        self._devices: dict[str, Device] = {}
        self._base = Home()
        self._home: Home | None = None

    @property
    def home(self) -> Home:
        if self._home is None:
            self._home = replace(self._base, devices=tuple(self._devices.values()))
        return self._home

    @property
    def problem(self) -> HomeError | None:
        """Why it can't be reached; None when it can."""
        return self._problem

    @property
    def weathers(self) -> Mapping[str, Mapping[str, Any]]:
        """Weather entities, exposed or not, with `temperature` and its `unit`."""
        return {
            identifier: values.device(identifier, self._states[identifier], _NO_ENTRY, self._unit).attributes
            for identifier in self._weathers
            if identifier in self._states
        }

    @property
    def asked(self) -> bool:
        """Whether it was reached, or wasn't: before, `problem` says nothing."""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Wait until it was reached for the first time, or wasn't."""
        await self._settled.wait()

    async def call(self, call: ServiceCall) -> None:
        await self._call(call.service, {"entity_id": list(call.devices)}, dict(call.data))

    async def play(self, player: str, what: str) -> None:
        """Searched for there first (a service of 2025 and later), else the player is told as it is."""
        found = {"media_content_id": what, "media_content_type": "music"}
        if not what.startswith(("http://", "https://")):
            try:
                told = await self.ask("media_player.search_media", [player], {"search_query": what})
                found = values.first_found(told, player)
            except HomeError as exc:
                if exc.code != "home-refused":
                    raise
        if not found:
            raise HomeError("home-refused", "nothing there is called so")
        await self._call("media_player.play_media", {"entity_id": [player]}, found)

    async def ask(self, service: str, devices: list[str], data: Mapping[str, Any]) -> Any:
        """What a service that answers answers. Raises as `call`."""
        return await self._call(service, {"entity_id": devices}, dict(data), return_response=True)

    async def run(self) -> None:
        """Stay connected for as long as it runs."""
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter=0.5)
        while True:
            try:
                await self._stay()
            except HomeError as exc:
                if self._socket:  # it was well until now
                    backoff.reset()
                if self._problem is None or self._problem.code != exc.code:
                    log.warning("home not reached", code=exc.code)
                self._problem = exc
                pause_s = REFUSED_PAUSE_S if exc.code == "home-auth" else backoff.next_s()
            finally:
                self._socket = None
                self._settled.set()
            await asyncio.sleep(pause_s)

    async def _call(self, service: str, target: Mapping[str, Any], data: Mapping[str, Any], **more: Any) -> Any:
        if self._socket is None:
            raise self._problem.again() if self._problem else offline("isn't connected")
        domain, _, name = service.partition(".")
        return await self._socket.ask(
            "call_service",
            timeout_s=CALL_TIMEOUT_S,
            domain=domain,
            service=name,
            target=target,
            service_data=data,
            **more,
        )

    async def _stay(self) -> None:
        """One connection, from its first to its last moment. Always raises HomeError."""
        async with open_socket(self._url, self._token) as socket:
            reading = asyncio.create_task(socket.read(), name="home reader")
            keeping = asyncio.create_task(self._keep_in_step(socket), name="home registries")
            try:
                await asyncio.wait({reading, keeping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (reading, keeping):
                    task.cancel()
                outcomes = await asyncio.gather(reading, keeping, return_exceptions=True)
            broken = [each for each in outcomes if isinstance(each, Exception)]
            raise broken[0] if broken else offline("hung up")

    async def _keep_in_step(self, socket: Socket) -> None:
        self._followed = set()
        for event in (*(f"{registry}_registry_updated" for registry in _REGISTRIES), "component_loaded"):
            with contextlib.suppress(HomeError):  # older ones know no floors
                await socket.subscribe(lambda _: self._stale.set(), "subscribe_events", event_type=event)
        while True:
            self._stale.clear()
            await self._sync(socket)
            if self._socket is None:
                log.info("home reached", devices=len(self._devices))
            self._socket, self._problem = socket, None
            self._settled.set()
            await self._changes(socket)

    async def _changes(self, socket: Socket) -> None:
        """Wait until something must be read again. What is exposed is asked for: of entities without an entry in the
        registry no event tells."""
        read_s = time.monotonic()
        while time.monotonic() - read_s < RESYNC_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXPOSURE_S):
                    await self._stale.wait()
                await asyncio.sleep(SETTLE_S)
                return
            if await _optional(socket, "homeassistant/expose_entity/list") != self._exposure:
                return

    async def _sync(self, socket: Socket) -> None:
        """Read everything, and follow what is exposed."""
        answers = {
            "config": await socket.ask("get_config"),
            "areas": await socket.ask("config/area_registry/list"),
            "floors": await _optional(socket, "config/floor_registry/list"),
            "registry": await socket.ask("config/entity_registry/list_for_display"),
            "devices": await socket.ask("config/device_registry/list"),
            "exposed": await _optional(socket, "homeassistant/expose_entity/list"),
            "preference": await _optional(socket, "homeassistant/expose_new_entities/get", assistant="conversation"),
            "states": await socket.ask("get_states"),
        }
        self._exposure = answers["exposed"]
        read = await asyncio.to_thread(values.read, answers)  # thousands of entities take too long for the event loop
        entries = dict(read.entries)
        for batch in _batches(sorted(read.exposed)):
            answer = await socket.ask("config/entity_registry/get_entries", entity_ids=batch)
            entries |= values.with_aliases(entries, answer)
        self._entries = entries
        self._unit = read.unit
        self._weathers = read.weathers
        self._exposed = read.exposed
        told = {
            name: state for name, state in self._states.items() if name in self._followed
        }  # newer than what was read
        self._states = {name: told.get(name, read.states[name]) for name in (*read.exposed, *read.weathers)}
        home = Home(read.areas)
        own = home.area_called(self._own_area) if self._own_area else None
        self._base = Home(read.areas, area=own.id if own else "")
        self._home = None
        for gone in self._devices.keys() - read.exposed:
            del self._devices[gone]
        for batch in _batches(sorted(read.exposed)):
            for identifier in batch:
                self._put(identifier)
            await asyncio.sleep(0)  # others may run
        for batch in _batches(sorted(self._states.keys() - self._followed)):
            await socket.subscribe(self._take, "subscribe_entities", entity_ids=batch)
            self._followed |= set(batch)

    def _take(self, event: Any) -> None:
        """What `subscribe_entities` tells: who is there, who changed, who is gone."""
        for identifier, state in values.changes(event, self._states):
            if state is None:
                self._states.pop(identifier, None)
                if self._devices.pop(identifier, None):
                    self._home = None
            else:
                self._states[identifier] = state
                self._put(identifier)

    def _put(self, identifier: str) -> None:
        """Have a device stand as its state says."""
        if identifier not in self._exposed:
            return
        entry = self._entries.get(identifier, _NO_ENTRY)
        device = values.device(identifier, self._states[identifier], entry, self._unit)
        before = self._devices.get(identifier)
        if device != before:
            self._devices[identifier] = device
            self._home = None
            if before and before.state != device.state:
                self._changed(device)


async def _optional(socket: Socket, kind: str, **data: Any) -> Any:
    """An answer; None where such a question is unknown, or not for us."""
    try:
        return await socket.ask(kind, **data)
    except HomeError as exc:
        if exc.code != "home-refused":
            raise
        return None


def _batches(identifiers: Sequence[str]) -> Iterator[Sequence[str]]:
    return (identifiers[at : at + _BATCH] for at in range(0, len(identifiers), _BATCH))
