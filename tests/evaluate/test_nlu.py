"""`assistant eval nlu`: what it counts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from assistant.config import Config
from assistant.errors import EvaluateError
from assistant.evaluate.common import EvalOptions, Report
from assistant.evaluate.nlu import run_nlu

NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
RULES = "hwu64_slot,ours,compare\ndate,date|datetime,value\ndevice_type,name|domain,span\nlist_name,item|name,skip\n"


def measure(folder: Path, config: Config, *rows: object) -> Report:
    manifest = folder / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run_nlu(EvalOptions(manifest, config, progress=False), now=NOW, grammar_alone=True)


def test_counts_right_wrong_and_turned_away(tmp_path: Path, config: Config) -> None:
    report = measure(
        tmp_path,
        config,
        {"text": "what time is it", "intent": ["HassGetCurrentTime", "HassGetCurrentDate"]},
        {"text": "stop", "intent": "HassCancelTimer"},
        {"text": "frobnicate the whatsit", "intent": "HassTurnOn"},
        {"text": "frobnicate the whatsit", "intent": "out_of_scope"},
        {"text": "what time is it", "intent": ["out_of_scope"]},
        {"text": "anything", "intent": ["skip"]},
    )
    assert report.n == 5
    assert report.figures["intent_accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert report.figures["turned_away_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert report.figures["oos_recall"] == 0.5
    assert report.figures["slot_f1"] is None
    assert [row.output for row in report.rows][:3] == ["HassGetCurrentTime", "Stop", "out_of_scope"]


def test_slots_are_compared_by_value(tmp_path: Path, config: Config) -> None:
    report = measure(
        tmp_path,
        config,
        {"text": "set a timer for 5 minutes", "intent": "HassStartTimer", "slots": {"minutes": 5}},
        {"text": "set a timer for 6 minutes", "intent": "HassStartTimer", "slots": {"minutes": 5}},
        {"text": "stop", "intent": "Stop", "slots": {}},
    )
    assert report.figures["slot_f1"] == pytest.approx(2 / (2 + 1 + 1))


def test_annotated_slots_are_scored_by_the_rules_beside_the_manifest(tmp_path: Path, config: Config) -> None:
    (tmp_path / "slots.csv").write_text(RULES)
    annotated = {"intent": ["HassGetCurrentDate"], "text": "what's the date tomorrow"}
    report = measure(
        tmp_path,
        config,
        {**annotated, "annotated": "what's the date [date : tomorrow]"},
        {**annotated, "annotated": "what's the date [date : some day]"},
        {"text": "nothing", "intent": ["out_of_scope"], "annotated": "[device_type : nothing]"},
    )
    assert report.figures["slot_f1"] == pytest.approx(2 / (2 + 1 + 1)), "some day can't be normalised: missed"


def test_a_value_that_several_annotations_make_up_is_right(tmp_path: Path, config: Config) -> None:
    (tmp_path / "slots.csv").write_text("hwu64_slot,ours,compare\nsong_name,query,span\nartist_name,query,span\n")
    play = {"intent": "HassMediaSearchAndPlay", "text": "play crazy by britney spears"}
    whole = {**play, "annotated": "play [song_name : crazy] by [artist_name : britney spears]"}
    assert measure(tmp_path, config, whole).figures["slot_f1"] == 1.0
    half = {**play, "annotated": "play crazy by [artist_name : britney spears]"}
    assert measure(tmp_path, config, half).figures["slot_f1"] == 0.0
    other = {**play, "annotated": "play [song_name : crazy] by [artist_name : queen]"}
    assert measure(tmp_path, config, other).figures["slot_f1"] == 0.0


def test_a_length_from_now_is_the_time_it_leads_to(tmp_path: Path, config: Config) -> None:
    (tmp_path / "slots.csv").write_text("hwu64_slot,ours,compare\ntime,time|datetime,value\n")
    row = {
        "intent": "SetReminder",
        "text": "remind me in one hour to call",
        "annotated": "remind me in [time : one hour] to call",
    }
    assert measure(tmp_path, config, row).figures["slot_f1"] == 1.0


@pytest.mark.parametrize(
    "row",
    [
        {"text": "x"},
        {"text": "x", "intent": []},
        {"text": "x", "intent": [1]},
        {"text": "x", "intent": 3},
        {"intent": "Stop"},
        {"text": "x", "intent": "Stop", "slots": 3},
        {"text": "x", "intent": "Stop", "annotated": 3},
    ],
)
def test_a_row_that_says_no_intent_is_an_error(tmp_path: Path, config: Config, row: object) -> None:
    with pytest.raises(EvaluateError) as caught:
        measure(tmp_path, config, row)
    assert caught.value.code == "manifest-invalid"


def test_annotations_without_rules_are_an_error(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(EvaluateError, match=r"slots\.csv"):
        measure(tmp_path, config, {"text": "stop", "intent": "Stop", "annotated": "[device_type : stop]"})
