"""The machine's sound devices as the assistant's ends of sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from assistant.audio.capture import MicrophoneSource
from assistant.audio.devices import NONE, Device, Direction, list_devices, select
from assistant.audio.mixer import Mixer
from assistant.audio.playback import SpeakerSink
from assistant.audio.portaudio import PortAudioBackend
from assistant.control.ports import DeviceStatus
from assistant.daemon.sound import Sound
from assistant.errors import AudioError
from assistant.events import Event
from assistant.executor import BoundedExecutor
from assistant.settings import AudioConfig

log = structlog.get_logger(__name__)

WITHOUT = "Asking by text or sound file (`assistant ask`) and the control socket work all the same."


async def device_sound(config: AudioConfig, publish: Callable[[Event], None], *, microphone: bool = True) -> Sound:
    """Microphone (if asked for) and speaker as configured; devices that aren't there now are looked for again."""
    executor = BoundedExecutor("devices")
    try:
        devices: Sequence[Device] = await executor.run(list_devices)
        problem = None
    except AudioError as exc:
        devices, problem = (), exc
    finally:
        executor.close()
    wanted = config.input if microphone else NONE
    heard = _status(devices, wanted, "input", problem)
    speaker = _status(devices, config.output, "output", problem)
    for noun, status in (("microphone", heard), ("speaker", speaker)):
        if status.problem:
            log.warning(f"no {noun}", why=status.problem, works=WITHOUT)
    backend = PortAudioBackend()
    hears = problem is None and wanted != NONE
    speaks = problem is None and config.output != NONE
    mixer = Mixer(volume=config.volume, duck_db=config.duck_db) if speaks else None
    return Sound(
        source=MicrophoneSource(backend, wanted, publish) if hears else None,
        mixer=mixer,
        pump=SpeakerSink(backend, config.output, mixer, publish).run if mixer else None,
        microphone=heard,
        speaker=speaker,
    )


def _status(devices: Sequence[Device], wanted: str, direction: Direction, problem: AudioError | None) -> DeviceStatus:
    if problem:
        return DeviceStatus("", f"{problem.message} {problem.hint}".strip())
    if wanted == NONE:
        return DeviceStatus("", f'audio.{direction} is "none"')
    try:
        return DeviceStatus(select(devices, wanted, direction).name, "")
    except AudioError as exc:
        return DeviceStatus("", f"{exc.message} {exc.hint}".strip())
