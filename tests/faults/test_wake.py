"""Wake word files, settings and manifests that are wrong: each a coded error, none a crash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymicro_wakeword
import pytest

from assistant.audio.format import RATE_HZ, Chunk
from assistant.config import find_paths, load_config
from assistant.errors import EvaluateError, SpeechError
from assistant.evaluate.common import EvalOptions
from assistant.evaluate.wake import run_wake
from assistant.speech.vad import SileroVad, WebrtcVad
from assistant.speech.wake import MicroWakeWords, find_wake_models, make_wake

BUILT_IN = Path(pymicro_wakeword.__file__).parent / "models"
GOOD = json.loads((BUILT_IN / "alexa.json").read_text("utf-8"))


@pytest.fixture
def custom(tmp_path: Path) -> Path:
    """A sound custom word."""
    for name in ("alexa.json", "alexa.tflite"):
        shutil.copy(BUILT_IN / name, tmp_path / name)
    return tmp_path / "alexa.json"


def fails(custom: Path) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        find_wake_models(["house"], custom={"house": custom})
    assert caught.value.code == "wake-model-bad"
    assert "'house'" in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"3",
        b"[" * 100_000,
        b'{"model": "alexa.tflite", "wake_word": "Alexa"}',
        b'{"micro": []}',
    ],
    ids=["empty", "cut-off", "not-utf8", "list", "null", "number", "deep", "no-micro", "micro-list"],
)
def test_json_that_is_no_wake_word(custom: Path, text: bytes) -> None:
    custom.write_bytes(text)
    assert "alexa.json" in fails(custom).message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": None}, "`model`"),
        ({"model": 7}, "`model`"),
        ({"model": "../alexa.tflite"}, "`model`"),
        ({"model": "/etc/passwd"}, "`model`"),
        ({"model": "alexa.json"}, "`model`"),
        ({"model": "al\0exa.tflite"}, "`model`"),
        ({"model": "other.tflite"}, "other.tflite"),
        ({"model": "x" * 300 + ".tflite"}, "can't read"),
        ({"wake_word": None}, "`wake_word`"),
        ({"micro": {"probability_cutoff": "0.9"}}, "`probability_cutoff`"),
        ({"micro": {"probability_cutoff": True}}, "`probability_cutoff`"),
        ({"micro": {"probability_cutoff": 1.5}}, "`probability_cutoff`"),
        ({"micro": {"probability_cutoff": 0}}, "`probability_cutoff`"),
        ({"micro": {"probability_cutoff": float("nan")}}, "`probability_cutoff`"),
        ({"micro": {"sliding_window_size": 0}}, "`sliding_window_size`"),
        ({"micro": {"sliding_window_size": 10**9}}, "`sliding_window_size`"),
        ({"micro": {"sliding_window_size": 5.0}}, "`sliding_window_size`"),
        ({"micro": {"sliding_window_size": True}}, "`sliding_window_size`"),
        ({"micro": {"feature_step_size": 20}}, "`feature_step_size`"),
    ],
)
def test_json_with_a_wrong_value(custom: Path, change: dict[str, Any], told: str) -> None:
    micro = {**GOOD["micro"], **change.pop("micro", {})}
    custom.write_text(json.dumps({**GOOD, "micro": micro, **change}), "utf-8")
    assert told in fails(custom).message


@pytest.mark.parametrize(
    "damage",
    [
        lambda _good: b"",
        lambda _good: b"\0" * 50_000,
        lambda good: good[:500],
        lambda good: good[: len(good) // 2],
        lambda good: good[:-1000],
        lambda good: good[:8] + b"\xff" * (len(good) - 8),
        lambda good: b"PK\x03\x04" + good[4:8].lower() + good[8:],
        lambda _good: (BUILT_IN / "alexa.json").read_bytes() * 10,
        lambda good: b"\xff\xff\xff\x7f" + good[4:],
        lambda good: good[:4] + b"TFL9" + good[8:],
    ],
    ids=["empty", "zeros", "stub", "half", "tail", "noise", "zip", "text", "far-root", "other-version"],
)
def test_model_files_that_are_damaged(custom: Path, damage: Callable[[bytes], bytes]) -> None:
    model = custom.with_suffix(".tflite")
    model.write_bytes(damage(model.read_bytes()))
    assert "alexa.tflite" in fails(custom).message


def test_model_file_that_is_missing_or_a_folder(custom: Path) -> None:
    custom.with_suffix(".tflite").unlink()
    fails(custom)
    custom.with_suffix(".tflite").mkdir()
    fails(custom)


def test_json_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    fails(tmp_path / "nothing.json")
    (tmp_path / "a-folder.json").mkdir()
    fails(tmp_path / "a-folder.json")


@pytest.mark.parametrize("words", ['["okay_nabu", "nobody"]', '[""]', '["../okay_nabu"]'])
def test_words_nobody_knows(words: str) -> None:
    config = load_config(find_paths(), [f"wake.words={words}"])
    with pytest.raises(SpeechError) as caught:
        make_wake(config.settings.wake)
    assert caught.value.code == "wake-word-unknown"


@pytest.mark.parametrize(
    "make", [lambda: MicroWakeWords(find_wake_models(["alexa"]), refractory_s=2.0), SileroVad, lambda: WebrtcVad(2)]
)
@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 0])
def test_audio_at_another_rate(make: Callable[[], Any], rate_hz: int) -> None:
    with pytest.raises(SpeechError) as caught:
        make().process(Chunk(np.zeros(320, np.int16), rate_hz))
    assert caught.value.code == "audio-rate"


def evaluate(manifest: Path, *overrides: str) -> list[str]:
    """The report's problems."""
    report = run_wake(EvalOptions(manifest, load_config(find_paths(), overrides), progress=False))
    assert report.to_json()["errors"] == len(report.problems)
    return [str(problem) for problem in report.problems]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"not json",
        b"[1, 2]\n3",
        b'{"audio": "gone.wav", "wake": null}',
        b'{"audio": "a.wav", "wake": NaN}',
    ],
)
def test_manifests_without_one_good_row(tmp_path: Path, content: bytes) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_bytes(content)
    with pytest.raises(EvaluateError) as caught:
        evaluate(manifest)
    assert caught.value.code == "manifest-invalid"


def test_manifests_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "m.jsonl"
    binary.write_bytes(b"\xff\xfe{}")
    for path in (tmp_path, tmp_path / "gone.jsonl", binary, Path("nul\0byte")):
        with pytest.raises(EvaluateError) as caught:
            evaluate(path)
        assert caught.value.code == "manifest-unreadable"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{", "not JSON"),
        ("[" * 50_000, "nested too deeply"),
        ('"text"', "not a JSON object"),
        ('{"wake": null}', "`audio` is missing"),
        ('{"audio": 3, "wake": null}', "`audio` must be a text"),
        ('{"audio": "", "wake": null}', "`audio` must be a text"),
        ('{"audio": "gone.wav", "wake": null}', "no such audio file"),
        ('{"audio": ".", "wake": null}', "no such audio file"),
        ('{"audio": "a\\u0000b", "wake": null}', "no such audio file"),
        ('{"audio": "good.wav", "wake": "okay_nobody"}', "`wake` must be null or one of"),
        ('{"audio": "good.wav", "wake": ["alexa"]}', "`wake` must be null or one of"),
        ('{"audio": "good.wav", "wake": false}', "`wake` must be null or one of"),
        ('{"audio": "manifest.jsonl", "wake": null}', "[audio-not-sound]"),
    ],
)
def test_a_bad_row_is_counted_and_the_rest_is_measured(tmp_path: Path, row: str, told: str) -> None:
    import soundfile

    soundfile.write(tmp_path / "good.wav", np.zeros(1600, np.int16), RATE_HZ)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(f'{{"audio": "good.wav", "wake": null}}\n\n{row}\n', "utf-8")
    [problem] = evaluate(manifest)
    assert problem.startswith("line 3: ")
    assert told in problem
