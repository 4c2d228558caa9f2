"""Requests with their values marked, as HWU64 and SLURP write them: "wake me up at [time : seven am]"."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import EvaluateError

_ANNOTATED = re.compile(r"\[(\w+) : ([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class SlotRule:
    """How an annotated slot is scored."""

    ours: tuple[str, ...]
    """Slots that may hold it; any of them is right."""
    compare: str
    """`span` the words, `value` the value after normalising, `skip` nothing."""


def pieces(annotated: str) -> Iterator[tuple[str, str]]:
    """(text, its slot in the data set; empty for none), in order."""
    at = 0
    for match in _ANNOTATED.finditer(annotated):
        yield annotated[at : match.start()], ""
        yield match[2], match[1]
        at = match.end()
    yield annotated[at:], ""


def read_slot_rules(file: Path) -> dict[str, SlotRule]:
    """slots.csv of the development data. Raises EvaluateError: `manifest-unreadable`."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return {
                row["hwu64_slot"]: SlotRule(tuple(name for name in row["ours"].split("|") if name), row["compare"])
                for row in csv.DictReader(lines)
            }
    except (OSError, KeyError, ValueError) as exc:
        raise EvaluateError(
            "manifest-unreadable",
            f"can't read {file}, which says how annotated slots are scored",
            hint="Keep slots.csv beside the manifest, or set EDGEWISE_DATA to the development data.",
        ) from exc
