"""Files, resampling, chunking, pre-roll and tones: the parts without a device."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.audio import tones
from assistant.audio.files import read_audio, wav_bytes, write_wav
from assistant.audio.format import CHUNK_S, CHUNK_SAMPLES, RATE_HZ, Chunk, Samples, rms_dbfs
from assistant.audio.resample import Rechunker, Resampler, resample
from assistant.audio.ring import PrerollRing


def sine(rate_hz: int, length_s: float, pitch_hz: float = 440.0) -> Samples:
    t = np.arange(round(rate_hz * length_s)) / rate_hz
    samples: Samples = (8192 * np.sin(2 * np.pi * pitch_hz * t)).astype(np.int16)
    return samples


def pitch_hz(samples: Samples, rate_hz: int) -> float:
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate_hz / len(samples))


# --- files ---


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("FLAC", "PCM_16")],
)
def test_files_of_every_kind_become_16k_mono(kind: str, subtype: str, rate_hz: int, channels: int) -> None:
    mono = sine(rate_hz, 1.0) / np.float32(32768)
    out = io.BytesIO()
    soundfile.write(out, np.tile(mono[:, np.newaxis], channels), rate_hz, format=kind, subtype=subtype)
    chunk = read_audio(out.getvalue())
    assert chunk.rate_hz == RATE_HZ
    assert chunk.samples.dtype == np.int16
    assert len(chunk.samples) == pytest.approx(RATE_HZ, abs=2)
    assert pitch_hz(chunk.samples, RATE_HZ) == pytest.approx(440, abs=1)
    assert rms_dbfs(chunk.samples) == pytest.approx(-15.05, abs=0.2)


def test_channels_are_averaged() -> None:
    left, right = np.full(1600, 3000, np.int16), np.full(1600, -1000, np.int16)
    out = io.BytesIO()
    soundfile.write(out, np.stack([left, right], axis=1), RATE_HZ, format="WAV", subtype="PCM_16")
    assert set(read_audio(out.getvalue()).samples) == {1000}


@settings(max_examples=50)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=2000), st.sampled_from([8_000, 16_000, 48_000]))
def test_wav_is_16_bit_and_lossless(values: list[int], rate_hz: int) -> None:
    data = wav_bytes(Chunk(np.array(values, np.int16), rate_hz))
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert (file.samplerate, file.channels, file.subtype, file.format) == (rate_hz, 1, "PCM_16", "WAV")
        assert file.read(dtype="int16").tolist() == values
    if rate_hz == RATE_HZ:
        assert read_audio(data).samples.tolist() == values


def test_chunks_are_joined_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    parts = [Chunk(np.full(100, level, np.int16), RATE_HZ) for level in (1, 2, 3)]
    write_wav(path, parts)
    assert read_audio(path).samples.tolist() == [1] * 100 + [2] * 100 + [3] * 100


# --- resampling and chunking ---


@settings(max_examples=40)
@given(
    rates=st.tuples(*[st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000])] * 2),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=10),
)
def test_streaming_gives_what_one_shot_gives(rates: tuple[int, int], cuts: list[int]) -> None:
    from_hz, to_hz = rates
    whole = sine(from_hz, sum(cuts) / from_hz)
    resampler = Resampler(from_hz, to_hz)
    for _ in range(2):  # after a flush it is as new
        at, parts = 0, []
        for cut in cuts:
            parts.append(resampler.feed(whole[at : at + cut]))
            at += cut
        streamed = np.concatenate([*parts, resampler.flush()])
        assert len(streamed) == pytest.approx(len(whole) * to_hz / from_hz, abs=2)
        once = resample(whole, from_hz, to_hz)
        common = min(len(streamed), len(once))
        assert np.abs(streamed[:common].astype(int) - once[:common].astype(int)).max(initial=0) <= 2


def test_silence_stays_silence_and_full_scale_is_clipped() -> None:
    assert not resample(np.zeros(44_100, np.int16), 44_100, RATE_HZ).any()
    square = np.where(np.arange(48_000) // 100 % 2, 32767, -32768).astype(np.int16)
    out = resample(square, 48_000, RATE_HZ)
    assert out.max() == 32767
    assert out.min() == -32768
    assert not len(resample(np.zeros(0, np.int16), 48_000, RATE_HZ))


@given(st.lists(st.integers(0, 2000), max_size=20), st.integers(1, 700))
def test_rechunking_keeps_every_sample(lengths: list[int], size: int) -> None:
    rechunker = Rechunker(size)
    ramp = np.arange(1, sum(lengths) + 1).astype(np.int16)
    at, pieces = 0, []
    for length in lengths:
        pieces += rechunker.feed(ramp[at : at + length])
        at += length
    assert {len(piece) for piece in pieces} <= {size}
    pieces += rechunker.flush()
    joined = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    assert np.array_equal(joined[: len(ramp)], ramp)
    assert not joined[len(ramp) :].any()
    assert rechunker.flush() == []


@given(keep=st.integers(0, 40), count=st.integers(0, 100))
def test_preroll_keeps_the_newest(keep: int, count: int) -> None:
    ring = PrerollRing(keep * CHUNK_S)
    chunks = [Chunk(np.full(CHUNK_SAMPLES, n, np.int16), RATE_HZ) for n in range(count)]
    for chunk in chunks:
        ring.push(chunk)
    expected = chunks[max(0, count - keep) :] if keep else []
    assert ring.held_s == pytest.approx(len(expected) * CHUNK_S)
    assert [chunk.samples[0] for chunk in ring.drain()] == [chunk.samples[0] for chunk in expected]
    assert ring.drain() == []
    assert ring.held_s == 0


def test_preroll_never_keeps_less_than_asked() -> None:
    ring = PrerollRing(0.3)
    for length in (4000, 100, 4800, 320):
        ring.push(Chunk(np.zeros(length, np.int16), RATE_HZ))
    assert [len(chunk.samples) for chunk in ring.drain()] == [4800, 320]


# --- tones ---

SOUNDS = {"chime": (tones.chime, 0.3), "error": (tones.error_tone, 0.6), "ring": (tones.ring, 2.0)}


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
@pytest.mark.parametrize("name", SOUNDS)
def test_tones_are_short_soft_and_the_same_every_time(name: str, rate_hz: int) -> None:
    make, longest_s = SOUNDS[name]
    chunk = make(rate_hz)
    assert np.array_equal(chunk.samples, make(rate_hz).samples)
    assert 0.1 < chunk.duration_s <= longest_s
    assert -26 < rms_dbfs(chunk.samples) < -12
    assert np.abs(chunk.samples.astype(int)).max() < 26_000
    assert abs(int(chunk.samples[0])) <= 1
    assert abs(int(chunk.samples[-1])) <= 30
    begin = np.abs(chunk.samples[: rate_hz // 1000].astype(int)).max()
    assert begin < 800, "no click at the beginning"


def test_the_ring_can_be_repeated_without_a_click() -> None:
    samples = tones.ring().samples.astype(int)
    assert abs(samples[0] - samples[-1]) <= 30
    assert tones.ring().duration_s == 2.0
