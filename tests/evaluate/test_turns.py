"""`eval endpoint` and `eval turns`: recordings played to a whole assistant, with fakes for what hears and speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from assistant.audio.format import RATE_HZ, Samples
from assistant.cli.eval import app
from assistant.config import Config, find_paths, load_config
from assistant.errors import EvaluateError, SpeechError
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.endpoint import measure_endpoint
from assistant.evaluate.live import EvalEngines, MakeEngines
from assistant.evaluate.turns import measure_turns, slots_match
from assistant.evaluate.words import load_normaliser, lost_words
from assistant.models import Models
from tests.fakes import FakeEar, FakeEngines, FakeTranscriber
from tests.virtual_time import VirtualClock

WORD_S = 0.25


class FakeEvalEngines(EvalEngines, FakeEngines):
    """The evaluation's engines with fakes behind them."""


def hearing(ear: FakeTranscriber) -> MakeEngines:
    def make(config: Config, models: Models) -> EvalEngines:
        engines = FakeEvalEngines(config, models)
        engines.transcriber = ear
        return engines

    return make


def words(count: int) -> Samples:
    """Sound that stands for so many words."""
    return np.full(round(count * WORD_S * RATE_HZ), 9000, np.int16)


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def write(folder: Path, *rows: tuple[list[Samples], dict[str, Any]]) -> EvalOptions:
    lines = []
    for number, (parts, row) in enumerate(rows):
        soundfile.write(folder / f"{number}.wav", np.concatenate(parts), RATE_HZ)
        lines.append(json.dumps({"audio": f"{number}.wav", **row}))
    (folder / "m.jsonl").write_text("\n".join(lines), "utf-8")
    return EvalOptions(folder / "m.jsonl", load_config(find_paths()), progress=False)


TIMER = "set a timer for ten minutes"
SAID = {"text": TIMER, "end_of_speech_s": 1.5}


async def test_the_right_action_and_how_soon_the_reply_sounds(tmp_path: Path) -> None:
    right = {"intent": ["Other", "HassStartTimer"], "slots": {"minutes": 10}}
    options = write(
        tmp_path,
        ([words(6), pause(0.4)], {**SAID, **right}),
        ([words(6), pause(0.4)], {**SAID, "intent": "HassTurnOn"}),
        ([words(6), pause(0.4)], {**SAID, "intent": "HassStartTimer", "slots": {"seconds": 10}}),
    )
    report = await measure_turns(options, hearing(FakeEar(TIMER, WORD_S)), VirtualClock())
    found = report.to_json()
    assert (found["n"], found["errors"], found["cutoff_share"]) == (3, 0, 0)
    assert found["right_action"] == pytest.approx(1 / 3, abs=1e-3)
    assert [row["output"] for row in found["rows"]] == ["HassStartTimer"] * 3
    assert found["rows"][0]["transcript"] == TIMER
    assert 0.1 < found["delay_p50_s"] < 1.3
    assert found["delay_p50_s"] * 1000 <= found["voice_to_voice_p50_ms"] <= found["delay_p50_s"] * 1000 + 200
    assert found["voice_to_voice_p95_ms"] < found["voice_to_voice_p50_ms"] + 50, "nothing is left of the row before"


async def test_words_behind_the_end_of_turn_are_a_cut_off(tmp_path: Path) -> None:
    text = "what is the time in the big city of London"
    row = {"text": text, "end_of_speech_s": 7.5, "intent": "HassGetCurrentTime"}
    options = write(tmp_path, ([words(4), pause(5.0), words(6)], row))
    report = await measure_turns(options, hearing(FakeEar(text, WORD_S)), VirtualClock())
    assert report.figures["cutoff_share"] == 1
    assert report.figures["voice_to_voice_p50_ms"] is None
    assert report.figures["delay_p50_s"] is None


async def test_words_that_recognition_never_finds_are_none(tmp_path: Path) -> None:
    options = write(tmp_path, ([words(6), pause(0.4)], {**SAID, "text": f"{TIMER} and a half", "intent": "x"}))
    report = await measure_turns(options, hearing(FakeEar(TIMER, WORD_S)), VirtualClock())
    assert report.figures["cutoff_share"] == 0


async def test_a_request_heard_to_its_end_but_not_understood_is_not_cut_off(tmp_path: Path) -> None:
    options = write(tmp_path, ([words(6), pause(0.4)], {**SAID, "intent": "x"}))
    report = await measure_turns(options, hearing(FakeTranscriber("", TIMER)), VirtualClock())
    assert (report.figures["cutoff_share"], report.figures["right_action"]) == (0, 0)
    assert report.to_json()["rows"][0]["output"] is None


async def test_without_a_text_the_end_of_speech_decides(tmp_path: Path) -> None:
    said = "who was the first king of england"  # of whose first two words nobody makes a request
    options = write(
        tmp_path,
        ([words(7), pause(0.4)], {"end_of_speech_s": 1.75}),
        ([words(2), pause(5.0), words(2)], {"end_of_speech_s": 6.0}),
        ([pause(1.0)], {"end_of_speech_s": 0.5}),
    )
    report = await measure_endpoint(options, hearing(FakeEar(said, WORD_S)), VirtualClock())
    found = report.to_json()
    assert [row["cut_off"] for row in found["rows"]] == [False, True, True]
    assert [row["output"] for row in found["rows"]][::2] == [said, ""]
    assert found["rows"][2]["ms"] is None
    assert found["unheard_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert 0.1 < found["delay_p50_s"] < 1.3


async def test_a_turn_that_fails_is_wrong_and_the_next_one_is_heard(tmp_path: Path) -> None:
    ear = FakeTranscriber()
    ear.saying = SpeechError("stt-failed", "no")
    options = write(tmp_path, ([words(6), pause(0.4)], {"end_of_speech_s": 1.5, "intent": "HassStartTimer"}))
    report = await measure_turns(options, hearing(ear), VirtualClock())
    assert (report.n, report.figures["right_action"]) == (1, 0)
    assert report.to_json()["rows"][0]["failed"] == "stt-failed"


GOOD_ROW = ([words(6), pause(0.4)], {**SAID, "intent": "HassStartTimer"})
BAD_ROWS: dict[str, dict[str, Any]] = {
    "no end of speech": {"intent": "HassTurnOn"},
    "an end before the beginning": {**SAID, "intent": "HassTurnOn", "end_of_speech_s": -1},
    "an end that is no number": {**SAID, "intent": "HassTurnOn", "end_of_speech_s": "1.5"},
    "an end that is a truth": {**SAID, "intent": "HassTurnOn", "end_of_speech_s": True},
    "an end behind the recording": {**SAID, "intent": "HassTurnOn", "end_of_speech_s": 9},
    "no intent": dict(SAID),
    "an empty list of intents": {**SAID, "intent": []},
    "an intent that is a number": {**SAID, "intent": [3]},
    "slots that are a list": {**SAID, "intent": "HassTurnOn", "slots": ["name"]},
    "a slot that is a list": {**SAID, "intent": "HassTurnOn", "slots": {"name": ["x"]}},
    "a text without words": {**SAID, "intent": "HassTurnOn", "text": "..."},
    "another recording": {**SAID, "intent": "HassTurnOn", "audio": "gone.wav"},
}


async def test_rows_that_make_no_sense_are_counted_and_passed_over(tmp_path: Path) -> None:
    options = write(tmp_path, *(([words(6), pause(0.4)], row) for row in BAD_ROWS.values()), GOOD_ROW)
    report = await measure_turns(options, hearing(FakeEar(TIMER, WORD_S)), VirtualClock())
    assert report.n == 1
    told = dict(zip(BAD_ROWS, range(1, len(BAD_ROWS) + 1), strict=True))
    assert {name: line for name, line in told.items() if line not in {p.line for p in report.problems}} == {}
    assert len(report.problems) == len(BAD_ROWS)


async def test_nothing_but_bad_rows_is_an_error(tmp_path: Path) -> None:
    options = write(tmp_path, ([words(6)], {"intent": "HassTurnOn"}))
    with pytest.raises(EvaluateError) as caught:
        await measure_turns(options, hearing(FakeEar(TIMER, WORD_S)), VirtualClock())
    assert caught.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    ("heard", "lost"),
    [
        ("set a timer for ten minutes", 0),
        ("set a timer for two minutes", 0),
        ("please set a timer for ten minutes now", 0),
        ("set timer for ten minutes", 0),
        ("set a timer for ten", 1),
        ("timer for ten minutes", 2),
        ("set a ten minutes", 2),
        ("set a timer", 3),
        ("", 6),
    ],
)
def test_words_lost(heard: str, lost: int) -> None:
    assert lost_words(TIMER, heard) == lost


def test_the_normaliser_is_whispers() -> None:
    assert load_normaliser()("What's the TIME, 20 %?") == "what is the time 20"


@pytest.mark.parametrize(
    ("wanted", "found", "match"),
    [
        ({}, {"name": "x"}, True),
        ({"minutes": 10}, {"minutes": 10, "name": "tea"}, True),
        ({"seconds": 90}, {"minutes": 1, "seconds": 30}, True),
        ({"minutes": 10}, {"seconds": 10}, False),
        ({"minutes": 10}, {}, False),
        ({"name": "the Tea"}, {"name": "tea"}, True),
        ({"name": "tea"}, {"name": "coffee"}, False),
        ({"brightness": 50}, {"brightness": "50"}, True),
        ({"brightness": 50}, {"brightness": "half"}, False),
        ({"time": "07:30"}, {"time": "07:30"}, True),
        ({"time": "07:30"}, {"time": "19:30"}, False),
        ({"area": "living room", "domain": "light"}, {"area": "living room"}, False),
    ],
)
def test_slots(wanted: dict[str, Any], found: dict[str, Any], match: bool) -> None:
    assert slots_match(wanted, found) is match


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.real_time
def test_a_real_recording_is_heard_and_answered(data: Path, tmp_path: Path) -> None:
    row = json.loads((data / "speech" / "commands.jsonl").read_text("utf-8").splitlines()[0])
    row["audio"] = str(data / "speech" / row["audio"])
    (tmp_path / "m.jsonl").write_text(json.dumps(row), "utf-8")
    out = tmp_path / "out.json"
    arguments = [str(tmp_path / "m.jsonl"), "--json", str(out), "--set", 'wake.names=["friday"]']
    assert CliRunner().invoke(app, ["turns", *arguments]).exit_code == 0
    found = json.loads(out.read_text("utf-8"))
    assert (found["n"], found["right_action"], found["cutoff_share"]) == (1, 1, 0)
    assert 0 < found["voice_to_voice_p50_ms"] < 10_000
    assert CliRunner().invoke(app, ["endpoint", *arguments]).exit_code == 0
    assert json.loads(out.read_text("utf-8"))["cutoff_share"] == 0
