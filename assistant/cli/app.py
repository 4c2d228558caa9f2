"""The root of the command line: which commands there are, and what becomes of an error.

A command's module is imported when it is called, not before, so that `assistant --help` and `assistant config` start
fast. Exit codes: 0 done, 1 an error, 2 wrong usage or configuration, 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from assistant.cli.output import failed
from assistant.errors import EdgewiseError


@dataclass(frozen=True, slots=True)
class _Entry:
    """A command that isn't imported yet. Its module has a Typer app for it."""

    module: str
    help: str
    group: bool = False
    """It has commands of its own."""
    app: str = "app"
    """Its name in the module."""


COMMANDS = {
    "run": _Entry("run", "Start the assistant: listen, understand, act, speak."),
    "ask": _Entry("ask", "Ask once, by text or by a sound file, and see every step."),
    "say": _Entry("say", "Speak a text."),
    "timers": _Entry("timers", "List, add, cancel, pause and resume timers.", group=True),
    "alarms": _Entry("scheduled", "List and cancel alarms.", group=True, app="alarms"),
    "reminders": _Entry("scheduled", "List and cancel reminders.", group=True, app="reminders"),
    "commands": _Entry("scheduled", "List and cancel what is to be done later.", group=True, app="later"),
    "deferred": _Entry("deferred", "List and cancel questions that wait for the gateway.", group=True),
    "lists": _Entry("lists", "Show lists, put things on them, take them off.", group=True),
    "history": _Entry("history", "List what was said, and forget it everywhere.", group=True),
    "home": _Entry("home", "Show what is known of the home, and how it stands."),
    "routes": _Entry("routes", "Who answered what and why; decide it again with another threshold.", group=True),
    "why": _Entry("why", "Who gave the last answer, and why."),
    "calibrate": _Entry("calibrate", "Where the edge stops being right, and the threshold to set."),
    "egress": _Entry("egress", "What left this device: when, to whom, how much and why."),
    "devices": _Entry("devices", "List microphones and speakers."),
    "doctor": _Entry("doctor", "Check this machine, line by line, and say what to do."),
    "config": _Entry("config", "Print the configuration in force and where each value comes from."),
    "models": _Entry("models", "List, fetch, verify and prune model files.", group=True),
    "intents": _Entry("intents", "What can be understood without the cloud.", group=True),
    "skills": _Entry("skills", "List skills, and begin one of your own.", group=True),
    "gateway": _Entry("gateway", "The cloud side: a gateway in front of a language model.", group=True),
    "eval": _Entry("eval", "Measure the parts on data.", group=True),
}


class _Root(TyperGroup):
    """Imports commands when they are called; turns our errors into one line and an exit code."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # Enough of each for a list of commands, and for "did you mean".
        self.commands = {name: TyperCommand(name, help=entry.help) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(COMMANDS[name]) if name in COMMANDS else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EdgewiseError as exc:
            raise typer.Exit(failed(exc)) from exc
        except KeyboardInterrupt as exc:
            raise typer.Exit(130) from exc


def _load(entry: _Entry) -> Any:
    sub_app = getattr(importlib.import_module(f"assistant.cli.{entry.module}"), entry.app)
    command: Any = get_group(sub_app) if entry.group else get_command(sub_app)
    command.help = command.help or entry.help
    return command


app = typer.Typer(
    cls=_Root, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode="rich"
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from assistant import __version__  # noqa: PLC0415 -- reads the package's metadata

        typer.echo(f"edgewise {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Edgewise: a smart speaker that thinks for itself and asks the cloud when it must."""
