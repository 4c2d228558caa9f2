"""Fakes of every port, each passing the same contract tests as the real adapter (tests/contract)."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from aiohttp import web

from assistant.audio.backend import OnBlock, OnEnd, Pull
from assistant.audio.format import CHUNK_SAMPLES, RATE_HZ, Chunk, Samples, rms_dbfs
from assistant.cloud.health import KEEPS_LINK
from assistant.config import Config
from assistant.control.ports import DeviceStatus, StatusReport
from assistant.daemon.engines import Engines
from assistant.dialog.ports import Synthesizer, Transcriber, TurnEnd, VoiceActivity, WakeDetector
from assistant.errors import AudioError, BusyError, CloudError, SkillError, SpeechError, StoreError
from assistant.events import (
    DueChanged,
    Event,
    EventBus,
    Failed,
    IntentRecognized,
    PlaybackStarted,
    Routed,
    TurnEnded,
    TurnStarted,
)
from assistant.home.virtual import State as DeviceState
from assistant.models import Models
from assistant.sentences import split_sentences
from assistant.values import (
    CloudQuestion,
    DueItem,
    DueState,
    Layer,
    ListItem,
    Outcome,
    Slots,
    StageTime,
    State,
    TextReading,
    Transcription,
    TurnRecord,
    WakeDetection,
)

# --- due and store ---


class FakeDueStore:
    """due.ports.DueStore in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, DueItem] = {}
        self.error: StoreError | None = None
        """Raised by every call while set."""
        self.unblocked = asyncio.Event()
        """Clear it and saves wait: a stalled disk."""
        self.unblocked.set()

    async def save(self, item: DueItem) -> None:
        await self.unblocked.wait()
        self._check()
        self.rows[item.id] = item

    async def open_items(self) -> list[DueItem]:
        self._check()
        items = [item for item in self.rows.values() if item.state not in {DueState.DONE, DueState.CANCELLED}]
        return sorted(items, key=lambda item: (item.due_wall_s, item.id))

    def _check(self) -> None:
        if self.error:
            raise self.error


class FakeHomeStore:
    """home.virtual.HomeStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, DeviceState] = {}

    async def save(self, states: Mapping[str, DeviceState]) -> None:
        self.kept.update(states)

    async def states(self) -> Mapping[str, DeviceState]:
        return dict(self.kept)


class FakeListStore:
    """skills.list_book.ListStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[ListItem, ...]] = {}

    async def put(self, name: str, items: tuple[ListItem, ...] | None) -> None:
        if items is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = items

    async def all(self) -> Mapping[str, tuple[ListItem, ...]]:
        return dict(self.kept)


class FakeSwitch:
    """skills.ports.Switch."""

    def __init__(self) -> None:
        self.on = False

    async def turn(self, *, on: bool) -> None:
        self.on = on


class FakeTurnStore:
    """dialog.ports.TurnStore in memory."""

    def __init__(self) -> None:
        self.records: dict[str, TurnRecord] = {}
        self.error: StoreError | None = None
        """Raised by every call while set."""

    async def append(self, record: TurnRecord) -> None:
        self._check()
        self.records.setdefault(record.id, record)

    async def recent(self, limit: int) -> list[TurnRecord]:
        self._check()
        return list(self.records.values())[-limit:] if limit > 0 else []

    def _check(self) -> None:
        if self.error:
            raise self.error


# --- cloud and gateway ---


class FakeCloud:
    """dialog.ports.CloudAgent from a script. Like the real one, a failure of the link marks it down."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.up = True
        self.address = "gateway.test:50051"
        self.error: CloudError | None = None
        """Raised after `error_after` pieces."""
        self.error_after = 0
        self.delay_s = 0.0
        """Before each piece."""
        self.first_token_timeout_s = 5.0
        self.questions: list[CloudQuestion] = []
        self.hung_up = 0
        """Answers that the caller left before their end."""

    async def converse(self, question: CloudQuestion) -> AsyncGenerator[str, None]:
        self.questions.append(question)
        try:
            for index, piece in enumerate(self.pieces):
                if self.error and index == self.error_after:
                    break
                if not index and self.delay_s > self.first_token_timeout_s:
                    await asyncio.sleep(self.first_token_timeout_s)
                    self.up = False
                    raise CloudError("cloud-timeout", "no answer", retryable=True)
                await asyncio.sleep(self.delay_s)
                yield piece
        except (GeneratorExit, asyncio.CancelledError):
            self.hung_up += 1
            raise
        if self.error:
            self.up = self.error.code in KEEPS_LINK
            raise self.error


class FakeOpenAiServer:
    """An OpenAI-compatible server on loopback that answers, stalls, fails and breaks as told. An async context manager.

    Attributes may be changed between requests.
    """

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.status = 200
        """HTTP status of /chat/completions."""
        self.models_status = 200
        self.models_body = b'{"object": "list", "data": [{"id": "fake-model"}]}'
        self.content_type = "text/event-stream"
        self.raw: tuple[bytes, ...] | None = None
        """Sent as the body, one write each, instead of the pieces."""
        self.finish_reason = "stop"
        self.hold_after: int | None = None
        """After so many pieces, wait for `released`."""
        self.released = asyncio.Event()
        self.pause_s = 0.0
        """Before each write."""
        self.cut = False
        """Break the connection instead of ending the answer."""
        self.asked = asyncio.Event()
        """Set by every question."""
        self.hung_up = asyncio.Event()
        """Set when a client left in mid-answer."""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        """Authorization headers, of every request."""
        self.peers: set[object] = set()
        """Where questions came from: an address for each connection."""
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.released.set()
        await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        return web.Response(status=self.models_status, body=self.models_body, content_type="application/json")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization", ""))
        self.requests.append(await request.json())
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        self.asked.set()
        if self.status != 200:
            return web.Response(status=self.status, text="no")
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        try:
            for index, piece in enumerate(self._body()):
                if index == self.hold_after:
                    await self.released.wait()
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
                await response.write(piece)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        if self.cut and request.transport is not None:
            request.transport.abort()
        return response

    def _body(self) -> list[bytes]:
        if self.raw is not None:
            return list(self.raw)
        chunks: list[dict[str, Any]] = [{"choices": [{"delta": {"content": piece}}]} for piece in self.pieces]
        if not self.cut:
            chunks.append({"choices": [{"delta": {}, "finish_reason": self.finish_reason}]})
            chunks.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(self.pieces)}})
        lines = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
        return lines if self.cut else [*lines, b"data: [DONE]\n\n"]


# --- audio ---


class FakeAudioSource:
    """dialog.ports.AudioSource: a list of samples, cut into chunks, as fast as they are read."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def chunks(self) -> AsyncIterator[Chunk]:
        for at in range(0, len(self._samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
            await asyncio.sleep(0)
            yield Chunk(self._samples[at : at + CHUNK_SAMPLES], RATE_HZ)


class FakePlayback:
    """dialog.ports.PlaybackHandle of FakePlayer."""

    def __init__(self, audio: AsyncIterator[Chunk], heard: list[Chunk]) -> None:
        self._audio = audio
        self._heard = heard
        self._started = asyncio.Event()
        self._finished = asyncio.Event()
        self._result: bool | Exception = True
        self._played_s = 0.0
        self._task = asyncio.create_task(self._run())

    @property
    def played_s(self) -> float:
        return self._played_s

    def stop(self) -> None:
        if not self._finished.is_set():
            self._end(result=False)
            self._task.cancel()

    async def started(self) -> None:
        await self._started.wait()

    async def finished(self) -> bool:
        await self._finished.wait()
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    def _end(self, result: bool | Exception) -> None:
        self._result = result
        self._started.set()
        self._finished.set()

    async def _run(self) -> None:
        result: bool | Exception = True
        try:
            async for chunk in self._audio:
                self._started.set()
                self._heard.append(chunk)
                for _ in range(round(chunk.duration_s / 0.01)):
                    await asyncio.sleep(0.01)
                    self._played_s += 0.01
        except Exception as exc:
            result = exc
        finally:
            close = getattr(self._audio, "aclose", None)
            if close:
                await close()
            if not self._finished.is_set():
                self._end(result)


class FakePlayer:
    """dialog.ports.Player: no mixing; every voice takes as long as its sound is."""

    def __init__(self) -> None:
        self.heard: list[Chunk] = []
        """Every chunk whose playing began."""

    def play(self, audio: AsyncIterator[Chunk], *, priority: int, at_least: int = 0) -> FakePlayback:
        return FakePlayback(audio, self.heard)


class FakeStream:
    """audio.backend.Stream of FakeSoundCard."""

    def __init__(self, rate_hz: int, on_end: OnEnd, *, on_block: OnBlock | None, pull: Pull | None) -> None:
        self.device = "Fake Card"
        self.rate_hz = rate_hz
        self.active = True
        self.withdrawn = False
        self.closed = False
        self.on_end = on_end
        self.on_block = on_block
        self.pull = pull

    def close(self) -> None:
        self.active = False
        self.closed = True


class FakeSoundCard:
    """audio.backend.Backend: a sound card that tests feed, pull and unplug. `run` moves sound at the loop's pace."""

    def __init__(self, rate_hz: int = 48_000) -> None:
        self.rate_hz = rate_hz
        self.error: AudioError | None = None
        """Raised by every opening while set."""
        self.frozen = False
        """Streams stay open but no sound moves."""
        self.streams: list[FakeStream] = []
        """Every stream ever opened."""
        self.looks = 0
        """How often devices were looked for."""
        self.played: list[Samples] = []
        self.signal: Samples = np.full(4800, 1000, np.int16)
        """What the microphone hears, over and over."""
        self._at = 0

    @property
    def open_streams(self) -> list[FakeStream]:
        return [stream for stream in self.streams if not stream.closed]

    def open_input(self, device: str, on_block: OnBlock, on_end: OnEnd) -> FakeStream:
        return self._opened(FakeStream(self.rate_hz, on_end, on_block=on_block, pull=None))

    def open_output(self, device: str, source: Callable[[int], Pull], on_end: OnEnd) -> FakeStream:
        return self._opened(FakeStream(self.rate_hz, on_end, on_block=None, pull=source(self.rate_hz)))

    def refresh(self) -> None:
        self.looks += 1

    def _opened(self, stream: FakeStream) -> FakeStream:
        if self.error:
            raise self.error
        self.streams.append(stream)
        return stream

    def unplug(self) -> None:
        """Every stream ends by itself, and none can be opened."""
        self.error = AudioError("no-input-device", "There is no microphone.")
        for stream in self.open_streams:
            stream.active = False
            stream.on_end()

    def plug(self) -> None:
        self.error = None

    def withdraw(self) -> None:
        """Close every stream, as the real backend does to look for devices."""
        for stream in self.open_streams:
            stream.withdrawn = True
            stream.close()
            stream.on_end()

    def step(self, frames: int) -> None:
        """Move that much sound, both ways."""
        for stream in [] if self.frozen else self.open_streams:
            if stream.on_block and stream.active:
                stream.on_block(Chunk(np.resize(np.roll(self.signal, -self._at), frames), self.rate_hz))
            if stream.pull and stream.active:
                self.played.append(stream.pull(frames))
        self._at += frames

    async def run(self) -> None:
        """Move sound in blocks of 40 ms until cancelled."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            next_s += 0.04
            await asyncio.sleep(max(0.0, next_s - loop.time()))
            self.step(self.rate_hz // 25)


# --- control ---


class FakeTarget:
    """`control.ports.ControlTarget` without engines: it knows one timer sentence, and counts what is asked of it."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.items: dict[str, DueItem] = {}
        self.said: list[str] = []
        self.asked: list[tuple[str | None, Chunk | None, str, bool]] = []
        self.begun = threading.Event()
        """A turn has begun; for other threads."""
        self.cancelled = asyncio.Event()
        """A turn was cancelled before its end."""
        self.error: Exception | None = None
        """Raised by every call that can fail."""
        self.fails_with = ""
        """A turn ends as failed, with this code."""
        self.hold = asyncio.Event()
        """A turn waits for it after its first events."""
        self.hold.set()
        self.speaker = DeviceStatus("fake speaker", "")
        self.reply_sound = Chunk(np.arange(4000, dtype=np.int16), 16_000)
        self.spoken_repeats = 1
        self.problems: tuple[str, ...] = ()

    def status(self) -> StatusReport:
        return StatusReport(
            state=State.IDLE,
            version="1.2.3",
            uptime_s=12.5,
            models=("whisper-base", "voice-joe"),
            microphone=DeviceStatus("", "There is no microphone."),
            speaker=self.speaker,
            link_up=False,
            link_reason="no gateway is configured",
            active_timers=len(self.timers()),
            problems=self.problems,
        )

    async def ask(
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        source: str,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord:
        tell = on_event or (lambda _event: None)
        self.asked.append((text, audio, source, speak))
        tell(TurnStarted(turn_id="turn-1", conversation_id="talk-1", source=source))
        self.begun.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error:
            raise self.error
        slots: Slots = {"minutes": 10, "name": "päste"}
        if text == "set a timer":
            await self.add_timer(600.0, "")
        tell(IntentRecognized(turn_id="turn-1", intent="HassStartTimer", slots=slots, confidence=0.98))
        tell(Routed(turn_id="turn-1", layer=Layer.EDGE, reason="skill", sentence="A skill does it."))
        if speak:  # into the mixer, whether or not a speaker hangs on it
            tell(PlaybackStarted(turn_id="turn-1"))
        if on_audio:
            for _ in range(self.spoken_repeats):
                on_audio(self.reply_sound)
        outcome = Outcome.NOTHING_HEARD if audio is not None and not audio.samples.any() else Outcome.ANSWERED
        if self.fails_with:
            tell(Failed(code=self.fails_with, message="it failed", stage="stt", retryable=False, turn_id="turn-1"))
            outcome = Outcome.FAILED
        tell(TurnEnded(turn_id="turn-1", outcome=outcome))
        return TurnRecord(
            id="turn-1",
            conversation_id="talk-1",
            started_wall_s=1_750_000_000.25,
            source=source,
            text=text or ("ten [bold] minutes" if outcome is Outcome.ANSWERED else ""),
            reply="Ten minutes, starting now." if outcome is Outcome.ANSWERED else "",
            intent="HassStartTimer",
            slots=slots,
            layer="edge",
            reason="skill",
            confidence=0.98,
            outcome=outcome,
            stages=(StageTime("nlu", 2.25), StageTime("skill", 0.5)),
        )

    async def say(self, text: str) -> None:
        if self.error:
            raise self.error
        self.said.append(text)

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        if self.error:
            raise self.error
        self.said.append(text)
        yield self.reply_sound
        yield self.reply_sound

    def timers(self) -> Sequence[tuple[DueItem, float]]:
        live = (DueState.RUNNING, DueState.PAUSED, DueState.RINGING)
        return [(item, item.duration_s / 2) for item in self.items.values() if item.state in live]

    async def add_timer(self, duration_s: float, name: str) -> DueItem:
        if self.error:
            raise self.error
        item = DueItem(
            id=f"0198-timer-{len(self.items) + 1}",
            kind="timer",
            name=name,
            state=DueState.RUNNING,
            duration_s=duration_s,
            due_wall_s=1_750_000_000.0 + duration_s,
            due_steady_s=1_000.0 + duration_s,
            boot_id="boot-1",
            remaining_s=0.0,
            created_wall_s=1_750_000_000.0,
        )
        return self._keep(item)

    async def change_timer(self, item_id: str, change: str) -> DueItem:
        if item_id not in self.items:
            raise SkillError("due-unknown", "there is no such timer", hint="Näher hinsehen.")
        states = {"cancel": DueState.CANCELLED, "pause": DueState.PAUSED, "resume": DueState.RUNNING}
        return self._keep(replace(self.items[item_id], state=states[change]))

    def _keep(self, item: DueItem) -> DueItem:
        self.items[item.id] = item
        self.bus.publish(DueChanged(item=item))
        return item


# --- speech to text, text to speech ---


class FakeTranscriber:
    """dialog.ports.Transcriber: the next line of a script for each sound, nothing for silence."""

    def __init__(self, *script: str | SpeechError) -> None:
        self.script = list(script)
        """What comes next, texts and errors; when it has run out, nothing is understood any more."""
        self.saying: str | SpeechError | None = None
        """What any sound means now, however often it is decoded; None follows the script."""
        self.heard: list[Chunk] = []
        self.unblocked = asyncio.Event()
        """Clear it and decoding takes until it is set."""
        self.unblocked.set()
        self.max_waiting = 4
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._drafts = 0

    async def transcribe(self, audio: Chunk) -> Transcription:
        if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
            raise SpeechError("stt-audio", "not 16 kHz mono int16")
        if self._waiting > self.max_waiting:
            raise BusyError("speech recognition")
        self._waiting += 1
        try:
            async with self._turn:
                self.heard.append(audio)
                await asyncio.sleep(0)
                await self.unblocked.wait()
                return self._next(audio)
        finally:
            self._waiting -= 1

    async def draft(self, audio: Chunk) -> Transcription | None:
        """The line that `transcribe` would give, which stays in the script."""
        if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
            raise SpeechError("stt-audio", "not 16 kHz mono int16")
        self._drafts += 1
        mine = self._drafts
        if self._waiting:
            return None
        async with self._turn:
            self.heard.append(audio)
            await asyncio.sleep(0)
            await self.unblocked.wait()
            if self._waiting or mine != self._drafts:
                return None
            script = list(self.script)
            try:
                return self._next(audio)
            finally:
                self.script[:] = script

    def _next(self, audio: Chunk) -> Transcription:
        silent = not len(audio.samples) or int(np.abs(audio.samples.astype(np.int32)).max()) < 200
        if self.saying is not None:
            answer = "" if silent else self.saying
        else:
            answer = "" if silent or not self.script else self.script.pop(0)
        if isinstance(answer, SpeechError):
            raise answer
        return Transcription(answer, 0.0 if silent else audio.duration_s, 0.9 if answer else 0.0, redone=False)


class FakeEar(FakeTranscriber):
    """Hears a word of one text for each `word_s` of loud sound, however often it is asked."""

    def __init__(self, text: str, word_s: float) -> None:
        super().__init__()
        self._words = text.split()
        self._word_s = word_s

    def _next(self, audio: Chunk) -> Transcription:
        loud_s = float(np.count_nonzero(np.abs(audio.samples.astype(np.int32)) > 200)) / RATE_HZ
        text = " ".join(self._words[: round(loud_s / self._word_s)])
        return Transcription(text, audio.duration_s, 0.9 if text else 0.0, redone=False)


class FakeSynthesizer:
    """dialog.ports.Synthesizer: a tone for each sentence, in two parts, 60 ms for each of its characters."""

    def __init__(self, rate_hz: int = 22_050) -> None:
        self.rate_hz = rate_hz
        self.spoken: list[str] = []
        """Texts in the order in which they were asked for."""
        self.sentences: list[str] = []
        """Sentences in the order in which their synthesis ended."""
        self.error: SpeechError | None = None
        """Raised before the first sentence while set."""
        self.unblocked = asyncio.Event()
        """Clear it and each sentence takes until it is set."""
        self.unblocked.set()
        self.takes_s = 0.0
        """For each sentence."""
        self.max_waiting = 8
        self._waiting = 0

    async def synthesize(self, text: str) -> AsyncGenerator[Chunk]:
        self.spoken.append(text)
        if self._waiting > self.max_waiting:
            raise BusyError("speech synthesis")
        self._waiting += 1
        spoken = False
        try:
            for sentence in split_sentences(text):
                await asyncio.sleep(self.takes_s)
                await self.unblocked.wait()
                if self.error:
                    raise self.error
                if not any(char.isalnum() for char in sentence):
                    continue
                if spoken:
                    yield Chunk(np.zeros(round(0.15 * self.rate_hz), np.int16), self.rate_hz)
                spoken = True
                self.sentences.append(sentence)
                tone = _tone(len(sentence), self.rate_hz)
                half = len(tone.samples) // 2
                yield Chunk(tone.samples[:half], self.rate_hz)
                yield Chunk(tone.samples[half:], self.rate_hz)
        finally:
            self._waiting -= 1


@functools.cache
def _tone(chars: int, rate_hz: int) -> Chunk:
    """Pitch and length follow from the number of characters."""
    times_s = np.arange(round(0.06 * chars * rate_hz)) / rate_hz
    tone = 8_000 * np.sin(2 * np.pi * (300 + 5 * (chars % 100)) * times_s)
    return Chunk(tone.astype(np.int16), rate_hz)


# --- wake words and voice activity ---


class FakeWake:
    """dialog.ports.WakeDetector: 0.3 s of loud sound, gaps under 0.15 s aside, is its word; then it is deaf a while."""

    def __init__(self, word: str = "okay_nabu", *, refractory_s: float = 2.0, loud_dbfs: float = -40.0) -> None:
        self._word = word
        self._loud_dbfs = loud_dbfs
        self._refractory_samples = round(refractory_s * RATE_HZ)
        self._loud_samples = 0
        self._quiet_samples = 0
        self._deaf_samples = 0

    def process(self, chunk: Chunk) -> WakeDetection | None:
        if chunk.rate_hz != RATE_HZ:
            raise SpeechError("audio-rate", "not 16 kHz")
        found = None
        for at in range(0, len(chunk.samples), 160):
            found = found or self._process_frame(chunk.samples[at : at + 160])
        return found

    def _process_frame(self, samples: Samples) -> WakeDetection | None:
        if rms_dbfs(samples) > self._loud_dbfs:
            self._loud_samples += len(samples)
            self._quiet_samples = 0
        else:
            self._quiet_samples += len(samples)
            if self._quiet_samples >= 0.15 * RATE_HZ:
                self._loud_samples = 0
        if self._deaf_samples > 0:
            self._deaf_samples -= len(samples)
        elif self._loud_samples >= 0.3 * RATE_HZ:
            self._deaf_samples = self._refractory_samples
            return WakeDetection(self._word, 1.0)
        return None

    def reset(self) -> None:
        self._loud_samples = 0


class FakeVad:
    """dialog.ports.VoiceActivity: loud is speech."""

    def __init__(self) -> None:
        self._probability = 0.0

    def process(self, chunk: Chunk) -> float:
        if chunk.rate_hz != RATE_HZ:
            raise SpeechError("audio-rate", "not 16 kHz")
        if len(chunk.samples):
            self._probability = 1.0 if rms_dbfs(chunk.samples) > -40 else 0.0
        return self._probability

    def reset(self) -> None:
        self._probability = 0.0


class FakeTurnEnd:
    """dialog.ports.TurnEnd: the next probability of a script for each sound, then always finished."""

    def __init__(self, *script: float | SpeechError) -> None:
        self.script = list(script)
        self.heard: list[Chunk] = []
        self.max_waiting = 2
        self._waiting = 0

    async def complete_probability(self, audio: Chunk) -> float:
        if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
            raise SpeechError("turn-audio", "not 16 kHz mono int16")
        if self._waiting > self.max_waiting:
            raise BusyError("turn end")
        self._waiting += 1
        try:
            self.heard.append(audio)
            await asyncio.sleep(0)
            answer = self.script.pop(0) if self.script else 1.0
        finally:
            self._waiting -= 1
        if isinstance(answer, SpeechError):
            raise answer
        return answer


class FakeWakeEngine:
    """The part of pymicro_wakeword's MicroWakeWord that speech.wake uses: it says the probabilities it was given, one
    every `stride` frames of 10 ms, and 0 in between and afterwards."""

    def __init__(self, probabilities: Iterable[float], stride: int = 1) -> None:
        self._probabilities = iter(probabilities)
        self._frames = 0
        self.stride = stride

    def process_streaming_prob(self, features: object) -> float:
        self._frames += 1
        return 0.0 if self._frames % self.stride else next(self._probabilities, 0.0)


# --- the whole ---


class FakeEngines(Engines):
    """daemon.engines.Engines with real understanding and fakes for everything that hears and speaks."""

    def __init__(self, config: Config, models: Models) -> None:
        super().__init__(config, models)
        self.transcriber = FakeTranscriber()
        self.synthesizer = FakeSynthesizer()
        self.judge = FakeTurnEnd()
        self.wake_dbfs = -40.0
        """How loud the wake word is at least."""

    async def load_wake(self) -> WakeDetector | None:
        return FakeWake(loud_dbfs=self.wake_dbfs)

    async def load_vad(self) -> VoiceActivity:
        return FakeVad()

    async def _load_stt(self) -> Transcriber:
        return self.transcriber

    async def _load_turn_end(self) -> TurnEnd:
        return self.judge

    async def _load_tts(self) -> Synthesizer:
        return self.synthesizer


class FakeTextModel:
    """`nlu.classifier.TextModel` that says the same of everything."""

    def __init__(self, reading: TextReading) -> None:
        self.reading = reading
        self.heard: list[tuple[str, ...]] = []

    def read(self, words: Sequence[str]) -> TextReading:
        self.heard.append(tuple(words))
        return self.reading
