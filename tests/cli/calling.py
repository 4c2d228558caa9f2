"""Calling the command line as a person would."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from assistant.cli.app import app


def call(*arguments: str, code: int = 0) -> Result:
    """Run a command; its exit code must be `code`, and it must not end in a traceback."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


def call_json(*arguments: str, code: int = 0) -> Any:
    """What a command prints with `--json`."""
    return json.loads(call(*arguments, "--json", code=code).stdout)


def error_code(*arguments: str, code: int = 1) -> str:
    """The code in the one error line of a command that fails; notes may stand before it."""
    said = call(*arguments, code=code).stderr.splitlines()
    lines = [line for line in said if not line.startswith("note: ")]
    assert lines[0].startswith("error: "), said
    return lines[0].rpartition("[")[2].rstrip("]")
