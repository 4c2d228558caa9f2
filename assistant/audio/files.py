"""Sound files in and out: anything libsndfile knows (WAV, FLAC ...) to 16 kHz mono, and 16-bit WAV back.

Everything here blocks; callers on the event loop use an executor.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.audio.resample import Resampler
from assistant.errors import AudioError

MAX_FILE_S = 600.0
_RATES_HZ = range(1_000, 768_001)
_BLOCK_VALUES = 1 << 18
"""Samples over all channels that are in memory at once."""
_FORMATS = "Use a WAV or FLAC file."


def read_audio(source: Path | bytes, *, max_s: float = MAX_FILE_S) -> Chunk:
    """Read a sound file, or its bytes, as RATE_HZ mono; channels are averaged.

    Raises:
        AudioError: `audio-missing`, `audio-directory`, `audio-permission`, `audio-unreadable` (the file),
            `audio-empty`, `audio-not-sound` (not a sound file, or its header is cut off), `audio-rate`,
            `audio-too-long`, `audio-not-finite` (NaN or infinity in it), `audio-damaged` (breaks off while decoding).
    """
    with _open(source) as stream:
        if not stream.read(1):
            raise AudioError("audio-empty", "The sound file is empty.", hint=_FORMATS)
        stream.seek(0)
        return _decode(stream, max_s)


def _open(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        if source.is_dir():
            raise AudioError("audio-directory", f"{source} is a directory.", hint=_FORMATS)
        if source.exists() and not source.is_file():
            raise AudioError("audio-unreadable", f"{source} is not a regular file.", hint=_FORMATS)
        return source.open("rb")
    except FileNotFoundError as exc:
        raise AudioError("audio-missing", f"{source} does not exist.", hint="Check the path.") from exc
    except PermissionError as exc:
        raise AudioError("audio-permission", f"{source} may not be read.", hint="Check its permissions.") from exc
    except (OSError, ValueError) as exc:  # a path with a zero byte is a ValueError
        raise AudioError("audio-unreadable", f"{str(source)[:200]!r} can't be opened: {exc}") from exc


def _decode(stream: BinaryIO, max_s: float) -> Chunk:
    import soundfile  # noqa: PLC0415 - loads libsndfile, which only files need

    try:
        file = soundfile.SoundFile(stream)
    except (RuntimeError, ValueError, TypeError, OSError) as exc:  # LibsndfileError is a RuntimeError
        message = f"This is not a sound file that can be read: {_reason(exc)}."
        raise AudioError("audio-not-sound", message, hint=_FORMATS) from exc
    try:
        with file:
            _check_header(file, max_s)
            samples = _to_mono_16k(file, max_s)
    except (RuntimeError, ValueError, TypeError, OSError) as exc:
        raise AudioError("audio-damaged", f"The sound file is damaged: {_reason(exc)}.", hint=_FORMATS) from exc
    if not len(samples):
        raise AudioError("audio-empty", "The sound file holds no sound.", hint=_FORMATS)
    return Chunk(samples, RATE_HZ)


def _reason(exc: Exception) -> str:
    """libsndfile's own words, unless they are about its insides."""
    reason = str(getattr(exc, "error_string", exc)).strip().rstrip(".").removeprefix("Error : ")
    return "its header makes no sense" if reason.startswith("Internal") else reason


def _check_header(file: Any, max_s: float) -> None:
    if file.samplerate not in _RATES_HZ:
        raise AudioError(
            "audio-rate",
            f"A sample rate of {file.samplerate} Hz is not usable.",
            hint=f"Rates from {_RATES_HZ.start} to {_RATES_HZ.stop - 1} Hz are.",
        )
    if file.frames > max_s * file.samplerate:
        raise _too_long(max_s)


def _too_long(max_s: float) -> AudioError:
    return AudioError("audio-too-long", f"The sound is longer than {max_s:g} s.", hint="Cut it into shorter pieces.")


def _to_mono_16k(file: Any, max_s: float) -> Samples:
    """Block by block, so that a file with many channels costs no more memory than one with few."""
    resampler = Resampler(file.samplerate, RATE_HZ)
    frames_per_block = max(256, _BLOCK_VALUES // file.channels)
    pieces: list[Samples] = []
    frames = 0
    while len(block := file.read(frames_per_block, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > max_s * file.samplerate:  # the header may have lied
            raise _too_long(max_s)
        pieces.append(resampler.feed(_mix_down(block)))
    pieces.append(resampler.flush())
    return np.concatenate(pieces)


def _mix_down(block: npt.NDArray[np.float32]) -> Samples:
    mono = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
    if not np.isfinite(mono).all():
        raise AudioError("audio-not-finite", "The sound file holds values that are not numbers.", hint=_FORMATS)
    mixed: Samples = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)
    return mixed


def wav_bytes(chunk: Chunk) -> bytes:
    """A 16-bit mono WAV file of the chunk."""
    import soundfile  # noqa: PLC0415 - see above

    out = io.BytesIO()
    soundfile.write(out, chunk.samples, chunk.rate_hz, format="WAV", subtype="PCM_16")
    return out.getvalue()


def write_wav(path: Path, chunks: Iterable[Chunk]) -> None:
    """Join chunks (of one rate) to a WAV file at `path`.

    Raises:
        AudioError: `audio-write`, or `audio-empty` when there are no chunks.
    """
    parts = list(chunks)
    if not parts:
        raise AudioError("audio-empty", "There is no sound to write.")
    data = wav_bytes(Chunk(np.concatenate([part.samples for part in parts]), parts[0].rate_hz))
    try:
        path.write_bytes(data)
    except (OSError, ValueError) as exc:
        raise AudioError(
            "audio-write",
            f"{path} can't be written: {exc.strerror if isinstance(exc, OSError) else 'not a file name'}",
            hint="Check the folder and its permissions.",
        ) from exc
