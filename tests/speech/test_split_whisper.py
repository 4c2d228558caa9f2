"""Whisper in two halves: the file format, the decoder, what is kept of them."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.errors import SpeechError
from assistant.graphs import Graph
from assistant.sessions import open_session
from assistant.speech import split_whisper
from assistant.speech.ct2_file import Array, Ct2File, read_ct2
from assistant.speech.derived import open_derived
from assistant.speech.split_whisper import FACTS
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.token_decoder import likeliest
from tests.speech.engines import FAST, WHISPER, at_16k, piper, say, simple, whisper


@pytest.mark.models
def test_a_model_file_is_written_as_it_was_read() -> None:
    original = (WHISPER / "model.bin").read_bytes()
    file = read_ct2(WHISPER / "model.bin")
    assert file.to_bytes() == original
    assert file.specification == "WhisperSpec"
    assert file.floats("decoder/embeddings/weight").shape == (51_865, 512)


def test_weights_of_8_bits_have_a_scale_for_each_row(tmp_path: Path) -> None:
    weights = np.array([[127, -64], [10, 20]], np.int8)
    variables: dict[str, Array] = {
        "w": weights,
        "w_scale": np.array([254.0, 10.0], np.float32),
        "n": np.array(8, np.int16),
    }
    (tmp_path / "model.bin").write_bytes(Ct2File("Spec", 3, variables, [("a", "w")]).to_bytes())
    file = read_ct2(tmp_path / "model.bin")
    assert file.floats("w") == pytest.approx(np.array([[0.5, -0.252], [1.0, 2.0]]), abs=1e-3)
    assert int(file.variables["n"]) == 8
    assert file.aliases == [("a", "w")]


@pytest.mark.models
@pytest.mark.parametrize("kept", [0, 3, 100, 50_000_000])
async def test_a_file_cut_short_is_a_clear_error(tmp_path: Path, kept: int) -> None:
    model = tmp_path / "model"
    shutil.copytree(WHISPER, model, ignore=shutil.ignore_patterns("model.bin"))
    with (WHISPER / "model.bin").open("rb") as whole:
        (model / "model.bin").write_bytes(whole.read(kept))
    transcriber = WhisperTranscriber(model, fast=FAST, derived_dir=tmp_path / "derived")
    with pytest.raises(SpeechError, match="can't be loaded") as caught:
        await transcriber.start()
    assert caught.value.code == "stt-model-bad"
    await transcriber.close()


@pytest.mark.models
@pytest.mark.parametrize(
    "blockwise",
    [
        pytest.param(split_whisper.blockwise_is_quick(), id="as this processor does", marks=pytest.mark.slow),
        pytest.param(not split_whisper.blockwise_is_quick(), id="as others do", marks=pytest.mark.slow),
    ],
)
async def test_the_halves_hear_what_the_whole_model_hears(
    data: Path, monkeypatch: pytest.MonkeyPatch, blockwise: bool
) -> None:
    monkeypatch.setattr(split_whisper, "blockwise_is_quick", lambda: blockwise)
    sounds = [read_audio(data / "speech" / "dawn" / f"test_{number:03}.flac") for number in (12, 15)]
    async with piper() as voice:
        sounds.append(at_16k(await say(voice, "What is the capital of Iceland?")))
    async with whisper(threads=2) as halves, whisper(fast=None) as whole:
        await halves.start()
        decoder = halves._engine[1] if halves._engine else None
        assert decoder
        for sound in sounds:
            text = simple((await whole.transcribe(sound)).text)
            assert simple((await halves.transcribe(sound)).text) == text
            assert simple(decoder.decode_whole(sound.samples).decoded.text) == text


@pytest.mark.models
@pytest.mark.slow
async def test_the_halves_are_kept_and_made_again_when_damaged(tmp_path: Path) -> None:
    derived = tmp_path / "derived"
    (derived / "whisper-base-en-0123").mkdir(parents=True)
    (derived / "whisper-base-de-0123").mkdir()
    changed: list[int] = []
    for start in range(3):
        if start == 2:
            next(derived.glob("whisper-base-en-*/decoder.onnx")).write_bytes(b"nonsense")
        transcriber = WhisperTranscriber(WHISPER, fast=FAST, derived_dir=derived)
        await transcriber.start()
        await transcriber.close()
        other, folder = sorted(derived.iterdir())
        assert other.name == "whisper-base-de-0123", "those of an older file went, those of another language stay"
        changed.append((folder / FACTS).stat().st_mtime_ns)
    assert changed[0] == changed[1] != changed[2]


@pytest.mark.slow
@pytest.mark.models
async def test_another_language_is_decoded_with_the_whole_vocabulary() -> None:
    async with whisper(language="de") as engine:
        await engine.start()
        assert engine._engine
        decoder = engine._engine[1]
        assert decoder
        assert len(decoder.halves.decoder._kept) == 50_257 + 107


@pytest.mark.models
@pytest.mark.parametrize("language", ["xx", "../en", "english"])
async def test_a_language_that_the_model_does_not_know_leaves_nothing_behind(tmp_path: Path, language: str) -> None:
    transcriber = WhisperTranscriber(WHISPER, fast=FAST, language=language, derived_dir=tmp_path / "derived")
    with pytest.raises(SpeechError) as caught:
        await transcriber.start()
    assert caught.value.code == "stt-language-unknown"
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}, "which every test has"
    await transcriber.close()


def test_the_likeliest_token_is_that_of_the_weights_as_they_are() -> None:
    pick = np.random.default_rng(0)
    weights = pick.normal(0.0, 0.05, (5000, 512)).astype(np.float32)
    graph = Graph(blockwise=True)
    rough = graph.rough("x", weights)
    session = open_session(graph.model([("x", "FLOAT", [1, 512])], [(rough, "y", "FLOAT", [1, 5000])]))
    otherwise = 0
    for _ in range(200):
        state = pick.normal(0.0, 3.0, 512).astype(np.float32)
        scores = session.run(None, {"x": state[None]})[0][0]
        exact = weights @ state
        otherwise += int(scores.argmax()) != int(exact.argmax())
        chosen = likeliest(scores, state, weights)
        assert chosen == exact.argmax()
        assert scores[chosen] == pytest.approx(exact[chosen], abs=1e-3)
    assert otherwise, "4 bits alone are too few"


def test_what_must_not_be_chosen_never_is() -> None:
    scores = np.full(5000, -np.inf, np.float32)
    scores[7] = -50.0
    assert likeliest(scores, np.ones(4, np.float32), np.ones((5000, 4), np.float16)) == 7
    even = np.zeros(5000, np.float32)
    even[:10] = -np.inf
    assert likeliest(even, np.ones(4, np.float32), np.ones((5000, 4), np.float16)) >= 10


def _make(to: Path, place: Path) -> None:
    with to.open("a") as file:
        file.write(f"{os.getpid()}\n")
    (place / "file").write_bytes(b"content")
    if place.name.endswith(".part") and place.parent.name == "full":
        raise OSError(28, "No space left on device")


def _open(place: Path) -> bytes:
    return (place / "file").read_bytes()


def test_a_full_disk_costs_time_only(tmp_path: Path) -> None:
    folder, made = tmp_path / "full" / "model-1", tmp_path / "made"
    for _ in range(2):
        assert open_derived(folder, partial(_make, made), _open) == b"content"
    assert len(made.read_text().split()) == 4
    assert not list(folder.parent.iterdir()), "nothing is left of what didn't fit"


def test_what_is_kept_is_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder, made = tmp_path / "derived" / "model-1", tmp_path / "made"
    for _ in range(2):
        assert open_derived(folder, partial(_make, made), _open) == b"content"
    [maker] = made.read_text().split()
    assert int(maker) != os.getpid()
    assert [path.name for path in folder.parent.iterdir()] == ["model-1"]


def test_what_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    folder, made, looked = tmp_path / "derived" / "model-1", tmp_path / "made", threading.Event()
    found: list[bytes] = []

    def look(place: Path) -> bytes:
        try:
            return _open(place)
        finally:
            looked.set()

    waiting = threading.Thread(target=lambda: found.append(open_derived(folder, partial(_make, made), look)))
    folder.parent.mkdir()
    theirs = os.open(folder.parent, os.O_RDONLY)
    fcntl.flock(theirs, fcntl.LOCK_EX)
    waiting.start()
    assert looked.wait(30)
    folder.mkdir()
    (folder / "file").write_bytes(b"theirs")
    os.close(theirs)
    waiting.join(30)
    assert found == [b"theirs"]
    assert not made.exists()
