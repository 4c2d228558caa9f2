"""The one picture of `scripts/bench peers`: a bar for each contender, in four panels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import EvaluateError
from assistant.evaluate.bench.figures import OURS, TITLES, Figures, ratios

PANELS = (
    ("Speech to text, ms", "stt_ms_p50", "stt_ms_p95"),
    ("Voice to voice, ms", "voice_to_voice_ms_p50", "voice_to_voice_ms_p95"),
    ("CPU for a turn, s", "cpu_s_per_turn", None),
    ("Peak memory, MB", "peak_memory_mb", None),
)
"""Title, the bar, and how far its whisker reaches."""
_OURS, _PEER, _INK = "#1f6f5c", "#b8bfc6", "#30363c"


def write_plot(path: Path, of: Mapping[str, Figures], title: str) -> None:
    """Draw into a PNG, SVG or PDF file, as its ending says.

    Raises:
        EvaluateError: `bench-missing` without the extra `bench`; `output-unwritable`.
    """
    figure = new_figure((11, 6))
    figure.suptitle(title, fontsize=11, color=_INK)
    for axes, (name, bar, whisker) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        _draw(axes, name, of, bar, whisker)
    save_figure(figure, path)


def new_figure(size: tuple[float, float]) -> Any:
    """An empty figure, so many inches wide and high. Raises EvaluateError `bench-missing`."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - of the extra `bench`, heavy
    except ImportError as exc:
        raise EvaluateError(
            "bench-missing", "a plot needs more packages", hint="Install them: pip install 'edgewise[bench]'"
        ) from exc
    return Figure(figsize=size, layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write it as the file's ending says. Raises EvaluateError `output-unwritable`."""
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as exc:
        raise EvaluateError(
            "output-unwritable",
            f"can't write {path}: {exc}",
            hint="Name a .png file in a folder that you can write to.",
        ) from exc


def _draw(axes: Any, name: str, of: Mapping[str, Figures], bar: str, whisker: str | None) -> None:
    """Edgewise on top; behind a bar its figure and how many times Edgewise's it is."""
    times = ratios(of)
    shown = [contender for contender in reversed(list(of)) if of[contender][bar] is not None]
    for height, contender in enumerate(shown):
        value = float(of[contender][bar] or 0)
        reach = float((of[contender][whisker] if whisker else None) or value)
        axes.barh(height, value, height=0.6, color=_OURS if contender == OURS else _PEER)
        if reach > value:
            axes.plot([value, reach], [height, height], color=_INK, linewidth=1, marker="|", markevery=[1])
        ratio = times.get(contender, {}).get(bar)
        label = (f"{value:.2f}" if value < 10 else f"{value:.0f}") + (f"  {ratio:.1f}x" if ratio else "")
        axes.annotate(label, (max(value, reach), height), (5, 0), textcoords="offset points", va="center", color=_INK)
    axes.set_yticks(range(len(shown)), [TITLES[contender] for contender in shown], color=_INK)
    axes.set_title(name + (" (p50; line: to p95)" if whisker else ""), fontsize=10, color=_INK, loc="left")
    axes.margins(x=0.25)
    axes.spines[["top", "right"]].set_visible(False)
