"""Malformed requests, sockets and replies of the control service: each a coded error, and the server lives on."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import socket as sockets
import struct
import threading
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.audio.files import read_audio
from assistant.audio.format import Chunk
from assistant.control import service
from assistant.control.client import ControlClient, wav_bytes
from assistant.control.service import ControlServer
from assistant.control.unix_socket import place_socket, target_of
from assistant.control.wire import MAX_ITEMS, MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_WAV_BYTES, error_from
from assistant.errors import ControlError, EdgewiseError
from tests.control.serving import serving
from tests.fakes import FakeTarget

pytestmark = pytest.mark.real_time

CHANGE = pb.ChangeTimerRequest
LIST_CHANGE = pb.ChangeListRequest


def wav(seconds: float = 0.1, rate_hz: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(b"\1\0" * int(seconds * rate_hz))
    return buffer.getvalue()


def patched(at: int, value: bytes) -> bytes:
    """A good WAV file with some of its header replaced."""
    good = bytearray(wav())
    good[at : at + len(value)] = value
    return bytes(good)


@asynccontextmanager
async def raw_stub(target: FakeTarget, path: Path) -> AsyncIterator[Any]:
    """The generated client, which checks nothing; afterwards the server must still answer."""
    import grpc.aio

    from assistant._pb.edgewise.control.v1 import control_pb2_grpc

    async with serving(target, path) as client:
        async with grpc.aio.insecure_channel(target_of(path)) as channel:
            yield control_pb2_grpc.ControlStub(channel)
        assert (await client.status()).version == "1.2.3"


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass


async def refusal(call: Any) -> ControlError:
    """The error that a raw call ends with."""
    import grpc.aio

    answer = drained(call) if hasattr(call, "read") else call
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    error = error_from(caught.value)
    assert isinstance(error, ControlError)
    assert "Traceback" not in str(error)
    return error


BAD_ASKS = {
    "nothing at all": pb.AskRequest(),
    "empty text": pb.AskRequest(text=""),
    "blank text": pb.AskRequest(text=" \n\t"),
    "too long a text": pb.AskRequest(text="a" * (MAX_TEXT_BYTES + 1)),
    "too long in bytes": pb.AskRequest(text="ä" * (MAX_TEXT_BYTES // 2 + 1)),
    "too large a file": pb.AskRequest(wav=b"R" * (MAX_WAV_BYTES + 1)),
}

BAD_SOUNDS = {
    "empty": b"",
    "text": b"set a timer for ten minutes",
    "only a header": wav()[:44],
    "half a header": wav()[:20],
    "zeros": bytes(1_000),
    "an mp3's beginning": b"ID3\x04\x00\x00" + bytes(200),
    "no samples": wav(seconds=0),
    "rate of zero": patched(24, struct.pack("<I", 0)),
    "rate beyond any card": patched(24, struct.pack("<I", 2**31 - 1)),
    "no channels": patched(22, struct.pack("<H", 0)),
    "unknown coding": patched(20, struct.pack("<H", 0x7777)),
    "not RIFF": patched(0, b"RUFF"),
    "not WAVE": patched(8, b"WOVE"),
}

BAD_TIMERS = [0.0, -1.0, float("nan"), float("inf"), float("-inf"), 7 * 86_400.0 + 1, 1e300]


@pytest.mark.parametrize("name", BAD_ASKS)
async def test_a_request_that_breaks_a_limit(tmp_path: Path, name: str) -> None:
    target = FakeTarget()
    async with raw_stub(target, tmp_path / "s") as stub:
        error = await refusal(stub.Ask(BAD_ASKS[name], timeout=10))
    assert error.code == "control-request"
    assert not target.asked


@pytest.mark.parametrize("name", BAD_SOUNDS)
async def test_sound_that_is_none(tmp_path: Path, name: str) -> None:
    target = FakeTarget()
    async with raw_stub(target, tmp_path / "s") as stub:
        error = await refusal(stub.Ask(pb.AskRequest(wav=BAD_SOUNDS[name]), timeout=10))
    assert error.code.startswith("audio-")
    assert error.stage == "audio"
    assert not target.asked


async def test_a_request_larger_than_any_message(tmp_path: Path) -> None:
    async with raw_stub(FakeTarget(), tmp_path / "s") as stub:
        error = await refusal(stub.Ask(pb.AskRequest(wav=bytes(MAX_WAV_BYTES + 2**20)), timeout=10))
    assert error.code == "control-failed"


@pytest.mark.parametrize("text", ["", "  ", "b" * (MAX_TEXT_BYTES + 1)])
@pytest.mark.parametrize("method", ["Say", "Synthesize"])
async def test_texts_to_speak(tmp_path: Path, method: str, text: str) -> None:
    target = FakeTarget()
    request = pb.SayRequest(text=text) if method == "Say" else pb.SynthesizeRequest(text=text)
    async with raw_stub(target, tmp_path / "s") as stub:
        error = await refusal(getattr(stub, method)(request, timeout=10))
    assert error.code == "control-request"
    assert not target.said


@pytest.mark.parametrize("duration_s", BAD_TIMERS)
async def test_timers_of_no_length(tmp_path: Path, duration_s: float) -> None:
    target = FakeTarget()
    async with raw_stub(target, tmp_path / "s") as stub:
        error = await refusal(stub.AddTimer(pb.AddTimerRequest(duration_s=duration_s), timeout=10))
    assert error.code == "control-request"
    assert not target.items


async def test_a_timers_name_that_is_a_novel(tmp_path: Path) -> None:
    async with raw_stub(FakeTarget(), tmp_path / "s") as stub:
        request = pb.AddTimerRequest(duration_s=5, name="n" * (MAX_NAME_BYTES + 1))
        error = await refusal(stub.AddTimer(request, timeout=10))
    assert error.code == "control-request"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (CHANGE(), "control-request"),
        (CHANGE(item_id="x"), "control-request"),
        (CHANGE(item_id="x", change=99), "control-request"),  # type: ignore[arg-type]
        (CHANGE(change=CHANGE.CHANGE_CANCEL), "control-request"),
        (CHANGE(item_id="x" * 5_000, change=CHANGE.CHANGE_CANCEL), "control-request"),
        (CHANGE(item_id="unknown", change=CHANGE.CHANGE_CANCEL), "due-unknown"),
    ],
)
async def test_changes_that_mean_nothing(tmp_path: Path, request_: Any, code: str) -> None:
    async with raw_stub(FakeTarget(), tmp_path / "s") as stub:
        error = await refusal(stub.ChangeTimer(request_, timeout=10))
    assert error.code == code


@pytest.mark.parametrize(
    "request_",
    [
        LIST_CHANGE(),
        LIST_CHANGE(name="shopping", items=["milk"]),
        LIST_CHANGE(name="shopping", change=99, items=["milk"]),  # type: ignore[arg-type]
        LIST_CHANGE(name="shopping", change=LIST_CHANGE.CHANGE_ADD),
        LIST_CHANGE(name="shopping", change=LIST_CHANGE.CHANGE_ADD, items=["milk", " "]),
        LIST_CHANGE(name="shopping", change=LIST_CHANGE.CHANGE_ADD, items=["milk"] * (MAX_ITEMS + 1)),
        LIST_CHANGE(name=" ", change=LIST_CHANGE.CHANGE_ADD, items=["milk"]),
        LIST_CHANGE(name="n" * (MAX_NAME_BYTES + 1), change=LIST_CHANGE.CHANGE_ADD, items=["milk"]),
    ],
)
async def test_changes_of_lists_that_mean_nothing(tmp_path: Path, request_: Any) -> None:
    target = FakeTarget()
    async with raw_stub(target, tmp_path / "s") as stub:
        error = await refusal(stub.ChangeList(request_, timeout=10))
    assert error.code == "control-request"
    assert not target.lists()


@pytest.mark.parametrize("kind", ["", "party", "x" * 5_000])
async def test_due_things_of_no_kind(tmp_path: Path, kind: str) -> None:
    async with raw_stub(FakeTarget(), tmp_path / "s") as stub:
        error = await refusal(stub.ListDue(pb.ListDueRequest(kind=kind), timeout=10))
    assert error.code == "control-request"


@pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"\x0a\xff", b"\x0a\x02\xc3\x28", b"\x08"])
async def test_bytes_that_are_no_message(tmp_path: Path, payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    import grpc.aio

    target = FakeTarget()
    async with serving(target, tmp_path / "s") as client:
        async with grpc.aio.insecure_channel(target_of(tmp_path / "s")) as channel:
            error = await refusal(channel.unary_unary("/edgewise.control.v1.Control/Say")(payload, timeout=10))
            assert error.code == "control-request"
            asked = channel.unary_stream("/edgewise.control.v1.Control/Ask")(payload, timeout=10)
            assert (await refusal(anext(aiter(asked)))).code == "control-request"
            newer = await refusal(channel.unary_unary("/edgewise.control.v1.Control/Dance")(b"", timeout=10))
            assert newer.code == "control-version"
        assert (await client.status()).version == "1.2.3"
    assert not target.said
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "payload", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4_096, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff"]
)
async def test_a_peer_that_does_not_speak_the_protocol(tmp_path: Path, payload: bytes) -> None:
    async with serving(FakeTarget(), tmp_path / "s") as client:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(payload)
        writer.close()
        async with asyncio.timeout(10):
            await reader.read()
        assert (await client.status()).version == "1.2.3"


async def entering(path: Path) -> str:
    """The code with which a client refuses a socket path."""
    with pytest.raises(ControlError) as caught:
        async with ControlClient(path):
            pass
    assert caught.value.hint
    return caught.value.code


async def test_sockets_that_nobody_listens_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    dead = sockets.socket(sockets.AF_UNIX)
    dead.bind(os.fsencode(tmp_path / "dead"))
    dead.close()
    for name in ("missing", "file", "dir", "dangling", "dead", "file/below", "no/such/dir"):
        assert await entering(tmp_path / name) == "daemon-not-running", name


async def test_a_socket_path_beyond_what_the_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 120) / "s"
    assert await entering(path) == "socket-path-too-long"
    with pytest.raises(ControlError) as caught:
        await ControlServer(FakeTarget(), path, decode_wav=read_audio).start()
    assert caught.value.code == "socket-path-too-long"


@pytest.mark.parametrize("thing", ["file", "directory", "below a file", "open to all"])
def test_places_where_no_socket_may_go(tmp_path: Path, thing: str) -> None:
    path = tmp_path / "s"
    expected = "socket-blocked"
    if thing == "file":
        path.write_text("precious")
    elif thing == "directory":
        path.mkdir()
    elif thing == "below a file":
        path.write_text("precious")
        path, expected = path / "s", "socket-failed"
    else:
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared").chmod(0o777)
        path, expected = tmp_path / "shared" / "s", "socket-dir-unsafe"
    with pytest.raises(ControlError) as caught:
        place_socket(path, lambda address: pytest.fail(f"bound {address}"))
    assert caught.value.code == expected
    assert caught.value.hint
    if thing == "file":
        assert path.read_text() == "precious"


async def test_a_daemon_that_accepts_but_never_answers(tmp_path: Path) -> None:
    listener = sockets.socket(sockets.AF_UNIX)
    listener.bind(os.fsencode(tmp_path / "s"))
    listener.listen()
    try:
        async with ControlClient(tmp_path / "s", timeout_s=0.3) as client:
            with pytest.raises(ControlError) as caught:
                await client.status()
    finally:
        listener.close()
    assert caught.value.code == "control-timeout"


async def test_a_daemon_that_hangs_up_at_once(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    path = tmp_path / "s"
    async with await asyncio.start_unix_server(hang_up, path), ControlClient(path, timeout_s=5) as client:
        with pytest.raises(ControlError) as caught:
            await client.status()
    assert caught.value.code in {"control-lost", "control-timeout"}


async def test_a_daemon_that_dies_in_mid_turn(tmp_path: Path) -> None:
    target = FakeTarget()
    target.hold.clear()
    begun = asyncio.Event()
    server = ControlServer(target, tmp_path / "s", decode_wav=read_audio)
    await server.start()
    async with ControlClient(tmp_path / "s") as client:
        turn = client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=lambda _: begun.set())
        call = asyncio.create_task(turn)
        await asyncio.wait_for(begun.wait(), 10)
        await server.stop(grace_s=0)
        with pytest.raises(ControlError) as caught:
            await asyncio.wait_for(call, 10)
        assert caught.value.code in {"control-lost", "control-failed"}
        with pytest.raises(ControlError) as again:
            await client.status()
        assert again.value.code == "control-lost"


async def test_a_sound_file_that_takes_for_ever_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DECODE_TIMEOUT_S", 0.1)
    release = threading.Event()

    def stuck(_: bytes) -> Chunk:
        release.wait(10)
        raise AssertionError("nobody waits for it")

    server = ControlServer(FakeTarget(), tmp_path / "s", decode_wav=stuck)
    await server.start()
    try:
        async with ControlClient(tmp_path / "s") as client:
            with pytest.raises(EdgewiseError) as caught:
                await client.ask(
                    text=None, audio=Chunk(np.ones(1600, np.int16), 16_000), speak=False, on_audio=None, on_event=None
                )
        assert caught.value.code == "audio-timeout"
    finally:
        release.set()
        await server.stop(grace_s=0)


NOT_UNICODE = os.fsdecode(b"caf\xe9")
CALLS: dict[str, Callable[[ControlClient], Awaitable[Any]]] = {
    "say": lambda client: client.say(NOT_UNICODE),
    "ask": lambda client: client.ask(text=NOT_UNICODE, audio=None, speak=False, on_audio=None, on_event=None),
    "add timer": lambda client: client.add_timer(5.0, NOT_UNICODE),
    "change timer": lambda client: client.change_timer(NOT_UNICODE, "cancel"),
    "add to a list": lambda client: client.change_list("shopping", "add", [NOT_UNICODE]),
    "name a list": lambda client: client.change_list(NOT_UNICODE, "add", ["milk"]),
    "synthesize": lambda client: drained(client.synthesize(NOT_UNICODE)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_text_that_is_not_unicode_is_refused_before_it_is_sent(tmp_path: Path, name: str) -> None:
    async with serving(FakeTarget(), tmp_path / "s") as client:
        with pytest.raises(ControlError) as caught:
            await CALLS[name](client)
    assert caught.value.code == "text-not-unicode"


def test_sound_too_long_to_send() -> None:
    with pytest.raises(ControlError) as caught:
        wav_bytes(Chunk(np.zeros(MAX_WAV_BYTES // 2, dtype=np.int16), 16_000))
    assert caught.value.code == "sound-too-long"
