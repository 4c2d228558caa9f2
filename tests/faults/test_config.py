"""Malformed configurations: each a coded error that says where and what, never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.cli.app import app
from assistant.config import find_paths, load_config
from assistant.errors import ConfigError

SYNTAX = {
    "no value": "[audio]\nvolume =\n",
    "no equals sign": "[audio]\nvolume\n",
    "open string": '[audio]\ninput = "USB\n',
    "open section": "[audio\nvolume = 3\n",
    "key twice": "[audio]\nvolume = 3\nvolume = 4\n",
    "section twice": "[audio]\nvolume = 3\n[audio]\nduck_db = 3\n",
    "yaml": "audio:\n  volume: 3\n",
    "json": '{"audio": {"volume": 3}}',
    "bare word": "[log]\nlevel = info\n",
    "comma in list": '[wake]\nwords = ["a" "b"]\n',
    "number with comma": "[endpoint]\nsilence_s = 0,7\n",
    "tab in string": '[audio]\ninput = "a\x01b"\n',
    "binary": "\x00\x01\x02",
    "a merge that went wrong": "<<<<<<< mine\n[audio]\n=======\n>>>>>>> theirs\n",
    "deep nesting": "x = " + "[" * 3_000 + "]" * 3_000,
}

INVALID = {
    "number as text": ('[audio]\nvolume = "loud"\n', 2, "audio.volume"),
    "too large": ("[audio]\nvolume = 101\n", 2, "audio.volume"),
    "negative": ("[audio]\npreroll_s = -0.1\n", 2, "audio.preroll_s"),
    "fraction for whole": ("[audio]\nvolume = 70.5\n", 2, "audio.volume"),
    "not a number": ("[endpoint]\nsilence_s = nan\n", 2, "endpoint.silence_s"),
    "infinite": ("[cloud]\nanswer_timeout_s = inf\n", 2, "cloud.answer_timeout_s"),
    "zero time": ("[stt]\ntimeout_s = 0\n", 2, "stt.timeout_s"),
    "wrong choice": ('[vad]\nengine = "magic"\n', 2, "vad.engine"),
    "choice in capitals": ('[log]\nlevel = "INFO"\n', 2, "log.level"),
    "list for text": ('[tts]\nvoice = ["a"]\n', 2, "tts.voice"),
    "text for list": ('[wake]\nwords = "okay_nabu"\n', 2, "wake.words"),
    "numbers in a list of texts": ("[wake]\nwords = [1]\n", 2, "wake.words"),
    "text for yes or no": ('[wake]\nchime = "maybe"\n', 2, "wake.chime"),
    "date for text": ("[stt]\nmodel = 2025-01-01\n", 2, "stt.model"),
    "table for text": ("[stt.model]\nx = 1\n", None, "stt.model"),
    "language in words": ('[stt]\nlanguage = "English"\n', 2, "stt.language"),
    "address without port": ('[cloud]\naddress = "gateway.example.org"\n', 2, "cloud.address"),
    "address with scheme": ('[cloud]\naddress = "https://gateway:443"\n', 2, "cloud.address"),
    "address with spaces": ('[cloud]\naddress = "my gateway:443"\n', 2, "cloud.address"),
    "unknown zone": ('[locale]\ntime_zone = "Europe/Berlinn"\n', 2, "did you mean 'Europe/Berlin'"),
    "hours of a day": ("[locale]\nhour_format = 13\n", 2, "locale.hour_format"),
    "unknown setting": ("[audio]\nvolum = 3\n", 2, "did you mean 'volume'"),
    "unknown section": ("[adio]\nvolume = 3\n", 1, "did you mean 'audio'"),
    "unknown and nothing like it": ("[zzz]\nq = 3\n", 1, "unknown section [zzz]"),
    "setting outside any section": ("volume = 3\n", 1, "volume"),
    "section as value": ("audio = 3\n", 1, "audio is a section"),
    "section as list": ("[[audio]]\nvolume = 3\n", None, "audio"),
    "secret as number": ("[cloud]\ntoken = 12345\n", 2, "cloud.token"),
    "compute type": ('[stt]\ncompute_type = "int4"\n', 2, "stt.compute_type"),
    "a huge number": ("[gateway]\nmax_queued = 99999999999999999999\n", 2, "gateway.max_queued"),
    "too many threads": ("[stt]\nthreads = 1000\n", 2, "stt.threads"),
    "negative tokens": ("[gateway]\nmax_tokens = -1\n", 2, "gateway.max_tokens"),
}


def problem_of(text: str | bytes, *sets: str) -> ConfigError:
    paths = find_paths()
    paths.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(paths, sets)
    error = caught.value
    assert error.hint, "a way out"
    assert "Traceback" not in str(error)
    assert "pydantic" not in str(error).lower()
    assert len(str(error)) < 2_000
    return error


@pytest.mark.parametrize("name", SYNTAX)
def test_a_file_that_is_not_toml(name: str) -> None:
    error = problem_of(SYNTAX[name])
    assert error.code == "config-syntax"
    assert str(find_paths().config_file) in str(error)


@pytest.mark.parametrize("name", INVALID)
def test_a_value_that_cannot_be(name: str) -> None:
    text, line, expected = INVALID[name]
    error = problem_of(text)
    assert error.code == "config-invalid"
    [problem] = error.problems
    assert expected in problem
    where = str(find_paths().config_file) + (f":{line}:" if line else "")
    assert problem.startswith(where), problem


@pytest.mark.parametrize("text", [b"\xff\xfe[\x00a\x00", b'[audio]\ninput = "\xe9"\n', b"\x80abc"])
def test_a_file_in_another_encoding(text: bytes) -> None:
    assert problem_of(text).code == "config-unreadable"


def test_a_directory_in_its_place() -> None:
    paths = find_paths()
    paths.config_file.mkdir()
    with pytest.raises(ConfigError) as caught:
        load_config(paths)
    assert caught.value.code == "config-unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_one_may_not_read() -> None:
    paths = find_paths()
    paths.config_file.write_text("[audio]\n")
    paths.config_file.chmod(0)
    with pytest.raises(ConfigError) as caught:
        load_config(paths)
    assert caught.value.code == "config-unreadable"


def test_a_file_below_a_file() -> None:
    paths = find_paths()
    paths.config_file.write_text("")
    with pytest.raises(ConfigError) as caught:
        load_config(find_paths(paths.config_file / "config.toml"))
    assert caught.value.code == "config-unreadable"


def test_all_problems_are_told_at_once() -> None:
    text = '[audio]\nvolume = 300\nvolum = 3\n[zzz]\n[vad]\nengine = "magic"\n'
    error = problem_of(text, "stt.threads=-1", 'log.levle="x"')
    assert error.code == "config-invalid"
    assert len(error.problems) == 6
    assert "6 problems" in error.message
    assert sum(problem.startswith("--set:") for problem in error.problems) == 2


@pytest.mark.parametrize("name", ["cloud.token", "gateway.api_key"])
def test_a_wrong_secret_is_not_quoted(name: str) -> None:
    section, _, key = name.partition(".")
    assert "hunter2" not in str(problem_of(f'[{section}]\n{key} = ["hunter2"]\n'))


def test_a_misspelt_set_quotes_no_secret_and_points_at_no_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(find_paths(), ["Cloud.Token='hunter2'"])
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load_config(find_paths(), ["cloud.tokn='hunter2'"])
    assert "hunter2" not in str((caught.value, caught.value.problems))
    assert str(find_paths().config_file) not in caught.value.hint


@pytest.mark.parametrize(
    "override",
    ["", "=", "volume=3", "audio=3", "audio.volume", "audio.volume=", "audio.volume=loud", "audio..volume=3",
     "a.b.c=3", "Audio.Volume=3", "log.level=info", "audio.input=\x00", "--help"],
)  # fmt: skip
def test_a_set_that_cannot_be(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(find_paths(), [override])
    assert caught.value.code in {"set-syntax", "config-invalid"}
    assert caught.value.hint


@pytest.mark.parametrize("text", [*SYNTAX.values(), *(text for text, _, _ in INVALID.values())])
def test_the_command_tells_it_in_lines_and_exits_with_2(text: str) -> None:
    find_paths().config_file.write_text(text)
    result = CliRunner().invoke(app, ["config"])
    assert result.exit_code == 2
    assert result.stdout == ""
    first, *rest = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert first.endswith(("[config-syntax]", "[config-invalid]"))
    assert rest[-1].startswith("hint: ")
    assert "Traceback" not in result.stderr


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["config", "--config", str(tmp_path / "nope.toml")])
    assert result.exit_code == 2
    assert "[config-missing]" in result.stderr
