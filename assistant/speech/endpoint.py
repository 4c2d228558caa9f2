"""When the user's turn is over. Pure: it counts samples and knows no clock."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.audio.format import RATE_HZ
from assistant.settings import EndpointConfig, VadConfig


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What the audio so far decided."""

    speech_started: bool
    speech_start_s: float
    """Where the voice that became speech began, seconds since the reset; 0 until then."""
    silence_s: float
    """Silence since the last voice; 0 while there is voice, and once the turn has ended."""
    ended: str
    """Empty while the turn goes on; then why it ended: `silence`, `timeout` or `no-speech`. It stays ended."""


def make_endpoint(config: EndpointConfig, vad: VadConfig) -> Endpoint:
    """The detector the configuration asks for. `vad.threshold` is Silero's; webrtcvad's share is halved instead."""
    return Endpoint(config, threshold=vad.threshold if vad.engine == "silero" else 0.5)


class Endpoint:
    """`dialog.ports.EndOfTurn`. Voice is audio whose speech probability reaches `threshold`.

    * Speech starts with the first run of voice that lasts `min_speech_s`; its start is the start of that run.
    * After it, `silence_s` (`unclear_silence_s` when the dialog may end turns earlier) without speech end the turn
      (`silence`). A shorter run of voice does not break the silence,
      but while one lasts the turn does not end: it may become speech.
    * `command_timeout_s` after speech started the turn ends anyway (`timeout`).
    * Without speech it ends after `no_speech_timeout_s` (`no-speech`); voice under way then may still become speech.

    The outcome doesn't depend on how the audio is cut into calls.
    """

    def __init__(self, config: EndpointConfig, *, threshold: float) -> None:
        self._threshold = threshold
        limit_s = config.unclear_silence_s if config.semantic else config.silence_s
        self._silence_limit = round(limit_s * RATE_HZ)
        self._command_limit = round(config.command_timeout_s * RATE_HZ)
        self._no_speech_limit = round(config.no_speech_timeout_s * RATE_HZ)
        self._min_speech = max(1, round(config.min_speech_s * RATE_HZ))
        self.reset()

    def reset(self) -> None:
        """A new utterance begins."""
        self._position = 0
        self._start: int | None = None
        self._voice = 0
        self._silence = 0
        self._ended = ""

    def process(self, samples: int, probability: float) -> EndpointState:
        """Count `samples` more of audio, all of this speech probability."""
        if samples > 0 and not self._ended:
            self._position += samples
            if probability >= self._threshold:
                self._add_voice(samples)
            else:
                self._add_silence(samples)
        started = self._start is not None
        silence = self._silence if started and not self._ended else 0
        return EndpointState(started, (self._start or 0) / RATE_HZ, silence / RATE_HZ, self._ended)

    def resumes(self, samples: int, probability: float) -> bool:
        """Count on behind the end of the turn. True once there is speech again: then the turn goes on with it."""
        self._position += samples
        self._voice = self._voice + samples if probability >= self._threshold else 0
        if self._voice < self._min_speech:
            return False
        self._silence = 0
        self._ended = ""
        return True

    def _add_voice(self, samples: int) -> None:
        self._voice += samples
        if self._voice >= self._min_speech:
            self._silence = 0
            if self._start is None:
                self._start = self._position - self._voice
        if self._start is not None and self._position - self._start >= self._command_limit:
            self._ended = "timeout"

    def _add_silence(self, samples: int) -> None:
        too_short = self._voice if self._voice < self._min_speech else 0
        self._silence += too_short + samples
        self._voice = 0
        if self._start is None:
            self._ended = "no-speech" if self._position >= self._no_speech_limit else ""
            return
        past_silence = self._silence - self._silence_limit
        past_command = self._position - self._start - self._command_limit
        if past_silence >= 0 or past_command >= 0:
            self._ended = "silence" if past_silence >= past_command else "timeout"
