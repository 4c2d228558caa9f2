"""`assistant run` and `assistant config`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import assistant.daemon
from assistant import logs
from assistant.config import Config, defaults_text, find_paths
from tests.cli.calling import call, call_json, error_code


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Config]]:
    """The configurations with which the daemon was started."""
    configs: list[Config] = []

    async def run_daemon(config: Config) -> int:
        configs.append(config)
        return 0 if config.settings.audio.volume else 3

    monkeypatch.setattr(assistant.daemon, "run_daemon", run_daemon)
    monkeypatch.setattr(logs, "setup_logging", lambda level, style: None)
    return iter([configs])


def test_the_first_run_writes_a_commented_file_and_says_where(ran: Iterator[list[Config]]) -> None:
    path = find_paths().config_file
    assert str(path) in call("run").stderr
    assert path.exists()
    assert call("run").stderr == ""
    assert len(next(ran)) == 2


def test_run_hands_on_the_configuration_and_the_exit_status(ran: Iterator[list[Config]], tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('[tts]\nvoice = "voice-lessac"\n')
    call("run", "--config", str(tmp_path / "my.toml"), "--set", "audio.volume=0", code=3)
    [config] = next(ran)
    assert config.settings.tts.voice == "voice-lessac"
    assert config.settings.audio.volume == 0
    assert not find_paths().config_file.exists(), "another file was named, so none is written"


def test_run_with_a_broken_configuration_does_not_start(ran: Iterator[list[Config]]) -> None:
    find_paths().config_file.write_text("[audio\n")
    assert error_code("run", code=2) == "config-syntax"
    assert next(ran) == []


def test_config_shows_every_setting_its_value_and_origin() -> None:
    paths = find_paths()
    paths.config_file.write_text('[wake]\nwords = ["alexa"]\n')
    rows = [line.split() for line in call("config", "--set", "audio.volume=5").stdout.splitlines()]
    assert rows[0] == ["setting", "value", "origin"]
    assert ["wake.words", '["alexa"]', f"{paths.config_file}:2"] in rows
    assert ["audio.volume", "5", "--set"] in rows
    assert ["wake.chime", "true", "default"] in rows
    assert len(rows) == 1 + sum(len(keys) for keys in tomllib.loads(defaults_text()).values())


def test_config_as_json_has_the_places_too() -> None:
    facts = call_json("config", "--set", "audio.volume=5")
    assert facts["settings"]["audio.volume"] == {"value": 5, "origin": "--set"}
    assert facts["config_file"] == str(find_paths().config_file)
    assert facts["state_dir"] == str(find_paths().state_dir)
    assert facts["control_socket"] == str(find_paths().state_dir / "control.sock")


def test_config_never_prints_a_secret() -> None:
    find_paths().config_file.write_text('[cloud]\ntoken = "hunter2"\n[gateway]\napi_key = "hunter3"\n')
    for arguments in (["config"], ["config", "--json"]):
        shown = call(*arguments).output
        assert "hunter" not in shown
        assert "********" in shown


def test_config_defaults_are_the_file_with_its_comments() -> None:
    find_paths().config_file.write_text("[broken")
    assert call("config", "--defaults").stdout == defaults_text()
    facts = call_json("config", "--defaults")
    assert facts["audio.volume"] == {"default": 70, "meaning": "Playback volume, 0 to 100."}
