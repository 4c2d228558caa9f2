"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from assistant.errors import EdgewiseError, EvaluateError
from assistant.evaluate.bench import figures, machine, servers
from assistant.evaluate.bench.environment import ensure_environment
from assistant.evaluate.bench.figures import TITLES, Measured
from assistant.evaluate.bench.gateway import measure_gateway
from assistant.evaluate.bench.home_assistant import measure_home
from assistant.evaluate.bench.llm import measure_llm
from assistant.evaluate.bench.peers import PeerOptions, find_data, measure_peers
from assistant.evaluate.bench.plot import write_plot
from assistant.evaluate.bench.readers import COLUMNS, measure_readers
from assistant.evaluate.bench.sync import measure_sync
from assistant.evaluate.bench.vllm import ensure_vllm, environment_dir
from assistant.evaluate.bench.worker import own_config
from assistant.evaluate.words import Normaliser, load_normaliser
from assistant.logs import setup_logging

PEERS, NLU, GATEWAY, HOME, SYNC, LLM = "peers", "nlu", "gateway", "home", "sync", "llm"
MEASURES = {**machine.BENCHES, HOME: measure_home, SYNC: measure_sync}
NAMES = (*machine.BENCHES, NLU, GATEWAY, SYNC, PEERS, HOME, LLM)
PICTURES = (".png", ".svg", ".pdf")


def main(arguments: list[str] | None = None) -> None:
    """Entry point of scripts/bench. Exit status 1 when one of the benches could not be run."""
    options = _parser().parse_args(arguments)
    setup_logging("error", "text")
    errors = Console(stderr=True)
    results: dict[str, Any] = {}
    failed = False
    special = {PEERS: _peers, NLU: _nlu, GATEWAY: _gateway, LLM: _llm}
    for name in options.what or NAMES:
        try:
            results[name] = special[name](options) if name in special else _machine(name, options.seconds)
        except EdgewiseError as exc:
            failed = True
            errors.print(str(exc), markup=False, soft_wrap=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), "utf-8")
    if failed:
        sys.exit(1)


def peer_table(measured: Measured, normalise: Normaliser) -> Table:
    """A line for each stage, then speech to text set by set; behind each figure how many times Edgewise's it is."""
    of = {name: figures.figures(measured, name, normalise) for name in measured.contenders}
    table = Table("", *(TITLES[name] for name in of), title="bench peers", box=box.SIMPLE_HEAD)
    for line in figures.cells(of):
        table.add_row(*line)
    table.add_section()
    for line in figures.group_cells(measured):
        table.add_row(*line)
    return table


def target_table(measured: Measured, normalise: Normaliser) -> Table:
    """What was wanted and what came of it."""
    table = Table("target", "wanted", "got", "", box=box.SIMPLE_HEAD)
    for target in figures.targets(measured, normalise):
        table.add_row(target.what, target.wanted, target.got, "met" if target.met else "missed")
    return table


def plot_path(plot: Path | None, json_out: Path | None) -> Path | None:
    """Where the plot goes: where it was asked for, else beside the JSON, else nowhere."""
    return plot or (json_out.with_suffix(".png") if json_out else None)


def _machine(name: str, seconds: float) -> dict[str, float]:
    bench = MEASURES[name]
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(bench(own_config(Path(folder)), seconds))
    table = Table(title=f"bench {name}", show_header=False)
    for key, value in found.items():
        table.add_row(key.replace("_", " "), f"{value:g}")
    Console().print(table)
    return dict(found)


def _nlu(_: argparse.Namespace) -> dict[str, Any]:
    """Measure and show. Raises EdgewiseError."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_readers(own_config(Path(folder)), find_data())
    table = Table("set", "reader", *(title for _, title in COLUMNS), title="bench nlu", box=box.SIMPLE_HEAD)
    for name, readers in found.items():
        table.add_section()
        for reader, of in readers.items():
            cells = [of.get(column) for column, _ in COLUMNS]
            table.add_row(name, reader, *("-" if cell is None else f"{cell:.4g}" for cell in cells))
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return found


def _gateway(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and show. Raises EdgewiseError."""
    errors = Console(stderr=True)
    python = ensure_vllm(environment_dir(), lambda text: errors.print(text, soft_wrap=True)) if options.vllm else None
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure_gateway(own_config(Path(folder)), options.rounds, python))
    added = Table(title="bench gateway: to the first text", show_header=False)
    for key, value in found["first_text_ms"].items():
        added.add_row(f"{key.replace('_', ' ')}, ms", f"{value:g}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(added)
    for key, title in (("streams", "streams at once"), ("vllm", "streams at once, vLLM")):
        if rows := found.get(key):
            table = Table(*(name.replace("_", " ") for name in rows[0]), title=title, box=box.SIMPLE_HEAD)
            for row in rows:
                table.add_row(*(f"{value:g}" for value in row.values()))
            console.print(table)
    return found


def _llm(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and show. Raises EdgewiseError."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure_llm(own_config(Path(folder)), options.model, options.llm_rounds))
    table = Table(title="bench llm", show_header=False)
    for key, value in found.items():
        table.add_row(key.replace("_", " "), value if isinstance(value, str) else f"{value:g}")
    Console().print(table)
    return dict(found)


def _peers(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and show. Raises EdgewiseError."""
    normalise = load_normaliser()
    console = Console(width=None if sys.stdout.isatty() else 140)
    errors = Console(stderr=True)

    def say(text: str) -> None:
        errors.print(text, markup=False, highlight=False, soft_wrap=True)

    data = find_data()
    servers, skipped = _servers(say, wanted=not options.no_wyoming)
    choice = PeerOptions(options.rows, options.turns, options.seed, servers)
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure_peers(own_config(Path(folder)), data, choice, Path(folder), say))
    measured = replace(measured, skipped=skipped)
    console.print(peer_table(measured, normalise), target_table(measured, normalise))
    for name, reason in measured.skipped.items():
        console.print(f"{TITLES[name]} was left out: {reason}.", markup=False, soft_wrap=True)
    for each in figures.differing(measured, same_sound=True):
        console.print(each.audio, each.full, each.whisper, sep="\n  ", markup=False, soft_wrap=True)
    if others := figures.differing(measured, same_sound=False):
        words = sum(normalise(each.full) != normalise(each.whisper) for each in others)
        console.print(
            f"Given whole recordings, silence and all, faster-whisper writes {len(others)} otherwise than full,"
            f" {words} of them in other words (all are in the JSON).",
            highlight=False,
            soft_wrap=True,
        )
    if path := plot_path(options.plot, options.json):
        of = {name: figures.figures(measured, name, normalise) for name in measured.contenders}
        counts = f"{len(measured.recordings)} recordings, {len(measured.commands)} spoken commands"
        write_plot(path, of, f"{measured.machine.get('model')}, {counts}, {measured.machine.get('threads')} threads")
        say(f"Plot: {path}")
    return figures.to_json(measured, normalise)


def _servers(say: Callable[[str], None], *, wanted: bool) -> tuple[Path | None, dict[str, str]]:
    """The Python that has the Wyoming servers, or why there is none."""
    if not wanted:
        return None, {figures.WYOMING: "as asked"}
    try:
        return ensure_environment(servers.environment_dir(), servers.packages(), say), {}
    except EvaluateError as exc:
        return None, {figures.WYOMING: exc.message}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure this machine, and compare.")
    parser.add_argument("what", nargs="*", choices=[*NAMES, []], help="default: all of them")
    parser.add_argument("--seconds", type=float, default=60.0, help="idle: how long")
    parser.add_argument("--rounds", type=_count, default=300, help="gateway: questions for the time to the first text")
    parser.add_argument("--model", default="smollm2-135m", metavar="ID", help="llm: the language model")
    parser.add_argument("--llm-rounds", type=_count, default=3, metavar="N", help="llm: times 8 questions")
    vllm_help = "gateway: in front of vLLM too (3.5 GB, installed once into the user's cache or $EDGEWISE_VLLM_DIR)"
    parser.add_argument("--vllm", action="store_true", help=vllm_help)
    parser.add_argument("--rows", type=_count, default=PeerOptions().rows, help="peers: recordings for speech to text")
    parser.add_argument(
        "--turns", type=_count, default=PeerOptions().turns, help="peers: commands from end to end, up to 12"
    )
    parser.add_argument("--seed", type=int, default=0, help="peers: chooses recordings and rooms")
    parser.add_argument("--no-wyoming", action="store_true", help="peers: without the Wyoming servers")
    parser.add_argument(
        "--plot",
        type=_picture,
        nargs="?",
        const=Path("peers.png"),
        metavar="FILE",
        help="peers: a picture (.png, .svg or .pdf); default: beside the JSON",
    )
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the figures to this file as well")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _file(text: str) -> Path:
    """Found out now rather than after minutes of measuring."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} can't be a file: there is no such folder, or it is one itself")
    return path


def _picture(text: str) -> Path:
    path = _file(text)
    if path.suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(PICTURES)}")
    return path
