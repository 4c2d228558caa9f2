"""dialog.ports.CloudAgent: the same checks against the gRPC client with a whole gateway behind it, and the fake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

import pytest

from assistant.dialog.ports import CloudAgent
from assistant.errors import CloudError
from assistant.values import CloudQuestion
from tests.fakes import FakeCloud, FakeOpenAiServer
from tests.gateways import LinkedCloud, gateway_before, question

pytestmark = [pytest.mark.real_time, pytest.mark.parametrize("kind", ["fake", "grpc"])]


@dataclass
class Scene:
    """How the far end behaves."""

    pieces: tuple[str, ...] = ("The sky ", "scatters ", "blue light.")
    failure: str = ""
    """`cut-off` `truncated` `busy` `down` or none."""
    slow: bool = False
    """The first piece comes later than the client waits."""
    held: bool = False
    """After the first piece, nothing comes any more."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def agent(kind: str, scene: Scene) -> AsyncIterator[CloudAgent]:
    if kind == "fake":
        yield fake_agent(scene)
        return
    async with FakeOpenAiServer(*scene.pieces) as server:
        server.hung_up = scene.hung_up
        server.cut = scene.failure == "cut-off"
        server.finish_reason = "length" if scene.failure == "truncated" else "stop"
        server.status = 429 if scene.failure == "busy" else 200
        server.hold_after = 0 if scene.slow else 1 if scene.held else None
        async with gateway_before(server) as gateway:
            address = "127.0.0.1:9" if scene.failure == "down" else gateway.address  # the discard port: nobody there
            async with LinkedCloud(address, first_token_timeout_s=0.3 if scene.slow else 5.0) as linked:
                yield linked.cloud


def fake_agent(scene: Scene) -> CloudAgent:
    class Watched(FakeCloud):
        async def converse(self, question: CloudQuestion) -> AsyncGenerator[str, None]:
            try:
                async with contextlib.aclosing(super().converse(question)) as pieces:
                    async for piece in pieces:
                        yield piece
                        if scene.held:
                            await asyncio.Event().wait()
            except (GeneratorExit, asyncio.CancelledError):
                scene.hung_up.set()
                raise

    fake = Watched(*scene.pieces)
    codes = {
        "cut-off": "cloud-cut-off",
        "truncated": "cloud-truncated",
        "busy": "cloud-busy",
        "down": "cloud-unreachable",
    }
    if scene.failure:
        fake.error = CloudError(codes[scene.failure], "as told", retryable=True)
        fake.error_after = len(scene.pieces) if scene.failure in {"cut-off", "truncated"} else 0
    if scene.slow:
        fake.delay_s, fake.first_token_timeout_s = 0.2, 0.1
    return fake


async def collect(cloud: CloudAgent) -> tuple[list[str], CloudError | None]:
    pieces = []
    try:
        async for piece in cloud.converse(question()):
            pieces.append(piece)  # noqa: PERF401 - what came before the error counts
    except CloudError as exc:
        return pieces, exc
    return pieces, None


async def test_an_answer_arrives_piece_by_piece(kind: str) -> None:
    scene = Scene()
    async with agent(kind, scene) as cloud:
        assert cloud.up
        assert await collect(cloud) == (list(scene.pieces), None)
        assert cloud.up
        assert cloud.address.rpartition(":")[2].isdecimal()


async def test_answers_at_once_do_not_mix(kind: str) -> None:
    scene = Scene()
    async with agent(kind, scene) as cloud:
        answers = await asyncio.gather(*(collect(cloud) for _ in range(8)))
    assert answers == [(list(scene.pieces), None)] * 8


async def test_a_cut_answer_is_an_error_after_its_pieces(kind: str) -> None:
    scene = Scene(failure="cut-off")
    async with agent(kind, scene) as cloud:
        pieces, error = await collect(cloud)
        assert pieces == list(scene.pieces)
        assert error
        assert error.code == "cloud-cut-off"
        assert not cloud.up


async def test_an_answer_that_reached_its_limit_is_told_from_a_whole_one(kind: str) -> None:
    scene = Scene(failure="truncated")
    async with agent(kind, scene) as cloud:
        pieces, error = await collect(cloud)
        assert pieces == list(scene.pieces)
        assert error
        assert error.code == "cloud-truncated"
        assert cloud.up


async def test_silence_is_a_timeout_and_takes_the_link_down(kind: str) -> None:
    async with agent(kind, Scene(slow=True)) as cloud:
        pieces, error = await collect(cloud)
        assert not pieces
        assert error
        assert (error.code, error.retryable) == ("cloud-timeout", True)
        assert not cloud.up


async def test_nobody_there(kind: str) -> None:
    async with agent(kind, Scene(failure="down")) as cloud:
        pieces, error = await collect(cloud)
        assert not pieces
        assert error
        assert (error.code, error.retryable) == ("cloud-unreachable", True)
        assert not cloud.up


async def test_busy_says_nothing_against_the_link(kind: str) -> None:
    async with agent(kind, Scene(failure="busy")) as cloud:
        _, error = await collect(cloud)
        assert error
        assert error.code == "cloud-busy"
        assert cloud.up


async def test_closing_the_iterator_hangs_up(kind: str) -> None:
    scene = Scene(held=True)
    async with agent(kind, scene) as cloud:
        pieces = cloud.converse(question())
        assert isinstance(pieces, AsyncGenerator)
        assert await anext(pieces) == scene.pieces[0]
        await pieces.aclose()
        async with asyncio.timeout(2):
            await scene.hung_up.wait()
        assert cloud.up


async def test_cancelling_the_reader_hangs_up(kind: str) -> None:
    scene = Scene(held=True)
    async with agent(kind, scene) as cloud:
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in cloud.converse(question()):
                begun.set()

        reader = asyncio.create_task(read())
        await begun.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        async with asyncio.timeout(2):
            await scene.hung_up.wait()
        assert cloud.up
