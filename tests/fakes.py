"""Fakes of every port, each passing the same contract tests as the real adapter (tests/contract)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
from aiohttp import web

from assistant.audio.backend import OnBlock, OnEnd, Pull
from assistant.audio.format import CHUNK_SAMPLES, RATE_HZ, Chunk, Samples, rms_dbfs
from assistant.cloud.health import KEEPS_LINK
from assistant.config import Config
from assistant.control.ports import DeviceStatus, KeptQuestion, StatusReport
from assistant.daemon.engines import Engines
from assistant.dialog.ports import Synthesizer, Transcriber, TurnEnd, VoiceActivity, WakeDetector
from assistant.errors import (
    AudioError,
    BusyError,
    CloudError,
    ControlError,
    HomeError,
    LlmError,
    SkillError,
    SpeechError,
    StoreError,
)
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
from assistant.homes import Home, HomePort, ServiceCall
from assistant.media import Playing, Track, matching
from assistant.models import Models
from assistant.records import Candidate, Departure, LedgerEntry, Route
from assistant.sentences import split_sentences
from assistant.skills import list_steering
from assistant.skills.list_book import ListJournal, Lists
from assistant.values import (
    DUE_KINDS,
    CloudQuestion,
    DueItem,
    DueState,
    KnownDevice,
    Layer,
    ListItem,
    LocalQuestion,
    NamedList,
    Outcome,
    PastTurn,
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

    async def save(self, *items: DueItem) -> None:
        await self.unblocked.wait()
        self._check()
        self.rows.update({item.id: item for item in items})

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


class FakeHome:
    """homes.HomePort: another one that can be made to fail with `code`."""

    def __init__(self, port: HomePort) -> None:
        self._port = port
        self.code = ""

    @property
    def home(self) -> Home:
        return self._port.home

    @property
    def problem(self) -> HomeError | None:
        return self._failure() if self.code in {"home-offline", "home-auth"} else None

    async def call(self, call: ServiceCall) -> None:
        if self.code:
            raise self._failure()
        await self._port.call(call)

    async def play(self, player: str, what: str) -> None:
        if self.code:
            raise self._failure()
        await self._port.play(player, what)

    def _failure(self) -> HomeError:
        return HomeError(self.code, "made to fail", retryable=self.code != "home-refused")


class FakeMusic:
    """media.MusicPort that plays in silence; nothing whose URL is `BROKEN`."""

    BROKEN = "broken"

    def __init__(self, *tracks: Track) -> None:
        self.tracks = tracks
        self.playing: Playing | None = None

    async def find(self, query: str) -> tuple[Track, ...]:
        stations = [track for track in self.tracks if track.live]
        return matching(query, stations, [track for track in self.tracks if not track.live])

    async def put(self, wanted: Playing | None) -> None:
        self.playing = None
        if wanted and not wanted.paused:
            playable = [at for at, track in enumerate(wanted.tracks) if track.url != self.BROKEN and at >= wanted.index]
            if not playable:
                raise AudioError("media-unreadable", "made to fail")
            wanted = replace(wanted, index=playable[0])
        self.playing = wanted


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


class FakeEgressLog:
    """dialog.ports.EgressLog in memory."""

    def __init__(self) -> None:
        self.kept: list[Departure] = []
        self.error: StoreError | None = None
        """Raised by every call while set."""
        self.unblocked = asyncio.Event()
        """Clear it and writing waits: a stalled disk."""
        self.unblocked.set()
        self._numbers = itertools.count(1)

    async def append(self, departure: Departure) -> None:
        await self.unblocked.wait()
        self._check()
        self.kept.append(replace(departure, number=next(self._numbers)))

    async def page(self, *, before: int, since_wall_s: float, limit: int) -> list[Departure]:
        self._check()
        fits = [each for each in self.kept if each.at_wall_s >= since_wall_s and (not before or each.number < before)]
        return fits[::-1][: max(0, limit)]

    async def drop_before(self, wall_s: float) -> None:
        self._check()
        self.kept = [each for each in self.kept if each.at_wall_s >= wall_s]

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
        self.next_token_timeout_s = 8.0
        self.stalls_after: int | None = None
        """After so many pieces nothing comes any more."""
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
                if self.stalls_after == index or (index and self.delay_s > self.next_token_timeout_s):
                    await asyncio.sleep(self.next_token_timeout_s)
                    raise CloudError("cloud-timeout", "the answer stopped coming", retryable=True)
                await asyncio.sleep(self.delay_s)
                yield piece
        except (GeneratorExit, asyncio.CancelledError):
            self.hung_up += 1
            raise
        if self.error:
            self.up = self.error.code in KEEPS_LINK
            raise self.error


class FakeLocalModel:
    """dialog.ports.LocalModel from a script. Like the real one, it isn't `ready` without its worker, and an answer that
    is left is generated no further.
    """

    def __init__(self, *pieces: str, confidence: float = 0.9) -> None:
        self.pieces = pieces
        self.ready = True
        self.confident = confidence
        self.error: LlmError | None = None
        """Raised after `error_after` pieces, and instead of a confidence where that is 0."""
        self.error_after = 0
        self.delay_s = 0.0
        """Before a confidence and before each piece."""
        self.thinks_s: float | None = None
        """Before a confidence, if that is another time."""
        self.max_asked = 3
        self.questions: list[LocalQuestion] = []
        self.made = 0
        """Pieces generated so far."""
        self._asked = 0

    async def confidence(self, question: LocalQuestion) -> float:
        with self._one_more(question):
            await asyncio.sleep(self.delay_s if self.thinks_s is None else self.thinks_s)
            if self.error and not self.error_after:
                raise self.error
            return self.confident

    async def converse(self, question: LocalQuestion) -> AsyncGenerator[str, None]:
        with self._one_more(question):
            for index, piece in enumerate(self.pieces):
                await asyncio.sleep(self.delay_s)
                if self.error and index == self.error_after:
                    raise self.error
                self.made += 1
                yield piece

    @contextlib.contextmanager
    def _one_more(self, question: LocalQuestion) -> Iterator[None]:
        if not self.ready:
            raise LlmError("llm-not-ready", "not loaded", retryable=True)
        if self._asked >= self.max_asked:
            raise BusyError("the local model")
        if len(question.text) > 3000:
            raise LlmError("llm-question", "the question is too long for the local model", hint="Raise it.")
        self.questions.append(question)
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1


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


class FakeHomeAssistant:
    """A Home Assistant on loopback, as far as its WebSocket API is used. An async context manager.

    Attributes may be changed at any time; `tell` sends what has changed.
    """

    TOKEN = "let-me-in"

    def __init__(self) -> None:
        self.areas: list[dict[str, Any]] = []
        self.floors: list[dict[str, Any]] | None = []
        """None: too old to know floors."""
        self.entities: dict[str, tuple[str, dict[str, Any]]] = {}
        """State and attributes."""
        self.entries: dict[str, dict[str, Any]] = {}
        """The entity registry: `area_id`, `device_id`, `aliases`, `hidden` of each."""
        self.devices: list[dict[str, Any]] = []
        self.exposed: dict[str, bool] = {}
        self.admin = True
        self.unit = "°C"
        self.mute = False
        """Service calls are not answered."""
        self.refuse = ""
        """Service calls are answered with this error."""
        self.silent = False
        """Nothing is answered any more."""
        self.greeting: str | None = None
        """Said instead of asking for the token."""
        self.calls: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []
        """Service, data and target of every call."""
        self.called = asyncio.Event()
        self.connections = 0
        self.forecast: list[dict[str, Any]] = []
        self._port = 0
        self._open: dict[web.WebSocketResponse, dict[int, dict[str, Any]]] = {}
        """Subscriptions by number, of each connection."""
        self._transports: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/api/websocket", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.cut()
        await self._runner.cleanup()

    def cut(self) -> None:
        """Break every connection off."""
        for transport in self._transports:
            transport.abort()

    async def send_raw(self, text: str) -> None:
        """Something that makes no sense, to everybody."""
        for websocket in self._open:
            await websocket.send_str(text)

    async def put(self, entity_id: str, state: str, **attributes: Any) -> None:
        """An entity stands so from now on, and whoever follows it is told."""
        before = self.entities.get(entity_id)
        self.entities[entity_id] = state, attributes
        if before is None:
            event = {"a": {entity_id: {"s": state, "a": attributes}}}
        else:
            gone = sorted(before[1].keys() - attributes.keys())
            event = {"c": {entity_id: {"+": {"s": state, "a": attributes}, "-": {"a": gone}}}}
        await self._tell(lambda wanted: entity_id in wanted.get("entity_ids", ()), event)

    async def remove(self, entity_id: str) -> None:
        del self.entities[entity_id]
        await self._tell(lambda wanted: entity_id in wanted.get("entity_ids", ()), {"r": [entity_id]})

    async def happened(self, event_type: str) -> None:
        """An event without more to it."""
        await self._tell(lambda wanted: wanted.get("event_type") == event_type, {"event_type": event_type})

    async def _tell(self, fits: Callable[[Mapping[str, Any]], bool], event: Mapping[str, Any]) -> None:
        for websocket, wanted in list(self._open.items()):
            for number in [number for number, each in wanted.items() if fits(each)]:
                await websocket.send_json({"id": number, "type": "event", "event": event})

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        self.connections += 1
        if self.greeting is not None:
            await websocket.send_str(self.greeting)
            return websocket
        await websocket.send_json({"type": "auth_required", "ha_version": "fake"})
        if (await websocket.receive_json()).get("access_token") != self.TOKEN:
            await websocket.send_json({"type": "auth_invalid", "message": "Invalid"})
            return websocket
        await websocket.send_json({"type": "auth_ok"})
        assert request.transport
        transport = request.transport
        self._open[websocket] = {}
        self._transports.add(transport)
        try:
            async for message in websocket:
                asked = json.loads(message.data)
                if not self.silent and (answer := await self._answer(websocket, asked)):
                    await websocket.send_json({"id": asked["id"], "type": "result", **answer})
                    await self._first_states(websocket, asked)
        finally:
            del self._open[websocket]
            self._transports.discard(transport)
        return websocket

    async def _answer(self, websocket: web.WebSocketResponse, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["type"].startswith("subscribe_"):
            self._open[websocket][asked["id"]] = asked
            return _told(None)
        if asked["type"] == "call_service":
            return await self._call(asked)
        answer = self._known(asked.get("entity_ids", ())).get(asked["type"])
        if answer is None:
            return _refusal("unknown_command")
        for_admins = asked["type"].startswith("homeassistant/expose")
        return _told(answer) if self.admin or not for_admins else _refusal("unauthorized")

    def _known(self, asked: Sequence[str]) -> dict[str, Any]:
        states = self.entities.items()
        return {
            "get_config": {"unit_system": {"temperature": self.unit}},
            "config/area_registry/list": self.areas,
            "config/floor_registry/list": self.floors,
            "config/device_registry/list": self.devices,
            "config/entity_registry/list_for_display": {
                "entities": [_displayed(*each) for each in self.entries.items()]
            },
            "config/entity_registry/get_entries": {name: self.entries.get(name) for name in asked},
            "homeassistant/expose_entity/list": {
                "exposed_entities": {name: {"conversation": decided} for name, decided in self.exposed.items()}
            },
            "homeassistant/expose_new_entities/get": {"expose_new": True},
            "get_states": [{"entity_id": name, "state": each[0], "attributes": each[1]} for name, each in states],
        }

    async def _first_states(self, websocket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        if asked["type"] == "subscribe_entities":
            wanted = [name for name in asked["entity_ids"] if name in self.entities]
            states = {name: {"s": self.entities[name][0], "a": self.entities[name][1]} for name in wanted}
            await websocket.send_json({"id": asked["id"], "type": "event", "event": {"a": states}})

    async def _call(self, asked: dict[str, Any]) -> dict[str, Any]:
        service, data, targets = asked["service"], asked["service_data"], asked["target"]["entity_id"]
        self.calls.append((f"{asked['domain']}.{service}", data, asked["target"]))
        self.called.set()
        if self.mute:
            return {}
        if self.refuse or not data.keys() <= {"brightness_pct", "rgb_color", "position", "temperature", "type"}:
            return _refusal(self.refuse or "invalid_format")
        if asked.get("return_response"):
            return _told({"response": {name: {"forecast": self.forecast} for name in targets}})
        for name in targets:
            if name not in self.entities or asked["domain"] not in {name.partition(".")[0], "homeassistant"}:
                return _refusal("home_assistant_error")
            state, attributes = self.entities[name]
            state = {"turn_on": "on", "turn_off": "off", "lock": "locked", "unlock": "unlocked"}.get(service, state)
            if "brightness_pct" in data:
                attributes = {**attributes, "brightness": round(data["brightness_pct"] * 2.55)}
            if "rgb_color" in data:
                attributes = {**attributes, "rgb_color": data["rgb_color"], "color_mode": "rgb"}
            if "position" in data:
                state = "open" if data["position"] else "closed"
                attributes = {**attributes, "current_position": data["position"]}
            if "temperature" in data:
                attributes = {**attributes, "temperature": data["temperature"]}
            await self.put(name, state, **attributes)
        return _told({"context": {}})


def _told(result: Any) -> dict[str, Any]:
    return {"success": True, "result": result}


def _refusal(code: str) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": "no"}}


def _displayed(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A registry entry as `list_for_display` abbreviates it."""
    short = {"ei": name, "ai": entry.get("area_id"), "di": entry.get("device_id"), "hb": entry.get("hidden")}
    return {key: value for key, value in short.items() if value}


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


def ledger_line(number: int, *, confidence: float = 0.98, reason: str = "skill", **changes: Any) -> Route:
    """A line of the ledger; `changes` are fields of it or of its entry."""
    entry = LedgerEntry(
        turn_id=f"turn-{number}",
        candidates=(Candidate("HassStartTimer", confidence, "grammar"),),
        task="entity_extraction",
        open_question=False,
        missing=(),
        asked="",
        link_up=True,
        private=False,
        threshold=0.85,
        reject_threshold=0.3,
        deadline_ms=0.0,
        bytes_out=0,
        first_token_ms=3.0,
        first_audio_ms=0.0,
        amended=False,
    )
    known = {each.name for each in fields(LedgerEntry)}
    line = Route(
        number=number,
        started_wall_s=1_750_000_000.25,
        text="set a timer for ten minutes",
        reply="Ten minutes, starting now.",
        intent="HassStartTimer",
        layer="edge",
        reason=reason,
        confidence=confidence,
        outcome="answered",
        entry=replace(entry, **{name: value for name, value in changes.items() if name in known}),
    )
    return replace(line, **{name: value for name, value in changes.items() if name not in known})


class FakeKeptQuestions:
    """control.ports.KeptQuestions."""

    def __init__(self) -> None:
        self.kept: list[KeptQuestion] = []

    def all(self) -> Sequence[KeptQuestion]:
        return self.kept

    async def cancel(self, question_id: str) -> KeptQuestion:
        for question in self.kept:
            if question.id == question_id:
                self.kept.remove(question)
                return question
        raise SkillError("question-unknown", "no question with that id is kept")


class FakeTarget:
    """`control.ports.ControlTarget` without engines: it knows one timer sentence, and counts what is asked of it."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.deferred = FakeKeptQuestions()
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
        self.list_book = Lists(FakeListStore())
        self.routed: list[Route] = []
        """The ledger, the oldest first."""
        self.egress_log = FakeEgressLog()
        self.past: list[PastTurn] = []

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
        kind = (text or "").removeprefix("set a ")
        if kind in DUE_KINDS:
            self._keep(replace(await self.add_timer(600.0, ""), kind=kind))
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
        self.routed.append(ledger_line(len(self.routed) + 1, text=text or "ten minutes"))
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

    async def past_turns(self, limit: int, device: str) -> Sequence[PastTurn]:
        there = [turn for turn in self.past if device in {"", turn.device_id or "here"}]
        return there[-limit:]

    async def forget_turn(self, turn_id: str) -> int:
        if all(turn.id != turn_id for turn in self.past):
            raise ControlError("turn-unknown", "the history has no turn with that id")
        self.past = [turn for turn in self.past if turn.id != turn_id]
        return 1

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        gone = [
            turn
            for turn in self.past
            if (since_s is None or turn.started_wall_s >= since_s)
            and (before_s is None or turn.started_wall_s < before_s)
        ]
        self.past = [turn for turn in self.past if turn not in gone]
        return len(gone)

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
        return self.due_items("timer")

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

    def due_items(self, kind: str) -> Sequence[tuple[DueItem, float]]:
        live = (DueState.RUNNING, DueState.PAUSED, DueState.RINGING)
        items = [item for item in self.items.values() if item.kind == kind and item.state in live]
        return [(item, item.duration_s / 2) for item in items]

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]:
        return [each for each in self.routed[::-1] if not before or each.number < before][:limit]

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        return await self.egress_log.page(before=before, since_wall_s=since_wall_s, limit=limit)

    async def devices(self) -> Sequence[KnownDevice]:
        return [KnownDevice("light.lamp", "Lamp", "Hall", "", "on", ("glow",))]

    def lists(self) -> Sequence[NamedList]:
        return list_steering.named_lists(ListJournal(self.list_book))

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList:
        return await list_steering.change_list(ListJournal(self.list_book), name, change, items)

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


class HearingEngines(FakeEngines):
    """The same, with real speech recognition."""

    async def _load_stt(self) -> Transcriber:
        return await Engines._load_stt(self)


class FakeTextModel:
    """`nlu.classifier.TextModel` that says the same of everything."""

    def __init__(self, reading: TextReading) -> None:
        self.reading = reading
        self.heard: list[tuple[str, ...]] = []

    def read(self, words: Sequence[str]) -> TextReading:
        self.heard.append(tuple(words))
        return self.reading
