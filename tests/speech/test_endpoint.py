"""The end of a turn: its rules on hand-made timelines, its invariants on generated ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.audio.format import RATE_HZ
from assistant.config import Config
from assistant.settings import EndpointConfig, VadConfig
from assistant.speech.endpoint import Endpoint, EndpointState, make_endpoint

CONFIG = EndpointConfig(
    semantic=False,
    complete_silence_s=0.25,
    silence_s=0.7,
    unclear_silence_s=1.2,
    speculate_silence_s=0.16,
    partial_every_s=1.0,
    command_timeout_s=15.0,
    no_speech_timeout_s=5.0,
    min_speech_s=0.12,
)
VOICE, QUIET = 0.9, 0.1
CHUNK_S = 0.02

Timeline = list[tuple[float, float]]
"""(seconds, speech probability)."""


def run(timeline: Timeline, config: EndpointConfig = CONFIG, endpoint: Endpoint | None = None) -> tuple[float, Any]:
    """(seconds until it ended or the timeline was over, last state), in chunks of 20 ms."""
    endpoint = endpoint or Endpoint(config, threshold=0.5)
    state = EndpointState(speech_started=False, speech_start_s=0.0, silence_s=0.0, ended="")
    chunks = 0
    for seconds, probability in timeline:
        for _ in range(round(seconds / CHUNK_S)):
            state = endpoint.process(round(CHUNK_S * RATE_HZ), probability)
            chunks += 1
            if state.ended:
                return chunks * CHUNK_S, state
    return chunks * CHUNK_S, state


@pytest.mark.parametrize(
    ("timeline", "ended", "at_s", "start_s"),
    [
        ([(0.4, QUIET), (1.0, VOICE), (3.0, QUIET)], "silence", 2.1, 0.4),
        ([(0.4, QUIET), (1.0, VOICE), (0.68, QUIET), (1.0, VOICE), (1.0, QUIET)], "silence", 3.78, 0.4),
        ([(6.0, QUIET)], "no-speech", 5.0, 0.0),
        ([(20.0, VOICE)], "timeout", 15.0, 0.0),
        ([(4.0, QUIET), (20.0, VOICE)], "timeout", 19.0, 4.0),
        ([(1.0, QUIET), (0.1, VOICE), (6.0, QUIET)], "no-speech", 5.0, 0.0),
        ([(1.0, VOICE), (0.4, QUIET), (0.1, VOICE), (2.0, QUIET)], "silence", 1.7, 0.0),
        ([(1.0, VOICE), (0.66, QUIET), (0.12, VOICE), (2.0, QUIET)], "silence", 2.48, 0.0),
        ([(4.96, QUIET), (0.5, VOICE), (2.0, QUIET)], "silence", 6.16, 4.96),
        ([(4.96, QUIET), (0.08, VOICE), (2.0, QUIET)], "no-speech", 5.06, 0.0),
        ([(0.5, VOICE), (0.5, QUIET)], "", 1.0, 0.0),
        ([(0.5, VOICE), (0.7, float("nan"))], "silence", 1.2, 0.0),
        ([], "", 0.0, 0.0),
    ],
)
def test_timelines(timeline: Timeline, ended: str, at_s: float, start_s: float) -> None:
    reached_s, state = run(timeline)
    assert state.ended == ended
    assert reached_s == pytest.approx(at_s)
    assert state.speech_start_s == pytest.approx(start_s)


def test_threshold_itself_is_voice() -> None:
    assert run([(0.2, 0.5)])[1].speech_started
    assert not run([(0.2, 0.49)])[1].speech_started


def test_short_voice_under_way_holds_the_end_back() -> None:
    reached_s, state = run([(1.0, VOICE), (0.66, QUIET), (0.1, VOICE)])
    assert not state.ended
    assert reached_s == pytest.approx(1.76)


def test_an_ended_turn_stays_ended() -> None:
    endpoint = Endpoint(CONFIG, threshold=0.5)
    run([(1.0, VOICE), (1.0, QUIET)], endpoint=endpoint)
    assert endpoint.process(RATE_HZ * 60, VOICE).ended == "silence"


def test_reset_begins_anew() -> None:
    endpoint = Endpoint(CONFIG, threshold=0.5)
    run([(1.0, VOICE), (1.0, QUIET)], endpoint=endpoint)
    endpoint.reset()
    assert run([(0.2, QUIET), (0.5, VOICE), (1.0, QUIET)], endpoint=endpoint) == run(
        [(0.2, QUIET), (0.5, VOICE), (1.0, QUIET)]
    )


def test_no_minimum_means_any_voice() -> None:
    config = CONFIG.model_copy(update={"min_speech_s": 0.0})
    assert run([(0.02, VOICE)], config)[1].speech_started
    assert not run([(0.5, QUIET)], config)[1].speech_started


def test_threshold_comes_from_the_engine_in_use(config: Config) -> None:
    silero = VadConfig(engine="silero", threshold=0.8, aggressiveness=2)
    assert not make_endpoint(CONFIG, silero).process(RATE_HZ, 0.7).speech_started
    webrtc = silero.model_copy(update={"engine": "webrtcvad"})
    assert make_endpoint(CONFIG, webrtc).process(RATE_HZ, 0.7).speech_started


configs = st.builds(
    EndpointConfig,
    silence_s=st.floats(0.1, 2.0),
    command_timeout_s=st.floats(1.0, 8.0),
    no_speech_timeout_s=st.floats(0.5, 4.0),
    min_speech_s=st.floats(0.0, 0.5),
)
pieces = st.lists(st.tuples(st.integers(0, RATE_HZ), st.sampled_from([0.0, 0.49, 0.5, 1.0])), max_size=30)


AT_ITS_LIMITS = CONFIG.model_copy(update={"silence_s": 1.0, "command_timeout_s": 1.0, "min_speech_s": 0.0})


@given(configs, pieces, st.integers(1, 4000))
@example(AT_ITS_LIMITS, [(1, 0.5), (RATE_HZ, 0.0)], 1)
def test_outcome_is_the_same_however_the_audio_is_cut(
    config: EndpointConfig, timeline: list[tuple[int, float]], size: int
) -> None:
    whole, cut = Endpoint(config, threshold=0.5), Endpoint(config, threshold=0.5)
    for samples, probability in timeline:
        state = whole.process(samples, probability)
        states = [cut.process(min(size, samples - at), probability) for at in range(0, samples, size)] or [
            cut.process(0, probability)
        ]
        assert states[-1] == state


@given(configs, pieces)
def test_silence_ends_a_turn_only_after_that_much_of_it(
    config: EndpointConfig, timeline: list[tuple[int, float]]
) -> None:
    """Counted back from the end, everything within the silence asked for is quiet or voice too short to be speech."""
    limit_s = config.unclear_silence_s if config.semantic else config.silence_s
    endpoint = Endpoint(config, threshold=0.5)
    heard: list[tuple[int, bool]] = []
    for samples, probability in timeline:
        state = endpoint.process(samples, probability)
        if not samples:
            continue
        heard.append((samples, probability >= 0.5))
        if state.ended == "silence":
            assert _quiet_tail(heard, max(1, round(config.min_speech_s * RATE_HZ))) >= round(limit_s * RATE_HZ)
        if state.ended:
            return


def _quiet_tail(heard: list[tuple[int, bool]], min_speech: int) -> int:
    """Samples since the last run of voice of at least `min_speech`."""
    tail = run = 0
    for samples, voiced in heard:
        run = run + samples if voiced else 0
        tail += samples
        if run >= min_speech:
            tail = 0
    return tail


@given(configs, pieces)
def test_every_turn_ends_by_its_timeouts(config: EndpointConfig, timeline: list[tuple[int, float]]) -> None:
    endpoint = Endpoint(config, threshold=0.5)
    limit_s = config.no_speech_timeout_s + config.min_speech_s + config.command_timeout_s
    passed = 0
    for samples, probability in [*timeline, *[(160, 1.0)] * round(limit_s * 100 + 2)]:
        for at in range(0, samples, 160):
            step = min(160, samples - at)
            passed += step
            if endpoint.process(step, probability).ended:
                assert passed / RATE_HZ <= limit_s + 0.02
                return
    raise AssertionError("never ended")


@given(configs, pieces)
def test_speech_stays_begun_and_began_in_voice(config: EndpointConfig, timeline: list[tuple[int, float]]) -> None:
    endpoint = Endpoint(config, threshold=0.5)
    position, voiced, started = 0, [], None
    for samples, probability in timeline:
        state = endpoint.process(samples, probability)
        if probability >= 0.5 and samples:
            voiced.append((position, position + samples))
        position += samples
        if started is not None:
            assert state.speech_started
            assert state.speech_start_s == started
        if state.speech_started:
            started = state.speech_start_s
            assert any(start <= round(started * RATE_HZ) < end for start, end in voiced)
        else:
            assert state.ended != "silence"


@pytest.mark.parametrize(
    ("voice_s", "resumed_at_s"),
    [([(0.5, QUIET), (0.2, VOICE)], 0.62), ([(0.5, QUIET), (0.1, VOICE), (0.4, QUIET)], None)],
)
def test_speech_behind_the_end_goes_on_with_the_turn(voice_s: Timeline, resumed_at_s: float | None) -> None:
    endpoint = Endpoint(CONFIG, threshold=0.5)
    assert run([(0.5, VOICE), (0.7, QUIET)], endpoint=endpoint)[1].ended == "silence"
    samples = round(CHUNK_S * RATE_HZ)
    steps = [probability for seconds, probability in voice_s for _ in range(round(seconds / CHUNK_S))]
    found = next((index for index, probability in enumerate(steps) if endpoint.resumes(samples, probability)), None)
    assert (None if found is None else round((found + 1) * CHUNK_S, 3)) == resumed_at_s
    if found is not None:
        assert endpoint.process(samples, QUIET).silence_s == CHUNK_S
        assert run([(0.68, QUIET)], endpoint=endpoint)[1].ended == "silence"
