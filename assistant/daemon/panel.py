"""Buttons and lights, joined to what they steer and show."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Protocol

import structlog

from assistant.control.ports import StatusReport
from assistant.daemon.background import Background
from assistant.daemon.engines import Engines
from assistant.daemon.household import Household
from assistant.dialog import phrases
from assistant.due.scheduler import Scheduler
from assistant.errors import EdgewiseError
from assistant.events import (
    EventBus,
    LinkChanged,
    MuteChanged,
    PrivateModeChanged,
    RingStarted,
    RingStopped,
    StateChanged,
    failure,
)
from assistant.keys import key_code
from assistant.panel.buttons import Buttons
from assistant.panel.lights import Lights
from assistant.settings import Settings
from assistant.values import DueState, State

log = structlog.get_logger(__name__)

VOLUME_STEP = 10
REFRESH_S = 5.0
"""What no event tells of (a schedule, an LED that was plugged in again) shows after this long."""
_MOST_WAITING = 8
"""Presses; more are dropped."""
Later = Callable[[Coroutine[Any, Any, None]], object]
_SHOWN = MuteChanged | PrivateModeChanged | StateChanged | LinkChanged | RingStarted | RingStopped


class Steered(Protocol):
    """The assistant as its panel needs it."""

    bus: EventBus
    engines: Engines
    household: Household
    due: Scheduler

    def status(self) -> StatusReport:
        """How things stand."""

    async def say(self, text: str) -> None:
        """Raises EdgewiseError when nothing can be heard."""


class Panel:
    """Does what buttons are for, and shows on the lights how things stand."""

    def __init__(self, settings: Settings, steered: Steered, *, stop: Callable[[], object], later: Later) -> None:
        """`stop` silences whatever sounds. `later` runs something to its end without waiting for it."""
        config = settings.panel
        self._steered = steered
        self._stop = stop
        self._later = later
        self._has_cloud = bool(settings.cloud.address)
        self._shows = frozenset(config.leds)
        self._actions = {key_code(key): action for key, action in config.buttons.items()}
        self._presses: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)
        self.buttons = Buttons(config.device, self._actions, self._pressed) if config.buttons else None
        self.lights = Lights(dict(config.leds.items())) if config.leds else None

    @property
    def problems(self) -> tuple[str, ...]:
        """What doesn't work, and what can't be seen."""
        muted = [phrases.MUTED] if self._steered.household.hearing.muted else []
        buttons = [self.buttons.problem] if self.buttons and self.buttons.problem else []
        return (*muted, *buttons, *(self.lights.problems.values() if self.lights else ()))

    def _pressed(self, code: int) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._presses.put_nowait(self._actions[code])

    async def act(self) -> None:
        """Do what the buttons say, one after the other, until cancelled."""
        while True:
            action = await self._presses.get()
            log.info("button", action=action)
            try:
                await self._do(action)
            except EdgewiseError as exc:
                log.warning("button failed", action=action, code=exc.code)
                self._steered.bus.publish(failure(exc))
                self._tell(phrases.FAILED)

    async def _do(self, action: str) -> None:
        household = self._steered.household
        match action:
            case "private":
                on = not household.private.on
                await household.private.turn(on=on)
                text = self._steered.engines.skills.replies.say("SetPrivateMode", "on" if on else "off")
                self._tell(text, shown="private")
            case "mute":
                on = not household.hearing.muted
                await household.hearing.mute(on=on)
                self._tell(phrases.MUTED if on else phrases.UNMUTED, shown="muted")
            case "talk" if household.hearing.muted:
                self._tell(phrases.MUTED)
            case "talk" if not self._steered.status().microphone.name:
                self._tell(phrases.NO_MICROPHONE)
            case "talk":
                household.hearing.call()
            case "stop":
                self._stop()
            case _:
                step = VOLUME_STEP if action == "volume-up" else -VOLUME_STEP
                await household.volume.set(min(100, max(0, household.volume.level + step)))

    def _tell(self, text: str, *, shown: str = "") -> None:
        """Say it, unless a light shows it."""
        if shown not in self._shows:
            self._later(self._say(text))

    async def _say(self, text: str) -> None:
        try:
            await self._steered.say(text)
        except EdgewiseError as exc:
            log.info("not said", code=exc.code)

    async def show(self) -> None:
        """Keep the lights as things stand, until cancelled."""
        assert self.lights is not None, "nothing is shown without lights"
        with self._steered.bus.subscribe(64) as events:
            while True:
                await self.lights.show(self._so())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_S):
                        while not isinstance(await anext(events), _SHOWN):
                            pass

    def _so(self) -> set[str]:
        """What is so now, of all that can be shown."""
        household, status = self._steered.household, self._steered.status()
        now = {
            "private": household.private.on,
            "muted": household.hearing.muted,
            "listening": status.state is State.LISTENING,
            "offline": self._has_cloud and not status.link_up,
            "ringing": any(item.state is DueState.RINGING for item in self._steered.due.active(kind=None)),
        }
        return {what for what, so in now.items() if so}


def start_panel(
    settings: Settings,
    steered: Steered,
    background: Background,
    stack: AsyncExitStack,
    *,
    stop: Callable[[], object],
) -> Panel:
    """A panel as configured; its parts run for as long as the assistant does."""
    panel = Panel(settings, steered, stop=stop, later=background.later)
    if panel.buttons:
        background.run("buttons", panel.buttons.run)
        background.run("button presses", panel.act)
    if panel.lights:
        stack.push_async_callback(panel.lights.close)
        background.run("lights", panel.show)
    return panel
