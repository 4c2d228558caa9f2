"""Whisper's vocabulary cut down to English."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from assistant.audio.files import read_audio
from assistant.config import find_paths
from assistant.errors import SpeechError
from assistant.evaluate.make_tokens import main
from assistant.models import Models
from assistant.speech.english import TEXT_TOKENS, TOKENS_FILE, english_files, english_tokens, read_vocabulary
from assistant.speech.stt import WhisperTranscriber
from tests.speech.engines import FAST, WHISPER, at_16k, piper, say, simple, whisper


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    content = english_files(WHISPER)
    assert content
    return content


@pytest.mark.models
def test_two_fifths_of_the_vocabulary_are_gone(files: dict[str, bytes]) -> None:
    vocabulary = json.loads(files["vocabulary.json"])
    assert len(english_tokens()) == 29_380
    assert vocabulary[-107:] == read_vocabulary(WHISPER)[TEXT_TOKENS : TEXT_TOKENS + 107]
    missing = (51_865 - len(vocabulary)) * 512 * 2
    whole = (WHISPER / "model.bin").stat().st_size
    assert len(files["model.bin"]) == whole - missing


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [" Set a timer for 10 minutes.", " Café Zoë, £5 – 20°C!", " Przybyszewski", " 東京", " ok\n"],
)
def test_any_text_can_still_be_written(files: dict[str, bytes], text: str) -> None:
    tokenizer = tokenizers.Tokenizer.from_buffer(files["tokenizer.json"])
    vocabulary = json.loads(files["vocabulary.json"])
    encoded = tokenizer.encode(text)
    assert tokenizer.decode(encoded.ids) == text
    assert [vocabulary[token] for token in encoded.ids] == encoded.tokens
    assert tokenizer.token_to_id("<|notimestamps|>") == len(vocabulary) - 1


@pytest.mark.models
async def test_the_fast_pass_hears_with_it_what_the_whole_model_hears(data: Path) -> None:
    sounds = [read_audio(data / "speech" / "dawn" / f"test_{number:03}.flac") for number in (12, 15)]
    async with piper() as voice:
        sounds.append(at_16k(await say(voice, "What is the capital of Iceland?")))
    async with whisper() as cut, whisper(fast=None) as full:
        for sound in sounds:
            assert simple((await cut.transcribe(sound)).text) == simple((await full.transcribe(sound)).text)


@pytest.mark.models
def test_a_model_of_another_vocabulary_stays_whole(tmp_path: Path) -> None:
    lines = read_vocabulary(WHISPER)
    lines[1000], lines[1001] = lines[1001], lines[1000]
    (tmp_path / "vocabulary.json").write_text(json.dumps(lines))
    assert english_files(tmp_path) is None
    (tmp_path / "vocabulary.json").write_text("{}")
    assert english_files(tmp_path) is None


@pytest.mark.models
@pytest.mark.parametrize("kept", [0, 3, 100, 50_000_000])
async def test_a_file_cut_short_is_a_clear_error(tmp_path: Path, kept: int) -> None:
    shutil.copytree(WHISPER, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("model.bin"))
    with (WHISPER / "model.bin").open("rb") as whole:
        (tmp_path / "model.bin").write_bytes(whole.read(kept))
    transcriber = WhisperTranscriber(tmp_path, fast=FAST)
    with pytest.raises(SpeechError, match="can't be loaded") as caught:
        await transcriber.start()
    assert caught.value.code == "stt-model-bad"
    await transcriber.close()


@pytest.mark.models
@pytest.mark.slow
def test_the_kept_tokens_are_those_of_the_english_only_model(tmp_path: Path) -> None:
    Models(find_paths().models_dir).fetch("whisper-tiny.en", lambda _: None)
    assert main(["--out", str(tmp_path / TOKENS_FILE)]) == 0
    made = np.unpackbits(np.frombuffer((tmp_path / TOKENS_FILE).read_bytes(), np.uint8))
    assert list(np.flatnonzero(made[:TEXT_TOKENS])) == english_tokens()


@pytest.mark.models
@pytest.mark.slow
async def test_another_language_has_the_whole_vocabulary() -> None:
    async with whisper(language="de") as engine:
        await engine.start()
        assert engine._engine
        assert engine._engine[0].model.hf_tokenizer.get_vocab_size() > TEXT_TOKENS
