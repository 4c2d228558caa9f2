"""Messages that nobody means, by the hundred (`scripts/test --all`: ten thousand): a status comes back, no crash."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant._pb.edgewise.cloud.v1 import cloud_pb2
from assistant.gateway.prompt import build_messages
from assistant.gateway.requests import (
    MAX_CONTEXT_BYTES,
    MAX_CONTEXT_MESSAGES,
    MAX_DEADLINE_MS,
    MAX_UTTERANCE_BYTES,
    read_request,
)
from assistant.gateway.tokens import bearer_of, split_token
from assistant.prompts import estimate_tokens
from assistant.values import Message, new_id
from tests.fakes import FakeOpenAiServer
from tests.gateways import gateway_before

EXAMPLES = 300 if os.environ.get("EDGEWISE_TESTS", "quick") == "quick" else 10_000
AT_ONCE = 25

texts = st.text(max_size=300)
messages = st.builds(
    lambda role, text: cloud_pb2.Message(role=role, text=text),
    st.integers(0, 3),
    st.one_of(texts, st.just("x" * 9_000)),
)
requests = st.builds(
    cloud_pb2.ConverseRequest,
    request_id=st.one_of(st.builds(new_id), texts),
    conversation_id=st.one_of(st.builds(new_id), texts),
    context=st.lists(messages, max_size=70),
    utterance=st.one_of(texts, st.just("é" * 5_000)),
    locale=st.one_of(st.sampled_from(["", "en", "de-AT"]), texts),
    deadline_ms=st.integers(0, 2**32 - 1),
)
broken = st.one_of(
    st.binary(max_size=400),
    st.builds(
        lambda data, at, noise: data[: at % (len(data) + 1)] + noise + data[at % (len(data) + 1) :],
        st.builds(lambda request: request.SerializeToString(), requests),
        st.integers(0, 10_000),
        st.binary(min_size=1, max_size=8),
    ),
)


@settings(max_examples=EXAMPLES)
@given(st.one_of(requests.map(lambda request: request.SerializeToString()), broken))
def test_what_is_let_through_keeps_the_contract(data: bytes) -> None:
    request, problem = read_request(data)
    if problem:
        assert len(problem) < 60
        return
    assert len(request.utterance.encode()) <= MAX_UTTERANCE_BYTES
    assert request.utterance.strip()
    assert request.deadline_ms <= MAX_DEADLINE_MS
    assert len(request.context) <= MAX_CONTEXT_MESSAGES
    assert sum(len(message.text.encode()) for message in request.context) <= MAX_CONTEXT_BYTES
    assert {message.role for message in request.context} <= {1, 2}


@settings(max_examples=EXAMPLES)
@given(st.lists(texts, max_size=20), texts, st.integers(256, 4_000))
def test_a_prompt_keeps_its_budget_and_the_newest_of_the_conversation(said: list[str], now: str, budget: int) -> None:
    context = [Message("user", text) for text in said]
    built = build_messages(context, now, locale="", budget_tokens=max(budget, 600))
    assert sum(estimate_tokens(message["content"]) for message in built) <= max(budget, 600)
    kept = [message["content"] for message in built[1:-1]]
    assert kept == (said[-len(kept) :] if kept else [])


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=200), st.one_of(st.binary(max_size=50), st.text(max_size=150)))
def test_any_token_is_read_or_none(token: str, value: str | bytes) -> None:
    assert split_token(token) is None
    bearer = bearer_of([("authorization", value)])
    assert bearer is not None
    assert split_token(bearer) is None


@pytest.mark.real_time
async def test_over_the_wire_every_message_gets_its_status(caplog: pytest.LogCaptureFixture) -> None:
    import grpc

    sent = examples()
    async with (
        FakeOpenAiServer("One.") as server,
        gateway_before(server) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
    ):
        converse = channel.unary_stream("/edgewise.cloud.v1.Cloud/Converse")

        async def status(data: bytes) -> str:
            call = converse(data)
            try:
                async for _ in call:
                    pass
            except grpc.aio.AioRpcError as exc:
                return str(exc.code().name)
            return "OK"

        found: set[str] = set()
        for at in range(0, len(sent), AT_ONCE):
            found.update(await asyncio.gather(*(status(data) for data in sent[at : at + AT_ONCE])))
        assert found <= {"OK", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED"}
        assert "INVALID_ARGUMENT" in found
        whole = cloud_pb2.ConverseRequest(request_id=new_id(), conversation_id=new_id(), utterance="x")
        assert await status(whole.SerializeToString()) == "OK"
    assert not [entry for entry in caplog.records if entry.name.startswith("grpc")], "gRPC logs tracebacks"


def examples() -> list[bytes]:
    """Requests right and wrong, the same ones every time."""
    found: list[bytes] = []

    @settings(max_examples=EXAMPLES, database=None, derandomize=True)
    @given(st.one_of(requests.map(lambda request: request.SerializeToString()), broken))
    def collect(data: Any) -> None:
        found.append(data)

    collect()
    return found
