"""Broken models, voices, texts and sounds: each a clear error or a working answer, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.errors import SpeechError
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.tts import PiperSynthesizer
from tests.speech.engines import VOICE, WHISPER, copy_model, piper, say, whisper

pytestmark = pytest.mark.models

BROKEN_MODELS: dict[str, dict[str, bytes | None]] = {
    "no weights": {"model_bin": None},
    "no config": {"config_json": None},
    "no tokenizer": {"tokenizer_json": None},
    "no vocabulary": {"vocabulary_txt": None},
    "empty weights": {"model_bin": b""},
    "text for weights": {"model_bin": b"<html>404</html>" * 99},
    "zeros for weights": {"model_bin": bytes(5_000)},
    "weights cut off": {"model_bin": b"\x06\0\0\0\x0c\0WhisperSpec\0"},
    "config cut off": {"config_json": b'{"alignment_heads": ['},
    "config of another kind": {"config_json": b"[]"},
    "tokenizer cut off": {"tokenizer_json": b'{"version": "1.0"'},
    "tokenizer of another kind": {"tokenizer_json": b"{}"},
    "swapped vocabulary": {"vocabulary_txt": b"a\nb\n"},
}


SLOW_TO_FIND = {"swapped vocabulary"}
"""The whole model is loaded first."""


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(files, id=name, marks=[pytest.mark.slow] if name in SLOW_TO_FIND else [])
        for name, files in BROKEN_MODELS.items()
    ],
)
async def test_a_broken_whisper_model_is_named(tmp_path: Path, files: dict[str, bytes | None]) -> None:
    await refused(copy_model(WHISPER, tmp_path / "model", **files), "stt-model-bad")


async def refused(model_dir: Path, code: str, **options: Any) -> None:
    """Start and transcription both say so, again and again."""
    async with whisper(model_dir, **options) as engine:
        with pytest.raises(SpeechError) as caught:
            await engine.start()
        assert caught.value.code == code
        assert caught.value.hint
        with pytest.raises(SpeechError) as again:
            await engine.transcribe(Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ))
        assert again.value.code == code


async def test_no_whisper_model_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "nowhere", tmp_path, tmp_path / "file", Path("zero\0byte")):
        await refused(place, "stt-model-bad")


async def test_a_number_format_the_cpu_lacks() -> None:
    await refused(WHISPER, "stt-compute-type", compute_type="float16")


async def test_a_language_nobody_knows() -> None:
    await refused(WHISPER, "stt-language-unknown", language="qq")


SOUNDS: dict[str, Samples] = {
    "one sample": np.array([32_767], np.int16),
    "shorter than a window of the VAD": np.full(511, 9_000, np.int16),
    "full scale up and down": np.tile(np.array([32_767, -32_768], np.int16), RATE_HZ),
    "lowest value": np.full(RATE_HZ, -32_768, np.int16),
    "not contiguous": np.zeros((RATE_HZ, 2), np.int16)[:, 0],
    "read-only": np.frombuffer(bytes(RATE_HZ * 2), np.int16),
    "two minutes of nothing": np.zeros(120 * RATE_HZ, np.int16),
}


async def test_odd_sounds_give_no_text() -> None:
    async with whisper() as engine:
        for name, samples in SOUNDS.items():
            assert (await engine.transcribe(Chunk(samples, RATE_HZ))).text == "", name


SETTINGS = json.loads((VOICE / "en_US-joe-medium.onnx.json").read_text("utf-8")) if VOICE.is_dir() else {}


def changed(**keys: Any) -> bytes:
    return json.dumps({**SETTINGS, **keys}).encode()


BROKEN_SETTINGS: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "cut off": b'{"audio": {"sample_rate"',
    "not UTF-8": b'{"audio": "\xff"}',
    "a list": b"[]",
    "nested too deeply": b"[" * 100_000,
    "no audio": b"{}",
    "audio is a list": changed(audio=[]),
    "rate as text": changed(audio={"sample_rate": "22050"}),
    "rate zero": changed(audio={"sample_rate": 0}),
    "rate of a bat": changed(audio={"sample_rate": 10**9}),
}


@pytest.mark.parametrize("settings", BROKEN_SETTINGS.values(), ids=BROKEN_SETTINGS)
def test_broken_voice_settings_are_named_before_anything_is_loaded(tmp_path: Path, settings: bytes | None) -> None:
    folder = copy_model(VOICE, tmp_path / "voice", en_US_joe_medium_onnx_json=settings)
    with pytest.raises(SpeechError) as caught:
        PiperSynthesizer(folder)
    assert caught.value.code == "tts-voice-bad"
    assert caught.value.hint


def test_no_voice_at_all_or_two(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    two = copy_model(VOICE, tmp_path / "two")
    (two / "other.onnx").write_bytes(b"x")
    for place in (tmp_path / "nowhere", tmp_path, tmp_path / "file", two, Path("zero\0byte")):
        with pytest.raises(SpeechError) as caught:
            PiperSynthesizer(place)
        assert caught.value.code == "tts-voice-bad"


BROKEN_VOICES: dict[str, dict[str, bytes]] = {
    "empty weights": {"en_US_joe_medium_onnx": b""},
    "text for weights": {"en_US_joe_medium_onnx": b"<html>404</html>" * 99},
    "another protobuf": {"en_US_joe_medium_onnx": b"\x08\x07\x12\x07pytorch"},
    "phonemes are a number": {"en_US_joe_medium_onnx_json": changed(phoneme_id_map=7)},
    "unknown alphabet": {"en_US_joe_medium_onnx_json": changed(phoneme_type="runes")},
    "unknown language": {"en_US_joe_medium_onnx_json": changed(espeak={"voice": "xx-yy"})},
    "phonemes the model lacks": {
        "en_US_joe_medium_onnx_json": changed(
            phoneme_id_map={phoneme: [9_999] for phoneme in SETTINGS.get("phoneme_id_map", {})}
        )
    },
    "inference of another kind": {"en_US_joe_medium_onnx_json": changed(inference={"length_scale": "slow"})},
}


@pytest.mark.parametrize("files", BROKEN_VOICES.values(), ids=BROKEN_VOICES)
async def test_a_broken_voice_is_an_error_when_it_is_loaded(tmp_path: Path, files: dict[str, bytes]) -> None:
    async with piper(copy_model(VOICE, tmp_path / "voice", **files)) as synthesizer:
        with pytest.raises(SpeechError) as caught:
            await synthesizer.start()
        assert caught.value.code in {"tts-voice-bad", "tts-failed"}
        assert caught.value.hint
        with pytest.raises(SpeechError):
            await say(synthesizer, "Hello.")


SPEAKABLE = {
    "zero bytes": "Hel\0lo.",
    "control characters": "\x1b[31mHello.\x07",
    "lone surrogate": "Hello \ud83d.",
    "raw phonemes": "[[ xyz ]] Hello.",
    "SSML": "<speak><break time='9999s'/>Hello.</speak>",
    "right to left": "\u202eHello.",
    "stacked accents": "He" + "\u0301" * 200 + "llo.",
    "another script": "Hello, 你好, привет.",
    "one long word": "a" * 500,
    "only digits": "9" * 60,
}


@pytest.mark.parametrize("text", SPEAKABLE.values(), ids=SPEAKABLE)
async def test_odd_texts_are_spoken(text: str) -> None:
    async with piper() as synthesizer:
        sound = await say(synthesizer, text)
    assert 0.2 < sound.duration_s < 120


async def test_closing_twice_or_unused_is_fine() -> None:
    transcriber, synthesizer = WhisperTranscriber(WHISPER), PiperSynthesizer(VOICE)
    for engine in (transcriber, synthesizer):
        await engine.close()
        await engine.close()
