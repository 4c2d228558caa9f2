"""Whatever happens to the cloud in the middle of an answer, the user hears one reply that is true and whole.

A thousand faults at random moments: most on scripts in virtual time, the others on real gateways over real sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.audio.format import Chunk
from assistant.dialog import phrases
from assistant.dialog.open_questions import OpenQuestions
from assistant.dialog.ports import CloudAgent, LocalModel
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Decision, RouterPolicy, route
from assistant.dialog.speak import Speaker, Spoken
from assistant.errors import CloudError, LlmError
from assistant.events import Event
from assistant.sentences import split_sentences
from tests.bad_wire import CORRUPT, CUT, DRIP, REFUSE, STALL, BadWire
from tests.dialog.test_answer import OPEN, open_questions
from tests.fakes import FakeCloud, FakeLocalModel, FakeOpenAiServer, FakeSynthesizer
from tests.gateways import LinkedCloud, gateway_before, make_tls
from tests.until import until

SENTENCES = (
    "Pi is 3.14159, and e is 2.71828.",
    "A day has 86,400 seconds.",
    "Whales are mammals.",
    "Light takes 8.3 minutes from the sun.",
)
LOCAL = ("The moon is 384,400 km away.", "It rises in the east.")
FIRST_S, GAP_S = 5.5, 1.5
_POLICY = RouterPolicy(threshold=0.85, reject_threshold=0.3)
CLAUSES = ("Pi is 3.14159,", "and e is 2.71828.")
"""Of the one sentence that has two: where its pieces come slowly they may be spoken one by one."""
_MAY_BE_SAID = {
    *SENTENCES,
    *CLAUSES,
    *LOCAL,
    *(
        sentence
        for phrase in (
            *(
                phrases.ONE_MOMENT,
                phrases.NOT_SURE,
                phrases.CUT_OFF,
                phrases.STOPPED,
                phrases.UNABLE,
                phrases.NO_ANSWER,
            ),
            *(phrases.private(0, "gateway.test:50051"), phrases.CLOUD_QUOTA),
            *(phrases.OFFLINE, phrases.OFFLINE_SHORT, phrases.CLOUD_BUSY, phrases.CLOUD_REFUSED, phrases.CLOUD_INVALID),
        )
        for sentence in split_sentences(phrase)
    ),
}


@dataclasses.dataclass
class Timeline:
    """When a reply sounds, if it is played as it comes."""

    began_s: float
    first_s: float | None = None
    """Of anything at all."""
    longest_gap_s: float = 0.0
    """Between two sounds of the answer; "One moment." may be followed by a wait."""
    _until_s: float = 0.0
    _waiting: bool = False

    def heard(self, chunk: Chunk, sentence: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if self.first_s is None:
            self.first_s = now_s - self.began_s
        elif not self._waiting:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._until_s)
        self._until_s = max(self._until_s, now_s) + chunk.duration_s
        self._waiting = sentence == phrases.ONE_MOMENT


async def one_turn(cloud: CloudAgent, local: LocalModel | None, *, private: bool = False) -> None:
    """Ask, have the answer spoken, and check what was heard."""
    events: list[Event] = []
    beyond = open_questions(cloud, events, local)
    voice = FakeSynthesizer()
    voice.takes_s = 0.05
    timeline = Timeline(asyncio.get_running_loop().time())
    spoken = await _spoken(beyond, cloud, voice, timeline, events, private=private)
    said = voice.spoken
    assert said, "silence"
    assert set(said) <= _MAY_BE_SAID, f"half a sentence: {set(said) - _MAY_BE_SAID}"
    assert len(set(said)) == len(said), f"twice: {said}"
    assert spoken.text.split() == " ".join(said).split(), "what is kept is what was said"
    assert timeline.first_s is not None
    assert timeline.first_s <= FIRST_S, (timeline, said)
    assert timeline.longest_gap_s <= GAP_S, (timeline, said)


async def _spoken(
    beyond: OpenQuestions,
    cloud: CloudAgent,
    voice: FakeSynthesizer,
    timeline: Timeline,
    events: list[Event],
    *,
    private: bool,
) -> Spoken:
    seen = {"link_up": cloud.up, "private": private}

    def decide(sure: float | None) -> Decision:
        return route(OPEN.understanding, _POLICY, **seen, local=sure)

    question = dataclasses.replace(OPEN, decision=decide(None), aloud=True, may_hedge=cloud.up and not private)
    spoken, answer = Spoken("turn"), Answer()
    async with _settled(beyond, question, decide) as settled:
        await Speaker(voice, None, events.append).say(
            beyond.answer(settled, answer),
            spoken,
            answer,
            aloud=False,
            on_audio=lambda chunk: timeline.heard(chunk, voice.spoken[-1]),
        )
    return spoken


@contextlib.asynccontextmanager
async def _settled(beyond: OpenQuestions, question: Question, decide: object) -> AsyncIterator[Question]:
    settled = await beyond.settle(question, decide)  # type: ignore[arg-type]
    try:
        yield settled
    finally:
        if settled.call:
            await settled.call.close()


def a_model(pick: random.Random) -> FakeLocalModel | None:
    """None, or one that is more or less sure, quick and reliable."""
    if pick.random() < 0.3:
        return None
    model = FakeLocalModel(*(f"{word} " for word in " ".join(LOCAL).split()), confidence=pick.random())
    model.thinks_s = pick.choice([0.0, 0.2, 0.8, 5.0])
    model.delay_s = pick.choice([0.0, 0.02, 0.1])
    if pick.random() < 0.3:
        model.error, model.error_after = LlmError("llm-died", "gone", retryable=True), pick.randint(0, 12)
    if pick.random() < 0.1:
        model.delay_s = 60.0
    return model


def a_cloud(pick: random.Random) -> FakeCloud:
    """One that fails in some way, early or late, or not at all."""
    text = " ".join(SENTENCES[: pick.randint(1, 4)])
    cuts = sorted(pick.sample(range(1, len(text)), pick.randint(0, 20)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    cloud = FakeCloud(*pieces)
    cloud.next_token_timeout_s = 1.0
    cloud.delay_s = pick.choice([0.0, 0.01, 0.05, 0.3, 0.9])
    fault = pick.choice(["none", "error", "stalls", "slow", "down", "refuses"])
    if fault == "error":
        cloud.error_after = pick.randint(0, len(pieces) - 1)
        code = "cloud-cut-off" if cloud.error_after else "cloud-unreachable"
        cloud.error = CloudError(code, "gone", retryable=True)
    elif fault == "refuses":
        cloud.error = CloudError(pick.choice(["cloud-busy", "cloud-refused", "cloud-tls"]), "no", retryable=True)
    elif fault == "stalls":
        cloud.stalls_after = pick.randint(1, len(pieces))
    elif fault == "slow":
        cloud.delay_s = 60.0
    elif fault == "down":
        cloud.up = False
    return cloud


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 16))])
async def test_faults_by_script(seed: int) -> None:
    """50 turns each, side by side."""
    pick = random.Random(seed)
    before = asyncio.all_tasks()
    turns = [one_turn(a_cloud(pick), a_model(pick), private=pick.random() < 0.05) for _ in range(50)]
    await asyncio.gather(*turns)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before, "a task is left behind"


WIRE = (STALL, CUT, CORRUPT, DRIP, REFUSE)
UPSTREAM = ("429", "500", "hangs", "breaks", "nonsense", "drips")
WAY = ("no such host", "nobody there", "tls wrong")


@pytest.mark.real_time
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 15))])
async def test_faults_on_real_sockets(seed: int) -> None:
    """Each fault on a way of its own to a gateway of its own, 14 at a time."""
    pick = random.Random(1000 + seed)
    faults = (*WIRE, *UPSTREAM, *WAY)
    await asyncio.gather(*(over_sockets("none", pick) for _ in range(2)))  # what is loaded once is loaded
    gc.collect()
    tasks, files = len(asyncio.all_tasks()), _files()
    await asyncio.gather(*(over_sockets(fault, pick) for fault in faults))
    gc.collect()
    await until(lambda: len(asyncio.all_tasks()) <= tasks and _files() <= files)


async def over_sockets(fault: str, pick: random.Random) -> None:
    async with FakeOpenAiServer(*(f"{word} " for word in " ".join(SENTENCES).split())) as upstream:
        upstream.pause_s = pick.choice([0.0, 0.02])
        late = pick.randint(1, 15)
        if fault in {"429", "500"}:
            upstream.status = int(fault)
        elif fault == "hangs":
            upstream.hold_after = pick.choice([0, late])
        elif fault == "breaks":
            upstream.raw = (*list(upstream._body())[:late], b"")
            upstream.cut = True
        elif fault == "nonsense":
            upstream.raw = (*list(upstream._body())[:late], b"data: {no json\n\n")
        elif fault == "drips":
            upstream.pause_s = 1.3
        settings = make_tls("localhost") if fault == "tls wrong" else ()
        async with (
            gateway_before(upstream, *settings) as gateway,
            _way(gateway.address, fault, pick) as address,
            LinkedCloud(address) as linked,
        ):
            await one_turn(linked.cloud, a_model(pick))


@contextlib.asynccontextmanager
async def _way(address: str, fault: str, pick: random.Random) -> AsyncIterator[str]:
    if fault in WIRE:
        async with BadWire(address, fault, pick.randint(0, 900)) as wire:
            yield wire.address
    elif fault == "no such host":
        yield "no-such-host.invalid:50051"
    elif fault == "nobody there":
        yield "127.0.0.1:9"
    else:
        yield address


def _files() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))
