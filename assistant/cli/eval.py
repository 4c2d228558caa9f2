"""`assistant eval`: measure over a manifest, or over simulated users."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assistant.cli.options import log_quietly
from assistant.config import find_paths, load_config
from assistant.evaluate.common import EvalOptions, Report, write_json

_HELP = "Measure over a manifest (JSON lines; paths are relative to it)."
app = typer.Typer(no_args_is_help=True)

Manifest = Annotated[Path, typer.Argument(help="JSON lines, one object a line.", show_default=False)]
JsonOut = Annotated[Path | None, typer.Option("--json", help="Write the figures and every row here.", metavar="OUT")]
Limit = Annotated[int | None, typer.Option(min=1, help="Measure this many rows only.", metavar="N")]
Seed = Annotated[int, typer.Option(help="Chooses the rows that --limit leaves.", metavar="N")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.", metavar="FILE")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="A setting for this run, as TOML.", metavar="SECTION.KEY=VALUE")
]


class SttEngine(StrEnum):
    """Ways to decode."""

    FAST = "fast"
    """As much context as was spoken; what is doubtful is redone."""
    FULL = "full"
    """Whisper's whole 30 s window."""


@app.callback(help=_HELP)
def evaluate() -> None:
    """Keeps `wake` a command of its own, however many there are."""


@app.command()
def wake(
    manifest: Manifest,
    *,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Misses, false accepts per hour and CPU share of the wake words."""
    from assistant.evaluate.wake import run_wake  # noqa: PLC0415 - heavy

    finish(run_wake(read_options(manifest, limit, seed, config, overrides)), json_out)


@app.command()
def stt(
    manifest: Manifest,
    *,
    model: Annotated[
        str, typer.Option(help="Whisper model; default: stt.model.", metavar="ID", show_default=False)
    ] = "",
    engine: Annotated[
        SttEngine | None, typer.Option(help="How it decodes; default: stt.engine.", show_default=False)
    ] = None,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Word error rate of the speech recognition, and how long it takes."""
    from assistant.evaluate.stt import run_stt  # noqa: PLC0415 - heavy

    options = read_options(manifest, limit, seed, config, overrides)
    finish(run_stt(options, model=model, how=engine or ""), json_out)


@app.command()
def nlu(
    manifest: Manifest,
    *,
    now: Annotated[
        datetime | None, typer.Option(help="The user's local time; default: this moment.", show_default=False)
    ] = None,
    grammar_alone: Annotated[bool, typer.Option(help="Without the model.")] = False,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Right intents and slots, what is left alone, and how long understanding a text takes."""
    from assistant.evaluate.nlu import run_nlu  # noqa: PLC0415 - heavy

    options = read_options(manifest, limit, seed, config, overrides)
    moment = now or datetime.now()  # noqa: DTZ005 - local time, as a turn has it
    finish(run_nlu(options, now=moment, grammar_alone=grammar_alone), json_out)


@app.command()
def route(
    manifest: Manifest,
    *,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Who would answer, edge or cloud, and why."""
    from assistant.evaluate.route import run_route  # noqa: PLC0415 - heavy

    options = read_options(manifest, limit, seed, config, overrides)
    finish(run_route(options, now=datetime.now()), json_out)  # noqa: DTZ005 - local time, as a turn has it


@app.command()
def llm(
    manifest: Annotated[
        Path | None,
        typer.Argument(help="JSON lines, one object a line; default: our own questions.", show_default=False),
    ] = None,
    *,
    model: Annotated[
        str, typer.Option(help="Language model; default: llm.model.", metavar="ID", show_default=False)
    ] = "",
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """What the language model on this device knows, and whether it knows that."""
    from assistant.evaluate.llm import run_llm  # noqa: PLC0415 - heavy
    from assistant.packaged import packaged_questions  # noqa: PLC0415

    options = _quiet_options(manifest or packaged_questions("test"), limit, seed, config, overrides)
    finish(run_llm(options, model=model), json_out)


@app.command()
def day(
    manifest: Manifest,
    *,
    mix: Annotated[str, typer.Option(help="Whose day: `logs`, `adobe` or `ccs`.")] = "logs",
    json_out: JsonOut = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """How much of a household's day of 300 requests the edge answers, drawn from rows that say their kind.

    The mix `logs` has the order of two studies of logs; `adobe` and `ccs` weigh by what owners told in surveys.
    """
    from assistant.evaluate.day import run_day  # noqa: PLC0415 - heavy

    options = read_options(manifest, None, seed, config, overrides)
    finish(run_day(options, now=datetime.now(), mix=mix), json_out)  # noqa: DTZ005 - local time, as a turn has it


@app.command()
def endpoint(
    manifest: Manifest,
    *,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Cut-offs and delay of the end of turn; the whole assistant in real time, with a virtual microphone."""
    from assistant.evaluate.endpoint import run_endpoint  # noqa: PLC0415 - heavy

    finish(run_endpoint(_quiet_options(manifest, limit, seed, config, overrides)), json_out)


@app.command()
def turns(
    manifest: Manifest,
    *,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Right actions, voice to voice and cut-offs of spoken requests to the whole assistant, in real time."""
    from assistant.evaluate.turns import run_turns  # noqa: PLC0415 - heavy

    finish(run_turns(_quiet_options(manifest, limit, seed, config, overrides)), json_out)


@app.command()
def calibration(
    *,
    runs: Annotated[int, typer.Option(min=1, max=10_000, help="So many simulated homes of each kind.")] = 100,
    utterances: Annotated[int, typer.Option(min=1, max=1_000_000, help="What each home says.")] = 2_000,
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Whether `assistant calibrate` finds the break, on simulated users whose edge's quality is known."""
    from assistant.evaluate.calibration import run_calibration  # noqa: PLC0415 - heavy

    finish(run_calibration(runs, utterances, seed), json_out)


@app.command()
def grader(
    manifest: Annotated[
        Path | None, typer.Argument(help="Pairs of answers, labelled; default: our hundred.", show_default=False)
    ] = None,
    *,
    json_out: JsonOut = None,
    limit: Limit = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Whether a gateway's model, asked which of two answers is better, says what people say."""
    from assistant.evaluate.grader import PAIRS, run_grader  # noqa: PLC0415 - heavy

    finish(run_grader(_quiet_options(manifest or PAIRS, limit, seed, config, overrides)), json_out)


def _quiet_options(
    manifest: Path, limit: int | None, seed: int, config: Path | None, overrides: list[str] | None
) -> EvalOptions:
    """The options, and no log of the assistant between the figures."""
    options = read_options(manifest, limit, seed, config, overrides)
    log_quietly(options.config)
    return options


def read_options(
    manifest: Path, limit: int | None, seed: int, config: Path | None, overrides: list[str] | None
) -> EvalOptions:
    """The options every evaluation has. Raises ConfigError."""
    return EvalOptions(manifest, load_config(find_paths(config), overrides or ()), limit, seed)


def finish(report: Report, json_out: Path | None) -> None:
    """Print the table and the rows that failed; write the JSON. Raises EvaluateError."""
    console = Console()
    console.print(report.table())
    for problem in report.problems:
        console.print(str(problem), style="yellow", markup=False, soft_wrap=True)
    if json_out:
        write_json(report, json_out)
