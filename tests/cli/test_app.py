"""The root command: everything is listed, nothing heavy is imported, errors are lines."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant import __version__
from assistant.cli import output
from assistant.cli.app import COMMANDS, _load
from assistant.errors import ConfigError, EdgewiseError, StoreError
from tests.cli.calling import call
from tests.fakes import FakeTarget

HEAVY = ["grpc", "structlog", "numpy", "sounddevice", "faster_whisper", "onnxruntime", "piper", "aiohttp", "google"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_every_command_with_its_first_words(name: str) -> None:
    assert f" {name} " in call("--help").output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = call(name, "--help")
    assert "Usage:" in result.output
    assert len(result.output) > 200


def leaves() -> list[list[str]]:
    """Every command that does something, as its words."""

    def below(words: list[str], command: Any) -> list[list[str]]:
        subs = getattr(command, "commands", {})
        return [leaf for name, sub in subs.items() for leaf in below([*words, name], sub)] if subs else [words]

    return [leaf for name, entry in COMMANDS.items() for leaf in below([name], _load(entry))]


def test_every_command_that_prints_facts_can_print_json() -> None:
    without = {" ".join(words) for words in leaves() if "--json" not in call(*words, "--help").output}
    assert without <= {"run", "say", "gateway run"}, "these act, and print no facts"


@pytest.mark.parametrize("arguments", [["--help"], ["config"], ["config", "--json"], ["--version"]])
def test_what_must_start_fast_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from assistant.cli.app import app
app({arguments!r}, standalone_mode=False)
print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr.splitlines()[-1] == "[]"


def test_version() -> None:
    assert call("--version").output.strip() == f"edgewise {__version__}"


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["config", "--wings"], ["ask"], ["timers", "add"], ["timers", "fly"], ["config", "--set"], ["--wings"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = call(*arguments, code=2)
    assert result.stdout == ""
    assert "Error" in result.stderr


@pytest.mark.parametrize(("typed", "meant"), [("timrs", "timers"), ("modles", "models"), ("timers cancle", "cancel")])
def test_a_misspelt_command_is_answered_with_the_right_one(typed: str, meant: str) -> None:
    assert f"Did you mean '{meant}'?" in call(*typed.split(), code=2).stderr


def test_no_arguments_show_the_help() -> None:
    assert "Commands" in call(code=2).output


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (EdgewiseError("odd-thing", "an odd thing happened"), 1, ["error: an odd thing happened [odd-thing]"]),
        (StoreError("x", "m", hint="Do this."), 1, ["error: m [x]", "hint: Do this."]),
        (
            ConfigError("c", "m", hint="h", problems=("one", "two")),
            2,
            ["error: m [c]", "  - one", "  - two", "hint: h"],
        ),
        (EdgewiseError("x", "caf\udce9"), 1, ["error: caf\\udce9 [x]"]),
    ],
)
def test_an_error_is_one_line_its_problems_and_a_hint(
    capsys: pytest.CaptureFixture[str], error: EdgewiseError, code: int, lines: list[str]
) -> None:
    assert output.failed(error) == code
    captured = capsys.readouterr()
    assert captured.err.splitlines() == lines
    assert captured.out == ""


def test_a_table_in_a_pipe_is_neither_wrapped_nor_marked_up(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("name", "value"), [("a", "x" * 300), ("[bold]b[/bold]", "y")])
    assert capsys.readouterr().out.splitlines() == [
        "name            value",
        "a               " + "x" * 300,
        "[bold]b[/bold]  y",
    ]


def test_json_knows_our_values(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({"path": Path("/x"), "list": ("a",), "flag": False})
    assert capsys.readouterr().out == '{\n  "path": "/x",\n  "list": [\n    "a"\n  ],\n  "flag": false\n}\n'


def test_interrupting_exits_with_130(daemon: FakeTarget) -> None:
    daemon.hold.clear()
    # A shell's background jobs, these tests may be among them, ignore SIGINT, and that is inherited.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);from assistant.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "ask", "what time is it"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert daemon.begun.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert out == b""


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    head = f"{shlex.quote(sys.executable)} -m assistant config --defaults | head -n 1"
    result = subprocess.run(["/bin/bash", "-c", head], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in result.stderr
    assert len(result.stdout.splitlines()) == 1
