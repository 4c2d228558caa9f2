"""The end-of-turn model: its features, and what it is worth on recordings."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, to_float
from assistant.errors import SpeechError
from assistant.models import Models
from assistant.speech.log_mel import log_mel
from assistant.speech.turn_end import SmartTurn, turn_features
from tests.conftest import REAL_MODELS_DIR


def test_features_are_whispers_own() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    signal = np.random.default_rng(0).normal(size=8 * RATE_HZ).astype(np.float32)
    signal[: 5 * RATE_HZ] *= 1e-3
    theirs = FeatureExtractor(chunk_length=8)(signal, padding=0)
    np.testing.assert_allclose(log_mel(signal), theirs, atol=1e-4)


def test_short_sound_is_put_at_the_end_and_loudness_does_not_matter() -> None:
    speech = np.random.default_rng(0).normal(0, 3000, RATE_HZ).astype(np.int16)
    features = turn_features(speech)
    assert features.shape == (80, 800)
    assert features[:, :695].std(axis=1).max() < 1e-3
    assert features[:, 705:].std(axis=1).min() > 0.01
    np.testing.assert_allclose(turn_features((speech // 2) * 2), turn_features(speech // 2), atol=1e-3)


@pytest.mark.parametrize("samples", [0, 1, 159, 16_000, 40_123, 127_000, 128_000, 200_000])
def test_the_silence_in_front_is_as_if_it_were_worked_out(samples: int) -> None:
    speech = np.random.default_rng(0).normal(300, 3000, samples).astype(np.int16)
    window = np.zeros(8 * RATE_HZ, np.float32)
    window[len(window) - min(samples, len(window)) :] = to_float(speech[-len(window) :])
    whole = log_mel((window - window.mean()) / np.sqrt(window.var() + np.float32(1e-7)))
    np.testing.assert_allclose(turn_features(speech), whole, atol=1e-3)


@pytest.mark.models
@pytest.mark.parametrize("content", [None, b"", b"<html>404</html>", b"\x08\x09\x12\x07pytorch"])
async def test_a_model_that_is_none_is_named_again_and_again(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "turn.onnx"
    if content is not None:
        file.write_bytes(content)
    await refused(file)


@pytest.mark.models
async def test_a_model_of_another_kind_is_named() -> None:
    await refused(Models(REAL_MODELS_DIR).path("voice-joe") / "en_US-joe-medium.onnx")


async def refused(file: Path) -> None:
    model = SmartTurn(file)
    try:
        with pytest.raises(SpeechError) as caught:
            await model.start()
        assert (caught.value.code, bool(caught.value.hint)) == ("turn-model-bad", True)
        with pytest.raises(SpeechError) as again:
            await model.complete_probability(Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ))
        assert again.value.code == "turn-model-bad"
    finally:
        await model.close()


@pytest.mark.slow
@pytest.mark.models
async def test_it_tells_whole_requests_from_cut_ones(data: Path) -> None:
    rows = [json.loads(line) for line in (data / "speech" / "ljspeech.jsonl").read_text("utf-8").splitlines()]
    pick = random.Random(0)
    model = SmartTurn(Models(REAL_MODELS_DIR).path("smart-turn-v3.2") / "smart-turn-v3.2-cpu.onnx")
    whole = cut = 0
    try:
        for row in rows:
            samples = read_audio(data / "speech" / row["audio"]).samples
            part = samples[: round(len(samples) * pick.uniform(0.4, 0.7))]
            whole += await model.complete_probability(Chunk(samples, RATE_HZ)) > 0.5
            cut += await model.complete_probability(Chunk(part, RATE_HZ)) > 0.5
    finally:
        await model.close()
    assert whole / len(rows) > 0.75
    assert cut / len(rows) < 0.35
