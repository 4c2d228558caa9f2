"""Plays a household scenario: text in, replies and states out, on a whole assistant in virtual time.

A scenario file is a YAML list; each scenario has a `name`, perhaps `set` (settings, as for `--set`) and `steps`:

    say: turn on the lamp             what is said; then any of
      reply: Which one, ...?          the reply, whole; or `like`: a part of it; or `not_like`
      intent: HassTurnOn              the intent that was acted on
      outcome: answered               how the turn ended
      route: offline                  the reason the router gave
      state: {light.hall_lamp: "on"}  how devices stand; `light.x.brightness` is an attribute
      timers: [pasta, ""]             names of the timers that run
    wait: 600                         seconds go by; then `rings: 1` (rings begun meanwhile), `state`, `timers`
    fail: home-offline                what the home answers to calls from here on; empty: it works again
    restart: true                     the assistant is stopped and started
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml

from assistant.audio.format import Chunk
from assistant.config import Config, load_config
from assistant.daemon import Assistant, open_assistant
from assistant.events import Event, RingStarted
from assistant.homes import Home
from assistant.models import Models
from assistant.nlu.language import Loader
from assistant.values import Clock
from tests.fakes import FakeEngines, FakeHome, HearingEngines
from tests.virtual_time import VirtualClock

FOLDER = Path(__file__).parent
_EXPECTED = {"reply", "like", "not_like", "intent", "outcome", "route", "state", "timers", "rings"}


def scenarios() -> list[dict[str, Any]]:
    """Every scenario of every file here."""
    return [
        scenario for file in sorted(FOLDER.glob("*.yaml")) for scenario in yaml.load(file.read_text("utf-8"), Loader)
    ]


Way = Callable[[str], Chunk]
"""A way of saying things: whose voice, how fast."""


class ClearVoice:
    """A household that says things until they are heard word for word, or as nearly as they ever are."""

    def __init__(self, ways: Sequence[Way], wrong: Callable[[str, str], int]) -> None:
        """`ways` are tried in turn; `wrong` counts the letters that differ."""
        self._ways = ways
        self._wrong = wrong
        self.misheard: list[tuple[str, str]] = []
        """What was never heard right: said, and heard."""

    async def says(self, text: str, assistant: Assistant) -> Chunk:
        ear = await assistant.engines.stt.get()
        tries: list[tuple[int, str, Chunk]] = []
        for way in self._ways:
            sound = way(text)
            heard = (await ear.transcribe(sound)).text
            tries.append((self._wrong(text, heard), heard, sound))
            if tries[-1][0] == 0:
                return sound
        _, heard, sound = min(tries, key=lambda each: each[0])
        self.heard(text, heard)
        return sound

    def heard(self, said: str, heard: str) -> None:
        """What was made of it in a turn, where the end is found by voice activity and the passes are others."""
        if self._wrong(said, heard):
            self.misheard.append((said, heard))


class Household:
    """One running scenario. With a `voice` everything is spoken and really heard."""

    def __init__(self, config: Config, scenario: dict[str, Any], voice: ClearVoice | None = None) -> None:
        self._voice = voice
        self._config = load_config(config.paths, scenario.get("set", ()))
        self._scenario = scenario
        self._clock: Clock = VirtualClock()
        self._rings = 0

    async def play(self) -> None:
        """All steps; AssertionError names the step that went otherwise."""
        async with AsyncExitStack() as stack:
            assistant = await stack.enter_async_context(self._assistant())
            for number, step in enumerate(self._scenario["steps"], 1):
                if step.get("restart"):
                    await stack.aclose()
                    assistant = await stack.enter_async_context(self._assistant())
                await self._step(assistant, step, f"step {number}, {step}")

    @contextlib.asynccontextmanager
    async def _assistant(self) -> AsyncIterator[Assistant]:
        kind = HearingEngines if self._voice else FakeEngines
        engines = kind(self._config, Models(self._config.paths.models_dir))
        async with open_assistant(self._config, clock=self._clock, engines=engines) as assistant:
            assistant.household.home = FakeHome(assistant.household.home)
            with assistant.bus.watch(self._count):
                yield assistant

    def _count(self, event: Event) -> None:
        self._rings += isinstance(event, RingStarted)

    async def _step(self, assistant: Assistant, step: dict[str, Any], where: str) -> None:
        unknown = step.keys() - _EXPECTED - {"say", "wait", "fail", "restart"}
        assert not unknown, f"{where}: unknown {unknown}"
        if "fail" in step and isinstance(assistant.household.home, FakeHome):
            assistant.household.home.code = step["fail"] or ""
        self._rings = 0
        found: dict[str, Any] = {}
        if "say" in step:
            sound = await self._voice.says(step["say"], assistant) if self._voice else None
            record = await assistant.ask(
                text=None if sound else step["say"],
                audio=sound,
                source="voice" if sound else "text",
                speak=False,
                on_audio=None,
                on_event=None,
            )
            if self._voice:
                self._voice.heard(step["say"], record.text)
                where = f"{where}: heard {record.text!r}"
            found = {"intent": record.intent, "outcome": str(record.outcome), "route": record.reason}
            found |= {"reply": record.reply, "like": record.reply, "not_like": record.reply}
        if "wait" in step:
            await asyncio.sleep(step["wait"])
        found |= {"rings": self._rings, "timers": [item.name for item, _ in assistant.timers()]}
        for name in _EXPECTED & step.keys():
            if name == "state":
                states = {device: _state(assistant.household.home.home, device) for device in step["state"]}
                assert states == step["state"], where
            elif name == "like":
                assert str(step[name]).casefold() in found[name].casefold(), f"{where}: {found[name]!r}"
            elif name == "not_like":
                assert str(step[name]).casefold() not in found[name].casefold(), f"{where}: {found[name]!r}"
            else:
                assert found[name] == step[name], where


def _state(home: Home, path: str) -> Any:
    """`domain.device` or `domain.device.attribute`."""
    domain, name, *attribute = path.split(".")
    device = home.device_by_id[f"{domain}.{name}"]
    return device.attributes.get(attribute[0]) if attribute else device.state
