"""The machine's sound devices as the assistant's ends of sound."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import structlog

from assistant.audio.capture import MicrophoneSource
from assistant.audio.devices import NONE, Device, Direction, select
from assistant.audio.mixer import Mixer
from assistant.audio.playback import SpeakerSink
from assistant.audio.portaudio import PortAudioBackend, list_devices
from assistant.audio.reopen import DeviceWatch
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
    spoken = _status(devices, config.output, "output", problem)
    for noun, status in (("microphone", heard), ("speaker", spoken)):
        if status.problem and (microphone or noun == "speaker"):
            log.warning(f"no {noun}", why=status.problem, works=WITHOUT)
    backend = PortAudioBackend()
    source = sink = mixer = None
    if problem is None and wanted != NONE:
        source = MicrophoneSource(backend, wanted, publish)
    if problem is None and config.output != NONE:
        mixer = Mixer(volume=config.volume, duck_db=config.duck_db)
        sink = SpeakerSink(backend, config.output, mixer, publish)
    return Sound(
        source=source,
        mixer=mixer,
        pump=sink.run if sink else None,
        microphone=functools.partial(_microphone_now, heard, source),
        speaker=functools.partial(_now, spoken, sink.watch if sink else None),
        echo_free=config.echo_free,
    )


def _microphone_now(at_start: DeviceStatus, source: MicrophoneSource | None) -> DeviceStatus:
    if source and source.dead and not source.watch.lost:
        return DeviceStatus("", f"{source.watch.device} gives nothing but silence; is it muted or unplugged?")
    return _now(at_start, source.watch if source else None)


def _now(at_start: DeviceStatus, watch: DeviceWatch | None) -> DeviceStatus:
    """How a device is, given how it was at the start and what was seen of it since."""
    if watch is None or not (watch.seen or watch.lost):
        return at_start
    if watch.lost:
        return DeviceStatus("", at_start.problem or f"{watch.device} is gone; it is looked for again and again")
    return DeviceStatus(watch.device, "")


def _status(devices: Sequence[Device], wanted: str, direction: Direction, problem: AudioError | None) -> DeviceStatus:
    if problem:
        return DeviceStatus("", f"{problem.message} {problem.hint}".strip())
    if wanted == NONE:
        return DeviceStatus("", f'audio.{direction} is "none"')
    try:
        return DeviceStatus(select(devices, wanted, direction).name, "")
    except AudioError as exc:
        return DeviceStatus("", f"{exc.message} {exc.hint}".strip())
