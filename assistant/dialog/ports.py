"""What a turn needs from the outside, as Protocols. Engines implement them in their own rooms; the composition root
hands them in. Every port has a fake in tests/fakes.py that passes the same contract tests as the real adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from assistant.audio.format import Chunk
from assistant.records import Departure
from assistant.values import CloudQuestion, LocalQuestion, Transcription, TurnRecord, WakeDetection


class AudioSource(Protocol):
    """A microphone: an endless (or, for a file, ending) run of 16 kHz mono chunks."""

    def chunks(self) -> AsyncIterator[Chunk]:
        """Chunks of CHUNK_SAMPLES at RATE_HZ, as they are captured. Devices that vanish are reopened inside.

        Overflow policy: when the reader falls more than 5 s behind, the oldest chunks are dropped and counted.
        """


class WakeDetector(Protocol):
    def process(self, chunk: Chunk) -> WakeDetection | None:
        """Feed 16 kHz audio in order; a detection when a wake word just ended. Takes well under 5% of its length."""

    def reset(self) -> None:
        """Forget the audio heard so far (not the refractory period)."""


class VoiceActivity(Protocol):
    def process(self, chunk: Chunk) -> float:
        """Speech probability 0..1 of the newest audio. Any chunk length; re-blocked inside."""

    def reset(self) -> None:
        """Forget the audio heard so far."""


class Preroll(Protocol):
    """The newest sound, so that words right behind the wake word survive."""

    def push(self, chunk: Chunk) -> None:
        """Add the newest sound; the oldest is dropped when full."""

    def drain(self) -> Sequence[Chunk]:
        """Everything kept, oldest first; empty afterwards."""


class EndOfTurnState(Protocol):
    """What the newest audio decided."""

    @property
    def speech_started(self) -> bool:
        """Speech has begun (stays true)."""

    @property
    def speech_start_s(self) -> float:
        """Where it really began, seconds since the last reset; meaningful once it has begun."""

    @property
    def silence_s(self) -> float:
        """How long the silence since the last voice has lasted; 0 while there is voice."""

    @property
    def ended(self) -> str:
        """Empty while the user's turn goes on; then why it ended: `silence` `timeout` `no-speech`."""


class EndOfTurn(Protocol):
    def process(self, samples: int, probability: float) -> EndOfTurnState:
        """Count `samples` more of audio whose speech probability is given. Pure: no clock."""

    def resumes(self, samples: int, probability: float) -> bool:
        """Count on behind the end. True once there is speech again: then the turn goes on, and so does `process`."""

    def reset(self) -> None:
        """A new utterance begins."""


class PrivateMode(Protocol):
    """Whether nothing may leave the device."""

    @property
    def on(self) -> bool: ...


class TurnEnd(Protocol):
    async def complete_probability(self, audio: Chunk) -> float:
        """How likely it is, 0..1, that who spoke in `audio` (16 kHz; its newest 8 s count) has finished: a hint.

        Raises SpeechError, BusyError.
        """


class Transcriber(Protocol):
    async def transcribe(self, audio: Chunk) -> Transcription:
        """Decode one utterance (16 kHz). Silence and noise give empty text. Raises SpeechError, BusyError."""

    async def draft(self, audio: Chunk) -> Transcription | None:
        """One fast pass over sound that may not be whole yet; None when it is doubtful, or when decoding is busy."""


class Synthesizer(Protocol):
    def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """Speak text, part by part: the first chunk comes long before the last sentence is synthesised. Between two
        sentences comes a chunk of silence.

        Raises SpeechError, BusyError.
        """


class PlaybackHandle(Protocol):
    """Something being played."""

    @property
    def played_s(self) -> float:
        """Seconds of it that reached the sink so far."""

    def stop(self) -> None:
        """Fade out within 20 ms and drop the rest. Idempotent."""

    async def started(self) -> None:
        """Return when its first sample was rendered (or it ended before that)."""

    async def finished(self) -> bool:
        """Wait until the last sample was rendered or it was stopped; True when it played to the end.

        An error of the audio iterator is raised here.
        """


class Player(Protocol):
    """The mixer as a turn sees it."""

    def play(self, audio: AsyncIterator[Chunk], *, priority: int, at_least: int = 0) -> PlaybackHandle:
        """Start playing; lower priorities are ducked meanwhile. Higher number wins.

        `at_least`: a volume (0 to 100) it is not below, however low the speaker is set.
        """


class CloudAgent(Protocol):
    """The cloud LLM behind the gateway."""

    @property
    def up(self) -> bool:
        """Whether the link is believed to be up; known without a network call."""

    @property
    def address(self) -> str:
        """Host and port, for DataLeft."""

    def converse(self, question: CloudQuestion) -> AsyncIterator[str]:
        """Stream the answer's text pieces. Raises CloudError (after it the link may be marked down)."""


class LocalModel(Protocol):
    """A language model on this device, for open questions."""

    @property
    def ready(self) -> bool:
        """Whether it is loaded and can be asked now; known without waiting."""

    async def confidence(self, question: LocalQuestion) -> float:
        """How likely its answer would be right, 0..1, before a word of it is spoken. Raises LlmError, BusyError."""

    def converse(self, question: LocalQuestion) -> AsyncIterator[str]:
        """Stream the answer's text pieces; closing the iterator ends the generating within one token.

        Raises LlmError, BusyError.
        """


class TurnStore(Protocol):
    async def append(self, record: TurnRecord) -> None:
        """Store a finished turn. Raises StoreError."""

    async def recent(self, limit: int) -> Sequence[TurnRecord]:
        """The newest turns, oldest first."""


class EgressLog(Protocol):
    """What left the device, durably."""

    async def append(self, departure: Departure) -> None:
        """Write it down; its number is given here. Raises StoreError."""

    async def page(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        """The newest first: those numbered below `before` (0 for all) that left at `since_wall_s` or later.

        Raises StoreError.
        """

    async def drop_before(self, wall_s: float) -> None:
        """Forget what left before that time. Raises StoreError."""
