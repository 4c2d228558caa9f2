"""What `assistant doctor` looks at: one function a line, each returning what it found and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from assistant.audio.devices import NONE, Device, Direction, select
from assistant.audio.format import Chunk, rms_dbfs
from assistant.audio.portaudio import PortAudioBackend, list_devices
from assistant.config import Config, Paths, read_secret
from assistant.control.client import ControlClient
from assistant.control.ports import StatusReport
from assistant.control.unix_socket import Listener, find_listener
from assistant.errors import AudioError, ConfigError, EdgewiseError
from assistant.models import Models
from assistant.packaged import packaged_text_model
from assistant.settings import CloudConfig, HomeConfig

OLDEST_PYTHON = (3, 11)
CAPTURE_S = 1.0
HOME_TIMEOUT_S = 15.0
CAPTURE_TIMEOUT_S = 8.0
QUIET_DBFS = -75.0
LOUD_DBFS = -6.0
LITTLE_SPACE_BYTES = 500 * 10**6
NO_SPACE_BYTES = 50 * 10**6
PLAUSIBLE_YEARS = range(2025, 2100)
TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""

SECRETS = ("cloud.token", "gateway.api_key", "home.token")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    level: Literal["ok", "warn", "fail"]
    found: str
    todo: str = ""
    """What a person can do; empty when all is well."""


@dataclass(frozen=True, slots=True)
class SoundCards:
    """Devices, or why they can't be listed."""

    devices: Sequence[Device]
    problem: AudioError | None


def find_sound_cards() -> SoundCards:
    """Ask PortAudio. Blocks for a moment."""
    try:
        return SoundCards(list_devices(), None)
    except AudioError as exc:
        return SoundCards((), exc)


def failure(name: str, error: EdgewiseError) -> Check:
    """An error as a line."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    return Check(name, "fail", "; ".join((f"{error.message} [{error.code}]", *problems)), error.hint)


def check_python(version: tuple[int, ...] = sys.version_info[:3], bits: int = sys.maxsize.bit_length() + 1) -> Check:
    found = f"{'.'.join(map(str, version))}, {bits}-bit, {platform.machine()}"
    if tuple(version[:2]) < OLDEST_PYTHON or bits < 64:
        return Check("Python", "fail", found, "Use Python 3.11 or newer on a 64-bit system.")
    return Check("Python", "ok", found)


def check_portaudio(cards: SoundCards, config: Config) -> Check:
    audio = config.settings.audio
    if cards.problem is None:
        return Check("PortAudio", "ok", f"{len(cards.devices)} devices")
    if audio.input == audio.output == NONE:
        return Check("PortAudio", "ok", "not there, not needed: audio.input and audio.output are none")
    return Check("PortAudio", "fail", cards.problem.message, cards.problem.hint)


async def check_microphone(
    cards: SoundCards,
    config: Config,
    status: StatusReport | None,
    capture: Callable[[str], Awaitable[Chunk]],
) -> Check:
    """Present, and how loud: a running daemon's word is taken, else a second is captured."""
    name, wanted = "microphone", config.settings.audio.input
    if status and status.microphone.name:
        return Check(name, "ok", f"{status.microphone.name}, in use by the running assistant")
    chosen = _choose(name, cards, wanted, "input")
    if isinstance(chosen, Check):
        return chosen
    try:
        sound = await capture(wanted)
    except AudioError as exc:
        return failure(name, exc)
    return judge_level(chosen.name, sound)


def judge_level(device: str, sound: Chunk) -> Check:
    """What a second of a microphone's sound says about it."""
    if not len(sound.samples):
        return Check(
            "microphone", "fail", f"{device}: no sound came within {CAPTURE_TIMEOUT_S:g} s", "Unplug and replug it."
        )
    level = rms_dbfs(sound.samples)
    found = f"{device}, level {level:.0f} dBFS"
    if not sound.samples.any():
        return Check("microphone", "fail", f"{device}: pure silence", "Unmute it (alsamixer, or the switch on it).")
    if level < QUIET_DBFS:
        return Check("microphone", "warn", found, "It is very quiet: raise its gain (alsamixer), or come closer.")
    if level > LOUD_DBFS:
        return Check("microphone", "warn", found, "It is very loud: lower its gain (alsamixer).")
    return Check("microphone", "ok", found)


def check_speaker(cards: SoundCards, config: Config, status: StatusReport | None) -> Check:
    if status and status.speaker.name:
        return Check("speaker", "ok", f"{status.speaker.name}, in use by the running assistant")
    chosen = _choose("speaker", cards, config.settings.audio.output, "output")
    return chosen if isinstance(chosen, Check) else Check("speaker", "ok", chosen.name)


def _choose(name: str, cards: SoundCards, wanted: str, direction: Direction) -> Device | Check:
    if wanted == NONE:
        return Check(name, "ok", f'none, as configured (audio.{direction} = "none")')
    if cards.problem:
        return Check(name, "warn", "can't be looked for without PortAudio", "See the line about PortAudio.")
    try:
        return select(cards.devices, wanted, direction)
    except AudioError as exc:
        level: Literal["warn", "fail"] = "warn" if exc.code.startswith("no-") else "fail"
        return Check(name, level, exc.message, exc.hint)


async def capture_second(device: str) -> Chunk:
    """A second from the microphone; less, or nothing, when it gives less in time."""
    import numpy as np  # noqa: PLC0415 -- not needed by the other checks

    from assistant.audio.capture import MicrophoneSource  # noqa: PLC0415 -- imports structlog
    from assistant.audio.format import RATE_HZ  # noqa: PLC0415

    pieces = []
    source = MicrophoneSource(PortAudioBackend(), device, lambda _event: None)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CAPTURE_TIMEOUT_S), contextlib.aclosing(source.chunks()) as chunks:
            async for chunk in chunks:
                pieces.append(chunk.samples)
                if sum(map(len, pieces)) >= CAPTURE_S * RATE_HZ:
                    break
    return Chunk(np.concatenate(pieces) if pieces else np.zeros(0, np.int16), RATE_HZ)


def check_models(config: Config) -> list[Check]:
    """Every model that hearing and speaking need, hashed anew."""
    try:
        models = Models(config.paths.models_dir, config.paths.user_manifest)
    except EdgewiseError as exc:
        return [failure("models", exc)]
    settings = config.settings
    custom = [word for word in settings.wake.words if word in models.specs()]
    local = [settings.llm.model] if settings.llm.model else []
    return [_check_model(models, name) for name in (settings.stt.model, settings.tts.voice, *local, *custom)]


def check_local_model(config: Config) -> Check | None:
    """Whether the language model on this device can be used, and is known well enough to be believed; None without."""
    if not config.settings.llm.model:
        return None
    from assistant.daemon.local_model import find_local_model  # noqa: PLC0415 -- heavy

    title = "local model"
    try:
        model = find_local_model(config, config.settings.llm.model)
    except EdgewiseError as exc:
        return failure(title, exc)
    if not model.tuned:
        found = f"{model.name} was never tuned: it is taken for unsure of everything"
        return Check(title, "warn", found, f"Run `scripts/tune-llm {model.name} --out FILE`, see its --help.")
    return Check(title, "ok", f"{model.name} knows how sure it is")


def check_text_model(folder: Path | None = None) -> Check:
    """The model for understanding, in `folder` or the packaged one, loaded and tried."""
    from assistant.encoder.text_model import OnnxTextModel  # noqa: PLC0415 -- heavy

    try:
        OnnxTextModel(folder or packaged_text_model())
    except EdgewiseError as exc:
        return failure("understanding", exc)
    return Check("understanding", "ok", "its model loads and reads")


async def check_skills(config: Config) -> Check:
    """Whether the plugins that are installed can be loaded."""
    from assistant.cli.skills import installed_plugins  # noqa: PLC0415 -- reads the grammar

    plugins = await installed_plugins(config)
    on = sum(report.state == "on" for report in plugins.reports())
    found = f"{on} of {len(plugins.reports())} from other packages loaded" if plugins.reports() else "the built-in ones"
    problems = plugins.problems()
    return Check("skills", "warn" if problems else "ok", found, " ".join(problems))


def _check_model(models: Models, name: str) -> Check:
    title = f"model {name}"
    try:
        states = models.verify(name)
    except EdgewiseError as exc:
        return failure(title, exc)
    bad = [f"{state.file.name} is {state.state}" for state in states if state.state != "ok"]
    if bad:
        return Check(title, "fail", ", ".join(bad), f"Run `assistant models fetch {name}`.")
    return Check(title, "ok", f"sound, {models.get(name).bytes / 1e6:.0f} MB")


def check_disk(name: str, path: Path, free_bytes: Callable[[Path], int] | None = None) -> Check:
    """Room where `path` is, or will be."""
    there = _nearest(path)
    free = (free_bytes or (lambda where: shutil.disk_usage(where).free))(there)
    found = f"{free / 1e9:.1f} GB free at {path}"
    if free < NO_SPACE_BYTES:
        return Check(name, "fail", found, "The disk is full: remove something, or `assistant models prune`.")
    if free < LITTLE_SPACE_BYTES:
        return Check(name, "warn", found, "Make room soon: models and conversations need some.")
    return Check(name, "ok", found)


def _nearest(path: Path) -> Path:
    """The path itself, or the first directory above it that exists."""
    return next((parent for parent in (path, *path.parents) if os.path.exists(parent)), Path("/"))  # noqa: PTH110 -- never raises


def check_clock(now: datetime, synchronised: bool | None) -> Check:
    """`synchronised` is None where the system doesn't tell."""
    found = now.strftime("%Y-%m-%d %H:%M UTC")
    if now.year not in PLAUSIBLE_YEARS:
        return Check("clock", "fail", found, "Set it: connect to a network, or use `timedatectl set-time`.")
    if synchronised is None:
        return Check("clock", "ok", f"{found}, whether it is synchronised is unknown")
    if not synchronised:
        return Check("clock", "warn", f"{found}, not synchronised", "Turn on NTP: `sudo timedatectl set-ntp true`.")
    return Check("clock", "ok", f"{found}, synchronised")


def clock_synchronised() -> bool | None:
    """The kernel's word for it; None where it won't tell."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(512))  # all zeros: only read; struct timex has 208 bytes
        return None if state < 0 else state != TIME_ERROR
    return None


def now_utc() -> datetime:
    return datetime.now(UTC)


def check_state(paths: Paths) -> Check:
    """The state directory can be written, by us alone."""
    path = paths.state_dir
    there = _nearest(path)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check("state", "fail", f"{there} can't be written", "Mend its owner, or set EDGEWISE_STATE_DIR.")
    if there != path:
        return Check("state", "ok", f"{path} will be made on the first start")
    if path.stat().st_mode & 0o077:
        return Check(
            "state", "warn", f"others may look into {path}", f"Run `chmod 700 {path}`: it holds conversations."
        )
    return Check("state", "ok", str(path))


def check_config_file(config: Config) -> Check:
    """Nobody else reads a file that holds a secret."""
    path = config.paths.config_file
    if not os.path.exists(path):  # noqa: PTH110 -- never raises
        return Check("configuration", "ok", f"{path} will be written by the first `assistant run`")
    holds_secret = any(config.origins[name].startswith(str(path)) for name in SECRETS)
    if holds_secret and path.stat().st_mode & 0o077:
        return Check(
            "configuration", "warn", f"others may read {path}, which holds a secret", f"Run `chmod 600 {path}`."
        )
    return Check("configuration", "ok", str(path))


async def check_daemon(config: Config) -> tuple[Check, StatusReport | None]:
    """Whether one runs, and what it says of itself."""
    socket = config.paths.control_socket(config.settings)
    try:
        if find_listener(socket) not in {Listener.ALIVE, Listener.DENIED}:
            return Check("assistant", "ok", "not running; `assistant run` starts it"), None
        async with ControlClient(socket) as client:
            status = await client.status()
    except EdgewiseError as exc:
        return failure("assistant", exc), None
    found = f"running for {status.uptime_s / 60:.0f} min, {status.state}, version {status.version}"
    if status.problems:
        return Check("assistant", "warn", found, " ".join(status.problems)), status
    return Check("assistant", "ok", found), status


def check_certificate(config: Config, now: datetime) -> Check | None:
    """How long the certificate that this machine's gateway uses is still valid; None where there is no gateway."""
    from assistant.gateway.certificates import WARN_DAYS, CertificateFiles, read_certificate  # noqa: PLC0415 -- an extra
    from assistant.gateway.listening import find_tls  # noqa: PLC0415

    settings = config.settings.gateway
    if not (settings.cert_file or CertificateFiles(config.paths.gateway_tls).server.exists()):
        return None
    name = "gateway certificate"
    try:
        certificate = read_certificate(find_tls(config).certificate)
    except EdgewiseError as exc:
        return failure(name, exc)
    left = certificate.days_left(now)
    found = f"for {', '.join(certificate.names)}, until {certificate.ends:%Y-%m-%d}"
    todo = "Renew it: run `assistant gateway cert`." if left < WARN_DAYS else ""
    return Check(name, "fail" if left < 0 else "warn" if todo else "ok", found, todo)


async def check_home(home: HomeConfig) -> Check:
    """Whether Home Assistant answers, and takes the token."""
    if not home.url:
        return Check("home", "ok", "the built-in one (home.url names Home Assistant's)")
    from assistant.daemon.household import make_home_assistant  # noqa: PLC0415 -- imports much

    try:
        real = make_home_assistant(home, lambda _device: None)
        assert real is not None, "there is a URL"
        running = asyncio.create_task(real.run())
        try:
            async with asyncio.timeout(HOME_TIMEOUT_S):
                await real.settled()
        finally:
            running.cancel()
            await asyncio.wait([running])
        if real.problem:
            return failure("home", real.problem)
    except EdgewiseError as exc:
        return failure("home", exc)
    except TimeoutError:
        return Check("home", "fail", f"{home.url} takes over {HOME_TIMEOUT_S:g} s", "Check home.url and the network.")
    return Check("home", "ok", f"{home.url} answers; devices known: {len(real.home.devices)}")


async def check_gateway(cloud: CloudConfig) -> Check:
    """Whether the gateway answers and its language model does."""
    if not cloud.address:
        return Check("gateway", "ok", "none configured (cloud.address)")
    from assistant.cloud.client import GrpcCloud  # noqa: PLC0415 -- only with a gateway
    from assistant.cloud.health import Link, LinkState  # noqa: PLC0415

    state = LinkState(configured=True, interval_s=cloud.probe_interval_s, now_s=0.0)
    try:
        token = read_secret(cloud.token, cloud.token_file, name="cloud.token_file")
        client = GrpcCloud(cloud, token, Link(state, lambda _event: None, lambda: 0.0))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(client.close)
            await client.check()
    except EdgewiseError as exc:
        todo = exc.hint or f"Start the gateway at {cloud.address} (`assistant gateway run`), or mend cloud.address."
        return Check("gateway", "fail", f"{exc.message} [{exc.code}]", todo)
    return Check("gateway", "ok", f"{cloud.address} answers")
