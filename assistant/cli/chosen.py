"""How `assistant models choose` tells what was measured and what follows from it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from assistant.cli.config import toml_value
from assistant.cli.output import note, show_table
from assistant.config import Config
from assistant.evaluate.choose import COMMAND, Measured
from assistant.evaluate.proposal import Proposal


def as_toml(values: Mapping[str, Any]) -> str:
    """`section.key` -> value as lines for the config file."""
    lines: list[str] = []
    section = ""
    for name, value in values.items():
        its, _, key = name.partition(".")
        if its != section:
            lines += [""] * bool(lines) + [f"[{its}]"]
            section = its
        lines.append(f"{key} = {toml_value(value)}")
    return "\n".join(lines)


def changes(config: Config, proposal: Proposal) -> dict[str, tuple[Any, Any]]:
    """`section.key` -> value in force, value proposed; where they differ."""
    now = {name: value for name, value, _ in config.rows()}
    return {name: (now[name], value) for name, value in proposal.settings().items() if now[name] != value}


def as_json(measured: Measured, proposal: Proposal, config: Config, *, written: Path | None) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "cores": measured.board.cores,
        "load": round(measured.load, 2),
        "seconds": round(measured.took_s, 1),
        "command": COMMAND,
        "command_s": round(measured.utterance_s, 2),
        "transcription": [
            {
                "model": timing.model,
                "compute_type": timing.compute_type,
                "threads": timing.threads,
                "ms_p50": round(timing.ms, 1),
                "runs": timing.runs,
                "understood": timing.understood,
            }
            for timing in measured.board.timings
        ],
        "skipped": [
            {"model": it.way.model, "compute_type": it.way.compute_type, "threads": it.way.threads, "why": it.why}
            for it in measured.skipped
        ],
        "voice": {"id": measured.voice, "rtf": round(measured.board.voice_rtf, 3)},
        "understanding_ms_p50": round(measured.board.understanding_ms, 2),
        "proposal": proposal.settings(),
        "reasons": proposal.reasons,
        "toml": as_toml(proposal.settings()),
        "fetch": [{"model": fetch.model, "why": fetch.why, "command": fetch.command} for fetch in proposal.fetch],
        "notes": measured.notes,
        "changes": {name: {"from": old, "to": new} for name, (old, new) in changes(config, proposal).items()},
        "written": written,
    }


def show(measured: Measured, proposal: Proposal) -> None:
    """The table, the reasons and the settings, for people."""
    board = measured.board
    show_table(
        ("model", "type", "threads", "a command", "runs", ""),
        [
            (
                timing.model,
                timing.compute_type,
                str(timing.threads),
                f"{timing.ms:.0f} ms",
                str(timing.runs),
                " ".join([*["<-"] * (timing is proposal.timing), *["misheard"] * (not timing.understood)]),
            )
            for timing in board.timings
        ],
    )
    for skipped in measured.skipped:
        print(f"not measured: {skipped.way}: {skipped.why}")
    print(f"\nvoice {measured.voice}: {board.voice_rtf:.2f} s for a second of speech")
    print(f"understanding: {board.understanding_ms:.1f} ms a command")
    cores = "1 core" if board.cores == 1 else f"{board.cores} cores"
    print(f'measured in {measured.took_s:.0f} s on {cores}, with {measured.utterance_s:.1f} s of "{COMMAND}"\n')
    for reason in proposal.reasons:
        print(f"- {reason}")
    print(f"\n{as_toml(proposal.settings())}\n")
    for fetch in proposal.fetch:
        print(f"Worth trying: {fetch.model} ({fetch.why}). `{fetch.command}`, then choose again.")
    for text in measured.notes:
        note(text)


def show_way(config: Config, proposal: Proposal) -> None:
    """How to put the proposal into force, which hasn't been done."""
    if not changes(config, proposal):
        print("That is what is in force already.")
        return
    print(
        f"To use it, run `assistant models choose --write`, or set these under their headings in "
        f"{config.paths.config_file}; then start the assistant again."
    )


def show_written(config: Config, proposal: Proposal) -> None:
    """What was changed in the config file."""
    changed = changes(config, proposal)
    for name, (old, new) in changed.items():
        print(f"{name}: {toml_value(old)} -> {toml_value(new)}")
    if changed:
        print(f"Wrote {config.paths.config_file}. Start the assistant again to use it.")
    else:
        print(f"Wrote {config.paths.config_file}: the same values as were in force.")


class Bar:
    """Progress on stderr: a bar on a terminal, else a line for each step."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("measuring"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bars = Bars(*columns, console=console, transient=True) if console.is_terminal else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        if not self._bars:
            if done < total:
                print(f"measuring {what}", file=sys.stderr, flush=True)
            return
        if self._task is None:
            self._task = self._bars.add_task(what)
        self._bars.update(self._task, completed=done, total=total, description=what)
