"""`assistant routes`."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli import books
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import with_session
from assistant.dialog.replay import Replay, replay
from assistant.errors import ControlError
from assistant.records import Route

app = typer.Typer(no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.", metavar="N")]


@app.callback()
def routes() -> None:
    """The ledger: who answered what, why, how fast, and what became of it."""


@app.command("list")
def list_routes(
    limit: Limit = 20, as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None
) -> None:
    """The newest utterances, the last one first."""
    found, _ = with_session(load(config_file, overrides), lambda session: books.routes(session, limit=limit))
    if as_json:
        show_json([_flat(each) for each in found])
    elif not found:
        typer.echo("no routes yet")
    else:
        header = ("", "when", "said", "layer", "reason", "sure", "first text", "outcome", "then")
        show_table(header, [_cells(each) for each in found])


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID", help="Its number in the list, or the turn's id.")],
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """All that is known of one utterance."""
    found, _ = with_session(load(config_file, overrides), lambda session: books.find_route(session, which))
    facts = _flat(found)
    if as_json:
        show_json(facts)
    else:
        facts = {"when": books.moment(found.started_wall_s), **facts}
        del facts["started_wall_s"]
        show_table(("", ""), [(name.replace("_", " "), _cell(value)) for name, value in facts.items()])


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A .jsonl or .csv file.", show_default=False)],
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Write the whole ledger to a file, the oldest first. It holds what was said."""
    if file.suffix not in {".jsonl", ".csv"}:
        raise typer.BadParameter(f"{file.name} should end in .jsonl or .csv")
    found, _ = with_session(load(config_file, overrides), books.routes)
    rows = [_flat(each) for each in reversed(found)]
    try:
        file.write_text(_jsonl(rows) if file.suffix == ".jsonl" else _csv(rows), "utf-8", newline="")
    except OSError as exc:
        raise ControlError(
            "export-unwritable", f"can't write {file}: {exc.strerror}", hint="Check the folder and its permissions."
        ) from exc
    if as_json:
        show_json({"file": file, "lines": len(rows)})
    else:
        typer.echo(f"{len(rows)} lines in {file}")


@app.command("replay")
def replay_routes(
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="Instead of router.threshold.", metavar="X")],
    limit: Limit = 20,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Decide the whole ledger once more, and show what would change. Nothing is changed."""
    found, _ = with_session(load(config_file, overrides), books.routes)
    again = replay(found, threshold)
    if as_json:
        show_json(_replay_facts(again))
        return
    names = sorted({*again.before, *again.after})
    rows = [(name, str(again.before.get(name, 0)), str(again.after.get(name, 0))) for name in names]
    show_table(("", "then", f"at {threshold:g}"), [*rows, ("all", str(again.decided), str(again.decided))])
    if not again.changes:
        typer.echo("nothing would change")
        return
    typer.echo(f"\n{len(again.changes)} would change" + (":" if len(again.changes) <= limit else f"; {limit} of them:"))
    changed = [
        (
            str(change.before.number),
            books.shortened(change.before.text),
            f"{change.before.confidence:.2f}",
            f"{change.before.layer}, {change.before.reason}",
            f"{change.after.layer}, {change.after.reason}",
        )
        for change in again.changes[:limit]
    ]
    show_table(("", "said", "sure", "then", "now"), changed)


def _cells(line: Route) -> tuple[str, ...]:
    entry = line.entry
    then = [str(each) for each in (entry.aftermath, entry.verdict) if each != "none"]
    return (
        str(line.number),
        books.moment(line.started_wall_s),
        books.shortened(line.text),
        line.layer,
        line.reason,
        f"{line.confidence:.2f}",
        f"{entry.first_token_ms:.0f} ms" if entry.first_token_ms else "-",
        line.outcome + (", amended" if entry.amended else ""),
        ", ".join(then) or "-",
    )


def _flat(line: Route) -> dict[str, Any]:
    """One object: the line, and what its entry says."""
    own = {each.name: getattr(line, each.name) for each in dataclasses.fields(line) if each.name != "entry"}
    entry = {each.name: getattr(line.entry, each.name) for each in dataclasses.fields(line.entry)}
    entry["candidates"] = [dataclasses.asdict(each) for each in line.entry.candidates]
    entry["missing"] = list(line.entry.missing)
    return {**own, **entry}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(
            f"{each['intent']} {each['confidence']:.2f} ({each['source']})" if isinstance(each, dict) else str(each)
            for each in value
        )
    return f"{value:g}" if isinstance(value, float) else str(value)


def _replay_facts(again: Replay) -> dict[str, Any]:
    changes = [
        {
            "number": change.before.number,
            "turn_id": change.before.entry.turn_id,
            "confidence": change.before.confidence,
            "before": {"layer": change.before.layer, "reason": change.before.reason},
            "after": {"layer": change.after.layer, "reason": change.after.reason},
        }
        for change in again.changes
    ]
    return {"decided": again.decided, "before": again.before, "after": again.after, "changes": changes}


def _jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: list[dict[str, Any]]) -> str:
    """Lists as JSON; what a spreadsheet would take for a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    for at, row in enumerate(rows):
        if at == 0:
            writer.writerow(row)
        writer.writerow(_csv_cell(value) for value in row.values())
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
