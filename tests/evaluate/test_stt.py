"""`assistant eval stt` with a scripted recogniser, and once with the real one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.audio.format import Chunk
from assistant.config import Config
from assistant.errors import EvaluateError, ModelError, SpeechError
from assistant.evaluate.common import EvalOptions, Report
from assistant.evaluate.stt import run_stt
from assistant.values import Transcription
from tests.fakes import FakeTranscriber


class Scripted(FakeTranscriber):
    """A recogniser as the evaluation uses it."""

    def __init__(self, *script: str | SpeechError) -> None:
        super().__init__(*script)
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")

    async def transcribe(self, audio: Chunk) -> Transcription:
        self.calls.append("transcribe")
        return await super().transcribe(audio)


def write(folder: Path, *rows: object, seconds: float = 1.0) -> Path:
    """A manifest; `a.wav` is a tone of one second, 44.1 kHz stereo."""
    tone = 0.5 * np.sin(np.arange(round(seconds * 44_100)) / 20)
    soundfile.write(folder / "a.wav", np.stack([tone, tone], axis=1), 44_100)
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    manifest = folder / "m.jsonl"
    manifest.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return manifest


def measure(config: Config, manifest: Path, engine: Scripted) -> Report:
    return run_stt(EvalOptions(manifest, config, progress=False), engine=engine)


def test_counts_wrong_words_over_words_said_after_normalising(tmp_path: Path, config: Config) -> None:
    rows = [
        {"audio": "a.wav", "text": "Set a timer for twenty minutes, please"},
        {"audio": "a.wav", "text": "Dr. Colour"},
        {"audio": "a.wav", "text": "stop"},
    ]
    engine = Scripted("set a timer for 20 minutes please!", "doctor color", "")
    report = measure(config, write(tmp_path, *rows), engine)
    assert report.n == 3
    assert report.figures["wer"] == 0.1, "stop is missing"
    assert report.figures["redone_share"] == 0
    assert report.figures["empty_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert report.figures["audio_s"] == pytest.approx(3.0, abs=0.1)
    assert [row.output for row in report.rows] == ["set a timer for 20 minutes please!", "doctor color", ""]
    assert engine.calls == ["start", "transcribe", "transcribe", "transcribe", "close"]
    assert [chunk.rate_hz for chunk in engine.heard] == [16_000] * 3


def test_json_has_the_words_of_the_contract(tmp_path: Path, config: Config) -> None:
    result = measure(config, write(tmp_path, {"audio": "a.wav", "text": "stop"}), Scripted("stop")).to_json()
    assert {"wer", "redone_share", "ms_p50", "ms_p95", "rtf", "n", "errors", "rows"} <= result.keys()
    [row] = result["rows"]
    assert row["input"] == {"audio": "a.wav", "text": "stop"}
    assert row["output"] == "stop"
    assert row["ms"] >= 0
    assert result["wer"] == 0


BAD_ROWS = {
    "broken sound": {"audio": "broken.wav", "text": "x"},
    "no such file": {"audio": "b.wav", "text": "x"},
    "no text": {"audio": "a.wav"},
    "text without words": {"audio": "a.wav", "text": "... (hm)"},
    "text is a number": {"audio": "a.wav", "text": 3},
    "no audio": {"text": "x"},
    "audio is a list": {"audio": ["a.wav"], "text": "x"},
    "not JSON": '{"audio": ',
}


@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_cannot_be_used_is_counted_and_the_rest_measured(
    tmp_path: Path, config: Config, bad: object
) -> None:
    report = measure(config, write(tmp_path, {"audio": "a.wav", "text": "stop"}, bad), Scripted("stop"))
    assert (report.n, len(report.problems), report.problems[0].line) == (1, 1, 2)


def test_a_recogniser_that_fails_on_a_row_is_counted(tmp_path: Path, config: Config) -> None:
    row = {"audio": "a.wav", "text": "stop"}
    engine = Scripted(SpeechError("stt-timeout", "took too long"), "stop")
    report = measure(config, write(tmp_path, row, row), engine)
    assert (report.n, report.figures["wer"]) == (1, 0)
    assert "stt-timeout" in str(report.problems[0])


def test_nothing_usable_is_an_error(tmp_path: Path, config: Config) -> None:
    with pytest.raises(EvaluateError):
        measure(config, write(tmp_path, {"audio": "a.wav"}), Scripted())


def test_all_rows_failing_leaves_no_figures(tmp_path: Path, config: Config) -> None:
    report = measure(config, write(tmp_path, {"audio": "broken.wav", "text": "stop"}), Scripted())
    assert report.n == 0
    assert (report.figures["wer"], report.figures["ms_p50"], report.figures["rtf"]) == (None, None, None)


def test_a_model_nobody_knows(tmp_path: Path, config: Config) -> None:
    manifest = write(tmp_path, {"audio": "a.wav", "text": "stop"})
    with pytest.raises(ModelError) as caught:
        run_stt(EvalOptions(manifest, config, progress=False), model="whisper-bass")
    assert caught.value.code == "model-unknown"


@pytest.mark.models
def test_recorded_speech_is_understood(config: Config, data: Path) -> None:
    report = run_stt(EvalOptions(data / "speech" / "dawn.jsonl", config, limit=3, progress=False))
    assert report.n == 3
    assert float(report.figures["wer"] or 0) < 0.15
    assert float(report.figures["rtf"] or 9) > 0
