"""`assistant ask` and `say`, through the socket of a running assistant and without one."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

import assistant.daemon
from assistant.audio.files import read_audio, wav_bytes
from assistant.audio.format import Chunk
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.errors import SpeechError
from assistant.values import DUE_KINDS
from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget


@pytest.fixture
def sound_file(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    path.write_bytes(wav_bytes(Chunk((np.sin(np.arange(8_000) / 5) * 9_000).astype(np.int16), 16_000)))
    return path


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """No daemon runs; the command's own assistant is a fake."""
    target = FakeTarget()
    target.speaker = DeviceStatus("", "There is no speaker.")

    @contextlib.asynccontextmanager
    async def open_assistant(config: Config, *, audio_devices: bool) -> AsyncIterator[FakeTarget]:
        yield target

    monkeypatch.setattr(assistant.daemon, "open_assistant", open_assistant)
    return target


def test_a_question_by_text_shows_every_step(daemon: FakeTarget) -> None:
    result = call("ask", "how long?")
    assert daemon.asked == [("how long?", None, "text", True)]
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "asked   how long?",
        "intent  HassStartTimer minutes=10 name=päste (0.98)",
        "route   edge · skill · A skill does it.",
        "reply   Ten minutes, starting now.",
    ]
    assert [line.split() for line in lines[5:]] == [["stage", "ms"], ["nlu", "2.2"], ["skill", "0.5"]]
    assert result.stderr == "", "it was spoken, and nothing else is to be said"


def test_a_question_by_sound_shows_what_was_heard(daemon: FakeTarget, sound_file: Path) -> None:
    result = call("ask", str(sound_file))
    assert result.stdout.splitlines()[0] == "heard   ten [bold] minutes"
    text, audio, source, _ = daemon.asked[0]
    assert (text, source) == (None, "wav")
    assert audio is not None
    assert np.array_equal(audio.samples, read_audio(sound_file).samples)


def test_a_sound_file_without_the_usual_ending_is_one_all_the_same(daemon: FakeTarget, sound_file: Path) -> None:
    plain = sound_file.rename(sound_file.with_suffix(""))
    call("ask", str(plain))
    assert daemon.asked[0][2] == "wav"


def test_nothing_heard_is_said_so(daemon: FakeTarget, sound_file: Path) -> None:
    sound_file.write_bytes(wav_bytes(Chunk(np.zeros(8_000, np.int16), 16_000)))
    lines = call("ask", str(sound_file)).stdout.splitlines()
    assert lines[0] == "heard   (nothing)"
    assert lines[3] == "reply   (none: nothing-heard)"


def test_json_has_the_same_facts(daemon: FakeTarget, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    facts = call_json("ask", "how long?", "--out", str(out), "--no-speak")
    assert facts["text"] == "how long?"
    assert (facts["intent"], facts["slots"]) == ("HassStartTimer", {"minutes": 10, "name": "päste"})
    assert (facts["layer"], facts["reason"], facts["sentence"]) == ("edge", "skill", "A skill does it.")
    assert facts["reply"] == "Ten minutes, starting now."
    assert facts["stages"][0] == {"stage": "nlu", "ms": 2.25}
    assert (facts["daemon"], facts["spoken"], facts["out"], facts["outcome"]) == (True, False, str(out), "answered")


def test_out_writes_the_reply_whether_or_not_there_is_a_speaker(daemon: FakeTarget, tmp_path: Path) -> None:
    daemon.speaker = DeviceStatus("", "There is no speaker.")
    result = call("ask", "x", "--out", str(tmp_path / "reply.wav"))
    assert np.array_equal(read_audio(tmp_path / "reply.wav").samples, daemon.reply_sound.samples)
    assert "wrote" in result.stderr
    assert "(0.2 s)" in result.stderr or "(0.3 s)" in result.stderr


def test_without_a_speaker_one_line_says_so(daemon: FakeTarget) -> None:
    daemon.speaker = DeviceStatus("", "There is no speaker.")
    [line] = call("ask", "x").stderr.splitlines()
    assert "There is no speaker." in line
    assert "--out" in line


def test_no_speak_is_handed_on(daemon: FakeTarget) -> None:
    assert call("ask", "x", "--no-speak").stderr == ""
    assert daemon.asked[0][3] is False


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.wav", None, "audio-missing"),
        ("missing.FLAC", None, "audio-missing"),
        ("text.wav", b"set a timer", "audio-not-sound"),
        ("empty.wav", b"", "audio-empty"),
        ("short.wav", b"RIFF\x00\x00\x00\x00WAVE", "audio-not-sound"),
        ("notes.txt", b"set a timer", "audio-not-sound"),
    ],
)
def test_a_file_that_is_no_sound(tmp_path: Path, name: str, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert error_code("ask", str(tmp_path / name)) == code


def test_a_directory_named_like_a_sound_file(tmp_path: Path) -> None:
    (tmp_path / "dir.wav").mkdir()
    assert error_code("ask", str(tmp_path / "dir.wav")) == "audio-directory"


@pytest.mark.parametrize("text", ["", "  ", "x" * 9_000])
def test_a_text_that_cannot_be_asked(daemon: FakeTarget, text: str) -> None:
    assert error_code("ask", text) == "control-request"
    assert not daemon.asked


def test_a_text_that_is_not_unicode(daemon: FakeTarget) -> None:
    assert error_code("ask", os.fsdecode(b"caf\xe9")) == "text-not-unicode"


def test_a_reply_that_cannot_be_written(daemon: FakeTarget, tmp_path: Path) -> None:
    for out in (tmp_path / "no" / "such" / "reply.wav", tmp_path):
        assert error_code("ask", "x", "--out", str(out)) == "audio-write"
        assert error_code("say", "x", "--out", str(out)) == "audio-write"
    assert not daemon.asked, "nothing is done for a reply that can't be kept"


def test_an_error_of_the_assistant_is_its_own_line(daemon: FakeTarget) -> None:
    daemon.error = SpeechError("tts-failed", "the voice failed", hint="Fetch it again.")
    result = call("ask", "x", code=1)
    assert result.stderr.splitlines() == ["error: the voice failed [tts-failed]", "hint: Fetch it again."]
    assert result.stdout == ""


def test_a_turn_that_failed_says_why_and_exits_with_1(daemon: FakeTarget) -> None:
    daemon.fails_with = "stt-failed"
    result = call("ask", "x", code=1)
    assert "error: it failed [stt-failed]\nhint: `assistant doctor` says what to do.\n" in result.stderr
    facts = json.loads(call("ask", "x", "--json", code=1).stdout)
    assert facts["outcome"] == "failed"
    assert facts["failures"] == [{"code": "stt-failed", "message": "it failed"}]


def test_without_a_daemon_the_command_answers_itself(own: FakeTarget) -> None:
    facts = call_json("ask", "how long?")
    assert facts["daemon"] is False
    assert own.asked == [("how long?", None, "text", True)]


@pytest.mark.parametrize("kind", DUE_KINDS)
def test_what_is_due_without_a_daemon_says_when_it_comes(own: FakeTarget, kind: str) -> None:
    assert "once `assistant run` runs" in call("ask", f"set a {kind}").stderr
    assert "once `assistant run` runs" not in call("ask", "how long?").stderr


def test_a_timer_set_through_a_daemon_needs_no_such_word(daemon: FakeTarget) -> None:
    assert "assistant run" not in call("ask", "set a timer").stderr


def test_say_speaks(daemon: FakeTarget) -> None:
    call("say", "good morning")
    assert daemon.said == ["good morning"]


def test_say_into_a_file(daemon: FakeTarget, tmp_path: Path) -> None:
    call("say", "good morning", "--out", str(tmp_path / "speech.wav"))
    samples = read_audio(tmp_path / "speech.wav").samples
    assert len(samples) == 2 * len(daemon.reply_sound.samples)


def test_say_without_a_daemon(own: FakeTarget, tmp_path: Path) -> None:
    call("say", "one")
    call("say", "two", "--out", str(tmp_path / "speech.wav"))
    assert own.said == ["one", "two"]


def test_say_tells_what_failed(daemon: FakeTarget, tmp_path: Path) -> None:
    daemon.error = SpeechError("tts-failed", "the voice failed")
    assert error_code("say", "x") == "tts-failed"
    assert error_code("say", "x", "--out", str(tmp_path / "x.wav")) == "tts-failed"
    assert not (tmp_path / "x.wav").exists()
