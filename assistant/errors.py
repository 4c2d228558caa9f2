"""One tree of errors. Adapters turn foreign exceptions into these at their boundary, `raise ... from exc`.

    EdgewiseError            code (kebab-case), stage, retryable, hint (the way out, one sentence)
    ├── ConfigError          config: a file, key or value; carries every problem at once
    ├── ModelError           models: missing, corrupt, truncated, swapped, unreachable
    ├── AudioError           audio: device missing, vanished, busy; file unreadable
    ├── SpeechError          speech: wake, vad, stt, tts engines
    ├── UnderstandError      nlu: grammar or sentence files
    ├── SkillError           skills: an action failed
    ├── CloudError           cloud: unreachable, refused, timed out, cut off
    ├── LlmError             llm: local model
    ├── HomeError            home: unreachable, refused
    ├── StoreError           store: database corrupt, full disk, newer schema
    ├── ControlError         control: socket, request
    ├── PanelError           panel: buttons or lights missing, no right to them
    ├── GatewayError         gateway: upstream, configuration
    ├── EvaluateError        evaluate: manifest, output
    └── BusyError            any bounded queue that is full

A message never contains what a user said, nor a secret.
"""

from __future__ import annotations


class EdgewiseError(Exception):
    """Base of everything we raise on purpose.

    `code` is stable and kebab-case, `stage` names the room, `retryable` says whether the same call may succeed later,
    `hint` is what a person can do about it.
    """

    stage = "assistant"

    def __init__(self, code: str, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" + (f" {self.hint}" if self.hint else "")


class ConfigError(EdgewiseError):
    """The configuration can't be used. `problems` lists every one found, one line each."""

    stage = "config"

    def __init__(self, code: str, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(code, message, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {problem}" for problem in self.problems)])


class ModelError(EdgewiseError):
    stage = "models"


class AudioError(EdgewiseError):
    stage = "audio"


class SpeechError(EdgewiseError):
    stage = "speech"


class UnderstandError(EdgewiseError):
    stage = "nlu"


class SkillError(EdgewiseError):
    stage = "skills"


class CloudError(EdgewiseError):
    stage = "cloud"


class LlmError(EdgewiseError):
    stage = "llm"


class HomeError(EdgewiseError):
    stage = "home"

    def again(self) -> HomeError:
        """The same, to be raised once more: an exception that is raised twice keeps both tracebacks."""
        return HomeError(self.code, self.message, hint=self.hint, retryable=self.retryable)


class StoreError(EdgewiseError):
    stage = "store"


class ControlError(EdgewiseError):
    stage = "control"


class PanelError(EdgewiseError):
    stage = "panel"


class GatewayError(EdgewiseError):
    stage = "gateway"


class EvaluateError(EdgewiseError):
    stage = "evaluate"


class BusyError(EdgewiseError):
    """A bounded queue is full: the caller sheds load instead of growing."""

    def __init__(self, what: str) -> None:
        super().__init__("busy", f"{what} is busy", hint="Try again in a moment.", retryable=True)
