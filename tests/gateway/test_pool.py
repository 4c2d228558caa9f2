"""Several upstreams: the circuit breaker, and what takes over when."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from assistant.config import find_paths, load_config
from assistant.dialog import phrases
from assistant.errors import ConfigError, GatewayError
from assistant.gateway.app import open_gateway
from assistant.gateway.breaker import FAILURES, OPEN_S, TRIAL_S, Breaker, Circuit
from assistant.gateway.pool import UpstreamPool
from assistant.gateway.upstream import MAX_PIECE_CHARS, PROMPT_TOKENS, Finish, Model, Piece, Upstream
from assistant.values import Message
from tests.dialog.test_answer import say
from tests.fakes import FakeOpenAiServer
from tests.faults.test_gateway import send, valid
from tests.gateways import LinkedCloud, gateway_before, question

DEAD = "http://127.0.0.1:9/v1"


def opened(at_s: float) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(at_s)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed(0.0)
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed(0.0)
    assert breaker.state(0.0) is Circuit.CLOSED
    breaker.failed(0.0)
    assert breaker.state(0.0) is Circuit.OPEN
    assert not breaker.begin(0.0)


def test_one_trial_at_a_time_and_a_success_closes_it() -> None:
    breaker = opened(0.0)
    assert not breaker.begin(OPEN_S[0] - 0.1)
    assert breaker.begin(OPEN_S[0])
    assert not breaker.begin(OPEN_S[0] + 0.1)
    breaker.succeeded()
    assert breaker.state(OPEN_S[0] + 0.1) is Circuit.CLOSED


def test_a_trial_that_was_abandoned_holds_nothing_back() -> None:
    breaker = opened(0.0)
    assert breaker.begin(OPEN_S[0])
    assert breaker.begin(OPEN_S[0] + TRIAL_S)


def test_a_trial_that_has_text_holds_nothing_back_though_it_may_yet_fail() -> None:
    breaker = opened(0.0)
    assert breaker.begin(OPEN_S[0])
    breaker.reached(OPEN_S[0] + 0.1)
    assert breaker.begin(OPEN_S[0] + 0.1)
    breaker.failed(OPEN_S[0] + 0.2)
    assert breaker.state(OPEN_S[0] + 0.2) is Circuit.OPEN


def test_it_stays_open_longer_each_time() -> None:
    breaker, now_s = opened(0.0), 0.0
    for wait_s in (*OPEN_S, OPEN_S[-1]):
        assert breaker.state(now_s + wait_s - 0.01) is Circuit.OPEN
        now_s += wait_s
        assert breaker.begin(now_s)
        breaker.failed(now_s)


def test_one_that_is_back_is_tried_at_once() -> None:
    breaker = opened(0.0)
    breaker.reached(1.0)
    assert breaker.state(1.0) is Circuit.HALF_OPEN


@contextlib.asynccontextmanager
async def pool_of(*urls: str, failover_s: float = 2.0, timeout_s: float = 5.0) -> AsyncIterator[UpstreamPool]:
    upstreams = [Upstream(url, Model("m", 20), api_key="", timeout_s=timeout_s) for url in urls]
    pool = UpstreamPool(upstreams, failover_s=failover_s)
    try:
        yield pool
    finally:
        await pool.close()


async def answer(pool: UpstreamPool) -> tuple[str, str]:
    """(text, error code)."""
    text = ""
    try:
        async for part in pool.stream(lambda _: [{"role": "user", "content": "x"}]):
            text += part.text if isinstance(part, Piece) else ""
    except GatewayError as exc:
        return text, exc.code
    return text, ""


@pytest.mark.real_time
@pytest.mark.parametrize(
    "fault", ["dead", "401", "404", "429", "500", "no JSON", "cut at once", "silent", "comments only"]
)
async def test_before_the_first_text_the_next_one_takes_over(fault: str) -> None:
    async with FakeOpenAiServer("First.") as first, FakeOpenAiServer("Second.") as second:
        if fault.isdecimal():
            first.status = int(fault)
        first.raw = {
            "no JSON": (b"data: {oops\n\n",),
            "cut at once": (),
            "comments only": (b": ping\n\n", b": ping\n\n"),
        }.get(fault)
        first.hold_after = {"silent": 0, "comments only": 1}.get(fault)
        url = DEAD if fault == "dead" else first.base_url
        async with pool_of(url, second.base_url, failover_s=0.2) as pool:
            assert await answer(pool) == ("Second.", "")


@pytest.mark.real_time
async def test_after_the_first_text_nobody_takes_over() -> None:
    async with FakeOpenAiServer("First ", "half") as first, FakeOpenAiServer("Second.") as second:
        first.cut = True
        async with pool_of(first.base_url, second.base_url) as pool:
            assert await answer(pool) == ("First half", "upstream-cut-off")
        assert not second.requests


@pytest.mark.real_time
async def test_one_that_keeps_failing_is_left_alone_and_taken_back_when_it_was_gone_and_returns() -> None:
    async with FakeOpenAiServer("First.") as first, FakeOpenAiServer("Second.") as second:
        first.status = 500
        async with pool_of(first.base_url, second.base_url) as pool:
            for _ in range(FAILURES + 3):
                assert await answer(pool) == ("Second.", "")
            assert len(first.requests) == FAILURES
            assert pool.states() == {first.base_url: Circuit.OPEN, second.base_url: Circuit.CLOSED}
            first.status = 200
            await pool.probe()
            assert pool.states()[first.base_url] is Circuit.OPEN, "it listed its models all along"
            first.models_status = 500
            await pool.probe()
            first.models_status = 200
            await pool.probe()
            assert await answer(pool) == ("First.", "")
            assert pool.states()[first.base_url] is Circuit.CLOSED


@pytest.mark.real_time
async def test_while_one_that_is_back_answers_the_next_question_needs_no_other_upstream() -> None:
    async with FakeOpenAiServer("One ", "two.") as server:
        server.status = server.models_status = 500
        async with pool_of(server.base_url) as pool:
            for _ in range(FAILURES):
                assert await answer(pool) == ("", "upstream-down")
            with pytest.raises(GatewayError):
                await pool.probe()
            server.status = server.models_status = 200
            await pool.probe()
            server.hold_after = 1
            first = pool.stream(lambda _: [{"role": "user", "content": "x"}])
            assert await anext(first) == Piece("One ")
            server.released.set()
            assert await answer(pool) == ("One two.", "")
            await first.aclose()


@pytest.mark.real_time
async def test_who_leaves_with_the_last_part_leaves_a_success() -> None:
    async with FakeOpenAiServer("One.") as server, pool_of(server.base_url) as pool:
        for round_ in range(FAILURES * 2):
            server.status = 500 if round_ % 2 else 200
            async with contextlib.aclosing(pool.stream(lambda _: [{"role": "user", "content": "x"}])) as parts:
                with contextlib.suppress(GatewayError):
                    async for part in parts:
                        if isinstance(part, Finish):
                            break
        assert pool.states()[server.base_url] is Circuit.CLOSED


@pytest.mark.real_time
async def test_when_none_may_be_tried_the_answer_is_no_at_once() -> None:
    async with FakeOpenAiServer("First.") as first:
        first.hold_after = 0
        async with pool_of(first.base_url, timeout_s=0.1) as pool:
            for _ in range(FAILURES):
                assert await answer(pool) == ("", "upstream-timeout")
            began_s = asyncio.get_running_loop().time()
            assert await answer(pool) == ("", "upstream-down")
            assert asyncio.get_running_loop().time() - began_s < 0.05


@pytest.mark.real_time
async def test_busy_counts_against_nobody() -> None:
    async with FakeOpenAiServer("First.") as first:
        first.status = 429
        async with pool_of(first.base_url) as pool:
            for _ in range(FAILURES + 1):
                assert await answer(pool) == ("", "upstream-busy")
            assert pool.states()[first.base_url] is Circuit.CLOSED


@pytest.mark.real_time
async def test_comments_do_not_end_a_silence_and_a_drip_of_text_does() -> None:
    async with FakeOpenAiServer() as server:
        event = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
        server.raw = (event, *[b": ping\n\n"] * 20)
        server.pause_s = 0.05
        upstream = Upstream(server.base_url, Model("m", 20), api_key="", timeout_s=0.3)
        with pytest.raises(GatewayError) as caught:
            async for _ in upstream.stream([]):
                pass
        assert caught.value.code == "upstream-timeout"
        server.raw = (*[event] * 20, b"data: [DONE]\n\n")
        assert [part async for part in upstream.stream([])][-1] == Finish(False, 0, 0)
        await upstream.close()


@pytest.mark.real_time
async def test_a_drip_without_end_is_ended_by_the_devices_deadline() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        server.raw = (b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n',) * 10_000
        server.pause_s = 0.02
        async with LinkedCloud(gateway.address, answer_timeout_s=0.5) as linked:
            assert await linked.outcome() == "cloud-timeout"
        async with asyncio.timeout(2):
            await server.hung_up.wait()


@pytest.mark.real_time
async def test_a_huge_piece_is_handed_on_in_parts_that_a_device_takes() -> None:
    text = "é" * (MAX_PIECE_CHARS * 3 + 1)
    async with (
        FakeOpenAiServer(text) as server,
        gateway_before(server) as gateway,
        LinkedCloud(gateway.address) as linked,
    ):
        assert await linked.ask() == text


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"data": [{"id": "m", "max_model_len": 2048}]}', 2028),
        (b'{"data": [{"id": "n", "max_model_len": 9}, {"id": "m", "context_length": 2048}]}', 2028),
        (b'{"data": [{"id": "m", "meta": {"n_ctx": 1024}}]}', 1004),
        (b'{"data": [{"id": "m", "max_model_len": 100}]}', 256),
        (b'{"data": [{"id": "m", "max_model_len": "many"}]}', PROMPT_TOKENS),
        (b'{"data": [{"id": "m"}]}', PROMPT_TOKENS),
        (b'{"data": [{"id": "n", "max_model_len": 2048}]}', PROMPT_TOKENS),
        (b'{"data": 7}', PROMPT_TOKENS),
        (b"<html>", PROMPT_TOKENS),
    ],
)
async def test_the_list_of_models_says_how_long_a_prompt_may_be(body: bytes, tokens: int) -> None:
    async with FakeOpenAiServer() as server:
        server.models_body = body
        for model, expected in ((Model("m", 20), tokens), (Model("m", 20, 4000), 3980)):
            upstream = Upstream(server.base_url, model, api_key="", timeout_s=5.0)
            await upstream.probe()
            assert upstream.prompt_tokens == expected
            await upstream.close()


@pytest.mark.real_time
async def test_each_upstream_gets_as_much_of_the_conversation_as_it_takes_the_newest_first() -> None:
    context = [Message("user" if n % 2 == 0 else "assistant", f"{n} " + "word " * 60) for n in range(12)]
    async with FakeOpenAiServer("One.") as small, FakeOpenAiServer("Two.") as large:
        small.models_body = b'{"data": [{"id": "m", "max_model_len": 1024}]}'
        small.status = 500
        both = f'gateway.upstream="{small.base_url}, {large.base_url}"'
        async with gateway_before(large, both) as gateway, LinkedCloud(gateway.address) as linked:
            assert [piece async for piece in linked.cloud.converse(question("and now", *context))] == ["Two."]
        sent = [
            [message["content"][:2].strip() for message in server.requests[0]["messages"]] for server in (small, large)
        ]
    assert sent[1][1:-1] == [str(n) for n in range(12)]
    assert 0 < len(sent[0][1:-1]) < 12
    assert sent[0][1:-1] == [str(n) for n in range(12)][-len(sent[0][1:-1]) :]


@pytest.mark.real_time
async def test_upstreams_of_several_makers_in_one_list(own_home: object) -> None:
    key = find_paths().config_file.with_name("second-key")
    key.write_text("second\n")
    async with FakeOpenAiServer("One.") as first, FakeOpenAiServer("Two.") as second:
        first.status = 401
        table = f'{{url = "{second.base_url}", model = "big", api_key_file = "{key}"}}'
        settings = (f'gateway.upstream=["{first.base_url}", {table}]', 'gateway.api_key="first"', 'gateway.model="m"')
        async with gateway_before(first, *settings) as gateway, LinkedCloud(gateway.address) as linked:
            assert gateway.upstream == f"{first.base_url}, {second.base_url}"
            assert await linked.ask() == "Two."
        assert (first.requests[0]["model"], second.requests[0]["model"]) == ("m", "big")
        assert (set(first.keys), set(second.keys)) == ({"Bearer first"}, {"Bearer second"})


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ([f'gateway.upstream=["{DEAD}", "ftp://x"]'], "gateway-upstream"),
        ([f'gateway.upstream=[{{url = "{DEAD}", api_key_file = "/nowhere"}}]'], "secret-unreadable"),
        ([f'gateway.upstream=[{{url = "{DEAD}", context_tokens = 300}}]'], "gateway-context"),
        ([f'gateway.upstream="{DEAD}"', "gateway.context_tokens=455"], "gateway-context"),
    ],
)
async def test_upstreams_that_cannot_work(settings: list[str], code: str) -> None:
    config = load_config(find_paths(), ['gateway.listen="127.0.0.1:0"', *settings])
    with pytest.raises(ConfigError) as caught:
        async with open_gateway(config):
            pass
    assert caught.value.code == code


@pytest.mark.parametrize("value", ["7", "[7]", '[{model = "x"}]', '[{url = "http://x", key = "y"}]'])
def test_upstreams_that_are_none(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(find_paths(), [f"gateway.upstream={value}"])
    assert "gateway.upstream" in str(caught.value)


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("fault", "status", "code", "spoken"),
    [
        ("401", "UNAVAILABLE", "cloud-unreachable", phrases.OFFLINE),
        ("429", "RESOURCE_EXHAUSTED", "cloud-busy", phrases.CLOUD_BUSY),
        ("500", "UNAVAILABLE", "cloud-unreachable", phrases.OFFLINE),
        ("silent", "DEADLINE_EXCEEDED", "cloud-timeout", phrases.OFFLINE),
        ("no JSON", "UNAVAILABLE", "cloud-unreachable", phrases.OFFLINE),
        ("says nothing", "OK", "cloud-empty", phrases.NO_ANSWER),
        ("truncated", "UNAVAILABLE", "cloud-cut-off", f"Whales are mammals. {phrases.CUT_OFF}"),
        ("stalls", "DEADLINE_EXCEEDED", "cloud-timeout", f"Whales are mammals. {phrases.CUT_OFF}"),
        ("drips", "DEADLINE_EXCEEDED", "cloud-timeout", f"Whales are mammals. {phrases.CUT_OFF}"),
    ],
)
async def test_how_a_question_ends_and_what_a_device_says_when_the_upstream_fails(
    fault: str, status: str, code: str, spoken: str
) -> None:
    event = b'data: {"choices": [{"delta": {"content": "Whales are mammals. They "}}]}\n\n'
    drop = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
    async with (
        FakeOpenAiServer() as server,
        gateway_before(server, "gateway.upstream_timeout_s=0.2") as gateway,
        LinkedCloud(gateway.address, answer_timeout_s=1.0) as linked,
    ):
        server.status = int(fault) if fault.isdecimal() else 200
        server.raw = {
            "no JSON": (b"data: {\n\n",),
            "says nothing": (b"data: [DONE]\n\n",),
            "stalls": (event, event),
            "drips": (event, *[drop] * 1000),
        }.get(fault, (event,))
        server.hold_after = {"silent": 0, "stalls": 1}.get(fault)
        server.pause_s = 0.02 if fault == "drips" else 0.0
        assert (await send(gateway.address, valid(deadline_ms=1000).SerializeToString()))[0] == status
        assert await linked.outcome() == code
        voice, _, _ = await say(linked.cloud)
        assert " ".join(voice.spoken) == spoken
