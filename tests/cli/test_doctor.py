"""`assistant doctor`: each check on its own, then the whole report."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.audio.devices import Device
from assistant.audio.format import Chunk
from assistant.cli import checks
from assistant.cli.check_panel import check_panel
from assistant.cli.checks import Check, SoundCards
from assistant.config import Config, Paths, find_paths, load_config
from assistant.control.ports import DeviceStatus
from assistant.errors import AudioError
from tests.cli.calling import call, call_json
from tests.control.serving import serving
from tests.fakes import FakeHomeAssistant, FakeTarget
from tests.panel.board import Board

MISSING = SoundCards((), AudioError("portaudio-missing", "PortAudio is missing.", hint="sudo apt-get install it"))
NONE = SoundCards((), None)
CARDS = SoundCards(
    (Device(0, "USB mic", "ALSA", 1, 0, 48_000, True, False), Device(1, "HDMI", "ALSA", 0, 2, 48_000, False, True)),
    None,
)


def config_of(*sets: str) -> Config:
    return load_config(find_paths(), sets)


def noise(amplitude: float, samples: int = 16_000) -> Chunk:
    values = np.random.default_rng(1).normal(0, amplitude, samples)
    return Chunk(np.clip(values, -32_768, 32_767).astype(np.int16), 16_000)


def never(device: str) -> Any:
    raise AssertionError(f"captured from {device!r}")


def capturing(result: Chunk | AudioError) -> Callable[[str], Any]:
    async def capture(_device: str) -> Chunk:
        if isinstance(result, AudioError):
            raise result
        return result

    return capture


def verdict(check: Check) -> str:
    """The level; what isn't ok says what to do."""
    assert (check.level == "ok") == (not check.todo), check
    return check.level


@pytest.mark.parametrize(
    ("version", "bits", "level"),
    [((3, 11, 0), 64, "ok"), ((3, 14, 1), 64, "ok"), ((3, 10, 9), 64, "fail"), ((3, 12, 0), 32, "fail")],
)
def test_python(version: tuple[int, ...], bits: int, level: str) -> None:
    check = checks.check_python(version, bits)
    assert verdict(check) == level
    assert platform.machine() in check.found


def test_this_python() -> None:
    assert verdict(checks.check_python()) == "ok"


def test_portaudio() -> None:
    assert verdict(checks.check_portaudio(CARDS, config_of())) == "ok"
    assert verdict(checks.check_portaudio(NONE, config_of())) == "ok"
    missing = checks.check_portaudio(MISSING, config_of())
    assert (verdict(missing), missing.todo) == ("fail", "sudo apt-get install it")
    without = config_of('audio.input="none"', 'audio.output="none"')
    assert verdict(checks.check_portaudio(MISSING, without)) == "ok"


@pytest.mark.parametrize(
    ("cards", "wanted", "level", "found"),
    [
        (CARDS, "", "ok", "USB mic, level"),
        (CARDS, "none", "ok", "as configured"),
        (CARDS, "Jabra", "fail", "Jabra"),
        (NONE, "", "warn", "no microphone"),
        (MISSING, "", "warn", "PortAudio"),
    ],
)
async def test_microphone(cards: SoundCards, wanted: str, level: str, found: str) -> None:
    check = await checks.check_microphone(cards, config_of(f'audio.input="{wanted}"'), None, capturing(noise(800)))
    assert verdict(check) == level
    assert found in check.found


async def test_a_microphone_that_cannot_be_opened() -> None:
    busy = AudioError("device-busy", "it is in use", hint="Close the other program.")
    check = await checks.check_microphone(CARDS, config_of(), None, capturing(busy))
    assert (verdict(check), check.found, check.todo) == (
        "fail",
        "it is in use [device-busy]",
        "Close the other program.",
    )


async def test_a_microphone_in_use_by_the_daemon_is_not_opened() -> None:
    target = FakeTarget()
    status = target.status()
    object.__setattr__(status, "microphone", DeviceStatus("USB mic", ""))
    check = await checks.check_microphone(CARDS, config_of(), status, never)
    assert verdict(check) == "ok"
    assert "running assistant" in check.found
    assert "running assistant" in checks.check_speaker(NONE, config_of(), status).found


@pytest.mark.parametrize(
    ("sound", "level", "word"),
    [
        (noise(800), "ok", "-32 dBFS"),
        (noise(0), "fail", "silence"),
        (noise(0, samples=0), "fail", "no sound"),
        (noise(0.7), "warn", "dBFS"),
        (noise(25_000), "warn", "dBFS"),
    ],
)
def test_levels(sound: Chunk, level: str, word: str) -> None:
    check = checks.judge_level("USB mic", sound)
    assert verdict(check) == level
    assert word in check.found


@pytest.mark.parametrize(
    ("cards", "wanted", "level"),
    [
        (CARDS, "", "ok"),
        (CARDS, "hdmi", "ok"),
        (CARDS, "none", "ok"),
        (CARDS, "Jabra", "fail"),
        (NONE, "", "warn"),
        (MISSING, "", "warn"),
    ],
)
def test_speaker(cards: SoundCards, wanted: str, level: str) -> None:
    assert verdict(checks.check_speaker(cards, config_of(f'audio.output="{wanted}"'), None)) == level


def test_buttons_and_lights(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_panel(config_of().settings.panel, board.places) == []
    panel = config_of('panel.buttons={KEY_MICMUTE="mute"}', 'panel.leds={private="red"}').settings.panel
    monkeypatch.setattr("assistant.panel.lights.LEDS", board.leds)
    missing = check_panel(panel, board.places)
    assert [verdict(check) for check in missing] == ["fail", "fail"]
    board.plug("event0", [248])
    led = board.led("red")
    assert [verdict(check) for check in check_panel(panel, board.places)] == ["ok", "ok"]
    assert led.read_text() == "1\n", "looked at, not set"
    monkeypatch.setattr(os, "access", lambda *_: False)
    [_, refused] = check_panel(panel, board.places)
    assert "panel-no-access" in refused.found


def test_models_that_are_not_there(tmp_path: Path) -> None:
    paths = find_paths()
    config = Config(config_of().settings, config_of().origins, Paths(paths.config_file, paths.state_dir, tmp_path))
    found = checks.check_models(config)
    assert [check.name for check in found] == ["model whisper-base", "model voice-joe"]
    for check, name in zip(found, ("whisper-base", "voice-joe"), strict=True):
        assert verdict(check) == "fail"
        assert f"assistant models fetch {name}" in check.todo


def test_the_model_for_understanding(tmp_path: Path) -> None:
    assert verdict(checks.check_text_model()) == "ok"
    assert verdict(checks.check_text_model(tmp_path)) == "fail"
    assert "nlu-model-bad" in checks.check_text_model(tmp_path).found


def test_a_model_nobody_knows() -> None:
    check = checks.check_models(config_of('stt.model="whisper-bass"'))[0]
    assert verdict(check) == "fail"
    assert "model-unknown" in check.found


def test_a_broken_manifest_of_the_users_own(own_home: Path) -> None:
    (own_home / "models.toml").write_text("[[[")
    [check] = checks.check_models(config_of())
    assert verdict(check) == "fail"
    assert "manifest-syntax" in check.found


@pytest.mark.parametrize(("free", "level"), [(10**10, "ok"), (10**8, "warn"), (10**6, "fail"), (0, "fail")])
def test_disk(tmp_path: Path, free: int, level: str) -> None:
    assert verdict(checks.check_disk("disk", tmp_path / "not" / "yet", lambda _: free)) == level


def test_disk_asks_about_what_exists(tmp_path: Path) -> None:
    asked: list[Path] = []
    checks.check_disk("disk", tmp_path / "not" / "yet", lambda path: asked.append(path) or 10**10)  # type: ignore[func-returns-value]
    assert asked == [tmp_path]
    assert verdict(checks.check_disk("disk", tmp_path)) in {"ok", "warn"}


@pytest.mark.parametrize(
    ("year", "synchronised", "level"),
    [
        (2026, True, "ok"),
        (2026, None, "ok"),
        (2026, False, "warn"),
        (1970, True, "fail"),
        (2024, None, "fail"),
        (2150, True, "fail"),
    ],
)
def test_clock(year: int, synchronised: bool | None, level: str) -> None:
    assert verdict(checks.check_clock(datetime(year, 6, 1, tzinfo=UTC), synchronised)) == level


def test_the_kernel_tells_about_the_clock_or_not() -> None:
    assert checks.clock_synchronised() in {True, False, None}


def test_state_directory(tmp_path: Path) -> None:
    def check_of(path: Path) -> Check:
        return checks.check_state(Paths(tmp_path / "c.toml", path, tmp_path))

    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "file").write_text("")
    assert verdict(check_of(tmp_path / "private")) == "ok"
    assert verdict(check_of(tmp_path / "not" / "yet")) == "ok"
    assert "chmod 700" in check_of(tmp_path / "open").todo
    assert verdict(check_of(tmp_path / "file" / "state")) == "fail"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_one_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert verdict(checks.check_state(Paths(tmp_path / "c.toml", tmp_path / "locked", tmp_path))) == "fail"


def test_config_file_that_others_may_read() -> None:
    path = find_paths().config_file
    assert verdict(checks.check_config_file(config_of())) == "ok"
    path.write_text("[audio]\nvolume = 3\n")
    path.chmod(0o644)
    assert verdict(checks.check_config_file(config_of())) == "ok", "there is no secret in it"
    path.write_text('[cloud]\ntoken = "hunter2"\n')
    check = checks.check_config_file(config_of())
    assert verdict(check) == "warn"
    assert "hunter2" not in f"{check.found} {check.todo}"
    path.chmod(0o600)
    assert verdict(checks.check_config_file(config_of())) == "ok"


@pytest.mark.real_time
async def test_the_running_assistant() -> None:
    config = config_of()
    check, status = await checks.check_daemon(config)
    assert (verdict(check), status) == ("ok", None)
    target = FakeTarget()
    async with serving(target, config.paths.control_socket(config.settings)):
        check, status = await checks.check_daemon(config)
        assert verdict(check) == "ok"
        assert status == target.status()
        target.problems = ("There is no voice: fetch one.",)
        check, _ = await checks.check_daemon(config)
        assert (verdict(check), check.todo) == ("warn", "There is no voice: fetch one.")


async def test_an_assistant_whose_socket_cannot_be_used() -> None:
    check, status = await checks.check_daemon(config_of(f'control.socket="/{"x" * 200}"'))
    assert (verdict(check), status) == ("fail", None)


@pytest.mark.real_time
async def test_gateway() -> None:
    assert verdict(await checks.check_gateway(config_of().settings.cloud)) == "ok"
    unused = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    check = await checks.check_gateway(config_of(f'cloud.address="127.0.0.1:{port}"').settings.cloud)
    assert verdict(check) == "fail"
    assert "cloud-" in check.found


@pytest.mark.real_time
async def test_a_home() -> None:
    assert verdict(await checks.check_home(config_of().settings.home)) == "ok"
    async with FakeHomeAssistant() as server:
        server.entities = {"light.lamp": ("on", {})}
        url = f'home.url="{server.url}"'
        check = await checks.check_home(config_of(url, f'home.token="{server.TOKEN}"').settings.home)
        assert (verdict(check), "devices known: 1" in check.found) == ("ok", True)
        check = await checks.check_home(config_of(url, 'home.token="wrong"').settings.home)
        assert (verdict(check), "home-auth" in check.found) == ("fail", True)
        assert "home-token" in (await checks.check_home(config_of(url).settings.home)).found
    check = await checks.check_home(config_of(url, 'home.token="x"').settings.home)
    assert (verdict(check), "home-offline" in check.found) == ("fail", True)


async def test_a_gateway_whose_token_file_is_gone() -> None:
    cloud = config_of('cloud.address="127.0.0.1:1"', 'cloud.token_file="/no/such"').settings.cloud
    check = await checks.check_gateway(cloud)
    assert verdict(check) == "fail"
    assert "secret-unreadable" in check.found


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which every check that looks outside finds things in order."""
    monkeypatch.setattr(checks, "find_sound_cards", lambda: CARDS)
    monkeypatch.setattr(checks, "capture_second", capturing(noise(800)))
    monkeypatch.setattr(checks, "check_models", lambda _: [Check("model whisper-base", "ok", "sound")])
    monkeypatch.setattr(checks, "check_disk", lambda name, _: Check(name, "ok", "room"))
    monkeypatch.setattr(checks, "clock_synchronised", lambda: True)


@pytest.mark.usefixtures("machine")
def test_the_whole_report() -> None:
    lines = call("doctor").stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines), lines
    assert len(lines) >= 12


@pytest.mark.usefixtures("machine")
def test_the_whole_report_as_json() -> None:
    found = call_json("doctor")
    names = {check["name"] for check in found}
    assert {"Python", "PortAudio", "microphone", "speaker", "model whisper-base", "clock", "state", "gateway"} <= names
    assert {"disk (state)", "disk (models)", "configuration", "assistant"} <= names
    assert len(names) == len(found)
    assert all(set(check) == {"name", "level", "found", "todo"} for check in found)


@pytest.mark.usefixtures("machine")
def test_a_failed_line_exits_with_1_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_sound_cards", lambda: MISSING)
    lines = call("doctor", code=1).stdout.splitlines()
    at = lines.index("fail PortAudio: PortAudio is missing.")
    assert lines[at + 1] == "     -> sudo apt-get install it"


@pytest.mark.usefixtures("machine")
def test_a_warning_alone_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_sound_cards", lambda: NONE)
    assert "warn microphone" in call("doctor").stdout


@pytest.mark.usefixtures("machine")
def test_a_broken_configuration_is_a_line_and_the_rest_is_still_checked() -> None:
    find_paths().config_file.write_text("[audio]\nvolume = 300\nvolum = 3\n")
    found = {check["name"]: check for check in call_json("doctor", code=1)}
    assert found["configuration"]["level"] == "fail"
    assert "audio.volume" in found["configuration"]["found"]
    assert "did you mean 'volume'" in found["configuration"]["found"]
    assert found["microphone"]["level"] == "ok"


def test_a_broken_manifest_of_ones_own_is_told_with_what_is_wrong() -> None:
    paths = find_paths()
    paths.user_manifest.write_text("models = 3\n")
    [check] = checks.check_models(load_config(paths))
    assert check.level == "fail"
    assert "models: input should be a valid dictionary" in check.found
