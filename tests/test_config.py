"""Configuration: every setting documented and defaulted, origins right, secrets never printed."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from assistant.cli.config import meanings, toml_value
from assistant.config import (
    Config,
    Paths,
    data_dir,
    defaults_text,
    find_paths,
    load_config,
    read_secret,
    write_first_config,
)
from assistant.errors import ConfigError
from assistant.settings import Section, Settings

NAMES = [f"{section}.{key}" for section, keys in tomllib.loads(defaults_text()).items() for key in keys]


def typed_names() -> list[str]:
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in cast(type[Section], field.annotation).model_fields
    ]


def write(text: str) -> Paths:
    paths = find_paths()
    paths.config_file.write_text(text, "utf-8")
    return paths


def test_every_typed_setting_has_a_default_and_the_other_way_round() -> None:
    assert typed_names() == NAMES, "the same settings in the same order"


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_comment_that_says_something(name: str) -> None:
    meaning = meanings(defaults_text())[name]["meaning"]
    assert len(meaning) >= 10, f"{name} has no comment above it"
    assert meaning[0].isupper() or meaning[0] in '"0123456789' or meaning.startswith(("debug", "webrtcvad")), name
    assert meaning.endswith((".", "...")), name


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_s")])
def test_a_time_says_its_unit(name: str) -> None:
    assert "econds" in meanings(defaults_text())[name]["meaning"], name


def test_a_comment_is_not_shared_across_an_empty_line_or_section() -> None:
    found = meanings("[a]\n# One.\n# Two.\nx = 1\ny = 2\n# Three.\nz = 3\n\nw = 4\n[b]\nx = 5\n")
    assert {name: entry["meaning"] for name, entry in found.items()} == {
        "a.x": "One. Two.",
        "a.y": "One. Two.",
        "a.z": "Three.",
        "a.w": "",
        "b.x": "",
    }


def test_without_a_file_everything_is_a_default(config: Config) -> None:
    assert set(config.origins.values()) == {"default"}
    assert set(config.origins) == set(NAMES)
    assert config.settings.tts.voice == "voice-joe"


def test_a_file_changes_what_it_names_and_origins_say_the_line() -> None:
    paths = write('# mine\n[wake]\ncutoff = 0.9\n\n  [ audio ]\ninput = "USB"\n"volume" = 30\n')
    config = load_config(paths)
    assert (config.settings.wake.cutoff, config.settings.audio.input, config.settings.audio.volume) == (0.9, "USB", 30)
    assert config.origins["wake.cutoff"] == f"{paths.config_file}:3"
    assert config.origins["audio.input"] == f"{paths.config_file}:6"
    assert config.origins["audio.volume"] == f"{paths.config_file}:7"
    assert config.origins["audio.output"] == "default"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("wake.cutoff = 0.9", 1),
        ("\nwake . cutoff = 0.9", 2),
        ("#\nwake = {cutoff = 0.9}", 2),
        ("[wake]\ncutoff=0.9", 2),
    ],
)
def test_every_way_to_write_it_in_toml_has_its_line(text: str, line: int) -> None:
    paths = write(text)
    config = load_config(paths)
    assert config.settings.wake.cutoff == 0.9
    assert config.origins["wake.cutoff"] == f"{paths.config_file}:{line}"


def test_the_same_key_of_another_section_is_not_mistaken_for_it() -> None:
    paths = write('[gateway]\nmodel = "big"\n[stt]\nmodel = "whisper-tiny.en"\n')
    config = load_config(paths)
    assert config.origins["gateway.model"] == f"{paths.config_file}:2"
    assert config.origins["stt.model"] == f"{paths.config_file}:4"


def test_set_wins_over_the_file_and_is_its_own_origin() -> None:
    paths = write("[audio]\nvolume = 30\n")
    config = load_config(paths, ["audio.volume=55", 'wake.words=["alexa", "hey_jarvis"]', "wake.chime = false"])
    assert config.settings.audio.volume == 55
    assert config.settings.wake.words == ("alexa", "hey_jarvis")
    assert config.settings.wake.chime is False
    assert {config.origins[name] for name in ("audio.volume", "wake.words", "wake.chime")} == {"--set"}


def test_the_last_of_two_sets_counts() -> None:
    assert load_config(find_paths(), ["audio.volume=1", "audio.volume=2"]).settings.audio.volume == 2


def test_rows_are_every_setting_in_file_order(config: Config) -> None:
    rows = config.rows()
    assert [name for name, _, _ in rows] == NAMES
    defaults = {name: entry["default"] for name, entry in meanings(defaults_text()).items()}
    assert {name: value for name, value, _ in rows} == defaults


def secret_names() -> list[str]:
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key, inner in cast(type[Section], field.annotation).model_fields.items()
        if inner.annotation is SecretStr
    ]


def test_everything_named_like_a_secret_is_typed_as_one() -> None:
    suspicious = {name for name in NAMES if name.endswith(("token", "api_key", "password", "secret"))}
    assert set(secret_names()) == suspicious != set()


@pytest.mark.parametrize("name", secret_names())
def test_a_secret_is_never_printed(name: str) -> None:
    config = load_config(find_paths(), [f'{name}="hunter2"'])
    [value] = [value for row, value, _ in config.rows() if row == name]
    assert value == "********"
    for shown in (repr(config), str(config.settings), json.dumps(config.rows()), repr(config.settings.model_dump())):
        assert "hunter2" not in shown


@pytest.mark.parametrize("name", secret_names())
def test_an_unset_secret_is_shown_as_empty(config: Config, name: str) -> None:
    assert {row: value for row, value, _ in config.rows()}[name] == ""


def test_the_first_file_holds_every_default_commented_out() -> None:
    paths = find_paths()
    assert write_first_config(paths)
    text = paths.config_file.read_text()
    assert set(load_config(paths).origins.values()) == {"default"}
    assert load_config(paths).settings == load_config(Paths(Path("/none"), Path("/none"), Path("/none"))).settings
    assert paths.config_file.stat().st_mode & 0o777 == 0o600, "it may come to hold a token"
    for name in NAMES:
        assert f"\n# {name.partition('.')[2]} = " in text


def test_uncommenting_every_line_of_the_first_file_gives_the_defaults_again() -> None:
    paths = find_paths()
    write_first_config(paths)
    keys = tuple(f"# {name.partition('.')[2]} = " for name in NAMES)
    lines = paths.config_file.read_text().splitlines()
    paths.config_file.write_text("\n".join(line[2:] if line.startswith(keys) else line for line in lines))
    config = load_config(paths)
    assert config.settings == load_config(Paths(Path("/none"), Path("/none"), Path("/none"))).settings
    assert all(origin.startswith(str(paths.config_file)) for origin in config.origins.values())


def test_an_existing_file_is_never_overwritten() -> None:
    paths = write("[audio]\nvolume = 1\n")
    assert not write_first_config(paths)
    assert paths.config_file.read_text() == "[audio]\nvolume = 1\n"


def test_a_first_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not write_first_config(Paths(tmp_path / "file" / "config.toml", tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"EDGEWISE_CONFIG": "/a/b.toml"}, {"config_file": "/a/b.toml"}),
        ({"CONFIGURATION_DIRECTORY": "/etc/edgewise"}, {"config_file": "/etc/edgewise/config.toml"}),
        ({"EDGEWISE_CONFIG": "/a/b.toml", "CONFIGURATION_DIRECTORY": "/etc/edgewise"}, {"config_file": "/a/b.toml"}),
        ({"EDGEWISE_STATE_DIR": "/s"}, {"state_dir": "/s"}),
        ({"STATE_DIRECTORY": "/var/lib/edgewise"}, {"state_dir": "/var/lib/edgewise"}),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, {"state_dir": "/var/lib/a"}),
        ({"EDGEWISE_MODELS_DIR": "/m"}, {"models_dir": "/m"}),
        ({"CACHE_DIRECTORY": "/var/cache/edgewise"}, {"models_dir": "/var/cache/edgewise/models"}),
        ({"EDGEWISE_MODELS_DIR": "/m", "CACHE_DIRECTORY": "/var/cache/edgewise"}, {"models_dir": "/m"}),
        ({"EDGEWISE_CONFIG": "", "CONFIGURATION_DIRECTORY": "/etc/e"}, {"config_file": "/etc/e/config.toml"}),
    ],
)
def test_where_things_are(environ: Mapping[str, str], expected: dict[str, str]) -> None:
    paths = find_paths(environ=environ)
    assert {name: str(getattr(paths, name)) for name in expected} == expected


def test_a_commands_own_config_wins_and_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths(Path("x.toml")).config_file == tmp_path / "x.toml"


def test_a_home_directory_is_expanded(own_home: Path) -> None:
    assert find_paths(environ={"EDGEWISE_STATE_DIR": "~/st"}).state_dir == own_home / "st"


def test_the_rest_lies_in_the_state_directory_and_beside_the_config() -> None:
    paths = Paths(Path("/c/config.toml"), Path("/s"), Path("/m"))
    assert (paths.user_manifest, paths.lock_file, paths.database, paths.speech_cache) == (
        Path("/c/models.toml"),
        Path("/s/lock"),
        Path("/s/edgewise.db"),
        Path("/s/speech-cache"),
    )


def test_the_socket_is_in_the_state_directory_unless_set(config: Config) -> None:
    assert config.paths.control_socket(config.settings) == config.paths.state_dir / "control.sock"
    other = load_config(config.paths, ['control.socket="~/mine.sock"'])
    assert other.paths.control_socket(other.settings) == Path.home() / "mine.sock"


def test_a_deep_state_directory_still_has_a_socket_that_fits(config: Config) -> None:
    sockets = set()
    for name in ("a", "b"):
        paths = Paths(config.paths.config_file, Path("/" + name * 200), config.paths.models_dir)
        socket = paths.control_socket(config.settings)
        assert len(os.fsencode(socket)) <= 107
        sockets.add(socket)
    assert len(sockets) == 2, "each state directory has its own"


def test_the_data_directory_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path))
    assert data_dir() == tmp_path
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path / "missing"))
    assert data_dir() is None


def test_a_secret_comes_from_its_file_first(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert read_secret(SecretStr("inline"), str(tmp_path / "token"), name="cloud.token_file") == "from-file"
    assert read_secret(SecretStr("inline"), "", name="cloud.token_file") == "inline"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_secret_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secret(SecretStr("inline"), str(tmp_path / "token"), name="cloud.token_file")
    assert caught.value.code == "secret-unreadable"
    assert "cloud.token_file" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["", 'a "quoted" \\ word', "two\nlines\t", "\x1b[31m\x7f", "ä", 0.5, 7, True, False, [], ["a", 'b"c']]
)
def test_values_are_printed_as_toml_that_reads_back(value: Any) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value
