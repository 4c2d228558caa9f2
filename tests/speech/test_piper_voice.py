"""The voice in pieces sounds as the voice at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from piper import PiperVoice, SynthesisConfig

from assistant.speech.piper_voice import FIRST_FRAMES, LEVEL, Voice, split_voice
from tests.conftest import REAL_MODELS_DIR
from tests.speech.engines import VOICE

pytestmark = pytest.mark.models

TEXTS = [
    "Yes.",
    "It's six minutes past three.",
    "The pasta timer has nine minutes and fifty three seconds left, and the one for the tea is paused.",
]


@pytest.fixture(scope="module")
def voice() -> Voice:
    [file] = VOICE.glob("*.onnx")
    return Voice(file, json.loads(Path(f"{file}.json").read_text("utf-8")), speed=1.0, parts_dir=None)


def frames_of(voice: Voice, text: str) -> Any:
    [phonemes] = voice._piper.phonemize(text)
    return voice._frames(phonemes)


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_what_decoding_at_once_gives(voice: Voice, text: str) -> None:
    frames = frames_of(voice, text)
    pieces, whole = list(voice._sound(frames)), voice._at_once(frames)
    joined = np.concatenate(pieces)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-4
    assert len(pieces) >= 2
    assert len(pieces[0]) == FIRST_FRAMES * len(whole) // frames.shape[2]


def test_the_parts_say_what_the_voice_in_one_piece_says(voice: Voice) -> None:
    [file] = VOICE.glob("*.onnx")
    whole = PiperVoice.load(file)
    calm = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    [phonemes] = whole.phonemize(TEXTS[1])
    ids = whole.phonemes_to_ids(phonemes)
    made: Any = voice._piper.phoneme_ids_to_audio(ids, calm)
    joined = np.concatenate(list(voice._sound(made.reshape(1, made.shape[0], -1))))
    assert joined == pytest.approx(whole.phoneme_ids_to_audio(ids, calm), abs=1e-4)


@pytest.mark.parametrize("text", TEXTS[1:])
def test_sentences_are_about_equally_loud_and_not_clipped(voice: Voice, text: str) -> None:
    sound = np.concatenate(list(voice.parts(text))) / 32768.0
    sounding = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
    assert float(np.sqrt(np.mean(sounding**2))) == pytest.approx(LEVEL, rel=0.4)
    assert np.mean(np.abs(sound) >= 0.999) < 1e-3


@pytest.mark.parametrize("halo", ["HALO_FRAMES", "FLOW_HALO_FRAMES"])
def test_a_voice_that_would_sound_different_in_pieces_is_decoded_at_once(
    monkeypatch: pytest.MonkeyPatch, halo: str
) -> None:
    monkeypatch.setattr(f"assistant.speech.piper_voice.{halo}", 1)
    [file] = VOICE.glob("*.onnx")
    careful = Voice(file, json.loads(Path(f"{file}.json").read_text("utf-8")), speed=1.0, parts_dir=None)
    assert len(list(careful.parts(TEXTS[1]))) == 1


@pytest.mark.slow
def test_the_parts_are_kept_and_made_again_when_damaged(tmp_path: Path) -> None:
    [file] = VOICE.glob("*.onnx")
    settings = json.loads(Path(f"{file}.json").read_text("utf-8"))
    folder = tmp_path / "parts"
    Voice(file, settings, 1.0, folder)
    for broken, damage in (("text-half.onnx", b""), ("decoder.onnx", b"not ONNX")):
        kept = {part.name: part.stat().st_size for part in folder.iterdir()}
        assert set(kept) == {"text-half.onnx", "flow.onnx", "decoder.onnx"}
        (folder / broken).write_bytes(damage)
        Voice(file, settings, 1.0, folder)
        assert {part.name: part.stat().st_size for part in folder.iterdir()} == kept
    cut = {part: part.stat().st_mtime_ns for part in folder.iterdir()}
    assert len(list(Voice(file, settings, 1.0, folder).parts(TEXTS[1]))) >= 2
    assert {part: part.stat().st_mtime_ns for part in folder.iterdir()} == cut


def test_what_is_not_made_of_such_parts_is_not_cut() -> None:
    [file] = (REAL_MODELS_DIR / "smart-turn-v3.2").glob("*.onnx")
    assert split_voice(file) is None
