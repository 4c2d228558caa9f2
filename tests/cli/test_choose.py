"""`assistant models choose`: what it prints, and what it writes into the configuration file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from assistant.cli.edit_config import with_settings, write_settings
from assistant.config import Config, defaults_text, find_paths, load_config, write_first_config
from assistant.errors import ConfigError
from assistant.evaluate import choose
from assistant.evaluate.choose import Measured, Skipped
from assistant.evaluate.proposal import Board, Timing, Whisper
from assistant.evaluate.ways import Way
from tests.cli.calling import call, call_json, error_code

VALUES = {
    "endpoint.partial_every_s": 1.6,
    "stt.model": "whisper-tiny.en",
    "stt.compute_type": "int8",
    "stt.threads": 2,
}
SLOW_BASE = Measured(
    Board(4, (Timing("whisper-base", "int8", 4, 840.0, 3, understood=True),), 0.4, 9.0),
    "voice-joe",
    1.7,
    (Skipped(Way("whisper-base", "float32", 4), "no time left"),),
    (Whisper("whisper-base", 147_000_000, True), Whisper("whisper-tiny.en", 76_000_000, False)),
    0.1,
    48.0,
    ("Mind the gap.",),
)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A slow board with the big model only; the seconds that each measurement was given."""
    given: list[float] = []

    async def measure_board(config: Config, *, seconds: float, report: choose.Report) -> Measured:
        report(0, 1, "made up")
        given.append(seconds)
        return SLOW_BASE

    monkeypatch.setattr(choose, "measure_board", measure_board)
    return given


def test_it_prints_what_was_measured_and_settings_to_paste(measured: list[float], own_home: Path) -> None:
    result = call("models", "choose")
    out = result.stdout
    assert "whisper-base  int8  4        840 ms     3     <-" in out
    assert "not measured: whisper-base float32, 4 threads: no time left" in out
    assert "voice voice-joe: 0.40 s for a second of speech" in out
    assert "`assistant models fetch whisper-tiny.en`, then choose again." in out
    assert str(own_home / "config.toml") in out
    pasted = out[out.index("[endpoint]") : out.index("Worth trying")]
    assert tomllib.loads(pasted) == {
        "endpoint": {"partial_every_s": 0.0},
        "stt": {"model": "whisper-base", "compute_type": "int8", "threads": 4},
    }
    assert result.stderr.splitlines() == ["measuring made up", "note: Mind the gap."]
    assert measured == [50.0]
    assert not (own_home / "config.toml").exists()


def test_json_is_whole(measured: list[float]) -> None:
    found = call_json("models", "choose", "--seconds", "20")
    assert measured == [20.0]
    assert found["proposal"]["stt.threads"] == 4
    assert found["transcription"][0]["ms_p50"] == 840.0
    assert found["skipped"][0]["why"] == "no time left"
    assert found["fetch"][0]["command"] == "assistant models fetch whisper-tiny.en"
    assert found["changes"] == {
        "endpoint.partial_every_s": {"from": 1.5, "to": 0.0},
        "stt.threads": {"from": 0, "to": 4},
    }
    assert tomllib.loads(found["toml"])["stt"]["threads"] == 4
    assert found["written"] is None


def test_write_changes_the_file_and_says_what(measured: list[float], own_home: Path) -> None:
    path = own_home / "config.toml"
    path.write_text("# mine\n[stt]\nthreads = 1  # the other is for the radio\n")
    out = call("models", "choose", "--write").stdout
    assert "stt.threads: 1 -> 4" in out
    assert "stt.model" not in out
    assert f"Wrote {path}." in out
    text = path.read_text()
    assert text.startswith("# mine\n[stt]\nthreads = 4  # the other is for the radio\n")
    settings = load_config(find_paths()).settings
    assert (settings.stt.threads, settings.endpoint.partial_every_s) == (4, 0.0)
    assert "the same values as were in force" in call("models", "choose", "--write").stdout
    assert path.read_text() == text
    assert "That is what is in force already." in call("models", "choose").stdout


def test_a_configuration_that_cannot_be_used_is_told_before_measuring(measured: list[float], own_home: Path) -> None:
    (own_home / "config.toml").write_text("[stt]\nthreads = 99\n")
    assert error_code("models", "choose", "--write", code=2) == "config-invalid"
    assert error_code("models", "choose", "--config", str(own_home / "none.toml"), code=2) == "config-missing"
    assert measured == []


def test_without_models_it_says_how_to_get_them(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_MODELS_DIR", str(own_home / "models"))
    result = call("models", "choose", code=1)
    assert "[no-whisper-model]" in result.stderr
    assert "hint: Run `assistant models fetch whisper-base`" in result.stderr
    assert result.stdout == ""


def test_a_first_file_keeps_every_line_and_shows_values_under_their_meaning() -> None:
    paths = find_paths()
    write_settings(paths, VALUES)
    lines = paths.config_file.read_text().splitlines()
    assert lines[lines.index("threads = 2") - 1] == "# threads = 0"
    assert lines[lines.index('model = "whisper-tiny.en"') - 1] == '# model = "whisper-base"'
    paths.config_file.unlink()
    write_first_config(paths)
    before = paths.config_file.read_text().splitlines()
    assert [line for line in lines if line in before] == before
    assert len(lines) == len(before) + len(VALUES)
    assert paths.config_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[stt]\nthreads = 2\n"),
        ("[tts]\nspeed = 1.1", "[tts]\nspeed = 1.1\n\n[stt]\nthreads = 2\n"),
        ("[stt]\nthreads = 4 # all\n", "[stt]\nthreads = 2 # all\n"),
        ("[ stt ] # ears\n  'threads'=0x4\r\n", "[ stt ] # ears\n  'threads'=2\r\n"),
        ("[stt]\n# threads = 0\n\n[tts]\n", "[stt]\n# threads = 0\nthreads = 2\n\n[tts]\n"),
        ("[stt]\nmodel = 'a' # b\n\n# speech\n[tts]\n", "[stt]\nmodel = 'a' # b\nthreads = 2\n\n# speech\n[tts]\n"),
        ("[stt]\n[tts]\nspeed = 1.0\n", "[stt]\nthreads = 2\n[tts]\nspeed = 1.0\n"),
        ("[stt]", "[stt]\nthreads = 2\n"),
        ("[gateway]\nthreads = 9\n[stt]\nthreads = 1\n", "[gateway]\nthreads = 9\n[stt]\nthreads = 2\n"),
        ("stt.threads = 1\n[tts]\n", "stt.threads = 2\n[tts]\n"),
        ("stt.model = 'a'\n\n[tts]\n", "stt.model = 'a'\nstt.threads = 2\n\n[tts]\n"),
        ("[stt]\r\nthreads = 1\r\n", "[stt]\r\nthreads = 2\r\n"),
        ("[wake]\r\n", "[wake]\r\n\r\n[stt]\r\nthreads = 2\r\n"),
    ],
)
def test_one_setting_changes_and_nothing_else(before: str, after: str) -> None:
    assert with_settings(before, {"stt.threads": 2}) == after


@pytest.mark.parametrize("value", ['"a" # "b"', "'it # is'", '"a \\" b"'])
def test_a_text_is_replaced_whole(value: str) -> None:
    after = with_settings(f"[stt]\nmodel = {value} # mine\n", {"stt.model": "new"})
    assert tomllib.loads(after) == {"stt": {"model": "new"}}
    assert after.endswith("# mine\n")


@pytest.mark.parametrize(
    "text",
    [
        "stt = {threads = 1}\n",
        "[stt]\nmodel = '''\na'''\n",
        "[tts]\nvoice = '''\n[stt]\nmodel = 1\n'''\n",
    ],
)
def test_a_layout_that_cannot_be_changed_safely_is_left_alone(text: str) -> None:
    paths = find_paths()
    paths.config_file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        write_settings(paths, VALUES)
    assert caught.value.code == "config-not-editable"
    assert paths.config_file.read_text() == text


def test_every_default_can_be_written_into_the_defaults() -> None:
    text = defaults_text()
    values = {f"{section}.{key}": value for section, keys in tomllib.loads(text).items() for key, value in keys.items()}
    scalars = {name: value for name, value in values.items() if not isinstance(value, list | dict)}
    assert with_settings(text, scalars) == text


def test_a_linked_file_stays_a_link_and_keeps_its_rights(own_home: Path) -> None:
    target = own_home / "dotfiles.toml"
    target.write_text("[stt]\nthreads = 1\n")
    target.chmod(0o640)
    paths = find_paths()
    paths.config_file.symlink_to(target)
    write_settings(paths, VALUES)
    assert paths.config_file.is_symlink()
    assert tomllib.loads(target.read_text())["stt"]["threads"] == 2
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in own_home.iterdir()) == ["config.toml", "dotfiles.toml"]


def test_a_place_that_cannot_be_written_is_told(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_home / "file").write_text("")
    monkeypatch.setenv("EDGEWISE_CONFIG", str(own_home / "file" / "config.toml"))
    with pytest.raises(ConfigError) as caught:
        write_settings(find_paths(), VALUES)
    assert caught.value.code == "config-unwritable"
