"""What makes a noise, and how it is silenced."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from assistant.dialog.speak import Spoken
from assistant.dialog.turn import TurnRunner
from assistant.due.scheduler import Scheduler
from assistant.media import MusicPort
from assistant.values import DueState


class Silencer:
    """`later` runs what takes a moment without being waited for."""

    def __init__(
        self, runner: TurnRunner, due: Scheduler, music: MusicPort, later: Callable[[Coroutine[Any, Any, Any]], None]
    ) -> None:
        self._runner = runner
        self._due = due
        self._music = music
        self._later = later

    @property
    def anything_sounds(self) -> bool:
        """Whether there is something that `stop_everything` would silence."""
        playing = self._music.playing
        return self._sounds or bool(playing and not playing.paused)

    def hush(self) -> bool:
        """Silence rings and the reply being spoken; True when there was something to silence."""
        sounded = self._sounds
        for reply in self._talking():
            reply.stop("stop")
        if self._rings:
            self._later(self._due.dismiss())
        return sounded

    def stop_everything(self) -> bool:
        """Silence rings and the reply being spoken, else the music; True when there was something to silence."""
        if self.hush():
            return True
        if not self.anything_sounds:
            return False
        self._later(self._music.put(None))
        return True

    def finish_sentences(self) -> None:
        """Let every reply end after the sentence that is being spoken."""
        for reply in self._runner.aloud:
            reply.finish_sentence()

    @property
    def _sounds(self) -> bool:
        """Whether there is something that `hush` would silence."""
        return bool(self._talking()) or self._rings

    @property
    def _rings(self) -> bool:
        return any(item.state is DueState.RINGING for item in self._due.active(kind=None))

    def _talking(self) -> list[Spoken]:
        return [reply for reply in self._runner.aloud if reply.first_audio.is_set()]
