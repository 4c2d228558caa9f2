"""What a choice of the fast pass's figures would have given, worked out from what was decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.evaluate.tune_stt import (
    CLOSINGS_S,
    PADDINGS_S,
    SETS,
    Measured,
    Tried,
    choices,
    outcome,
    read_sounds,
    table,
)
from assistant.speech.fast import Pass
from assistant.speech.presence import Decoded
from assistant.values import FastPass
from tests.speech.engines import VOICE

LIMITS = FastPass(padding_s=0.4, redo_padding_s=4.0, closing_s=8.0, min_log_probability=-0.5)


def tried(log_probability: float, errors: int, ms: float) -> Tried:
    return Tried(Pass(Decoded("a b c", log_probability, 0.1, 0.5, finished=True), (1, 2, 3)), errors, ms)


def recording(first: Tried, second: Tried) -> Measured:
    """Ten words, 2 of them wrong when decoded whole, which takes 600 ms."""
    whole = tried(-0.1, 2, 600.0)
    return Measured("dawn", 10, 1.0, 0.95, 10.0, whole, whole, {(0.4, 8.0): first, (4.0, 8.0): second})


def test_what_is_believed_costs_one_pass() -> None:
    got = outcome([recording(tried(-0.4, 3, 90.0), tried(-0.4, 1, 150.0))], LIMITS)
    assert (got.errors, got.full_errors, got.words) == (3, 2, 10)
    assert (got.redone_share, got.whole_share) == (0, 0)
    assert got.ms == (100.0, 100.0)
    assert got.faster == pytest.approx((6.1, 6.1))


def test_what_is_doubtful_costs_every_pass_until_one_is_believed() -> None:
    good, doubtful = tried(-0.4, 0, 90.0), tried(-0.6, 9, 90.0)
    rows = [recording(good, good), recording(doubtful, good), recording(doubtful, doubtful)]
    got = outcome(rows, LIMITS)
    assert got.errors == 0 + 0 + 2
    assert (got.redone_share, got.whole_share) == pytest.approx((2 / 3, 1 / 3))
    assert got.ms[0] == 10 + 90 + 90
    assert outcome(rows, replace(LIMITS, min_log_probability=-0.7)).errors == 18


def test_the_table_has_a_line_for_every_choice() -> None:
    good = tried(-0.4, 0, 90.0)
    every = list(choices(LIMITS, PADDINGS_S, CLOSINGS_S))
    contexts = {(choice.padding_s, choice.closing_s): good for choice in every}
    contexts |= {(choice.redo_padding_s, choice.closing_s): good for choice in every}
    measured = [replace(recording(good, good), short=contexts)]
    assert len({(choice.padding_s, choice.closing_s, choice.min_log_probability) for choice in every}) == len(every)
    assert table(measured, [("all", choice) for choice in every], "all").row_count == len(every)


@pytest.mark.models
def test_every_recording_comes_clean_in_a_room_and_under_noise(data: Path) -> None:
    sounds = list(read_sounds(data, 1, 0, VOICE / "en_US-joe-medium.onnx"))
    assert [sound.group for sound in sounds] == [
        f"{name}{condition}" for name in (*SETS, "spoken") for condition in ("", ", room", ", noise")
    ]
    assert all(sound.text and len(sound.samples) > 8_000 for sound in sounds)
