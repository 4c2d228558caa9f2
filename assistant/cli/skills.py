"""`assistant skills`."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import AsJson, ConfigFile, Overrides, load, log_quietly
from assistant.cli.output import show_json, show_table
from assistant.config import Config
from assistant.errors import SkillError

if TYPE_CHECKING:
    from assistant.daemon.plugins import Plugins

WAIT_S = 3.0
"""Longer than a start waits: nobody is waiting for an answer."""
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")

app = typer.Typer(no_args_is_help=True)


@app.callback()
def skills() -> None:
    """What the assistant can do, and skills from packages of their own."""


@app.command("list")
def list_skills(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Every skill, the built-in and the installed ones; of one that is off, why."""
    config = load(config_file, overrides)
    log_quietly(config)
    from assistant.daemon.plugins import built_in_reports  # noqa: PLC0415 -- imports every room
    from assistant.skills.book import SkillBook  # noqa: PLC0415

    language = config.settings.locale.language
    plugins = asyncio.run(installed_plugins(config))
    reports = [*built_in_reports(SkillBook.built_in(language), language), *plugins.reports()]
    if as_json:
        show_json(reports)
        return
    rows = [(each.skill, each.package, each.state, each.reason or f'"{each.example}"') for each in reports]
    show_table(("skill", "from", "", "for example, or why not"), rows)


async def installed_plugins(config: Config) -> Plugins:
    """The plugins that are installed, once each is loaded or known to be off."""
    from assistant.daemon.plugins import Plugins  # noqa: PLC0415 -- imports every room
    from assistant.skills.book import SkillBook  # noqa: PLC0415

    language = config.settings.locale.language
    plugins = Plugins(SkillBook.built_in(language), disabled=config.settings.skills.disabled, language=language)
    await plugins.grammars(WAIT_S)
    plugins.close()
    return plugins


@app.command("new")
def new_skill(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the skill is called: small letters, digits, - and _.")
    ],
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the package's folder is made.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a small package with a skill that works, to begin with: `pip install ./NAME`, then ask for it."""
    if not NAME.fullmatch(name):
        raise SkillError("skill-name", f"{name!r} can't be a skill's name", hint="Use small letters, digits, - and _.")
    written = write_package(name, folder / name)
    if as_json:
        show_json(written)
        return
    for path in written:
        typer.echo(path)
    typer.echo(f'\npip install {(folder / name).absolute()}\nassistant ask "{_words(name)["example"]}"')


def write_package(name: str, folder: Path) -> list[Path]:
    """Write the files of a new skill; their paths. Raises SkillError `skill-exists` or `skill-unwritable`."""
    words = _words(name)
    module = words["module"]
    targets = {
        "pyproject.toml": folder / "pyproject.toml",
        "README.md": folder / "README.md",
        "skill.py": folder / f"{module}.py",
        "test_skill.py": folder / "tests" / f"test_{module}.py",
    }
    try:
        if folder.exists() and any(folder.iterdir()):
            raise SkillError("skill-exists", f"{folder} isn't empty", hint="Choose another name, or another --dir.")
        for template, path in targets.items():
            text = files("assistant.cli").joinpath("new_skill", f"{template}.txt").read_text("utf-8")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(words), "utf-8")
    except OSError as exc:
        message = f"can't write to {folder}: {exc.strerror}"
        raise SkillError("skill-unwritable", message, hint="Check the path and its permissions.") from exc
    return list(targets.values())


def _words(name: str) -> dict[str, str]:
    """What the templates of a new skill are filled in with."""
    parts = re.split(r"[_-]", name)
    spoken = " ".join(parts)
    return {
        "name": name,
        "spoken": spoken,
        "package": f"edgewise-skill-{'-'.join(parts)}",
        "module": f"edgewise_skill_{'_'.join(parts)}",
        "kind": "".join(part.capitalize() for part in parts),
        "example": f"what does {spoken} say",
    }
