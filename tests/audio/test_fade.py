"""The curve by which a ring gets louder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.audio.fade import QUIET_DB, faded_in, rising_gain
from assistant.audio.format import Chunk, rms_dbfs

RATE_HZ = 8_000
LOUD = Chunk(np.full(2 * RATE_HZ, 20_000, np.int16), RATE_HZ)


def test_the_level_rises_evenly_from_quiet_to_full() -> None:
    levels_db = 20 * np.log10(rising_gain(np.array([0.0, 5.0, 10.0, 15.0, 20.0, 99.0]), 20.0))
    assert levels_db == pytest.approx([QUIET_DB, QUIET_DB * 0.75, QUIET_DB / 2, QUIET_DB / 4, 0.0, 0.0])


@given(over_s=st.floats(0, 600), at_s=st.floats(0, 1_000))
def test_it_never_falls_and_is_never_silent_or_more_than_full(over_s: float, at_s: float) -> None:
    gains = rising_gain(at_s + np.linspace(0, 2, 50), over_s)
    assert np.all(np.diff(gains) >= 0)
    assert 10 ** (QUIET_DB / 20) * 0.999 <= gains.min() <= gains.max() <= 1.0


def test_without_a_fade_the_sound_is_as_it_is() -> None:
    assert faded_in(LOUD, 0.0, 0.0) is LOUD
    assert faded_in(LOUD, 20.0, 20.0) is LOUD


def test_piece_by_piece_it_rises_without_a_step() -> None:
    pieces = [faded_in(LOUD, at_s, 5.0).samples for at_s in (0.0, 2.0, 4.0)]
    whole = np.concatenate(pieces).astype(int)
    assert np.abs(np.diff(whole)).max() <= 4, "no click where two pieces meet, or where the fade ends"
    assert rms_dbfs(pieces[0][: RATE_HZ // 100]) == pytest.approx(rms_dbfs(LOUD.samples) + QUIET_DB, abs=0.2)
    assert whole[-1] == 20_000
