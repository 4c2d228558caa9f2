"""`assistant models choose`: the rule over made-up boards, and measuring within its time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.audio.format import Chunk
from assistant.config import Config, find_paths, load_config
from assistant.errors import EvaluateError, SpeechError
from assistant.evaluate.choose import COMMAND, MOST_RUNS, Measured, Parts, measure_board
from assistant.evaluate.proposal import Board, Proposal, Timing, Whisper, propose
from assistant.evaluate.ways import Way, expected_s, plan
from assistant.nlu.understand import Understander
from assistant.nlu.understanding import Understanding
from assistant.settings import Settings
from assistant.speech.compute_types import cpu_compute_types
from assistant.values import Transcription
from tests.fakes import FakeSynthesizer, FakeTranscriber

PACKAGED = (Whisper("whisper-base", 147_000_000, True), Whisper("whisper-tiny.en", 76_000_000, True))
ONLY_BASE = (PACKAGED[0], dataclasses.replace(PACKAGED[1], installed=False))
ONLY_TINY = (dataclasses.replace(PACKAGED[0], installed=False), PACKAGED[1])
UNDERSTANDER = Understander()


def board(cores: int, times_ms: Mapping[tuple[str, str, int], float], *, rtf: float = 0.1) -> Board:
    """A board that was measured; every transcript was right."""
    names = {"base": "whisper-base", "tiny": "whisper-tiny.en"}
    timings = tuple(
        Timing(names.get(model, model), kind, threads, ms, 5, understood=True)
        for (model, kind, threads), ms in times_ms.items()
    )
    return Board(cores, timings, rtf, 3.0)


FAST_X86 = board(
    4,
    {
        ("tiny", "int8", 4): 38,
        ("base", "int8", 4): 91,
        ("tiny", "int8", 2): 40,
        ("base", "int8", 2): 95,
        ("tiny", "int8", 1): 60,
        ("base", "int8", 1): 150,
        ("base", "float32", 4): 140,
    },
)
PI_5 = board(
    4,
    {
        ("tiny", "int8", 4): 110,
        ("base", "int8", 4): 290,
        ("tiny", "int8", 2): 170,
        ("base", "int8", 2): 430,
        ("tiny", "int8", 3): 130,
        ("base", "int8", 3): 340,
        ("base", "int8", 1): 800,
    },
)
PI_4 = board(
    4,
    {
        ("tiny", "int8", 4): 310,
        ("base", "int8", 4): 840,
        ("tiny", "int8", 2): 520,
        ("tiny", "int8", 1): 980,
    },
)
ONE_CORE = board(1, {("tiny", "int8", 1): 1400, ("base", "int8", 1): 3900}, rtf=1.3)


def settings(proposal: Proposal) -> tuple[object, ...]:
    return tuple(proposal.settings()[f"stt.{key}"] for key in ("model", "compute_type", "threads"))


def test_a_fast_machine_keeps_cores_for_the_rest() -> None:
    proposal = propose(FAST_X86, PACKAGED)
    assert settings(proposal) == ("whisper-base", "int8", 2)
    assert proposal.reasons == (
        "whisper-base with 2 threads: 95 ms a command; 4 threads gain under 10%, so two are left for the rest.",
        "whisper-tiny.en would be faster, but whisper-base is fast enough and hears better.",
        "float32 takes 140 ms at best, no gain over int8.",
        "A partial transcript every 0.5 s takes 19% of the time while you speak (at most 20%).",
    )
    assert proposal.partial_every_s == 0.5
    assert proposal.fetch == ()


def test_a_pi_5_takes_the_better_model_with_all_its_cores() -> None:
    proposal = propose(PI_5, PACKAGED)
    assert settings(proposal) == ("whisper-base", "int8", 4)
    assert proposal.reasons[0] == "whisper-base with 4 threads: 290 ms a command; 3 threads would take 340 ms."
    assert proposal.partial_every_s == 1.5


def test_a_pi_4_takes_the_small_model() -> None:
    proposal = propose(PI_4, PACKAGED)
    assert settings(proposal) == ("whisper-tiny.en", "int8", 4)
    assert "whisper-base takes 840 ms a command at best, over 500 ms: its text would come late." in proposal.reasons
    assert proposal.partial_every_s == 1.6
    assert not any("too slow" in reason for reason in proposal.reasons)


def test_one_slow_core_is_told_plainly() -> None:
    proposal = propose(ONE_CORE, PACKAGED)
    assert settings(proposal) == ("whisper-tiny.en", "int8", 1)
    assert proposal.reasons[0] == "whisper-tiny.en with 1 thread: 1400 ms a command; this board has one core."
    assert (
        "This board is too slow for a conversation: even whisper-tiny.en takes 1.4 s a command, and every answer waits "
        "for that."
    ) in proposal.reasons
    assert proposal.partial_every_s == 0
    assert any(reason.startswith("No partial transcripts: ") for reason in proposal.reasons)
    assert any(reason.startswith("The voice takes longer to synthesise than to speak") for reason in proposal.reasons)


def test_between_fast_enough_and_too_slow_it_says_late() -> None:
    proposal = propose(board(2, {("tiny", "int8", 2): 700, ("tiny", "int8", 1): 1300}), ONLY_TINY)
    assert "That is over 500 ms: answers come a little late." in proposal.reasons


@pytest.mark.parametrize("made_up", [FAST_X86, PI_5, PI_4, ONE_CORE])
def test_a_proposal_is_a_configuration(made_up: Board, config: Config) -> None:
    values = config.settings.model_dump()
    for name, value in propose(made_up, PACKAGED).settings().items():
        section, key = name.split(".")
        assert key in values[section]
        values[section][key] = value
    assert Settings.model_validate(values)


@pytest.mark.parametrize("made_up", [FAST_X86, PI_5, PI_4, ONE_CORE])
def test_partial_transcripts_take_at_most_a_fifth_of_the_time(made_up: Board) -> None:
    proposal = propose(made_up)
    if proposal.partial_every_s:
        assert proposal.timing.ms / 1000 / proposal.partial_every_s <= 0.2
        assert 0.5 <= proposal.partial_every_s <= 2.0


def test_fewer_threads_are_not_taken_where_they_would_come_late() -> None:
    times = {("base", "int8", 4): 480.0, ("base", "int8", 2): 510.0}
    assert propose(board(4, times)).timing.threads == 4


def test_another_compute_type_is_taken_when_it_is_faster_by_a_tenth() -> None:
    times = {("base", "int8", 2): 100.0, ("base", "float32", 2): 95.0}
    assert propose(board(2, times)).timing.compute_type == "int8"
    proposal = propose(board(2, {**times, ("base", "float32", 2): 70.0}))
    assert proposal.timing.compute_type == "float32"
    assert "float32 is 30% faster here than int8, for more memory." in proposal.reasons


def test_a_compute_type_that_makes_the_difference_is_taken() -> None:
    times = {("base", "int8", 4): 520.0, ("base", "float32", 4): 490.0, ("tiny", "int8", 4): 200.0}
    assert settings(propose(board(4, times))) == ("whisper-base", "float32", 4)


def test_of_models_that_take_as_long_the_configured_one_stays() -> None:
    times = {("whisper-base", "int8", 2): 100.0, ("house", "int8", 2): 90.0, ("tiny", "int8", 2): 40.0}
    assert propose(board(2, times)).timing.model == "whisper-base"
    proposal = propose(board(2, times), current="house")
    assert proposal.timing.model == "house"
    assert "whisper-base takes about as long; house is what is configured, so it stays." in proposal.reasons
    assert propose(board(2, times), current="whisper-tiny.en").timing.model == "whisper-base"


def test_a_model_that_misheard_is_not_proposed() -> None:
    deaf = tuple(dataclasses.replace(timing, understood=timing.model != "whisper-base") for timing in FAST_X86.timings)
    assert propose(dataclasses.replace(FAST_X86, timings=deaf)).timing.model == "whisper-tiny.en"
    all_deaf = tuple(dataclasses.replace(timing, understood=False) for timing in FAST_X86.timings)
    proposal = propose(dataclasses.replace(FAST_X86, timings=all_deaf))
    assert proposal.timing.model == "whisper-base"
    assert proposal.reasons[0].startswith("No model understood the test command")


def test_a_smaller_model_is_worth_fetching_where_the_only_one_is_slow() -> None:
    [fetch] = propose(board(4, {("base", "int8", 4): 840}), ONLY_BASE).fetch
    assert fetch.command == "assistant models fetch whisper-tiny.en"
    assert fetch.why == "smaller: perhaps 312 ms a command instead of 840 ms"
    assert propose(board(4, {("base", "int8", 4): 300}), ONLY_BASE).fetch == ()


def test_a_better_model_is_worth_fetching_where_there_is_time_for_it() -> None:
    [fetch] = propose(board(4, {("tiny", "int8", 4): 50}), ONLY_TINY).fetch
    assert fetch.command == "assistant models fetch whisper-base"
    assert propose(board(4, {("tiny", "int8", 4): 310}), ONLY_TINY).fetch == ()


def test_a_model_there_was_no_time_for_is_named() -> None:
    proposal = propose(board(4, {("tiny", "int8", 4): 50}), PACKAGED)
    assert "whisper-base was not measured, so it was not considered; --seconds gives it more time." in proposal.reasons


def test_the_most_telling_ways_come_first() -> None:
    ways = plan(["tiny", "base"], ["int8", "float32"], 8)
    assert len(ways) == len(set(ways)) == 2 * 2 * 4
    assert ways[:4] == [Way(model, "int8", threads) for threads in (4, 2) for model in ("tiny", "base")]
    assert {way.compute_type for way in ways[:8]} == {"int8"}
    assert plan(["tiny"], ["int8"], 1) == [Way("tiny", "int8", 1)]


def test_what_a_way_will_take_is_judged_by_the_most_alike() -> None:
    weights = {"tiny": 76, "base": 152}
    took_s = {Way("tiny", "int8", 4): 2.0}
    assert expected_s(Way("tiny", "int8", 2), {}, weights) is None
    assert expected_s(Way("tiny", "int8", 1), took_s, weights) == 8.0
    assert expected_s(Way("base", "int8", 4), took_s, weights) == pytest.approx(2.0 * 2**1.5)
    took_s[Way("base", "int8", 4)] = 4.0
    assert expected_s(Way("base", "float32", 4), took_s, weights) == 16.0
    assert expected_s(Way("base", "int8", 2), took_s, weights) == 8.0


class SlowEar(FakeTranscriber):
    """Loads and decodes as slowly as told, the first decoding twice as slowly, and knows what was said."""

    def __init__(self, load_s: float, decode_s: float, text: str = COMMAND) -> None:
        super().__init__()
        self.saying = text
        self._load_s = load_s
        self._decode_s = decode_s

    async def start(self) -> None:
        await asyncio.sleep(self._load_s)

    async def transcribe(self, audio: Chunk) -> Transcription:
        await asyncio.sleep(self._decode_s if self.heard else 2 * self._decode_s)
        return await super().transcribe(audio)

    async def close(self) -> None:
        pass


class BadEar(SlowEar):
    def __init__(self, error: SpeechError) -> None:
        super().__init__(0.0, 0.0)
        self._error = error

    async def start(self) -> None:
        raise self._error


class Voice(FakeSynthesizer):
    async def start(self) -> None:
        await asyncio.sleep(1.0)

    async def close(self) -> None:
        pass


class Bench:
    """Made-up engines: of each model, seconds on one thread; threads share the work."""

    def __init__(self, work_s: Mapping[str, SlowEar | float], *, cores: int = 4, load_times: float = 5.0) -> None:
        self.ways: list[Way] = []
        self._work_s = work_s
        self._cores = cores
        self._load_times = load_times
        self.free_bytes = 1 << 40

    def __call__(self, voice: str) -> Parts:
        return Parts(Voice, self._ear, self._understand, lambda: ("int8", "float32"), self._cores, self.free_bytes)

    def _understand(self, text: str) -> Understanding:
        return UNDERSTANDER.understand(text, now=datetime(2025, 6, 15, 12, 0, tzinfo=UTC))

    def _ear(self, way: Way) -> SlowEar:
        self.ways.append(way)
        work = self._work_s[way.model]
        if isinstance(work, SlowEar):
            return work
        decode_s = work / way.threads * (2 if way.compute_type == "float32" else 1)
        return SlowEar(self._load_times * decode_s, decode_s)


@pytest.fixture
def installed(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A voice and the Whisper models "small" and "big", all of the user's own; nothing of ours."""
    monkeypatch.setenv("EDGEWISE_MODELS_DIR", str(own_home / "models"))
    lines = []
    for name, size in (("small", 1000), ("big", 2000)):
        folder = own_home / name
        folder.mkdir()
        for file in ("model.bin", "config.json", "tokenizer.json"):
            (folder / file).write_bytes(bytes(size))
        lines.append(f'[models.{name}]\nkind = "whisper"\ndirectory = "{name}"\n')
    (own_home / "amy.onnx").write_bytes(b"x")
    (own_home / "amy.onnx.json").write_bytes(b"{}")
    files = '[{ name = "amy.onnx" }, { name = "amy.onnx.json" }]'
    lines.append(f'[models.amy]\nkind = "voice"\ndirectory = "."\nfiles = {files}\n')
    (own_home / "models.toml").write_text("\n".join(lines))
    return load_config(find_paths())


async def measured(config: Config, bench: Bench, seconds: float = 50.0) -> Measured:
    return await measure_board(config, seconds=seconds, parts=bench)


def by_way(found: Measured) -> dict[tuple[str, str, int], Timing]:
    return {(it.model, it.compute_type, it.threads): it for it in found.board.timings}


async def test_a_fast_board_measures_every_way_several_times(installed: Config) -> None:
    bench = Bench({"small": 0.04, "big": 0.12})
    found = await measured(installed, bench)
    timings = by_way(found)
    assert len(timings) == 2 * 2 * 4
    assert found.skipped == ()
    assert {timing.runs for timing in timings.values()} == {MOST_RUNS}
    assert timings["big", "int8", 2].ms == pytest.approx(60), "the first run, twice as slow, isn't counted"
    assert timings["small", "float32", 4].ms == pytest.approx(20)
    assert all(timing.understood for timing in timings.values())
    assert found.voice == "amy"
    assert any("voice-joe isn't installed" in text for text in found.notes)
    assert [model.id for model in found.models if not model.installed] == ["whisper-base", "whisper-tiny.en"]


@pytest.mark.parametrize("work_s", [0.5, 1.0, 2.0, 4.0])
async def test_a_slow_board_keeps_to_its_time_with_fewer_runs_and_ways(installed: Config, work_s: float) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    found = await measured(installed, Bench({"small": work_s, "big": 3 * work_s}))
    assert loop.time() - began_s <= 50.0
    assert found.took_s == pytest.approx(loop.time() - began_s)
    timings = by_way(found)
    assert {("small", "int8", 4), ("big", "int8", 4)} <= timings.keys(), "every model, as fast as it gets"
    assert found.skipped
    assert all(skipped.why == "no time left" for skipped in found.skipped)
    assert len(timings) + len(found.skipped) == 16
    assert timings["big", "int8", 4].runs < MOST_RUNS


async def test_what_does_not_end_in_time_is_given_up(installed: Config) -> None:
    found = await measured(installed, Bench({"small": 0.1, "big": SlowEar(1000.0, 1.0)}))
    assert found.took_s == pytest.approx(50.0, abs=0.1)
    assert [it.model for it in found.board.timings] == ["small"]
    assert found.skipped[0].way == Way("big", "int8", 4)
    assert found.skipped[0].why.startswith("took longer than the 4")


async def test_a_board_where_nothing_ends_in_time_is_an_error(installed: Config) -> None:
    with pytest.raises(EvaluateError) as caught:
        await measured(installed, Bench({"small": SlowEar(1000.0, 1.0), "big": 1.0}))
    assert caught.value.code == "nothing-measured"
    assert "--seconds" in caught.value.hint


async def test_a_model_that_cannot_be_used_is_tried_once_and_the_other_measured(installed: Config) -> None:
    bench = Bench({"small": BadEar(SpeechError("stt-model-bad", "no model")), "big": 0.1})
    found = await measured(installed, bench)
    assert {it.model for it in found.board.timings} == {"big"}
    assert [way.model for way in bench.ways].count("small") == 1
    assert {it.why for it in found.skipped} == {"no model"}


async def test_a_compute_type_that_fails_does_not_spoil_the_model(installed: Config) -> None:
    bench = Bench({"small": BadEar(SpeechError("stt-compute-type", "can't")), "big": 0.1})
    await measured(installed, bench)
    assert [way.model for way in bench.ways].count("small") == 8, "every way is tried"


async def test_what_would_not_fit_into_memory_is_left_out(installed: Config) -> None:
    bench = Bench({"small": 0.1, "big": 0.1})
    bench.free_bytes = 4000
    found = await measured(installed, bench)
    assert {(it.model, it.compute_type) for it in found.board.timings} == {("small", "int8"), ("big", "int8")}
    assert all("of memory" in it.why for it in found.skipped)


async def test_a_command_that_was_misheard_is_told(installed: Config) -> None:
    found = await measured(installed, Bench({"small": SlowEar(0.1, 0.1, "set a timer for two minutes"), "big": 0.1}))
    assert {(it.model, it.understood) for it in found.board.timings} == {("small", False), ("big", True)}


@pytest.mark.parametrize(
    ("missing", "code", "way_out"),
    [
        (("small", "big"), "no-whisper-model", "assistant models fetch whisper-base"),
        (("amy",), "no-voice", "assistant models fetch voice-joe"),
    ],
)
async def test_what_is_missing_is_told_with_the_way_out(
    installed: Config, own_home: Path, missing: tuple[str, ...], code: str, way_out: str
) -> None:
    for name in missing:
        for file in ("model.bin", "amy.onnx"):
            (own_home / name / file if name != "amy" else own_home / "amy.onnx").unlink(missing_ok=True)
    with pytest.raises(EvaluateError) as caught:
        await measured(installed, Bench({"small": 0.1, "big": 0.1}))
    assert caught.value.code == code
    assert way_out in caught.value.hint


def test_this_machine_computes_in_int8_first() -> None:
    types = cpu_compute_types()
    assert types[0] == "int8"
    assert "float32" in types
    assert "int8_float32" not in types, "the same as int8 on a CPU"


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.models
async def test_the_real_engines_are_measured(config: Config) -> None:
    found = await measure_board(config, seconds=20.0)
    assert found.took_s < 30
    first = found.board.timings[0]
    assert first.compute_type == "int8"
    assert first.understood
    assert 0 < first.ms < 5000
    assert 0 < found.board.voice_rtf < 2
    assert propose(found.board, found.models).timing in found.board.timings
