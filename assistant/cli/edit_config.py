"""Changing settings in the user's config file, and nothing else in it: comments, order and layout stay.

A setting that is there gets its new value on its line; one that isn't is written below the comment that shows its
default, else at the end of its section, which is added where the file has none. Whatever the layout, the result is read
back before it is written: unless exactly the settings meant have changed, nothing is.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.cli.config import toml_value
from assistant.config import Paths, write_first_config
from assistant.errors import ConfigError

_VALUE = r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#\"'\[{,]+)"
_HEADER = re.compile(r"\s*\[")


def write_settings(paths: Paths, values: Mapping[str, Any]) -> None:
    """Set `section.key` -> value in the config file; a missing file is begun as on a first run.

    Raises:
        ConfigError: `config-not-editable`, `config-unwritable`.
    """
    write_first_config(paths)
    try:
        path = paths.config_file.resolve()
        text = path.read_bytes().decode("utf-8")  # line ends stay as they are
        _replace(path, with_settings(text, values).encode())
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            "config-unwritable",
            f"can't change {paths.config_file}: {getattr(exc, 'strerror', None) or exc}",
            hint="Check the file and its permissions, or write the settings into it by hand.",
        ) from exc


def with_settings(text: str, values: Mapping[str, Any]) -> str:
    """The text of a config file with some settings changed.

    Raises:
        ConfigError: `config-not-editable`.
    """
    changed = text
    for name, value in values.items():
        section, _, key = name.partition(".")
        changed = _with_setting(changed, section, key, toml_value(value))
    try:
        wanted = tomllib.loads(text)
        for name, value in values.items():
            section, _, key = name.partition(".")
            wanted.setdefault(section, {})[key] = value
        if tomllib.loads(changed) == wanted:
            return changed
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        pass
    raise ConfigError(
        "config-not-editable",
        "the config file is laid out in a way that can't be changed safely; nothing was written",
        hint="Write the settings into it by hand.",
    )


def _with_setting(text: str, section: str, key: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    span = _span(lines, section)
    there = span is not None and _replaced(lines, span, rf"[\"']?{key}[\"']?", value)
    if there or _replaced(lines, _top(lines), rf"{section}\s*\.\s*{key}", value):
        return "".join(lines)
    if span is not None:
        lines.insert(_place(lines, span, key), f"{key} = {value}{newline}")
    elif dotted := [at for at in _top(lines) if re.match(rf"\s*{section}\s*\.", lines[at])]:
        lines.insert(dotted[-1] + 1, f"{section}.{key} = {value}{newline}")
    else:
        lines += [newline] * bool(lines) + [f"[{section}]{newline}", f"{key} = {value}{newline}"]
    return "".join(lines)


def _span(lines: list[str], section: str) -> range | None:
    """The lines of a section behind its header; None where there is none."""
    for at, line in enumerate(lines):
        if re.match(rf"\s*\[\s*{section}\s*\]", line):
            end = next((end for end in range(at + 1, len(lines)) if _HEADER.match(lines[end])), len(lines))
            return range(at + 1, end)
    return None


def _top(lines: list[str]) -> range:
    """The lines before the first section."""
    return range(next((at for at, line in enumerate(lines) if _HEADER.match(line)), len(lines)))


def _replaced(lines: list[str], span: range, key: str, value: str) -> bool:
    """Whether the setting was there; its value is then the new one, and what stands behind it stays."""
    for at in span:
        if found := re.match(rf"(\s*{key}\s*=\s*){_VALUE}", lines[at]):
            lines[at] = found[1] + value + lines[at][found.end() :]
            return True
    return False


def _place(lines: list[str], span: range, key: str) -> int:
    """Where in its section a new setting goes."""
    shown = [at for at in span if re.match(rf"\s*#\s*{key}\s*=", lines[at])]
    if shown:
        return shown[-1] + 1
    taken = [at for at in span if lines[at].strip() and not lines[at].lstrip().startswith("#")]
    return taken[-1] + 1 if taken else span.start


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step, with the rights it had."""
    mode = path.stat().st_mode & 0o777
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary = Path(name)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
