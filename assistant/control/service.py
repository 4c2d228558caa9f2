"""The control service on its Unix socket: checks requests, calls the target, sends what comes back.

Overflow policy: an Ask whose reader falls MAX_BEHIND_BYTES behind is cut off; a watcher loses its oldest events and
is told how many; calls beyond MAX_CALLS are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, cast

import structlog

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.audio.format import Chunk
from assistant.control.convert import event_to_pb, message_from
from assistant.control.ports import ControlTarget
from assistant.control.unix_socket import place_socket, remove_socket
from assistant.control.unreadable import refuse_unreadable
from assistant.control.wire import (
    CHANGES,
    LIST_CHANGES,
    MAX_ITEMS,
    MAX_MESSAGE_BYTES,
    MAX_NAME_BYTES,
    MAX_PAGE,
    MAX_PAST_TURNS,
    MAX_TEXT_BYTES,
    MAX_TIME_S,
    MAX_WAV_BYTES,
    SERVICE,
    metadata_of,
    status_of,
)
from assistant.errors import AudioError, ControlError, EdgewiseError
from assistant.events import DueChanged, Event, LinkChanged, StateChanged, Subscription
from assistant.executor import BoundedExecutor
from assistant.values import DUE_KINDS, DueItem, TurnRecord

log = structlog.get_logger(__name__)

MAX_CALLS = 64
MAX_BEHIND_BYTES = 16 * 2**20
AUDIO_PIECE_BYTES = 64 * 2**10
MAX_TIMER_S = 7 * 86_400.0
DECODE_TIMEOUT_S = 20.0
WRITE_TIMEOUT_S = 60.0


class ControlServer:
    """Serves a target from `start` to `stop`.

    `decode_wav` turns the bytes of a WAV file into sound for the target (raises EdgewiseError); it runs in a thread.
    """

    def __init__(self, target: ControlTarget, socket: Path, *, decode_wav: Callable[[bytes], Chunk]) -> None:
        self._socket = socket
        self._decoder = BoundedExecutor("control-wav", max_pending=4)
        self._service = _Service(target, self._decoder, decode_wav)
        self._server: Any = None

    async def start(self) -> None:
        """Listen. A stale socket is replaced; one with a living listener is not.

        Raises:
            ControlError: see `unix_socket.place_socket`.
        """
        import grpc.aio  # noqa: PLC0415 -- heavy
        from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 -- heavy
        from grpc_health.v1.health import aio as health  # noqa: PLC0415 -- heavy

        from assistant._pb.edgewise.control.v1 import control_pb2_grpc  # noqa: PLC0415 -- imports grpc

        server = grpc.aio.server(
            interceptors=[refuse_unreadable()],
            maximum_concurrent_rpcs=MAX_CALLS,
            options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
        )
        control_pb2_grpc.add_ControlServicer_to_server(self._service, server)
        health_servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
        for name in ("", SERVICE):
            await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        place_socket(self._socket, lambda address: _bind(server, address))
        await server.start()
        self._server = server
        log.info("control-listening", socket=str(self._socket))

    async def stop(self, grace_s: float = 0.5) -> None:
        """End watchers at once, let other calls finish for `grace_s`, then cut them off. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        self._service.end_watchers()
        await server.stop(grace_s)
        for _ in range(3):
            await asyncio.sleep(0)  # gRPC's own tasks end a few turns of the loop after it says so
        self._decoder.close()
        remove_socket(self._socket)


def _bind(server: Any, address: str) -> None:
    try:
        server.add_insecure_port(address)
    except RuntimeError as exc:
        raise ControlError("socket-failed", "can't listen on the control socket", hint="Set control.socket.") from exc


class _Outbox:
    """What an Ask still has to send, bounded by bytes. Its `put_` methods never wait or raise: a turn calls them."""

    def __init__(self) -> None:
        self._messages: deque[Any] = deque()
        self._bytes = 0
        self._wakeup = asyncio.Event()
        self._error: ControlError | None = None
        self._closed = False

    def put_event(self, event: Event) -> None:
        try:
            self._put(pb.AskReply(event=event_to_pb(event)))
        except ControlError as exc:
            self._error = self._error or exc

    def put_audio(self, chunk: Chunk) -> None:
        for piece in _audio_pieces(chunk):
            self._put(pb.AskReply(audio=piece))

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._wakeup.set()

    async def get(self) -> Any | None:
        """The next message; None after the last. Raises ControlError: what couldn't be put."""
        while not (self._messages or self._closed or self._error):
            self._wakeup.clear()
            await self._wakeup.wait()
        if self._error:
            raise self._error
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._bytes -= message.ByteSize()
        return message

    def _put(self, message: Any) -> None:
        self._bytes += message.ByteSize()
        if self._bytes > MAX_BEHIND_BYTES:
            self._messages.clear()
            self._error = self._error or _too_slow()
        if not self._error:
            self._messages.append(message)
        self._wakeup.set()


class _Service:
    """The methods of `edgewise.control.v1.Control`, named by the contract."""

    def __init__(self, target: ControlTarget, decoder: BoundedExecutor, decode_wav: Callable[[bytes], Chunk]) -> None:
        self._target = target
        self._decoder = decoder
        self._decode_wav = decode_wav
        self._watchers: set[Subscription] = set()

    def end_watchers(self) -> None:
        for subscription in self._watchers:
            subscription.close()

    async def GetStatus(self, _request: Any, context: Any) -> Any:  # noqa: N802 -- the contract's names
        async with _errors_sent(context):
            return message_from(self._target.status(), pb.StatusReport())

    async def Ask(self, request: Any, context: Any) -> None:  # noqa: N802
        async with _errors_sent(context):
            text, audio = await self._input(request)
            outbox = _Outbox()
            turn = asyncio.create_task(self._run_turn(request, text, audio, outbox), name="control-ask")
            try:
                while (message := await outbox.get()) is not None:
                    await _write(context, message)
                record = await turn
            finally:
                turn.cancel()
                await asyncio.gather(turn, return_exceptions=True)
            await _write(context, pb.AskReply(result=message_from(record, pb.TurnRecord())))

    async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            _check_text(request.text)
            await self._target.say(request.text)
            return pb.SayReply()

    async def Synthesize(self, request: Any, context: Any) -> None:  # noqa: N802
        async with _errors_sent(context):
            _check_text(request.text)
            sound = cast(AsyncGenerator[Chunk, None], self._target.synthesize(request.text))
            async with contextlib.aclosing(sound) as chunks:
                async for chunk in chunks:
                    for piece in _audio_pieces(chunk):
                        await _write(context, piece)

    async def WatchEvents(self, _request: Any, context: Any) -> None:  # noqa: N802
        async with _errors_sent(context):
            with self._target.bus.subscribe() as subscription:
                self._watchers.add(subscription)
                try:
                    for event in self._snapshot():
                        await _write(context, event_to_pb(event))
                    async for event in subscription:
                        message = event_to_pb(event)
                        message.lost = subscription.lost
                        await _write(context, message)
                finally:
                    self._watchers.discard(subscription)

    async def ListTimers(self, _request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            reply = pb.ListTimersReply()
            for item, remaining_s in self._target.timers():
                message_from(item, reply.timers.add(remaining_s=remaining_s).item)
            return reply

    async def AddTimer(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            if not (math.isfinite(request.duration_s) and 0 < request.duration_s <= MAX_TIMER_S):
                raise _bad_request("a timer's length is more than 0 and at most 7 days")
            if len(request.name.encode()) > MAX_NAME_BYTES:
                raise _bad_request(f"a timer's name has at most {MAX_NAME_BYTES} bytes")
            return _due_pb(await self._target.add_timer(request.duration_s, request.name.strip()))

    async def ChangeTimer(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            change = CHANGES.get(request.change)
            if change is None:
                raise _bad_request("a timer can be cancelled, paused or resumed")
            if not 0 < len(request.item_id) <= MAX_NAME_BYTES:
                raise _bad_request("say which timer: its id is missing or too long")
            return _due_pb(await self._target.change_timer(request.item_id, change))

    async def ListDue(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            if request.kind not in DUE_KINDS:
                raise _bad_request(f"a kind is one of {', '.join(DUE_KINDS)}")
            reply = pb.ListDueReply()
            for item, remaining_s in self._target.due_items(request.kind):
                message_from(item, reply.items.add(remaining_s=remaining_s).item)
            return reply

    async def GetLists(self, _request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            reply = pb.GetListsReply()
            for each in self._target.lists():
                message_from(each, reply.lists.add())
            return reply

    async def ListHistory(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            if not 0 < request.limit <= MAX_PAST_TURNS or len(request.device) > MAX_NAME_BYTES:
                raise _bad_request(f"1 to {MAX_PAST_TURNS} turns can be listed, of one device or all")
            reply = pb.ListHistoryReply()
            for each in await self._target.past_turns(request.limit, request.device):
                message_from(each, reply.turns.add())
            return reply

    async def Forget(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            what = request.WhichOneof("what")
            if what == "turn_id" and 0 < len(request.turn_id) <= MAX_NAME_BYTES:
                return pb.ForgetReply(forgotten=await self._target.forget_turn(request.turn_id))
            if what != "span":
                raise _bad_request("say what to forget: a turn's id, or a time")
            span = request.span
            limits = [
                getattr(span, name) if span.HasField(name) else None for name in ("since_wall_s", "before_wall_s")
            ]
            if not all(limit is None or abs(limit) <= MAX_TIME_S for limit in limits):
                raise _bad_request("the time makes no sense")
            return pb.ForgetReply(forgotten=await self._target.forget_between(*limits))

    async def ListDeferred(self, _request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            reply = pb.ListDeferredReply()
            for each in self._target.deferred.all():
                message_from(each, reply.questions.add())
            return reply

    async def CancelDeferred(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            if not 0 < len(request.question_id) <= MAX_NAME_BYTES:
                raise _bad_request("say which question: its id is missing or too long")
            return message_from(await self._target.deferred.cancel(request.question_id), pb.KeptQuestion())

    async def GetHome(self, _request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            reply = pb.GetHomeReply()
            for each in await self._target.devices():
                message_from(each, reply.devices.add())
            return reply

    async def ListRoutes(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            _check_page(request.before, request.limit)
            reply = pb.ListRoutesReply()
            for each in await self._target.routes(before=request.before, limit=request.limit):
                message_from(each, reply.routes.add())
            return reply

    async def ListDepartures(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            _check_page(request.before, request.limit)
            if not 0 <= request.since_wall_s < MAX_TIME_S:
                raise _bad_request("a time is in seconds since 1970")
            reply = pb.ListDeparturesReply()
            for each in await self._target.departures(
                before=request.before, since_wall_s=request.since_wall_s, limit=request.limit
            ):
                message_from(each, reply.departures.add())
            return reply

    async def ChangeList(self, request: Any, context: Any) -> Any:  # noqa: N802
        async with _errors_sent(context):
            change = LIST_CHANGES.get(request.change)
            if change is None:
                raise _bad_request("items can be added to a list or removed")
            if not request.name.strip() or len(request.name.encode()) > MAX_NAME_BYTES:
                raise _bad_request("say which list: its name is missing or too long")
            if not 0 < len(request.items) <= MAX_ITEMS or not all(text.strip() for text in request.items):
                raise _bad_request(f"say which items: 1 to {MAX_ITEMS}, none of them empty")
            changed = await self._target.change_list(request.name, change, tuple(request.items))
            return message_from(changed, pb.NamedList())

    async def _input(self, request: Any) -> tuple[str | None, Chunk | None]:
        kind = request.WhichOneof("input")
        if kind == "text":
            _check_text(request.text)
            return request.text, None
        if kind != "wav":
            raise _bad_request("a request needs text or sound")
        if len(request.wav) > MAX_WAV_BYTES:
            raise _bad_request(f"a sound file has at most {MAX_WAV_BYTES // 2**20} MiB")
        try:
            async with asyncio.timeout(DECODE_TIMEOUT_S):
                return None, await self._decoder.run(self._decode_wav, request.wav)
        except TimeoutError as exc:
            message = f"reading the sound file took over {DECODE_TIMEOUT_S:g} s"
            raise AudioError("audio-timeout", message, hint="Send a shorter one, as WAV.") from exc

    async def _run_turn(self, request: Any, text: str | None, audio: Chunk | None, outbox: _Outbox) -> TurnRecord:
        try:
            return await self._target.ask(
                text=text,
                audio=audio,
                source="text" if audio is None else "wav",
                speak=request.speak,
                on_audio=outbox.put_audio if request.want_audio else None,
                on_event=outbox.put_event,
            )
        finally:
            outbox.close()

    def _snapshot(self) -> list[Event]:
        status = self._target.status()
        return [
            StateChanged(old=status.state, new=status.state),
            LinkChanged(up=status.link_up, reason=status.link_reason),
            *(DueChanged(item=item) for item, _ in self._target.timers()),
        ]


def _audio_pieces(chunk: Chunk) -> Iterator[Any]:
    pcm = chunk.samples.astype("<i2").tobytes()
    for at in range(0, len(pcm), AUDIO_PIECE_BYTES):
        yield pb.AudioChunk(rate_hz=chunk.rate_hz, pcm=pcm[at : at + AUDIO_PIECE_BYTES])


def _due_pb(item: DueItem) -> Any:
    return message_from(item, pb.DueItem())


def _check_text(text: str) -> None:
    if not text.strip():
        raise _bad_request("the text is empty")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise _bad_request(f"a text has at most {MAX_TEXT_BYTES} bytes")


def _check_page(before: int, limit: int) -> None:
    if before < 0 or not 0 < limit <= MAX_PAGE:
        raise _bad_request(f"a page has 1 to {MAX_PAGE} lines")


def _bad_request(message: str) -> ControlError:
    return ControlError("control-request", message)


def _too_slow() -> ControlError:
    return ControlError("reader-too-slow", "the reply wasn't read fast enough", retryable=True)


async def _write(context: Any, message: Any) -> None:
    """Send one message of a stream. Raises ControlError `reader-too-slow`."""
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await context.write(message)
    except TimeoutError as exc:
        raise _too_slow() from exc


@contextlib.asynccontextmanager
async def _errors_sent(context: Any) -> AsyncIterator[None]:
    """Any error inside ends the call with a status and our metadata. Cancellation passes."""
    try:
        yield
    except EdgewiseError as exc:
        await _abort(context, exc)
    except Exception as exc:
        log.exception("control-call-failed")
        await _abort(context, ControlError("internal", f"the assistant failed ({type(exc).__name__})"))


async def _abort(context: Any, error: EdgewiseError) -> NoReturn:
    await context.abort(status_of(error), error.message, metadata_of(error))
    raise AssertionError("abort returned")
