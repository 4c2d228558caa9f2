"""Silero as products: the probabilities that faster-whisper's own gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import to_float
from assistant.graphs import Graph
from assistant.speech import halves
from assistant.speech.halves import load_halves
from assistant.speech.presence import BLOCK_SAMPLES
from assistant.speech.silero import load_silero, silero_as_products, silero_file
from tests.speech.engines import WHISPER


def made(folder: Path) -> Path:
    (folder / "silero.onnx").write_bytes(silero_as_products(silero_file()))
    return folder / "silero.onnx"


@pytest.mark.parametrize("blocks", [1, 2, 33, 200])
def test_it_gives_what_faster_whispers_own_gives(tmp_path: Path, data: Path, blocks: int) -> None:
    from faster_whisper.vad import get_vad_model

    sound = to_float(read_audio(data / "speech" / "ljspeech" / "LJ002-0173.flac").samples)[: blocks * BLOCK_SAMPLES]
    sound[-64:] = 0.0  # faster-whisper silences them
    blocks = len(sound) // BLOCK_SAMPLES
    sound = sound[: blocks * BLOCK_SAMPLES]
    wanted = np.asarray(get_vad_model()(sound.copy())).ravel()
    found = load_silero(made(tmp_path))(sound)
    assert found.shape == (blocks,)
    np.testing.assert_allclose(found, wanted, atol=5e-3)


def another(folder: Path) -> Path:
    graph = Graph(blockwise=False)
    same = graph.add("Relu", "sound")
    (folder / "other.onnx").write_bytes(graph.model([("sound", "FLOAT", [1])], [(same, "speech", "FLOAT", [1])]))
    return folder / "other.onnx"


def test_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        silero_as_products(another(tmp_path))


@pytest.mark.models
@pytest.mark.slow
def test_a_silero_that_is_not_known_does_as_it_is(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"language": "en", "compute_type": "int8", "threads": 1}
    sound = read_audio(data / "speech" / "dawn" / "test_012.flac").samples
    known = load_halves(WHISPER, **how, folder=None).encoder.listen(sound)  # type: ignore[arg-type]
    monkeypatch.setattr(halves, "silero_file", lambda: another(tmp_path))
    windows, probabilities = load_halves(WHISPER, **how, folder=None).encoder.listen(sound)  # type: ignore[arg-type]
    assert windows == known[0]
    np.testing.assert_allclose(probabilities, known[1], atol=5e-3)
