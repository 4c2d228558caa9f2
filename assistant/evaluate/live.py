"""Recordings played to a whole assistant, at the pace of the clock: a virtual microphone, a virtual speaker.

Each recording gets an assistant of its own (fresh conversation, no timers), all of them the same loaded engines. The
wake word is bypassed: the assistant begins to listen LEAD_S before the recording. Room tone follows for TAIL_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assistant.audio.format import CHUNK_S, Chunk, Samples
from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualMicrophone
from assistant.config import Config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Sound, open_assistant
from assistant.daemon.engines import Engines
from assistant.dialog import phrases
from assistant.dialog.ports import WakeDetector
from assistant.events import (
    Event,
    Failed,
    IntentRecognized,
    NotRecognized,
    PlaybackFinished,
    PlaybackStarted,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    TurnAmended,
    TurnEnded,
    TurnEvent,
)
from assistant.models import Models
from assistant.streams import closing
from assistant.values import Clock, Slots, WakeDetection

LEAD_S = 10 * CHUNK_S
TAIL_S = 3.0
PATIENCE_S = 15.0
"""A reply that has not begun this long after the tail is not waited for any more."""
QUESTION = "Question"
"""The intent of an open question."""
_BLOCK_S = 0.02
_AUDIBLE = 64
_VIRTUAL = DeviceStatus("virtual", "")


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a recording: the turn that stood. Times are seconds since the recording's first sample."""

    ended_s: float | None
    """When the end of the user's turn was decided; None when no speech was noticed."""
    text: str
    intent: str | None
    slots: Slots
    reply_s: float | None
    """First audible sample of the reply; None when there was none."""
    failed: str
    """Code of the error that the turn met; empty for none."""
    turns: int
    """How many turns were made of the recording."""


class EvalEngines(Engines):
    """The daemon's engines, kept from one assistant to the next, with a wake word that is heard at once."""

    async def load_wake(self) -> WakeDetector | None:
        """Detects with the first sound it is given, whatever it is."""
        return _AtOnce()

    async def stop(self) -> None:
        """The next assistant needs them."""

    async def close(self) -> None:
        """Stop for good."""
        await super().stop()


class _AtOnce:
    """`dialog.ports.WakeDetector`."""

    def __init__(self) -> None:
        self._done = False

    def process(self, _: Chunk) -> WakeDetection | None:
        done, self._done = self._done, True
        return None if done else WakeDetection("bypassed", 1.0)

    def reset(self) -> None:
        """There is nothing to forget."""


MakeEngines = Callable[[Config, Models], EvalEngines]


class Stage:
    """Plays recordings. Made by `open_stage`."""

    def __init__(self, config: Config, engines: EvalEngines, clock: Clock | None) -> None:
        self._config = config
        self._engines = engines
        self._clock = clock

    async def play(self, audio: Chunk) -> Heard:
        """Play one 16 kHz recording to a fresh assistant. Raises EdgewiseError when that can't be started."""
        microphone = VirtualMicrophone(realtime=True)
        microphone.pause(LEAD_S)
        microphone.say(audio)
        witness = _Witness()
        mixer = Mixer(volume=100)

        async def sound(_: Callable[[Event], None]) -> Sound:
            pump = functools.partial(_play, mixer, witness)
            return Sound(microphone, mixer, pump, lambda: _VIRTUAL, lambda: _VIRTUAL, echo_free=True)

        with tempfile.TemporaryDirectory() as folder:
            config = _with_state(self._config, Path(folder))
            async with open_assistant(config, sound, clock=self._clock, engines=self._engines) as assistant:
                with assistant.bus.watch(witness.note):
                    await asyncio.sleep(LEAD_S + audio.duration_s + TAIL_S)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(PATIENCE_S):
                            await witness.settled()
                    assistant.hush()
        return witness.verdict(microphone.began_s + LEAD_S)

    async def transcribe(self, audio: Chunk) -> str:
        """What the speech recognition makes of a recording, played or not."""
        transcription = await (await self._engines.stt.get()).transcribe(audio)
        return transcription.text


@contextlib.asynccontextmanager
async def open_stage(
    config: Config, make_engines: MakeEngines = EvalEngines, clock: Clock | None = None
) -> AsyncIterator[Stage]:
    """A stage with its engines loaded and warm, as in an assistant that has run for a while.

    Raises:
        EdgewiseError: an engine can't be loaded.
    """
    wake = config.settings.wake.model_copy(update={"chime": False})
    config = dataclasses.replace(config, settings=config.settings.model_copy(update={"wake": wake}))
    with tempfile.TemporaryDirectory() as folder:
        config = _with_state(config, Path(folder))
        engines = make_engines(config, Models(config.paths.models_dir, config.paths.user_manifest))
        try:
            await engines.nlu.get()
            await engines.stt.get()
            voice = await engines.tts.get()
            for phrase in phrases.FREQUENT:
                async with closing(voice.synthesize(phrase)) as chunks:
                    async for _ in chunks:
                        pass
            yield Stage(config, engines, clock)
        finally:
            await engines.close()


@dataclass(slots=True)
class _Turn:
    """What is known of one turn so far, in seconds of the loop's clock."""

    started_s: float | None = None
    ended_s: float | None = None
    text: str = ""
    intent: str | None = None
    slots: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    failed: str = ""
    played_s: float | None = None
    silent_s: float | None = None
    void_s: float = 0.0
    """Sound until then was of a reply that did not stand."""
    over: bool = False


class _Witness:
    """Notes events and sound with their times."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns: dict[str, _Turn] = {}
        self._sounds: list[float] = []
        """The first audible sample of each block that has one."""
        self._news = asyncio.Event()

    def hear(self, block: Samples, rate_hz: int) -> None:
        loud = np.flatnonzero(np.abs(block.astype(np.int32)) > _AUDIBLE)
        if len(loud):
            self._sounds.append(self._loop.time() + int(loud[0]) / rate_hz)

    def note(self, event: Event) -> None:
        if not isinstance(event, TurnEvent | Failed) or not event.turn_id:
            return
        turn = self._turns.setdefault(event.turn_id, _Turn())
        self._note_times(turn, event, self._loop.time())
        match event:
            case Transcript():
                turn.text, turn.intent = event.text, None
            case IntentRecognized() if turn.intent is None:  # of several requests, the first
                turn.intent, turn.slots = event.intent, event.slots
            case NotRecognized():
                turn.intent = QUESTION if event.open_question else None
            case Failed():
                turn.failed = event.code
            case TurnEnded():
                turn.over = True
        self._news.set()

    @staticmethod
    def _note_times(turn: _Turn, event: Event, now_s: float) -> None:
        match event:
            case SpeechStarted():
                turn.started_s = now_s
            case SpeechEnded():
                turn.ended_s = now_s
            case TurnAmended():
                turn.played_s = None
            case PlaybackStarted():
                turn.played_s = now_s
            case PlaybackFinished():
                turn.silent_s = now_s
                if turn.played_s is None:
                    turn.void_s = now_s

    async def settled(self) -> None:
        """Return when no turn in which somebody spoke still waits for its reply."""
        while any(t.started_s is not None and t.played_s is None and not t.over for t in self._turns.values()):
            self._news.clear()
            await self._news.wait()

    def verdict(self, began_s: float) -> Heard:
        """The last turn in which something was understood, or else in which somebody spoke."""
        spoken = [turn for turn in self._turns.values() if turn.ended_s is not None]
        turn = next((turn for turn in reversed(spoken) if turn.text or turn.failed), None)
        turn = turn or (spoken[-1] if spoken else _Turn())
        sound_s = self._first_sound(turn)
        return Heard(
            ended_s=None if turn.ended_s is None else turn.ended_s - began_s,
            text=turn.text,
            intent=turn.intent,
            slots=turn.slots,
            reply_s=None if sound_s is None else sound_s - began_s,
            failed=turn.failed,
            turns=len(spoken),
        )

    def _first_sound(self, turn: _Turn) -> float | None:
        """Voices are played one after the other, so it comes after every other turn's last sound."""
        if turn.played_s is None:
            return None
        others = [other.silent_s for other in self._turns.values() if other is not turn and other.silent_s is not None]
        free_s = max((silent_s for silent_s in others if silent_s <= turn.played_s), default=0.0)
        free_s = max(free_s, turn.void_s)
        return next((sound_s for sound_s in self._sounds if sound_s >= free_s), None)


async def _play(mixer: Mixer, witness: _Witness) -> None:
    while True:
        await mixer.wait_playing()
        await mixer.pump(lambda block: witness.hear(block, mixer.rate_hz), block_s=_BLOCK_S)


def _with_state(config: Config, folder: Path) -> Config:
    """The same configuration with a state directory of its own."""
    state = folder / "state"
    state.mkdir()
    return dataclasses.replace(config, paths=dataclasses.replace(config.paths, state_dir=state))
