"""Damaged, odd and hostile sound files and device names: each a clear AudioError with its code, none a traceback."""

from __future__ import annotations

import io
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.audio.devices import Device, select
from assistant.audio.files import read_audio, wav_bytes, write_wav
from assistant.audio.format import RATE_HZ, Chunk
from assistant.errors import AudioError


def wav(
    *,
    rate_hz: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    kind: int = 1,
    data: bytes = b"\1\0" * 100,
    data_size: int | None = None,
    fmt_size: int = 16,
) -> bytes:
    """A WAV file whose header says what it is told to."""
    frame = (channels * bits // 8) & 0xFFFF
    fmt = struct.pack("<HHIIHH", kind, channels, rate_hz, (rate_hz * frame) & 0xFFFFFFFF, frame, bits)
    size = len(data) if data_size is None else data_size
    header = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", fmt_size) + fmt
    return header + b"data" + struct.pack("<I", size) + data


def encoded(samples: np.ndarray, rate_hz: int = RATE_HZ, *, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format=kind, subtype=subtype)
    return out.getvalue()


def flac() -> bytes:
    return encoded(np.random.default_rng(1).integers(-3000, 3000, 40_000).astype(np.int16), kind="FLAC")


def overwritten(data: bytes, begin: int, end: int, byte: int) -> bytes:
    return data[:begin] + bytes([byte]) * (end - begin) + data[end:]


GOOD = wav()

DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "audio-empty"),
    "one byte": (lambda: GOOD[:1], "audio-not-sound"),
    "only RIFF": (lambda: GOOD[:4], "audio-not-sound"),
    "cut in the RIFF header": (lambda: GOOD[:11], "audio-not-sound"),
    "cut before fmt": (lambda: GOOD[:12], "audio-not-sound"),
    "cut in the fmt header": (lambda: GOOD[:18], "audio-not-sound"),
    "cut in fmt": (lambda: GOOD[:30], "audio-not-sound"),
    "cut before data": (lambda: GOOD[:36], "audio-not-sound"),
    "cut in the data header": (lambda: GOOD[:40], "audio-not-sound"),
    "no samples": (lambda: GOOD[:44], "audio-empty"),
    "half a sample": (lambda: GOOD[:45], "audio-empty"),
    "data size 0": (lambda: wav(data_size=0), "audio-empty"),
    "rate 0": (lambda: wav(rate_hz=0), "audio-not-sound"),
    "rate 1": (lambda: wav(rate_hz=1), "audio-rate"),
    "rate 999": (lambda: wav(rate_hz=999), "audio-rate"),
    "rate 2 billion": (lambda: wav(rate_hz=2_000_000_000), "audio-rate"),
    "rate 4 billion": (lambda: wav(rate_hz=0xFFFFFFFF), "audio-not-sound"),
    "0 channels": (lambda: wav(channels=0), "audio-not-sound"),
    "65535 channels": (lambda: wav(channels=0xFFFF), "audio-not-sound"),
    "0 bits": (lambda: wav(bits=0), "audio-not-sound"),
    "fmt longer than the file": (lambda: wav(fmt_size=0x7FFFFFFF), "audio-not-sound"),
    "RIFF that is no WAVE": (lambda: GOOD[:8] + b"AVI " + GOOD[12:], "audio-not-sound"),
    "zeros": (lambda: bytes(10_000), "audio-not-sound"),
    "noise": (lambda: random.Random(1).randbytes(10_000), "audio-not-sound"),
    "text": (lambda: b"set a timer for ten minutes\n" * 100, "audio-not-sound"),
    "JSON": (lambda: b'{"audio": []}', "audio-not-sound"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000), "audio-not-sound"),
    "a ZIP file": (lambda: b"PK\3\4" + bytes(1000), "audio-not-sound"),
    "an ELF program": (lambda: b"\x7fELF" + bytes(1000), "audio-not-sound"),
    "an MP3 tag without sound": (lambda: b"ID3\4\0\0\0\0\0\0" + bytes(500), "audio-not-sound"),
    "NaN": (lambda: encoded(np.array([0.1, np.nan] * 100, np.float32), subtype="FLOAT"), "audio-not-finite"),
    "infinity": (lambda: encoded(np.array([0.1, -np.inf] * 100, np.float32), subtype="FLOAT"), "audio-not-finite"),
    "NaN in one of two channels": (
        lambda: encoded(np.array([[0.1, np.nan]] * 100), subtype="DOUBLE"),
        "audio-not-finite",
    ),
    "FLAC cut in its header": (lambda: flac()[:30], "audio-not-sound"),
    "FLAC cut behind its header": (lambda: flac()[:60], "audio-not-sound"),
    "FLAC cut in the middle": (lambda: flac()[: len(flac()) // 2], "audio-damaged"),
    "FLAC with a hole": (lambda: overwritten(flac(), 20_000, 24_000, 0), "audio-damaged"),
    "FLAC with a damaged stream": (lambda: overwritten(flac(), 50, 60_000, 0xFF), "audio-damaged"),
    "eleven minutes": (lambda: encoded(np.zeros(660 * 4_000, np.int16), 4_000, kind="FLAC"), "audio-too-long"),
    "a FLAC header that claims days": (
        lambda: flac()[:21] + bytes([(flac()[21] & 0xF0) | 0x0F]) + b"\xff\xff\xff\xff" + flac()[26:],
        "audio-too-long",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_a_clear_error(name: str, tmp_path: Path) -> None:
    make, code = DAMAGED[name]
    path = tmp_path / "sound.wav"
    path.write_bytes(make())
    for source in (make(), path):
        with pytest.raises(AudioError) as caught:
            read_audio(source)
        assert caught.value.code == code
        assert caught.value.hint
        assert "Internal" not in caught.value.message


ODD: dict[str, tuple[Callable[[], bytes], int]] = {
    "data size of a stream (all ones)": (lambda: wav(data_size=0xFFFFFFFF), 100),
    "data cut off": (lambda: GOOD[:144], 50),
    "one sample": (lambda: wav(data=b"\1\0"), 1),
    "unknown chunks before the sound": (
        lambda: GOOD[:36] + b"LIST" + struct.pack("<I", 6) + b"INFOab" + GOOD[36:],
        100,
    ),
    "junk behind the sound": (lambda: GOOD + b"junk" * 100, 100),
    "floats far beyond full scale": (lambda: encoded(np.full(100, 1e30, np.float32), subtype="FLOAT"), 100),
    "float denormals": (lambda: encoded(np.full(100, 1e-40, np.float32), subtype="FLOAT"), 100),
    "48 channels": (lambda: encoded(np.zeros((100, 48), np.int16)), 100),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_read_as_far_as_it_goes(name: str) -> None:
    make, length = ODD[name]
    chunk = read_audio(make())
    assert (len(chunk.samples), chunk.rate_hz) == (length, RATE_HZ)


@settings(max_examples=300)
@given(cut=st.integers(0, 400), at=st.integers(0, 60), byte=st.integers(0, 255))
def test_no_damage_to_a_header_escapes_as_a_traceback(cut: int, at: int, byte: int) -> None:
    data = overwritten(GOOD, at, at + 1, byte)[: cut + 1]
    try:
        chunk = read_audio(data, max_s=60.0)
    except AudioError:
        return
    assert 0 < chunk.duration_s <= 60.0


def test_the_length_limit_is_the_callers() -> None:
    ten_s = wav_bytes(Chunk(np.zeros(10 * RATE_HZ, np.int16), RATE_HZ))
    assert read_audio(ten_s, max_s=10.0).duration_s == 10.0
    with pytest.raises(AudioError, match=r"longer than 9\.9 s"):
        read_audio(ten_s, max_s=9.9)


def _missing(folder: Path) -> Path:
    return folder / "no.wav"


def _directory(folder: Path) -> Path:
    return folder


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(GOOD)
    return folder / "file" / "x.wav"


def _dangling(folder: Path) -> Path:
    (folder / "link.wav").symlink_to(folder / "nowhere")
    return folder / "link.wav"


def _circle(folder: Path) -> Path:
    (folder / "circle.wav").symlink_to(folder / "circle.wav")
    return folder / "circle.wav"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.wav")
    return folder / "pipe.wav"


def _zero_byte(folder: Path) -> Path:
    return folder / "a\0b.wav"


def _endless_name(folder: Path) -> Path:
    return folder / ("x" * 5000 + ".wav")


def _locked(folder: Path) -> Path:
    path = folder / "locked.wav"
    path.write_bytes(GOOD)
    path.chmod(0)
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_missing, "audio-missing"),
        (_directory, "audio-directory"),
        (_below_a_file, "audio-unreadable"),
        (_dangling, "audio-missing"),
        (_circle, "audio-unreadable"),
        (_pipe, "audio-unreadable"),
        (_zero_byte, "audio-unreadable"),
        (_endless_name, "audio-unreadable"),
    ],
)
def test_a_path_that_is_no_file_is_a_clear_error(make: Callable[[Path], Path], code: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        read_audio(make(tmp_path))
    assert caught.value.code == code


def test_a_file_without_permission_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _locked(tmp_path)
    if os.geteuid() == 0:  # root may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert caught.value.code == "audio-permission"


@pytest.mark.parametrize("make", [_directory, _below_a_file, _zero_byte, _endless_name])
def test_a_place_that_cant_be_written_is_a_clear_error(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        write_wav(make(tmp_path), [Chunk(np.zeros(10, np.int16), RATE_HZ)])
    assert caught.value.code == "audio-write"


def test_writing_nothing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="audio-empty"):
        write_wav(tmp_path / "empty.wav", [])


MIC = Device(0, "USB Microphone", "ALSA", 1, 0, 48_000, default_input=True, default_output=False)
SECOND = Device(1, "USB Microphone 2", "ALSA", 1, 0, 48_000, default_input=False, default_output=False)
SPEAKER = Device(2, "USB Speaker", "ALSA", 0, 2, 48_000, default_input=False, default_output=True)


@pytest.mark.parametrize(
    ("found", "wanted", "direction", "code", "told"),
    [
        ([], "", "input", "no-input-device", "no microphone"),
        ([], "usb", "output", "no-output-device", "no speaker"),
        ([SPEAKER], "", "input", "no-input-device", "no microphone"),
        ([MIC, SPEAKER], "microfone", "input", "unknown-input-device", "Did you mean 'USB Microphone'?"),
        ([MIC, SPEAKER], "speaker", "input", "unknown-input-device", "'speaker'"),
        ([MIC, SPEAKER], "9", "input", "unknown-input-device", "'9'"),
        ([MIC, SPEAKER], "2", "input", "unknown-input-device", "'2'"),
        ([MIC, SPEAKER], "-1", "input", "unknown-input-device", "'-1'"),
        ([MIC, SPEAKER], "٣", "input", "unknown-input-device", "assistant devices"),
        ([MIC, SPEAKER], "\0", "output", "unknown-output-device", "assistant devices"),
        ([MIC, SPEAKER], "x" * 10_000, "output", "unknown-output-device", "assistant devices"),
        ([MIC, SECOND], "usb", "input", "ambiguous-input-device", "0 'USB Microphone', 1 'USB Microphone 2'"),
    ],
)
def test_a_device_that_cant_be_chosen_is_a_clear_error(
    found: list[Device], wanted: str, direction: str, code: str, told: str
) -> None:
    with pytest.raises(AudioError) as caught:
        select(found, wanted, direction)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert told in str(caught.value)
