"""Music of any kind, from files and streams, as sound: FFmpeg through PyAV. Everything here blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assistant.audio.format import Chunk
from assistant.errors import AudioError

if TYPE_CHECKING:
    import av

RATE_HZ = 48_000
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 6.0, 5.0
_CHUNK_SAMPLES = RATE_HZ // 4
_REMOTE = "http,https,tcp,tls,crypto,hls,httpproxy"
"""What a stream may lead to: never to a file of this device."""


class Reader:
    """The sound of one file or stream (`http://`, `https://`), mono at RATE_HZ, from `start_s` on."""

    def __init__(self, url: str, start_s: float = 0.0) -> None:
        """Open it; takes up to OPEN_TIMEOUT_S.

        Raises:
            AudioError: `media-unreadable`, `media-offline` (retryable).
        """
        import av  # noqa: PLC0415 - 20 MB, only once there is music

        self._remote = is_remote(url)
        options = {"protocol_whitelist": _REMOTE if self._remote else "file"}
        self._errors = (av.FFmpegError, OSError, ValueError)
        try:
            self._container = av.open(
                url if self._remote else str(Path(url).expanduser()),
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
                options=options,
                metadata_errors="replace",
            )
        except self._errors as exc:
            raise self._failure(exc) from exc
        try:
            if not self._container.streams.audio:
                raise AudioError("media-unreadable", "there is no sound in it")
            if start_s > 0 and not self._remote:
                self._container.seek(int(start_s * av.time_base))
            self._frames = self._container.decode(self._container.streams.audio[0])
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        except self._errors as exc:
            self._container.close()
            raise self._failure(exc) from exc
        except AudioError:
            self._container.close()
            raise

    def read(self) -> Chunk | None:
        """The next quarter of a second or more; None at the end. Raises as the constructor."""
        parts: list[np.ndarray[tuple[int], np.dtype[np.int16]]] = []
        have = 0
        try:
            while have < _CHUNK_SAMPLES and (frame := next(self._frames, None)):
                for resampled in self._resampler.resample(frame):
                    samples = _samples(resampled)
                    parts.append(samples)
                    have += len(samples)
        except self._errors as exc:
            raise self._failure(exc) from exc
        return Chunk(np.concatenate(parts), RATE_HZ) if parts else None

    def close(self) -> None:
        self._container.close()

    def _failure(self, exc: Exception) -> AudioError:
        if self._remote:
            return AudioError("media-offline", f"a stream can't be played ({type(exc).__name__})", retryable=True)
        return AudioError("media-unreadable", f"a file can't be played ({type(exc).__name__})")


def is_remote(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _samples(frame: av.AudioFrame) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.asarray(frame.to_ndarray(), np.int16).reshape(-1)
