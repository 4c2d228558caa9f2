"""`eval wake`: what is counted, over which rows, and how it is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pymicro_wakeword
import pytest
import soundfile
from typer.testing import CliRunner

from assistant.audio.format import RATE_HZ, Samples
from assistant.cli.eval import app
from assistant.config import Config, find_paths, load_config
from assistant.evaluate import wake
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.wake import run_wake
from assistant.evaluate.wake_set import main as make_wake_set
from tests.conftest import REAL_MODELS_DIR
from tests.fakes import FakeWake

SILENCE = np.zeros(RATE_HZ, np.int16)
BURST = np.concatenate((SILENCE, np.full(RATE_HZ // 2, 9000, np.int16)))
"""FakeWake's word."""


class WordFakeWake(FakeWake):
    """FakeWake in the place of the models' detector: hears the first word it is given."""

    def __init__(self, models: Any, *, refractory_s: float) -> None:
        super().__init__(models[0].word, refractory_s=refractory_s)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "MicroWakeWords", WordFakeWake)


def write(folder: Path, *rows: tuple[Samples, dict[str, Any]]) -> Path:
    lines = []
    for number, (samples, row) in enumerate(rows):
        soundfile.write(folder / f"{number}.wav", samples, RATE_HZ)
        lines.append(json.dumps({"audio": f"{number}.wav", **row}))
    (folder / "m.jsonl").write_text("\n".join(lines), "utf-8")
    return folder / "m.jsonl"


def measure(manifest: Path, *overrides: str, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    config = load_config(find_paths(), overrides)
    return run_wake(EvalOptions(manifest, config, limit=limit, seed=seed, progress=False)).to_json()


def test_misses_and_false_accepts_are_counted(tmp_path: Path, fake: None) -> None:
    twice = np.concatenate((BURST, SILENCE, SILENCE, BURST))
    manifest = write(
        tmp_path,
        (BURST, {"wake": "okay_nabu"}),
        (SILENCE, {"wake": "okay_nabu"}),
        (twice, {"wake": None, "text": "nothing"}),
        (SILENCE, {"wake": None}),
        (BURST, {"text": "no key, not scored"}),
    )
    report = measure(manifest)
    null_hours = (len(twice) + len(SILENCE)) / RATE_HZ / 3600
    assert report["misses"] == 1
    assert report["wake_rows"] == 2
    assert report["miss_share"] == 0.5
    assert report["false_accepts"] == 2
    assert report["false_accepts_per_hour"] == pytest.approx(2 / null_hours, abs=1e-3)
    assert (report["n"], report["errors"], report["not_scored"]) == (4, 0, 1)
    assert [row["output"] for row in report["rows"]] == ["okay_nabu", None, "okay_nabu", None]
    assert report["rows"][2]["input"] == {"audio": "2.wav", "wake": None, "text": "nothing"}
    assert report["cpu_share"] >= 0


def test_another_word_than_the_one_said_is_a_miss(tmp_path: Path, fake: None) -> None:
    report = measure(write(tmp_path, (BURST, {"wake": "alexa"})))
    assert (report["misses"], report["rows"][0]["output"]) == (1, "okay_nabu")


def test_what_there_is_none_of_has_no_figure(tmp_path: Path, fake: None) -> None:
    report = measure(write(tmp_path, (SILENCE, {"text": "not scored"})))
    assert report["n"] == 0
    assert report["miss_share"] is report["false_accepts_per_hour"] is report["cpu_share"] is None


def test_a_limit_picks_rows_by_seed_and_keeps_their_order(tmp_path: Path, fake: None) -> None:
    manifest = write(tmp_path, *[(SILENCE, {"wake": None, "number": number}) for number in range(12)])
    picks = [[row["input"]["number"] for row in measure(manifest, limit=4, seed=seed)["rows"]] for seed in (0, 0, 1)]
    assert picks[0] == picks[1] == sorted(picks[0])
    assert len(picks[0]) == 4
    assert picks[0] != picks[2]


def test_words_of_the_manifest_listen_beside_the_configured_ones(tmp_path: Path) -> None:
    report = measure(write(tmp_path, (SILENCE, {"wake": "alexa"})), "wake.words=[]")
    assert report["misses"] == 1


def test_the_users_own_words_are_known(tmp_path: Path, config: Config) -> None:
    built_in = Path(pymicro_wakeword.__file__).parent / "models"
    files = ", ".join(f'{{ name = "hey_jarvis.{ending}" }}' for ending in ("tflite", "json"))
    config.paths.user_manifest.write_text(
        f'[models.butler]\nkind = "wake"\ndirectory = "{built_in}"\nfiles = [{files}]\n', "utf-8"
    )
    report = measure(write(tmp_path, (SILENCE, {"wake": "butler"})))
    assert (report["misses"], report["errors"]) == (1, 0)


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, fake: None) -> None:
    manifest = write(tmp_path, (BURST, {"wake": "okay_nabu"}), (SILENCE, {"wake": None}))
    with manifest.open("a") as file:
        file.write("\nnot [bold]json\n")
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["wake", str(manifest), "--json", str(out), "--set", "wake.cutoff=0.5"])
    assert result.exit_code == 0, result.output
    for words in ("eval wake", "misses", "false accepts per hour", "cpu share", "line 3: not JSON"):
        assert words in result.output
    written = json.loads(out.read_text("utf-8"))
    assert (written["misses"], written["n"], written["errors"]) == (0, 2, 1)
    assert written["problems"][0]["line"] == 3


def test_output_that_cannot_be_written_is_an_error(tmp_path: Path, fake: None) -> None:
    manifest = write(tmp_path, (SILENCE, {"wake": None}))
    result = CliRunner().invoke(app, ["wake", str(manifest), "--json", str(tmp_path / "no" / "out.json")])
    assert getattr(result.exception, "code", "") == "output-unwritable"


def test_crowd_recordings_hold_no_wake_word(data: Path) -> None:
    report = measure(data / "speech" / "wake_words.jsonl", limit=30, seed=1)
    assert report["false_accepts"] == 0
    assert report["cpu_share"] < 0.02


@pytest.mark.slow
def test_no_crowd_recording_holds_a_wake_word(data: Path) -> None:
    assert measure(data / "speech" / "wake_words.jsonl")["false_accepts"] == 0


def test_making_a_set_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", "")
    assert make_wake_set([str(tmp_path / "set"), "--voice", str(tmp_path / "none.onnx")]) == 1
    told = capsys.readouterr().err
    assert all(words in told for words in ("EDGEWISE_DATA", "none.onnx", "espeak-ng"))
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
@pytest.mark.models
def test_the_voice_is_heard_in_rooms(tmp_path: Path, data: Path) -> None:
    voice = REAL_MODELS_DIR / "voice-joe" / "en_US-joe-medium.onnx"
    assert make_wake_set([str(tmp_path), "--count", "40", "--voice", str(voice)]) == 0
    assert measure(tmp_path / "piper-room.jsonl")["miss_share"] <= 0.1
    noisy = measure(tmp_path / "piper-noise.jsonl")
    assert noisy["wake_rows"] == 40
    assert noisy["miss_share"] < 0.6
    assert measure(tmp_path / "null.jsonl", limit=40)["false_accepts"] == 0
