"""The makers of sets: rooms, ends of speech, pauses; with real voices in the long suite."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, rms_dbfs, to_int16
from assistant.config import find_paths, load_config
from assistant.evaluate import make_pauses, make_turns
from assistant.evaluate.common import EvalOptions, Row
from assistant.evaluate.make_pauses import (
    PAUSE_S,
    Source,
    end_of_speech_s,
    find_gaps,
    hesitate,
    longest_pause_s,
    room_tone,
)
from assistant.evaluate.make_turns import speak_rows
from assistant.evaluate.scenes import Scene, Signal, last_audible_s, place


def noise(seconds: float, level: float, seed: int = 0) -> Signal:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)


WORD = noise(0.4, 0.1)


def two_words(floor: float = 1e-4) -> Signal:
    """A word from 0.2 to 0.6 s and one from 0.68 to 1.08 s."""
    signal = noise(1.6, floor, 1)
    for start_s in (0.2, 0.68):
        start = round(start_s * RATE_HZ)
        signal[start : start + len(WORD)] += WORD
    return signal


class FakeSpeaker:
    """`scenes.Speaker`: noise, and silence behind it."""

    def speak(self, text: str, pick: random.Random) -> Signal:
        return np.concatenate((noise(0.1 * len(text.split()), 0.1), np.zeros(RATE_HZ // 2, np.float32)))


def test_speech_ends_where_the_dry_voice_falls_silent_on_its_way_through_the_room() -> None:
    room = np.zeros(RATE_HZ // 2, np.float32)
    room[160], room[4000] = 1.0, 0.5
    placed = place(
        np.concatenate((WORD, np.zeros(RATE_HZ, np.float32))),
        Scene((room,), ()),
        random.Random(0),
        before_s=0.5,
        after_s=0.3,
    )
    assert placed.end_of_speech_s == pytest.approx(0.5 + 0.01 + 0.4, abs=0.021)
    assert len(placed.signal) / RATE_HZ == pytest.approx(0.5 + 1.4 + 0.5 + 0.3, abs=0.01)
    assert rms_dbfs(to_int16(placed.signal[: RATE_HZ // 2])) == -120


def test_last_audible() -> None:
    assert last_audible_s(np.concatenate((WORD, noise(1.0, 1e-5)))) == pytest.approx(0.4, abs=0.021)


@pytest.mark.parametrize("floor", [1e-5, 1e-3, 1e-2])
def test_the_end_of_speech_is_found_above_the_recordings_own_noise(floor: float) -> None:
    assert end_of_speech_s(two_words(floor)) == pytest.approx(1.08, abs=0.041)


def test_pauses_go_where_it_is_quiet_between_words() -> None:
    gaps = find_gaps(two_words(), [0.64])
    assert len(gaps) == 1
    assert 0.6 <= gaps[0].sample / RATE_HZ <= 0.68
    assert gaps[0].quiet_s == pytest.approx(0.08, abs=0.021)
    assert find_gaps(two_words(), [0.4]) == (), "inside a word"
    assert find_gaps(two_words(floor=0.05), [0.64]) == (), "too loud"
    assert find_gaps(two_words(), [5.0]) == (), "behind the end"
    assert find_gaps(two_words(), [1.4]) == (), "no word behind it"


def test_a_pause_lengthens_the_recording_by_itself_and_is_as_quiet_as_the_room() -> None:
    source = Source("x", "one two", two_words(), 1.08, find_gaps(two_words(), [0.64]))
    signal, end_s, pauses_s = hesitate(source, random.Random(0))
    assert len(pauses_s) == 1
    assert PAUSE_S[0] <= pauses_s[0] <= PAUSE_S[1]
    assert end_s == pytest.approx(1.08 + pauses_s[0] - source.gaps[0].quiet_s, abs=0.001)
    assert len(signal) / RATE_HZ == pytest.approx(end_s + 0.3, abs=0.01)
    assert longest_pause_s(signal, end_s) == pytest.approx(pauses_s[0], abs=0.041)
    pause = signal[round(0.68 * RATE_HZ) : round((0.58 + pauses_s[0]) * RATE_HZ)]
    assert rms_dbfs(to_int16(pause)) == pytest.approx(-80, abs=4)
    assert end_of_speech_s(signal) == pytest.approx(end_s, abs=0.041)


def test_room_tone_has_the_level_of_the_quietest_moment() -> None:
    signal = np.concatenate((WORD, noise(0.5, 0.003), WORD))
    tone = room_tone(signal, RATE_HZ, random.Random(0))
    assert len(tone) == RATE_HZ
    assert float(tone.std()) == pytest.approx(0.003, rel=0.1)


def options(folder: Path) -> EvalOptions:
    return EvalOptions(folder / "texts.jsonl", load_config(find_paths()), seed=3, progress=False)


def test_the_same_seed_makes_the_same_set(tmp_path: Path) -> None:
    scene = Scene((np.eye(1, 400, dtype=np.float32)[0],), (noise(3.0, 0.01),))
    raw: dict[str, Any] = {"text": "set a timer", "intent": "HassStartTimer", "slots": {"minutes": 3}, "more": 1}
    rows = [Row(number, raw, raw["text"]) for number in range(1, 5)]
    sets = [speak_rows(rows, tmp_path / name, {"fake": FakeSpeaker()}, scene, options(tmp_path)) for name in "ab"]
    assert sets[0] == sets[1]
    for row in sets[0]:
        assert {**raw, **row} == {**row, "more": 1}
        sound = read_audio(tmp_path / "a" / row["audio"])
        assert np.array_equal(sound.samples, read_audio(tmp_path / "b" / row["audio"]).samples)
        assert 0.1 + 0.3 <= row["end_of_speech_s"] <= 0.6 + 0.34 < sound.duration_s


@pytest.mark.parametrize("maker", [make_turns.main, make_pauses.main])
def test_makers_name_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], maker: Any
) -> None:
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path / "none"))
    texts = [str(tmp_path / "texts.jsonl")] if maker is make_turns.main else []
    assert maker([*texts, str(tmp_path / "set")]) == 1
    assert "EDGEWISE_DATA" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
@pytest.mark.models
def test_texts_that_make_no_sense_are_told_and_the_others_spoken(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text("nonsense\n", "utf-8")
    assert make_turns.main([str(texts), str(tmp_path / "set")]) == 1
    assert "manifest-invalid" in capsys.readouterr().err
    texts.write_text('{"text": "what time is it", "intent": "HassGetCurrentTime"}\n{"text": "stop"}\n', "utf-8")
    assert make_turns.main([str(texts), str(tmp_path / "set")]) == 0
    assert "line 2: `intent` is missing" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "set" / "turns.jsonl").read_text("utf-8").splitlines()]
    assert [row["text"] for row in rows] == ["what time is it"]
    assert read_audio(tmp_path / "set" / rows[0]["audio"]).duration_s > rows[0]["end_of_speech_s"]
