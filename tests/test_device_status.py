"""What the running assistant says of its sound devices, as they come, fall silent and go. In virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from assistant.audio.devices import Device
from assistant.config import Config
from assistant.daemon.devices import device_sound
from assistant.events import Event
from tests.fakes import FakeSoundCard


async def test_a_microphone_is_named_while_it_hears_and_else_it_is_said_why_not(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = FakeSoundCard()
    microphone = Device(0, "Fake Card", "ALSA", 1, 2, 48_000, default_input=True, default_output=True)
    monkeypatch.setattr("assistant.daemon.devices.list_devices", lambda: [microphone])
    monkeypatch.setattr("assistant.daemon.devices.PortAudioBackend", lambda: card)
    events: list[Event] = []
    sound = await device_sound(config.settings.audio, events.append)
    source = sound.source
    assert source

    async def listen() -> None:
        async for _ in source.chunks():
            pass

    tasks = [asyncio.create_task(card.run()), asyncio.create_task(listen())]
    alive = card.signal
    seen = []
    for signal in (alive, np.zeros(4800, np.int16), alive):
        card.signal = signal
        await asyncio.sleep(11.0)
        seen.append((sound.microphone().name, sound.microphone().problem))
    card.unplug()
    await asyncio.sleep(1.0)
    seen.append((sound.microphone().name, sound.microphone().problem))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert seen == [
        ("Fake Card", ""),
        ("", "Fake Card gives nothing but silence; is it muted or unplugged?"),
        ("Fake Card", ""),
        ("", "Fake Card is gone; it is looked for again and again"),
    ]
