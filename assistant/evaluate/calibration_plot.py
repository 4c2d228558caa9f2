"""The picture of `assistant calibrate`: agreement by confidence with its error bars, the curve, the thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.dialog.calibrate import Calibration
from assistant.evaluate.bench.plot import new_figure, save_figure

_OURS, _OLD, _INK = "#1f6f5c", "#b8bfc6", "#30363c"


def draw_calibration(path: Path, of: Calibration, in_force: float) -> None:
    """Draw into a PNG, SVG or PDF file, as its ending says.

    Raises:
        EvaluateError: `bench-missing` without the extra `bench`; `output-unwritable`.
    """
    figure = new_figure((8, 5))
    axes = figure.subplots()
    x = [bar.confidence for bar in of.bars]
    y = [bar.agreement for bar in of.bars]
    below = [bar.agreement - bar.at_least for bar in of.bars]
    above = [bar.at_most - bar.agreement for bar in of.bars]
    axes.errorbar(x, y, yerr=(below, above), fmt="o", color=_INK, capsize=3, label="replies, with error bars")
    found = of.found
    grid = np.linspace(min(bar.lowest for bar in of.bars), 1.0, 400)
    rise = 1 / (1 + np.exp(np.clip((found.middle - grid) / found.width, -60, 60)))
    axes.plot(grid, found.low + (found.high - found.low) * rise, color=_OURS, label="fitted")
    axes.axvspan(found.at_least, found.at_most, color=_OURS, alpha=0.15, linewidth=0)
    axes.axvline(of.threshold, color=_OURS, linestyle="--", label=f"proposed: {of.threshold:g}")
    axes.axvline(in_force, color=_OLD, linestyle="--", label=f"in force: {in_force:g}")
    axes.set_xlabel("the edge's confidence", color=_INK)
    axes.set_ylabel("share of right replies", color=_INK)
    axes.set_ylim(0, 1.02)
    axes.set_title(f"{of.n} judged replies; the edge would keep {of.kept:.0%}", fontsize=10, color=_INK, loc="left")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
