"""The service and its client, over a real Unix socket."""

from __future__ import annotations

import asyncio
import os
import socket as sockets
import stat
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.format import Chunk
from assistant.control import service
from assistant.control.client import ControlClient
from assistant.control.service import ControlServer
from assistant.control.unix_socket import Listener, find_listener, target_of
from assistant.control.wire import SERVICE
from assistant.errors import BusyError, ControlError, EdgewiseError, SpeechError
from assistant.events import DueChanged, Event, LinkChanged, StateChanged, TurnEnded, TurnStarted
from assistant.values import DueState, Outcome, State
from tests.control.serving import serving
from tests.fakes import FakeTarget

pytestmark = pytest.mark.real_time


def tone(seconds: float = 0.1) -> Chunk:
    return Chunk((np.sin(np.arange(int(16_000 * seconds)) / 5) * 9_000).astype(np.int16), 16_000)


async def test_status_arrives_as_it_was_told(tmp_path: Path) -> None:
    target = FakeTarget()
    target.problems = ("There is no microphone: plug one in.",)
    async with serving(target, tmp_path / "s") as client:
        assert await client.status() == target.status()


async def test_ask_by_text_streams_events_then_the_result(tmp_path: Path) -> None:
    target = FakeTarget()
    events: list[Event] = []
    async with serving(target, tmp_path / "s") as client:
        record = await client.ask(text="hé?", audio=None, speak=False, on_audio=None, on_event=events.append)
    assert target.asked == [("hé?", None, "text", False)]
    assert isinstance(events[0], TurnStarted)
    assert events[-1] == TurnEnded(turn_id="turn-1", outcome=Outcome.ANSWERED)
    assert record.text == "hé?"
    assert record.slots == {"minutes": 10, "name": "päste"}
    assert [stage.stage for stage in record.stages] == ["nlu", "skill"]


async def test_ask_by_sound_hands_over_the_same_samples_and_brings_the_reply_back(tmp_path: Path) -> None:
    target = FakeTarget()
    target.reply_sound = Chunk(np.arange(-32_768, 32_767, dtype=np.int16).repeat(3), 22_050)
    sound: list[Chunk] = []
    question = tone()
    async with serving(target, tmp_path / "s") as client:
        await client.ask(text=None, audio=question, speak=True, on_audio=sound.append, on_event=None)
    _, audio, source, speak = target.asked[0]
    assert (source, speak) == ("wav", True)
    assert audio is not None
    assert np.array_equal(audio.samples, question.samples)
    assert {chunk.rate_hz for chunk in sound} == {22_050}
    assert len(sound) > 1, "long sound travels in pieces"
    assert np.array_equal(np.concatenate([chunk.samples for chunk in sound]), target.reply_sound.samples)


async def test_no_sound_is_sent_unless_wanted(tmp_path: Path) -> None:
    target = FakeTarget()
    async with serving(target, tmp_path / "s") as client:
        await client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=None)
        assert target.status().speaker.name  # the reply existed, nobody asked for it


async def test_hanging_up_cancels_the_turn(tmp_path: Path) -> None:
    target = FakeTarget()
    target.hold.clear()
    begun = asyncio.Event()
    async with serving(target, tmp_path / "s") as client:
        call = asyncio.create_task(
            client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(target.cancelled.wait(), 10)


async def test_stop_cuts_off_a_turn_that_does_not_end(tmp_path: Path) -> None:
    target = FakeTarget()
    target.hold.clear()
    begun = asyncio.Event()
    server = ControlServer(target, tmp_path / "s", decode_wav=lambda _: tone())
    await server.start()
    async with ControlClient(tmp_path / "s") as client:
        call = asyncio.create_task(
            client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 10)
        await server.stop(grace_s=0.05)
        with pytest.raises(ControlError):
            await asyncio.wait_for(call, 10)
    assert target.cancelled.is_set()


@pytest.mark.parametrize(
    "error",
    [
        SpeechError("stt-failed", "the decoder failed", hint="Prüfe das Modell.", retryable=True),
        BusyError("the assistant"),
        ControlError("change-unknown", "no such change"),
    ],
)
async def test_an_error_of_the_assistant_arrives_whole(tmp_path: Path, error: EdgewiseError) -> None:
    target = FakeTarget()
    target.error = error
    async with serving(target, tmp_path / "s") as client:
        with pytest.raises(ControlError) as caught:
            await client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=None)
    got = caught.value
    assert (got.code, got.message, got.hint, got.retryable, got.stage) == (
        error.code,
        error.message,
        error.hint,
        error.retryable,
        error.stage,
    )


async def test_an_unexpected_error_says_its_type_and_nothing_it_quotes(tmp_path: Path) -> None:
    target = FakeTarget()
    target.error = ValueError("my secret diary")
    async with serving(target, tmp_path / "s") as client:
        with pytest.raises(ControlError) as caught:
            await client.say("x")
    assert caught.value.code == "internal"
    assert "ValueError" in caught.value.message
    assert "diary" not in str(caught.value)


async def test_say_and_synthesize(tmp_path: Path) -> None:
    target = FakeTarget()
    async with serving(target, tmp_path / "s") as client:
        await client.say("hello")
        sound = [chunk async for chunk in client.synthesize("world")]
    assert target.said == ["hello", "world"]
    assert sum(len(chunk.samples) for chunk in sound) == 2 * len(target.reply_sound.samples)


async def test_timers_are_added_listed_paused_resumed_and_cancelled(tmp_path: Path) -> None:
    target = FakeTarget()
    async with serving(target, tmp_path / "s") as client:
        item = await client.add_timer(90.0, "  tea ")
        assert item.name == "tea"
        assert item == target.items[item.id]
        assert await client.timers() == await client.due_items("timer") == [(item, 45.0)]
        assert await client.due_items("alarm") == []
        assert (await client.change_timer(item.id, "pause")).state is DueState.PAUSED
        assert (await client.change_timer(item.id, "resume")).state is DueState.RUNNING
        assert (await client.change_timer(item.id, "cancel")).state is DueState.CANCELLED
        assert await client.timers() == []
        with pytest.raises(ControlError) as caught:
            await client.change_timer("nope", "cancel")
    assert (caught.value.code, caught.value.hint) == ("due-unknown", "Näher hinsehen.")


async def test_watching_begins_with_the_state_of_things_then_follows(tmp_path: Path) -> None:
    target = FakeTarget()
    timer = await target.add_timer(60.0, "tea")
    async with serving(target, tmp_path / "s") as client:
        watch = client.watch()
        first = [(await anext(watch))[0] for _ in range(3)]
        assert first == [
            StateChanged(old=State.IDLE, new=State.IDLE),
            LinkChanged(up=False, reason="no gateway is configured"),
            DueChanged(item=timer),
        ]
        news = LinkChanged(up=True, reason="probe")
        target.bus.publish(news)
        assert await anext(watch) == (news, 0)
        await watch.aclose()  # type: ignore[attr-defined]


async def test_a_watcher_that_does_not_read_loses_the_oldest_and_is_told(tmp_path: Path) -> None:
    target = FakeTarget()
    async with serving(target, tmp_path / "s") as client:
        watch = client.watch()
        await anext(watch)
        await anext(watch)
        for number in range(1_000):
            target.bus.publish(LinkChanged(up=True, reason=str(number)))
        event, lost = await anext(watch)
        assert lost == 1_000 - 256
        assert event == LinkChanged(up=True, reason=str(lost))
        await watch.aclose()  # type: ignore[attr-defined]


async def test_stopping_ends_watchers_cleanly(tmp_path: Path) -> None:
    target = FakeTarget()
    server = ControlServer(target, tmp_path / "s", decode_wav=lambda _: tone())
    await server.start()
    async with ControlClient(tmp_path / "s") as client:
        watch = client.watch()
        await anext(watch)
        await anext(watch)
        began = asyncio.get_running_loop().time()
        stopping = asyncio.create_task(server.stop(grace_s=5.0))
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(watch), 10)
        await stopping
        assert asyncio.get_running_loop().time() - began < 4.0
    assert not (tmp_path / "s").exists()


async def test_a_reader_too_slow_for_its_reply_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_BEHIND_BYTES", 100_000)
    target = FakeTarget()
    target.spoken_repeats = 100
    async with serving(target, tmp_path / "s") as client:
        with pytest.raises(ControlError) as caught:
            await client.ask(text="x", audio=None, speak=False, on_audio=lambda _: None, on_event=None)
    assert caught.value.code == "reader-too-slow"
    assert caught.value.retryable


async def test_a_call_that_takes_too_long_is_a_timeout(tmp_path: Path) -> None:
    target = FakeTarget()
    target.hold.clear()
    server = ControlServer(target, tmp_path / "s", decode_wav=lambda _: tone())
    await server.start()
    async with ControlClient(tmp_path / "s", turn_timeout_s=0.2) as client:
        with pytest.raises(ControlError) as caught:
            await client.ask(text="x", audio=None, speak=False, on_audio=None, on_event=None)
    await server.stop()
    assert caught.value.code == "control-timeout"
    assert target.cancelled.is_set()


async def test_health_is_served_beside_it(tmp_path: Path) -> None:
    import grpc.aio
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    path = tmp_path / "s"
    async with serving(FakeTarget(), path), grpc.aio.insecure_channel(target_of(path)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_only_the_owner_may_open_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "made" / "for" / "it" / "control.sock"
    async with serving(FakeTarget(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert list(path.parent.iterdir()) == [path], "nothing else is left beside it"
    assert not path.exists()


@pytest.mark.parametrize("name", ["with space", "per%20cent", "hash#tag", "ünïcode", "q?x=1", "a&b;c"])
async def test_any_directory_name_will_do(tmp_path: Path, name: str) -> None:
    async with serving(FakeTarget(), tmp_path / name / "s") as client:
        assert (await client.status()).version == "1.2.3"


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = sockets.socket(sockets.AF_UNIX)
    dead.bind(os.fsencode(path))
    dead.close()
    assert find_listener(path) is Listener.STALE
    async with serving(FakeTarget(), path) as client:
        assert (await client.status()).version == "1.2.3"


async def test_a_second_server_leaves_the_first_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serving(FakeTarget(), path) as client:
        with pytest.raises(ControlError) as caught:
            await ControlServer(FakeTarget(), path, decode_wav=lambda _: tone()).start()
        assert caught.value.code == "socket-taken"
        assert (await client.status()).version == "1.2.3"


async def test_it_starts_again_where_it_stopped(tmp_path: Path) -> None:
    for _ in range(2):
        async with serving(FakeTarget(), tmp_path / "s") as client:
            assert (await client.status()).version == "1.2.3"


async def test_stopping_twice_or_unstarted_is_fine(tmp_path: Path) -> None:
    server = ControlServer(FakeTarget(), tmp_path / "s", decode_wav=lambda _: tone())
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()
    assert find_listener(tmp_path / "s") is Listener.ABSENT
