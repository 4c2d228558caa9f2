"""`scripts/bench peers`: its figures, table and plot over a run made up, its rows, its processes; in the long suite for
real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from rich.console import Console

from assistant.audio.format import RATE_HZ, Chunk
from assistant.config import Config, find_paths, load_config
from assistant.errors import EvaluateError
from assistant.evaluate.bench import command as command_line
from assistant.evaluate.bench import contenders, servers
from assistant.evaluate.bench.command import main, peer_table, plot_path, target_table
from assistant.evaluate.bench.contenders import open_server, open_worker
from assistant.evaluate.bench.environment import ensure_environment
from assistant.evaluate.bench.figures import (
    FULL,
    LINES,
    OURS,
    TITLES,
    WHISPER,
    WYOMING,
    Command,
    Heard,
    Measured,
    Recording,
    Turn,
    by_group,
    cells,
    differing,
    figures,
    group_cells,
    ratios,
    targets,
    to_json,
)
from assistant.evaluate.bench.machine import BENCHES
from assistant.evaluate.bench.peers import COMMANDS, PeerOptions, read_recordings
from assistant.evaluate.bench.plot import write_plot
from assistant.evaluate.bench.worker import own_config, serve, stt_threads
from assistant.evaluate.words import load_normaliser
from tests.evaluate.test_turns import TIMER

NORMALISE = load_normaliser()
SAID = NORMALISE(TIMER)


def recording(
    ms: float, ours: str = TIMER, full: str = TIMER, others: str = TIMER, same_sound: str | None = None
) -> Recording:
    """Edgewise takes `ms`, the others 700, 800 and 650 ms. `same_sound` is as `others` unless it is given."""
    heard = {OURS: Heard(ours, ms), FULL: Heard(full, 700.0), WYOMING: Heard(others, 800.0)}
    return Recording(
        "dawn",
        "a.flac",
        2.0,
        SAID,
        heard | {WHISPER: Heard(others, 650.0, others if same_sound is None else same_sound)},
    )


def command(voice_ms: float | None = 400.0, cpu_s: float = 0.5) -> Command:
    turns = {
        OURS: Turn(None if voice_ms is None else 0.25, voice_ms, cpu_s, TIMER),
        FULL: Turn(0.7, 1500.0, 1.0, TIMER),
        WYOMING: Turn(0.7, 1600.0, 1.5, TIMER),
    }
    return Command("1.flac", TIMER, "10 minutes, starting now.", turns, {OURS: 50.0, WYOMING: 60.0}, 0.2)


def run(*recordings: Recording, commands: tuple[Command, ...] = (), without: tuple[str, ...] = ()) -> Measured:
    peak_mb = {OURS: 500.0, FULL: 510.0, WYOMING: 600.0, WHISPER: 370.0}
    kept = {name: value for name, value in peak_mb.items() if name not in without}
    rows = [
        replace(row, heard={name: heard for name, heard in row.heard.items() if name in kept}) for row in recordings
    ]
    return Measured(rows, commands, kept, dict.fromkeys(without, "no network"))


GOOD = run(recording(100.0), recording(120.0), recording(200.0), commands=(command(), command(300.0)))


def test_figures_of_each_contender() -> None:
    found = figures(GOOD, OURS, NORMALISE)
    assert found["stt_ms_p50"] == 120
    assert found["stt_ms_p95"] == pytest.approx(192)
    assert (found["end_of_turn_s_p50"], found["voice_to_voice_ms_p50"]) == (0.25, 350)
    assert (found["first_audio_ms_p50"], found["cpu_s_per_turn"], found["peak_memory_mb"]) == (50, 0.5, 500)
    assert found["cpu_s_per_pass"] == 0.2
    assert (found["wer"], found["word_errors"], found["turns"], found["turns_unscored"]) == (0, 0, 2, 0)
    alone = figures(GOOD, WHISPER, NORMALISE)
    assert alone["stt_ms_p50"] == 650
    assert [alone[key] for key in ("voice_to_voice_ms_p50", "first_audio_ms_p50", "cpu_s_per_turn")] == [None] * 3


def test_words_are_counted_after_normalising_over_all_recordings() -> None:
    measured = run(
        recording(100.0, ours="Set a timer, for 10 minutes!"), recording(100.0, ours="set the timer for ten")
    )
    found = figures(measured, OURS, NORMALISE)
    assert (found["word_errors"], found["wer"]) == (2, round(2 / 12, 4))


def test_a_turn_that_was_cut_off_costs_cpu_and_has_no_times() -> None:
    found = figures(run(commands=(command(), command(None))), OURS, NORMALISE)
    assert (found["turns"], found["turns_unscored"], found["cpu_s_per_turn"]) == (2, 1, 0.5)
    assert (found["end_of_turn_s_p50"], found["voice_to_voice_ms_p50"]) == (0.25, 400)


def test_ratios_say_how_many_times_our_figure_a_peers_is() -> None:
    of = {name: figures(GOOD, name, NORMALISE) for name in GOOD.contenders}
    found = ratios(of)
    assert list(found) == [FULL, WYOMING, WHISPER]
    assert found[WYOMING]["stt_ms_p50"] == round(800 / 120, 2)
    assert found[WYOMING]["voice_to_voice_ms_p50"] == round(1600 / 350, 2)
    assert found[WHISPER].keys() == {"stt_ms_p50", "stt_ms_p95", "peak_memory_mb"}


def met(measured: Measured) -> dict[str, bool]:
    return {target.what: target.met for target in targets(measured, NORMALISE)}


def test_every_target_can_be_met_and_missed() -> None:
    assert list(met(GOOD).values()) == [True] * 8
    slow = [recording(400.0, ours="what", full=f"{TIMER}!", others=TIMER)] * 2
    assert list(met(run(*slow, commands=(command(1000.0, 0.6),))).values()) == [False] * 8


@pytest.mark.parametrize(("more", "ok"), [(6, True), (7, False)])
def test_few_words_more_are_allowed_on_a_small_set(more: int, ok: bool) -> None:
    rows = [recording(100.0, ours=TIMER.replace("ten", "two")) for _ in range(more)]
    assert met(run(*rows))["word errors against full"] is ok


def test_what_was_not_measured_is_no_target() -> None:
    assert list(met(run(recording(100.0), without=(WYOMING,)))) == [
        "word errors against full",
        "texts of full that faster-whisper gives otherwise for the same sound",
    ]
    assert met(run(commands=(command(),))) == {
        "voice to voice against Wyoming, p50": True,
        "voice to voice, p50": False,
        "voice to voice, p95": True,
        "CPU of a whole turn against one fast pass": True,
    }


def test_other_texts_are_listed_to_the_letter() -> None:
    spelt = f"{TIMER}."
    measured = run(recording(100.0), recording(100.0, full=spelt, same_sound=spelt), recording(100.0, full="x"))
    assert [each.full for each in differing(measured, same_sound=True)] == ["x"]
    assert [each.full for each in differing(measured, same_sound=False)] == [spelt, "x"]
    found = to_json(measured, NORMALISE)
    assert found["differing"] == [{"audio": "a.flac", "full": "x", "whisper": TIMER}]
    assert found["differing_on_the_whole_recording"][0] == {"audio": "a.flac", "full": spelt, "whisper": TIMER}
    assert not met(measured)["texts of full that faster-whisper gives otherwise for the same sound"]


def test_the_json_holds_everything_and_is_json() -> None:
    found = json.loads(json.dumps(to_json(GOOD, NORMALISE), allow_nan=False))
    assert list(found["contenders"]) == [OURS, FULL, WYOMING, WHISPER]
    assert (found["recordings"], found["commands"]) == (3, 2)
    assert found["rows"]["recordings"][0]["heard"][WYOMING] == {"text": TIMER, "ms": 800.0, "same_sound": None}
    assert found["rows"]["commands"][1]["turns"][OURS]["voice_to_voice_ms"] == 300.0
    assert {target["met"] for target in found["targets"]} == {True}


def printed(measured: Measured) -> str:
    console = Console(width=160, record=True, quiet=False)
    with console.capture() as capture:
        console.print(peer_table(measured, NORMALISE), target_table(measured, NORMALISE))
    return capture.get()


def test_the_table_has_a_line_for_every_figure_and_a_ratio_behind_the_peers() -> None:
    shown = printed(GOOD)
    assert [title for title in TITLES.values() if title not in shown] == []
    assert [title for title, _, _ in LINES if title not in shown] == []
    assert "800 ms  6.7x" in shown
    assert "met" in shown
    assert "missed" not in shown


def test_the_table_of_a_run_without_peers_or_turns() -> None:
    assert "Wyoming" not in printed(run(recording(100.0), without=(WYOMING,)))
    of = {OURS: figures(run(recording(100.0)), OURS, NORMALISE)}
    assert {line[0]: line[1] for line in cells(of)}["voice to voice, p50"] == "-"


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    of = {name: figures(GOOD, name, NORMALISE) for name in GOOD.contenders}
    write_plot(tmp_path / "a.png", of, "a title")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    write_plot(tmp_path / "a.svg", of, "a title")
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert [title for title in TITLES.values() if f"<!-- {title} -->" not in drawn] == []
    assert "<!-- 800  6.7x -->" in drawn


def test_a_plot_of_nothing_much_and_to_nowhere(tmp_path: Path) -> None:
    of = {OURS: figures(run(recording(100.0)), OURS, NORMALISE)}
    write_plot(tmp_path / "a.png", of, "one contender, no turns")
    for path in (tmp_path / "no" / "such.png", tmp_path / "a.nonsense"):
        with pytest.raises(EvaluateError) as caught:
            write_plot(path, of, "")
        assert caught.value.code == "output-unwritable"


@pytest.mark.parametrize(
    ("plot", "json_out", "path"),
    [
        (None, None, None),
        (None, Path("out/b.json"), Path("out/b.png")),
        (Path("p.svg"), Path("out/b.json"), Path("p.svg")),
        (Path("p.svg"), None, Path("p.svg")),
    ],
)
def test_where_the_plot_goes(plot: Path | None, json_out: Path | None, path: Path | None) -> None:
    assert plot_path(plot, json_out) == path


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Development data in small: each set has its own recordings, and the commands are among the requests too."""
    speech = tmp_path / "speech"
    speech.mkdir()
    for number in range(40):
        (speech / f"{number}.flac").write_bytes(b"")
    numbers = {"commands": range(5), "dawn": range(20), "ljspeech": range(20, 40)}
    for name, chosen in numbers.items():
        rows = [json.dumps({"audio": f"{number}.flac", "text": f"{name} {number}"}) for number in chosen]
        (speech / f"{name}.jsonl").write_text("\n".join(rows), "utf-8")
    return tmp_path


def test_rows_are_of_all_sets_none_twice_and_the_same_for_the_same_seed(sets: Path, config: Config) -> None:
    rows = read_recordings(config, sets, PeerOptions(rows=12, seed=3))
    assert {name: len(chosen) for name, chosen in rows.items()} == {"commands": 4, "dawn": 4, "ljspeech": 4}
    assert {row.text.split()[0] for row in rows["dawn"]} == {"dawn"}
    assert len({row.audio for chosen in rows.values() for row in chosen}) == 12
    assert rows == read_recordings(config, sets, PeerOptions(rows=12, seed=3))
    assert rows != read_recordings(config, sets, PeerOptions(rows=12, seed=4))


@pytest.mark.parametrize(("asked", "got"), [(1, 1), (2, 2), (30, 30), (99, 40)])
def test_a_set_that_runs_out_is_made_up_for(sets: Path, config: Config, asked: int, got: int) -> None:
    assert sum(map(len, read_recordings(config, sets, PeerOptions(rows=asked)).values())) == got


def test_speech_to_text_set_by_set() -> None:
    long = replace(recording(400.0), group="ljspeech", audio_s=6.0)
    measured = run(recording(100.0), recording(100.0), long, without=(FULL,))
    assert by_group(measured)["ljspeech"] == {
        "recordings": 1,
        "audio_s_p50": 6.0,
        f"{OURS}_ms_p50": 400.0,
        f"{WYOMING}_ms_p50": 800.0,
        f"{WHISPER}_ms_p50": 650.0,
    }
    assert group_cells(measured) == [
        ("dawn: 2 of 2.0 s", "100 ms", "800 ms  8.0x", "650 ms  6.5x"),
        ("ljspeech: 1 of 6.0 s", "400 ms", "800 ms  2.0x", "650 ms  1.6x"),
    ]
    assert "ljspeech: 1 of 6.0 s" in printed(measured)


def test_as_many_threads_as_the_speech_recognition_has() -> None:
    assert stt_threads(load_config(find_paths(), ["stt.threads=3"])) == 3
    assert 1 <= stt_threads(load_config(find_paths())) <= 4


# What a worker that was told nothing useful does, and processes that misbehave.

SILENT = "import sys; sys.stdin.read()"
RUDE = "import sys; print('{}', flush=True); sys.stdin.readline(); sys.exit(3)"
PEAK = "import sys; print('{}', flush=True); kept = bytearray(80_000_000); print('{}', flush=True); sys.stdin.read()"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a program in the place of the worker."""

    def use(text: str) -> None:
        program = tmp_path / "python"
        (tmp_path / "worker.py").write_text(text, "utf-8")
        program.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'worker.py'}\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return use


@pytest.mark.real_time
async def test_a_worker_that_dies_is_told(script: Callable[[str], None]) -> None:
    script(RUDE)
    async with open_worker("ours", "assistant") as worker:
        with pytest.raises(EvaluateError, match="ours: the process ended") as caught:
            await worker.ask("transcribe", audio="a.wav")
    assert caught.value.code == "contender-failed"


@pytest.mark.real_time
async def test_a_worker_that_says_nothing_is_given_up_and_ended(
    script: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(SILENT)
    monkeypatch.setattr(contenders, "START_S", 0.2)
    with pytest.raises(EvaluateError, match="no answer within"):
        async with open_worker("ours", "assistant"):
            pytest.fail("it never was ready")


@pytest.mark.real_time
async def test_what_a_worker_used_is_its_own(script: Callable[[str], None]) -> None:
    script(PEAK)
    async with open_worker("ours", "assistant") as worker:
        before_mb = worker.peak_mb()
        await worker.read(30)
        assert worker.peak_mb() > max(80, before_mb - 1)
        assert 0 < worker.cpu_s() < 30


@pytest.mark.real_time
async def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(EvaluateError, match=r"no-such-server: it ended with code 1; .*No module named"):
        async with open_server(Path(sys.executable), "no_such_server"):
            pytest.fail("it never was ready")


AUDIOOP = pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
"""The client library imports it where Python still has it."""
SLOW_S = 0.2
SERVER = ("tests.evaluate.wyoming_server", "--slow-s", str(SLOW_S))
SECOND = Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ)


@AUDIOOP
@pytest.mark.real_time
async def test_a_server_is_timed_once_it_has_taken_in_all_of_the_sound() -> None:
    async with open_server(Path(sys.executable), *SERVER) as server:
        text, ms = await server.transcribe(SECOND, "en")
        assert text == f"{RATE_HZ} samples"
        assert SLOW_S * 1000 <= ms < SLOW_S * 1000 + 700, "16 chunks, which take 800 ms, are not in it"
        assert await server.transcribe(SECOND, "en") != ("", 0), "and again"


@AUDIOOP
@pytest.mark.real_time
async def test_a_server_speaks_until_its_first_sound() -> None:
    async with open_server(Path(sys.executable), *SERVER) as server:
        ms = await server.speak("ten minutes starting now")
        assert SLOW_S * 1000 <= ms < 4 * SLOW_S * 1000, "a chunk takes SLOW_S, and there are four"


@AUDIOOP
@pytest.mark.real_time
@pytest.mark.parametrize(("text", "told"), [("hang up", "it hung up"), ("fail", "no voice")])
async def test_a_server_that_fails_is_told_and_stopped(text: str, told: str) -> None:
    running: list[psutil.Process] = []

    async def ask() -> None:
        async with open_server(Path(sys.executable), *SERVER) as server:
            running.extend(each for each in psutil.Process().children() if "--uri" in each.cmdline())
            await server.speak(text)

    with pytest.raises(EvaluateError, match=told) as caught:
        await ask()
    assert caught.value.code == "contender-failed"
    assert [process.is_running() for process in running] == [False]


async def test_a_worker_without_a_model_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEWISE_MODELS_DIR", str(tmp_path / "none"))
    answers: list[str] = []
    with pytest.raises(Exception, match="whisper-base"):
        await serve("whisper", (), lambda: "", answers.append)
    assert answers == []


def test_the_servers_environment_is_made_once_and_again_when_a_version_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    told: list[str] = []

    def pretend(command: list[str], **_: Any) -> None:
        ran.append(command)
        (tmp_path / "peers" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "peers" / "bin" / "python").touch()

    monkeypatch.setattr(subprocess, "run", pretend)
    python = ensure_environment(tmp_path / "peers", servers.packages(), told.append)
    assert python == tmp_path / "peers" / "bin" / "python"
    assert (ran[0][1:3], ran[1][-len(servers.requirements()) :]) == (["-m", "venv"], list(servers.requirements()))
    assert ensure_environment(tmp_path / "peers", servers.packages(), told.append) == python
    assert (len(ran), len(told)) == (2, 1)
    monkeypatch.setattr(servers, "PINNED", ("wyoming-piper==9",))
    ensure_environment(tmp_path / "peers", servers.packages(), told.append)
    assert len(ran) == 4


def test_an_installation_that_fails_is_told_and_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: Any) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="Collecting\nERROR: No matching distribution\n")

    monkeypatch.setattr(subprocess, "run", fail)
    for _ in range(2):
        with pytest.raises(EvaluateError, match="No matching distribution") as caught:
            ensure_environment(tmp_path / "peers", servers.packages(), lambda _: None)
        assert caught.value.code == "peers-missing"


def test_every_bench_is_offered_and_nonsense_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = capsys.readouterr().out
    assert [name for name in (*BENCHES, "peers", "--rows", "--turns", "--plot", "--json") if name not in offered] == []
    for nonsense in (
        ["--rows", "0"],
        ["nothing"],
        ["--turns", "x"],
        ["--json", "no/such/folder.json"],
        ["--plot", "no/such/folder.png"],
        ["--plot", "a.nonsense"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(nonsense)
        assert caught.value.code == 2


def test_without_recordings_it_says_so_and_installs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "ensure_environment", lambda *_: pytest.fail("installs"))
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path / "none"))
    with pytest.raises(SystemExit) as caught:
        main(["peers"])
    assert caught.value.code == 1
    assert "data-missing" in capsys.readouterr().err


def test_where_the_servers_cannot_be_installed_the_rest_is_measured_and_the_reason_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> Path:
        raise EvaluateError("peers-missing", "no network today")

    async def measure(_config: Config, _data: Path, options: PeerOptions, *_: object) -> Measured:
        assert options == PeerOptions(rows=5, turns=1, seed=2, servers=None)
        return run(recording(100.0), without=(WYOMING,))

    monkeypatch.setattr(command_line, "ensure_environment", refuse)
    monkeypatch.setattr(command_line, "measure_peers", measure)
    monkeypatch.setenv("EDGEWISE_DATA", str(tmp_path))
    out = tmp_path / "b.json"
    main(["peers", "--rows", "5", "--turns", "1", "--seed", "2", "--json", str(out)])
    assert "Wyoming was left out: no network today." in capsys.readouterr().out
    found = json.loads(out.read_text("utf-8"))
    assert list(found) == ["peers"]
    assert found["peers"]["skipped"] == {WYOMING: "no network today"}
    assert (tmp_path / "b.png").is_file()
    main(["peers", "--rows", "5", "--turns", "1", "--seed", "2", "--no-wyoming"])
    assert "Wyoming was left out: as asked." in capsys.readouterr().out


def test_a_configuration_of_its_own(tmp_path: Path) -> None:
    config = own_config(tmp_path, ('stt.engine="full"',))
    assert config.settings.stt.engine == "full"
    assert config.paths.state_dir == tmp_path / "state"


def test_more_commands_than_that_are_not_spoken() -> None:
    assert len(set(COMMANDS)) == len(COMMANDS) == PeerOptions().turns


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.real_time
def test_a_small_run_against_all_of_them(data: Path, tmp_path: Path) -> None:
    try:
        ensure_environment(servers.environment_dir(), servers.packages(), lambda _: None)
    except EvaluateError as exc:
        pytest.skip(exc.message)
    out = tmp_path / "b.json"
    command = [sys.executable, "-m", "assistant.evaluate.bench", "peers", "--rows", "3", "--turns", "2", "--json"]
    own = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([*command, str(out)], env=own, capture_output=True, text=True, check=False, timeout=580)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text("utf-8"))["peers"]
    assert found["skipped"] == {}
    assert found["differing"] == []
    assert [set(row["heard"]) for row in found["rows"]["recordings"]] == [set(TITLES)] * 3
    assert {row["heard"][name]["text"] for row in found["rows"]["recordings"] for name in TITLES}.isdisjoint({""})
    for name in (OURS, FULL, WYOMING):
        figures_of = found["contenders"][name]
        assert figures_of["wer"] < 0.3
        assert 0 < figures_of["voice_to_voice_ms_p50"] < 20_000
        assert 0 < figures_of["cpu_s_per_turn"] < 60
        assert 100 < figures_of["peak_memory_mb"] < 4000
    assert found["contenders"][OURS]["turns_unscored"] == 0
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not [line for line in _command_lines() if str(tmp_path) in line]


def _command_lines() -> list[str]:
    found = psutil.process_iter(["cmdline"])
    return [" ".join(process.info["cmdline"] or ()) for process in found]
