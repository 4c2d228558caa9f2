"""The other end of the control socket: a running assistant as an object whose methods are awaited."""

from __future__ import annotations

import contextlib
import io
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.audio.format import Chunk
from assistant.control.convert import event_from_pb, value_from
from assistant.control.ports import KeptQuestion, StatusReport
from assistant.control.unix_socket import Listener, find_listener, target_of
from assistant.control.wire import CHANGE_CODES, LIST_CHANGE_CODES, MAX_MESSAGE_BYTES, MAX_WAV_BYTES, error_from
from assistant.errors import ControlError
from assistant.events import Event
from assistant.records import Departure, Route
from assistant.values import DueItem, KnownDevice, NamedList, PastTurn, TurnRecord


class ControlClient:
    """Calls to the assistant that listens on `socket`, for the duration of `async with`.

    Every method raises ControlError (`daemon-not-running` already on entering; `control-timeout`, `control-lost`, ...)
    or carries the error of the assistant itself, with its own code, stage and hint. `timeout_s` bounds the calls that
    only look or change a timer, `turn_timeout_s` those that run a turn or speak.
    """

    def __init__(self, socket: Path, *, timeout_s: float = 5.0, turn_timeout_s: float = 180.0) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._turn_timeout_s = turn_timeout_s
        self._channel: Any = None
        self._stub: Any = None

    async def __aenter__(self) -> Self:
        found = find_listener(self._socket)
        if found is Listener.DENIED:
            raise ControlError(
                "control-denied", "the running assistant belongs to another user", hint="Run this as that user."
            )
        if found is not Listener.ALIVE:
            raise ControlError("daemon-not-running", "no assistant is running", hint="Start it with `assistant run`.")
        import grpc.aio  # noqa: PLC0415 -- heavy

        from assistant._pb.edgewise.control.v1 import control_pb2_grpc  # noqa: PLC0415 -- imports grpc

        self._channel = grpc.aio.insecure_channel(
            target_of(self._socket),
            options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.enable_http_proxy", 0)],
        )
        self._stub = control_pb2_grpc.ControlStub(self._channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def status(self) -> StatusReport:
        with _errors_received():
            reply = await self._stub.GetStatus(pb.GetStatusRequest(), timeout=self._timeout_s)
        return value_from(StatusReport, reply)

    async def ask(
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord:
        """Run one turn from text or sound (exactly one); the callbacks get its reply's sound and its events."""
        request = pb.AskRequest(speak=speak, want_audio=on_audio is not None)
        if audio is not None:
            request.wav = wav_bytes(audio)
        else:
            request.text = _sendable(text or "")
        with _errors_received():
            async for reply in self._stub.Ask(request, timeout=self._turn_timeout_s):
                part = reply.WhichOneof("part")
                if part == "result":
                    return value_from(TurnRecord, reply.result)
                if part == "audio" and on_audio:
                    on_audio(_chunk_from(reply.audio))
                elif part == "event" and on_event and (event := event_from_pb(reply.event)):
                    on_event(event)
        raise ControlError("control-lost", "the running assistant ended the turn without a result", retryable=True)

    async def say(self, text: str) -> None:
        with _errors_received():
            await self._stub.Say(pb.SayRequest(text=_sendable(text)), timeout=self._turn_timeout_s)

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """A text's sound, piece by piece."""
        request = pb.SynthesizeRequest(text=_sendable(text))
        with _errors_received():
            async for message in self._stub.Synthesize(request, timeout=self._turn_timeout_s):
                yield _chunk_from(message)

    async def timers(self) -> list[tuple[DueItem, float]]:
        """Timers with the seconds each has left, the next one first."""
        with _errors_received():
            reply = await self._stub.ListTimers(pb.ListTimersRequest(), timeout=self._timeout_s)
        return [(value_from(DueItem, timer.item), timer.remaining_s) for timer in reply.timers]

    async def add_timer(self, duration_s: float, name: str) -> DueItem:
        request = pb.AddTimerRequest(duration_s=duration_s, name=_sendable(name))
        with _errors_received():
            return value_from(DueItem, await self._stub.AddTimer(request, timeout=self._timeout_s))

    async def change_timer(self, item_id: str, change: str) -> DueItem:
        """`cancel`, `pause` or `resume`."""
        request = pb.ChangeTimerRequest(item_id=_sendable(item_id), change=CHANGE_CODES.get(change))
        with _errors_received():
            return value_from(DueItem, await self._stub.ChangeTimer(request, timeout=self._timeout_s))

    async def due_items(self, kind: str) -> list[tuple[DueItem, float]]:
        """As `timers`, for a `timer`, `alarm` or `reminder`."""
        with _errors_received():
            reply = await self._stub.ListDue(pb.ListDueRequest(kind=kind), timeout=self._timeout_s)
        return [(value_from(DueItem, each.item), each.remaining_s) for each in reply.items]

    async def lists(self) -> list[NamedList]:
        """Every list, the oldest first."""
        with _errors_received():
            reply = await self._stub.GetLists(pb.GetListsRequest(), timeout=self._timeout_s)
        return [value_from(NamedList, each) for each in reply.lists]

    async def past_turns(self, limit: int, device: str) -> list[PastTurn]:
        """The newest turns, the oldest of them first; `device`: just those of one, `here` for this one."""
        request = pb.ListHistoryRequest(limit=limit, device=_sendable(device))
        with _errors_received():
            reply = await self._stub.ListHistory(request, timeout=self._timeout_s)
        return [value_from(PastTurn, each) for each in reply.turns]

    async def forget_turn(self, turn_id: str) -> int:
        return await self._forget(pb.ForgetRequest(turn_id=_sendable(turn_id)))

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        span = pb.TimeSpan(since_wall_s=since_s, before_wall_s=before_s)
        return await self._forget(pb.ForgetRequest(span=span))

    async def _forget(self, request: Any) -> int:
        with _errors_received():  # years of history take a while
            return int((await self._stub.Forget(request, timeout=self._turn_timeout_s)).forgotten)

    async def deferred(self) -> list[KeptQuestion]:
        """Questions that wait, in the order in which they were asked."""
        with _errors_received():
            reply = await self._stub.ListDeferred(pb.ListDeferredRequest(), timeout=self._timeout_s)
        return [value_from(KeptQuestion, each) for each in reply.questions]

    async def cancel_deferred(self, question_id: str) -> KeptQuestion:
        request = pb.CancelDeferredRequest(question_id=_sendable(question_id))
        with _errors_received():
            return value_from(KeptQuestion, await self._stub.CancelDeferred(request, timeout=self._timeout_s))

    async def devices(self) -> list[KnownDevice]:
        """Every device of the home, by area and name."""
        with _errors_received():
            reply = await self._stub.GetHome(pb.GetHomeRequest(), timeout=self._timeout_s)
        return [value_from(KnownDevice, each) for each in reply.devices]

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList:
        """`add` or `remove`."""
        code, texts = LIST_CHANGE_CODES.get(change), [_sendable(text) for text in items]
        request = pb.ChangeListRequest(name=_sendable(name), change=code, items=texts)
        with _errors_received():
            return value_from(NamedList, await self._stub.ChangeList(request, timeout=self._timeout_s))

    async def routes(self, *, before: int, limit: int) -> list[Route]:
        """A page of the ledger, the newest first."""
        request = pb.ListRoutesRequest(before=before, limit=limit)
        with _errors_received():
            reply = await self._stub.ListRoutes(request, timeout=self._timeout_s)
        return [value_from(Route, each) for each in reply.routes]

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> list[Departure]:
        """A page of what left the device, the newest first."""
        request = pb.ListDeparturesRequest(before=before, since_wall_s=since_wall_s, limit=limit)
        with _errors_received():
            reply = await self._stub.ListDepartures(request, timeout=self._timeout_s)
        return [value_from(Departure, each) for each in reply.departures]

    async def watch(self) -> AsyncIterator[tuple[Event, int]]:
        """Events as they happen, each with the number lost so far; ends when the assistant stops. Waits for ever."""
        with _errors_received():
            async for message in self._stub.WatchEvents(pb.WatchEventsRequest()):
                if event := event_from_pb(message):
                    yield event, message.lost


def wav_bytes(audio: Chunk) -> bytes:
    """A chunk as a WAV file.

    Raises:
        ControlError: `sound-too-long`.
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.rate_hz)
        file.writeframes(audio.samples.astype("<i2").tobytes())
    if buffer.tell() > MAX_WAV_BYTES:
        raise ControlError(
            "sound-too-long",
            f"{audio.duration_s:.0f} s of sound are more than a request can carry",
            hint=f"At most {MAX_WAV_BYTES // (2 * audio.rate_hz)} s at this rate.",
        )
    return buffer.getvalue()


def _chunk_from(message: Any) -> Chunk:
    return Chunk(np.frombuffer(message.pcm, dtype="<i2").astype(np.int16), message.rate_hz)


def _sendable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ControlError("text-not-unicode", "the text isn't valid Unicode", hint="Use a UTF-8 terminal.") from exc
    return text


@contextlib.contextmanager
def _errors_received() -> Iterator[None]:
    import grpc.aio  # noqa: PLC0415 -- heavy

    try:
        yield
    except grpc.aio.AioRpcError as exc:
        raise error_from(exc) from exc
