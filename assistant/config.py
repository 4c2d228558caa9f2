"""Configuration: typed sections, defaults in a readable file, every problem reported at once.

`defaults.toml` beside this module is the only place that holds default values; it is also what a first run writes,
commented out, to the user's config file. A value's origin is the defaults, a line of the user's file, or `--set`.

Where things are (each overridden by its environment variable):

    config file   $EDGEWISE_CONFIG      else (systemd) $CONFIGURATION_DIRECTORY, else the user's config directory
    state         $EDGEWISE_STATE_DIR   else (systemd) $STATE_DIRECTORY, else the user's state directory
    models        $EDGEWISE_MODELS_DIR  else (systemd) $CACHE_DIRECTORY, else the user's cache directory
    data          $EDGEWISE_DATA        else ../shared/data beside the checkout (development data; may be absent)
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import platformdirs
from pydantic import SecretStr, ValidationError

from assistant.errors import ConfigError
from assistant.settings import Section, Settings


@dataclass(frozen=True, slots=True)
class Paths:
    """Where this installation keeps things. Nothing is created by looking."""

    config_file: Path
    state_dir: Path
    models_dir: Path

    @property
    def user_manifest(self) -> Path:
        """The user's own model manifest, beside the config."""
        return self.config_file.with_name("models.toml")

    @property
    def lock_file(self) -> Path:
        return self.state_dir / "lock"

    @property
    def database(self) -> Path:
        return self.state_dir / "edgewise.db"

    @property
    def speech_cache(self) -> Path:
        return self.state_dir / "speech-cache"

    @property
    def derived(self) -> Path:
        """Files made of models' own; they can be made again."""
        return self.state_dir / "derived"

    @property
    def gateway_database(self) -> Path:
        """The gateway's own: which devices may use it."""
        return self.state_dir / "gateway.db"

    @property
    def gateway_history(self) -> Path:
        """The gateway's own: the turns of the homes."""
        return self.state_dir / "history.db"

    @property
    def gateway_tls(self) -> Path:
        """Certificates that `assistant gateway cert` makes, and their keys."""
        return self.state_dir / "tls"

    def control_socket(self, settings: Settings) -> Path:
        """Socket paths end at 107 bytes, so a deep state directory gets a private socket directory in /tmp."""
        if settings.control.socket:
            return Path(settings.control.socket).expanduser()
        path = self.state_dir / "control.sock"
        if len(os.fsencode(path)) <= 100:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"edgewise-{os.getuid()}-{digest}" / "control.sock"


def find_paths(config_file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Paths:
    """Decide where config, state and models are. `config_file` (a command's `--config`) wins over the environment."""
    dirs = platformdirs.PlatformDirs("edgewise", appauthor=False)

    def pick(variable: str, systemd: str, default: Path) -> Path:
        if environ.get(variable):
            return Path(environ[variable]).expanduser().absolute()
        if environ.get(systemd):
            return Path(environ[systemd].split(":")[0]) / (default.name if systemd != "STATE_DIRECTORY" else "")
        return default

    default_file = pick("EDGEWISE_CONFIG", "CONFIGURATION_DIRECTORY", dirs.user_config_path / "config.toml")
    return Paths(
        config_file=config_file.expanduser().absolute() if config_file else default_file,
        state_dir=pick("EDGEWISE_STATE_DIR", "STATE_DIRECTORY", dirs.user_state_path),
        models_dir=pick("EDGEWISE_MODELS_DIR", "CACHE_DIRECTORY", dirs.user_cache_path / "models"),
    )


@dataclass(frozen=True, slots=True)
class Config:
    """Settings in force, with the origin of each value."""

    settings: Settings
    origins: Mapping[str, str]
    """`section.key` -> `default`, `FILE:LINE` or `--set`."""
    paths: Paths

    def rows(self) -> list[tuple[str, Any, str]]:
        """(`section.key`, value for printing with secrets masked, origin) for every setting, in file order."""
        return [
            (f"{section}.{key}", _masked(value), self.origins[f"{section}.{key}"])
            for section, model in self.settings
            for key, value in cast(Section, model)
        ]


def load_config(paths: Paths, overrides: Sequence[str] = ()) -> Config:
    """Defaults, then the user's file, then `--set section.key=value` overrides (TOML values).

    Raises:
        ConfigError: `config-unreadable`, `config-syntax` or `config-invalid`, the last with every problem at once.
    """
    values = tomllib.loads(defaults_text())
    origins = {f"{section}.{key}": "default" for section, keys in values.items() for key in keys}
    problems: list[str] = []
    text = _read(paths.config_file)
    _merge(
        values, origins, _parse(paths.config_file, text), problems, lambda name: _origin(paths.config_file, text, name)
    )
    for override in overrides:
        _merge(values, origins, _parse_override(override), problems, lambda _name: "--set")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as exc:
        problems += [_describe(error, origins) for error in exc.errors(include_url=False, include_input=False)]
    if problems:
        raise ConfigError(
            "config-invalid",
            f"the configuration has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
            hint=_where_to_mend(paths, problems)
            + "`assistant config --defaults` prints every setting with its meaning.",
            problems=tuple(problems),
        )
    return Config(settings, origins, paths)


def defaults_text() -> str:
    """The defaults file: TOML with a comment above every setting."""
    return files("assistant").joinpath("defaults.toml").read_text("utf-8")


def write_first_config(paths: Paths) -> bool:
    """Write the commented defaults to the config file unless it exists; True when written. Never fails a start."""
    if paths.config_file.exists():
        return False
    lines = [line if not line or line.startswith(("#", "[")) else f"# {line}" for line in defaults_text().splitlines()]
    try:
        paths.config_file.parent.mkdir(parents=True, exist_ok=True)
        with paths.config_file.open("x", encoding="utf-8") as file:
            paths.config_file.chmod(0o600)
            file.write("\n".join(lines) + "\n")
    except OSError:
        return False
    return True


def read_secret(value: SecretStr, file: str, *, name: str) -> str:
    """A secret from its file when one is named, else from the setting.

    Raises:
        ConfigError: `secret-unreadable`.
    """
    if not file:
        return value.get_secret_value()
    try:
        return Path(file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            "secret-unreadable", f"{name}: can't read {file}", hint="Check the path and its permissions."
        ) from exc


def data_dir() -> Path | None:
    """Development data, or None where there is none."""
    path = Path(os.environ.get("EDGEWISE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    return path if path.is_dir() else None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as exc:
        raise ConfigError(
            "config-unreadable", f"{path} is not UTF-8 text", hint="Save it as UTF-8, or move it away."
        ) from exc
    except OSError as exc:
        raise ConfigError(
            "config-unreadable", f"can't read {path}: {exc.strerror}", hint="Check the path and its permissions."
        ) from exc


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(
            "config-syntax", f"{path} is not valid TOML: {exc}", hint="Mend that line, or move the file away."
        ) from exc
    except RecursionError as exc:
        raise ConfigError(
            "config-syntax", f"{path} is nested too deeply", hint="Mend it, or move the file away."
        ) from exc


def _parse_override(override: str) -> dict[str, Any]:
    name, equals, raw = override.partition("=")
    if not equals or not re.fullmatch(r"\s*[a-z_]+\.[a-z_]+\s*", name):
        raise ConfigError(
            "set-syntax", f"--set takes section.key=value, not {name!r}", hint="For example --set wake.cutoff=0.9"
        )
    try:
        return tomllib.loads(f"{name}={raw}")
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(
            "set-syntax",
            f"--set {name}: the value is not a TOML value",
            hint=f"Strings need quotes: --set '{name}=\"text\"'",
        ) from exc


def _merge(
    values: dict[str, Any], origins: dict[str, str], new: dict[str, Any], problems: list[str], origin: Any
) -> None:
    """Lay `new` over `values`; names nobody knows become problems with a suggestion."""
    for section, keys in new.items():
        if section not in values:
            problems.append(f"{origin(section)}: unknown section [{section}]{_suggest(section, list(values))}")
        elif not isinstance(keys, dict):
            problems.append(f"{origin(section)}: {section} is a section; write [{section}] and its settings below")
        else:
            for key, value in keys.items():
                name = f"{section}.{key}"
                if key not in values[section]:
                    problems.append(f"{origin(name)}: unknown setting {name}{_suggest(key, list(values[section]))}")
                else:
                    values[section][key] = value
                    origins[name] = origin(name)


def _where_to_mend(paths: Paths, problems: Sequence[str]) -> str:
    return "" if all(problem.startswith("--set") for problem in problems) else f"Edit {paths.config_file}; "


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _origin(path: Path, text: str, name: str) -> str:
    """`FILE:LINE` of a setting, found by reading the file the way a person would."""
    section, _, key = name.partition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if header:
            current = header[1]
        found = current == section and (not key or re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line))
        if found or re.match(rf"\s*{re.escape(section)}\s*(=|\.\s*{re.escape(key or section)}\s*=)", line):
            return f"{path}:{number}"
    return str(path)


def _describe(error: Any, origins: Mapping[str, str]) -> str:
    name = ".".join(str(part) for part in error["loc"][:2])
    message = str(error["msg"]).removeprefix("Value error, ").replace("a valid tuple", "a list")
    return f"{origins.get(name, 'config')}: {name}: {message[0].lower()}{message[1:]}"


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return [item.model_dump() if isinstance(item, Section) else item for item in value]
    return value
