"""`assistant models`: which there are, getting and checking them, removing what isn't used, choosing for this board."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from assistant.cli.options import AsJson, ConfigFile, load, log_quietly
from assistant.cli.output import failed, show_json, show_table
from assistant.config import Paths, find_paths, load_config
from assistant.errors import ConfigError, ModelError
from assistant.models import Models, ModelSpec, Progress

app = typer.Typer(help="Model files: list, fetch, verify, prune; choose for this board.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Models, as `assistant models list` names them.")]


@app.command("list")
def list_models(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Every model: what it is and whether it is here."""
    models = _models(find_paths(config))
    rows = [_row(models, spec) for spec in models.specs().values()]
    if as_json:
        show_json(rows)
        return
    show_table(
        ("model", "kind", "size", "state", "licence", "what"),
        [
            (
                f"{row['id']} *" if row["default"] else row["id"],
                row["kind"],
                f"{row['bytes'] / 1e6:.0f} MB" if row["bytes"] else "",
                row["state"],
                row["licence"],
                row["title"],
            )
            for row in rows
        ],
    )
    print("* fetched by default")


@app.command()
def fetch(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model, 0.9 GB and more.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Get models that are missing or damaged; without names, the default ones and those the configuration uses."""
    paths = find_paths(config)
    models = _models(paths)
    wanted = list(models.specs()) if everything else (ids or _wanted(models, paths))
    for model_id in wanted:
        models.get(model_id)  # a misspelt name is told before anything is downloaded
    rows: list[dict[str, Any]] = []
    failures: list[ModelError] = []
    with _Display() as display:
        for model_id in wanted:
            try:
                models.fetch(model_id, display)
                rows.append({"id": model_id, "state": "ready", "path": str(models.path(model_id))})
            except ModelError as exc:
                failures.append(exc)
                rows.append({"id": model_id, "state": "failed", "code": exc.code, "message": exc.message})
    if as_json:
        show_json(rows)
    if failures:
        raise typer.Exit(max([failed(failure) for failure in failures]))


@app.command()
def verify(ids: Ids = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Hash files anew and compare; without names, every model that is here."""
    models = _models(find_paths(config))
    rows: list[dict[str, Any]] = []
    for model_id in ids or [name for name in models.specs() if models.present(name)]:
        rows += [
            {
                "id": model_id,
                "file": state.file.name,
                "state": state.state,
                "expected_bytes": state.file.bytes,
                "found_bytes": state.found_bytes,
                "expected_sha256": state.file.sha256,
                "found_sha256": state.found_sha256,
            }
            for state in models.verify(model_id)
        ]
    bad = [row for row in rows if row["state"] != "ok"]
    if as_json:
        show_json(rows)
    else:
        for row in rows:
            print(f"{row['state']:9} {row['id']}/{row['file']}")
            if row in bad:
                print(f"          expected {row['expected_sha256']}, found {row['found_sha256'] or 'nothing'}")
        for model_id in dict.fromkeys(row["id"] for row in bad):
            print(f"Run `assistant models fetch {model_id}`.")
        if not rows:
            print("No models here. Run `assistant models fetch`.")
    if bad:
        raise typer.Exit(1)


@app.command()
def prune(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Remove fetched models that the configuration doesn't name, and leftovers of interrupted downloads."""
    paths = find_paths(config)
    models = _models(paths)
    removed = models.prune(_kept(models, paths))
    if as_json:
        show_json([{"path": str(item.path), "bytes": item.bytes} for item in removed])
        return
    for item in removed:
        print(f"removed {item.path} ({item.bytes / 1e6:.0f} MB)")
    if not removed:
        print("nothing to remove")


@app.command()
def choose(
    config: ConfigFile = None,
    as_json: AsJson = False,
    write: Annotated[bool, typer.Option("--write", help="Put the proposal into the configuration file.")] = False,
    seconds: Annotated[float, typer.Option(min=5, max=3600, metavar="N", help="How long to measure, about.")] = 50.0,
) -> None:
    """Measure this board in under a minute; propose model, threads, compute type and rate of partial transcripts."""
    from assistant.cli import chosen  # noqa: PLC0415 -- the engines are heavy
    from assistant.cli.edit_config import write_settings  # noqa: PLC0415
    from assistant.evaluate.choose import measure_board  # noqa: PLC0415
    from assistant.evaluate.proposal import propose  # noqa: PLC0415

    in_force = load(config, None)
    log_quietly(in_force)
    with chosen.Bar() as bar:
        measured = asyncio.run(measure_board(in_force, seconds=seconds, report=bar))
    proposal = propose(measured.board, measured.models, current=in_force.settings.stt.model)
    if write:
        write_settings(in_force.paths, proposal.settings())
    if as_json:
        written = in_force.paths.config_file if write else None
        show_json(chosen.as_json(measured, proposal, in_force, written=written))
        return
    chosen.show(measured, proposal)
    (chosen.show_written if write else chosen.show_way)(in_force, proposal)


def _models(paths: Paths) -> Models:
    return Models(paths.models_dir, paths.user_manifest)


def _wanted(models: Models, paths: Paths) -> list[str]:
    """Default models and those that are configured; a broken configuration needs none."""
    wanted = {spec.id for spec in models.specs().values() if spec.default}
    with contextlib.suppress(ConfigError):
        settings = load_config(paths).settings
        wanted |= {settings.stt.model, settings.tts.voice, settings.llm.model, *settings.wake.words}
    return [name for name in models.specs() if name in wanted]


def _kept(models: Models, paths: Paths) -> list[str]:
    """What `prune` leaves: whatever the configuration names."""
    kept = _wanted(models, paths)
    with contextlib.suppress(ConfigError):
        kept.append(load_config(paths).settings.gateway.local_model)
    return kept


def _row(models: Models, spec: ModelSpec) -> dict[str, Any]:
    path, state = "", "ready"
    try:
        path = str(models.path(spec.id))
    except ModelError as exc:
        state = "damaged" if models.present(spec.id) else "missing"
        if exc.code == "model-unreadable":
            state = "unreadable"
    return {
        "id": spec.id,
        "kind": spec.kind,
        "title": spec.title,
        "licence": spec.licence,
        "bytes": spec.bytes,
        "default": spec.default,
        "state": state,
        "path": path,
        "files": [file.name for file in spec.files],
    }


class _Display:
    """Progress on stderr: bars on a terminal, else a line every ten percent."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = (
            Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=console,
            )
            if console.is_terminal
            else None
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._told: tuple[str, str, int] | None = None

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        if self._bars:
            self._bar(self._bars, progress)
        else:
            self._line(progress)

    def _bar(self, bars: Bars, progress: Progress) -> None:
        if progress.step == "done":
            bars.console.print(f"{progress.model_id} ready")
            return
        key = (progress.model_id, f"{progress.step} {progress.what}" if progress.step != "download" else "download")
        if key not in self._tasks:
            for task in self._tasks.values():
                bars.update(task, visible=False)
            self._tasks[key] = bars.add_task(" ".join(key), total=progress.total_bytes or None)
        bars.update(self._tasks[key], completed=progress.done_bytes, total=progress.total_bytes or None)

    def _line(self, progress: Progress) -> None:
        if progress.step == "done":
            print(f"{progress.model_id} ready", file=sys.stderr, flush=True)
            return
        counts = progress.step == "download" and progress.total_bytes
        tenths = progress.done_bytes * 10 // progress.total_bytes if counts else 0
        told = (progress.model_id, progress.step, tenths)
        if told != self._told:
            self._told = told
            amount = f" {tenths * 10}% of {progress.total_bytes / 1e6:.0f} MB" if counts else ""
            print(f"{progress.model_id}: {progress.step} {progress.what}{amount}", file=sys.stderr, flush=True)
