"""Pre-roll: the last moment of sound, kept so that words right behind the wake word survive."""

from __future__ import annotations

from collections import deque

from assistant.audio.format import Chunk


class PrerollRing:
    """Keeps the newest `keep_s` seconds of chunks (whole chunks: at least that much, once so much was pushed).

    Overflow policy: the oldest chunk is dropped when the others alone hold `keep_s`.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._chunks: deque[Chunk] = deque()
        self._samples = 0

    @property
    def held_s(self) -> float:
        return self._samples / self._chunks[-1].rate_hz if self._chunks else 0.0

    def push(self, chunk: Chunk) -> None:
        """Add the newest sound. All chunks of one ring have one rate."""
        if self._keep_s <= 0:
            return
        self._chunks.append(chunk)
        self._samples += len(chunk.samples)
        keep_samples = round(self._keep_s * chunk.rate_hz)
        while self._samples - len(self._chunks[0].samples) >= keep_samples:
            self._samples -= len(self._chunks.popleft().samples)

    def drain(self) -> list[Chunk]:
        """Everything kept, oldest first; the ring is empty afterwards."""
        kept = list(self._chunks)
        self._chunks.clear()
        self._samples = 0
        return kept
