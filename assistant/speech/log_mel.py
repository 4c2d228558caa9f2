"""Whisper's log-mel spectrogram, by a matrix product: several times faster than numpy's double-precision FFT."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ

Floats = npt.NDArray[np.float32]

HOP_SAMPLES = 160
MELS = 80
_WINDOW_SAMPLES = 400


def log_mel(signal: Floats) -> Floats:
    """(n,) samples at RATE_HZ, at least 201, to (MELS, n // HOP_SAMPLES) as Whisper's models expect them."""
    padded = np.pad(signal, _WINDOW_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[:-1:HOP_SAMPLES]
    cosine, sine = _windowed_waves()
    power = (frames @ cosine) ** 2 + (frames @ sine) ** 2
    spectrum = np.log10(np.maximum(_mel_filters() @ power[: len(signal) // HOP_SAMPLES].T, np.float32(1e-10)))
    scaled: Floats = (np.maximum(spectrum, spectrum.max() - np.float32(8.0)) + np.float32(4.0)) / np.float32(4.0)
    return scaled


@functools.cache
def _windowed_waves() -> tuple[Floats, Floats]:
    """Real and imaginary part of the Fourier transform behind a Hann window, (window, frequencies) each."""
    positions = np.arange(_WINDOW_SAMPLES)
    window = np.hanning(_WINDOW_SAMPLES + 1)[:-1, None]
    angles = 2 * np.pi * np.outer(positions, np.arange(_WINDOW_SAMPLES // 2 + 1)) / _WINDOW_SAMPLES
    return (window * np.cos(angles)).astype(np.float32), (window * np.sin(angles)).astype(np.float32)


@functools.cache
def _mel_filters() -> Floats:
    from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415 - heavy

    filters: Floats = FeatureExtractor.get_mel_filters(RATE_HZ, _WINDOW_SAMPLES, MELS).astype(np.float32)
    return filters
