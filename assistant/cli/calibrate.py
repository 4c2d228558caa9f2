"""`assistant calibrate`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli import books
from assistant.cli.edit_config import write_settings
from assistant.cli.options import AsJson, ConfigFile, Overrides, load
from assistant.cli.output import show_json, show_table
from assistant.cli.session import with_session
from assistant.dialog.calibrate import Calibration, calibrate, samples
from assistant.records import Verdict

app = typer.Typer()

SETTING = "router.threshold"


@app.command("calibrate")
def calibrate_threshold(
    *,
    signals: Annotated[
        bool, typer.Option("--signals", help="Count replies that nobody complained about as right; needs no cloud.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw it: a .png, .svg or .pdf file.", metavar="FILE", show_default=False)
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the threshold into the config file.")] = False,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Where the edge's replies stop being right, by the ledger, and the threshold to set. Changes nothing by itself."""
    config = load(config_file, overrides)
    found, _ = with_session(config, books.routes)
    unrated = sum(each.entry.verdict is Verdict.UNRATED for each in found)
    in_force = config.settings.router.threshold
    calibration = calibrate(samples(found, signals=signals), in_force)
    if plot:
        from assistant.evaluate.calibration_plot import draw_calibration  # noqa: PLC0415 - matplotlib

        draw_calibration(plot, calibration, in_force)
    if as_json:
        show_json({**dataclasses.asdict(calibration), "in_force": in_force, "unrated": unrated, "applied": apply})
    else:
        _show(calibration, in_force, unrated)
    if apply:
        write_settings(config.paths, {SETTING: calibration.threshold})
        if not as_json:
            typer.echo(
                f"{SETTING} = {calibration.threshold:g} is in {config.paths.config_file}; restart the assistant."
            )
    elif not as_json:
        typer.echo("Set it with --apply; `assistant routes replay --threshold` shows what it would change.")


def _show(of: Calibration, in_force: float, unrated: int) -> None:
    rows = [
        (
            f"{bar.lowest:.2f} to {bar.highest:.2f}",
            str(bar.n),
            f"{bar.agreement:.0%}",
            f"{bar.at_least:.0%} to {bar.at_most:.0%}",
        )
        for bar in of.bars
    ]
    show_table(("confidence", "replies", "right", "between"), rows)
    found = of.found
    typer.echo(
        f"\nbreak at {found.middle:.3f} ({found.at_least:.3f} to {found.at_most:.3f}): "
        f"{found.low:.0%} right below, {found.high:.0%} above; a logistic curve of width {found.width:g}"
    )
    typer.echo(
        f"threshold {of.threshold:g} (now {in_force:g}): the edge keeps {of.kept:.0%} of what it claims "
        f"(now {of.kept_before:.0%}), and of these {of.agreement_kept:.0%} are right"
    )
    if unrated:
        typer.echo(f"{unrated} compared replies could not be rated: the grader's answer made no sense")
