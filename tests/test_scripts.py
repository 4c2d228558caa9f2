"""The scripts, in a checkout with a Python that only pretends; and once for real, from a clone in an empty home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from assistant.config import find_paths
from assistant.models import Models

ROOT = Path(__file__).resolve().parents[1]
VERBS = ("run", "test", "lint", "format")

PYTHON = """#!/bin/bash
# A python3 that writes down what it is asked. `-m venv DIR` makes an environment of the same kind.
case "$1 $2" in
"-c import sys;"*) exit ${OLD_PYTHON:-0} ;;
"-c import venv,"*) exit ${NO_VENV:-0} ;;
"-c import pip") [ -x "$0" ]; exit ;;
"-m venv")
    echo "venv" >>"$LOG"
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    for tool in assistant ruff mypy lint-imports; do
        printf '#!/bin/bash\\necho "%s $*" >>"$LOG"\\n' $tool >"$3/bin/$tool"
    done
    cat >>"$3/bin/assistant" <<'END'
[ "$1 $2" = "models fetch" ] || exit 0
[ -z "${NO_NETWORK:-}" ] || exit 1
shift 2
for id in "$@"; do
    mkdir -p "$EDGEWISE_MODELS_DIR/.stamps" "$EDGEWISE_MODELS_DIR/$id"
    echo '{}' >"$EDGEWISE_MODELS_DIR/.stamps/$id.json"
done
END
    chmod +x "$3"/bin/*
    ;;
"-m pip")
    echo "pip ${@: -1}" >>"$LOG"
    [ -z "${PIP_FAILS:-}" ] || exit 1
    [ -z "${PIP_KILLED:-}" ] || eval "kill -9 $PIP_KILLED"
    ;;
"-m pytest") echo "pytest $EDGEWISE_TESTS ${*:3}" >>"$LOG" ;;
esac
"""


class Checkout:
    """A checkout of the scripts alone, and a log of what they ran."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.log = folder / "log"
        self.env = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "EDGEWISE_MODELS_DIR": str(folder / "models"),
            "LOG": str(self.log),
        }
        for name in ("scripts", "models"):
            shutil.copytree(ROOT / name, self.root / name)
        (self.root / "pyproject.toml").write_text("first")
        (folder / "home").mkdir(exist_ok=True)
        (folder / "bin").mkdir()
        self.add_program("python3", PYTHON)
        self.add_program("ldconfig", "#!/bin/sh\necho ' libportaudio.so.2 (libc6) => /usr/lib/libportaudio.so.2'\n")

    def add_program(self, name: str, text: str) -> None:
        path = self.root.parent / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def start(self, script: str, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "scripts" / script, *words],
            cwd="/",
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, *words: str, **env: str) -> tuple[int, str, list[str]]:
        """Exit code, standard error, and what was run, in order."""
        self.log.write_text("")
        with self.start(script, *words, **env) as process:
            _, errors = process.communicate(timeout=60)
        return process.returncode, errors, self.log.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


FETCH = "assistant models fetch whisper-base voice-joe smart-turn-v3.2"


def test_the_first_start_installs_fetches_and_runs(checkout: Checkout) -> None:
    code, errors, ran = checkout.run("run")
    assert code == 0
    assert ran == ["venv", "pip .[bench,gateway,llm]", FETCH, "assistant run"]
    assert "Installing" in errors


def test_the_second_start_runs_only(checkout: Checkout) -> None:
    checkout.run("run")
    began_s = time.monotonic()
    assert checkout.run("run") == (0, "", ["assistant run"])
    assert time.monotonic() - began_s < 2


def test_words_are_passed_on_as_they_are(checkout: Checkout) -> None:
    checkout.run("run", "--help")
    assert checkout.run("run", "ask", "what time  is it", "--out", "")[2][-1] == "assistant ask what time  is it --out "


def test_commands_that_need_no_models_fetch_none(checkout: Checkout) -> None:
    checkout.run("run", "config")
    needless = [
        "models list",
        "models fetch whisper-base",
        "config",
        "--help",
        "ask --help",
        "run -h",
        "--version",
        "gateway run",
        "timers",
        "devices",
        "doctor",
        "intents list",
        "--config run.toml config",
    ]
    assert [checkout.run("run", *words.split())[2] for words in needless] == [
        [f"assistant {words}"] for words in needless
    ]


def test_commands_that_need_models_fetch_them(checkout: Checkout) -> None:
    checkout.run("run", "config")
    for words in ["run --set x.y=1", "ask hello", "say hello", "eval stt", "--config my.toml run"]:
        assert checkout.run("run", *words.split())[2] == [FETCH, f"assistant {words}"]
        shutil.rmtree(checkout.env["EDGEWISE_MODELS_DIR"])


def test_models_that_can_not_be_fetched_stop_the_start(checkout: Checkout) -> None:
    code, errors, ran = checkout.run("run", NO_NETWORK="1")
    assert code == 1
    assert "could not be fetched" in errors
    assert "assistant run" not in ran


def test_missing_portaudio_is_one_line_and_no_obstacle(checkout: Checkout) -> None:
    checkout.run("run")
    checkout.add_program("ldconfig", "#!/bin/sh\necho libc.so.6\n")
    assert checkout.run("run") == (
        0,
        "For microphone and speaker: sudo apt-get install libportaudio2\n",
        ["assistant run"],
    )
    assert checkout.run("run", "config")[1] == ""


def test_portaudio_is_found_in_front_of_a_long_list(checkout: Checkout) -> None:
    checkout.run("run")
    checkout.add_program("ldconfig", "#!/bin/sh\necho libportaudio.so.2\nexec seq 100000\n")
    assert checkout.run("run")[1] == ""


def test_a_changed_project_is_installed_again(checkout: Checkout) -> None:
    checkout.run("run")
    (checkout.root / "pyproject.toml").write_text("second")
    assert checkout.run("run")[2] == ["pip .[bench,gateway,llm]", "assistant run"]
    assert checkout.run("run")[2] == ["assistant run"]


def test_tests_add_to_the_same_environment_and_a_start_leaves_it_so(checkout: Checkout) -> None:
    checkout.run("run")
    assert checkout.run("lint")[2] == [
        "pip .[bench,dev,gateway,llm]",
        "ruff format --check",
        "ruff check",
        "mypy ",
        "lint-imports ",
    ]
    assert checkout.run("run")[2] == ["assistant run"]
    (checkout.root / "pyproject.toml").write_text("second")
    assert checkout.run("run")[2] == ["pip .[bench,dev,gateway,llm]", "assistant run"]


@pytest.mark.parametrize("victim", ["$$", "0"], ids=["pip", "everything"])
def test_an_interrupted_installation_is_begun_again(checkout: Checkout, victim: str) -> None:
    assert checkout.run("run", PIP_KILLED=victim)[0] != 0
    (checkout.root / ".venv" / "half").write_text("")
    assert checkout.run("run")[2][:2] == ["venv", "pip .[bench,gateway,llm]"]
    assert not (checkout.root / ".venv" / "half").exists()


def test_a_failed_installation_is_told_and_keeps_what_works(checkout: Checkout) -> None:
    checkout.run("run")
    (checkout.root / "pyproject.toml").write_text("second")
    code, errors, ran = checkout.run("run", PIP_FAILS="1")
    assert (code, ran) == (1, ["pip .[bench,gateway,llm]"])
    assert "installation failed" in errors
    assert checkout.run("run")[2] == ["pip .[bench,gateway,llm]", "assistant run"]


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("run")
    checkout.root = checkout.root.rename(tmp_path / "elsewhere")
    assert checkout.run("run")[2][:2] == ["venv", "pip .[bench,gateway,llm]"]


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Checkout) -> None:
    checkout.run("run")
    (checkout.root / ".venv" / "bin" / "python").unlink()
    (checkout.root / "pyproject.toml").write_text("second")
    assert checkout.run("run")[2][:2] == ["venv", "pip .[bench,gateway,llm]"]


def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    checkout.log.write_text("")
    both = [checkout.start("run", "config") for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    ran = checkout.log.read_text().splitlines()
    assert sorted(ran) == ["assistant config", "assistant config", "pip .[bench,gateway,llm]", "venv"]


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"OLD_PYTHON": "1"}, "Python 3.11 or newer"),
        ({"NO_VENV": "1"}, "sudo apt-get install python3-venv"),
    ],
)
def test_what_python_lacks_is_told_in_plain_words(checkout: Checkout, env: dict[str, str], told: str) -> None:
    for version in range(11, 15):
        checkout.add_program(f"python3.{version}", PYTHON)
    code, errors, ran = checkout.run("run", **env)
    assert (code, ran) == (1, [])
    assert told in errors


def test_scripts_work_through_a_link_from_anywhere(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "edgewise"
    link.symlink_to(checkout.root / "scripts" / "run")
    subprocess.run([link, "config"], cwd=tmp_path, env=checkout.env, check=True, timeout=60, capture_output=True)
    assert checkout.log.read_text().splitlines()[-1] == "assistant config"


@pytest.mark.parametrize(
    ("words", "suite"),
    [("", "quick"), ("--all", "all"), ("--full", "full"), ("--all -k wake", "all"), ("tests/test_due.py", "quick")],
)
def test_the_suites(checkout: Checkout, words: str, suite: str) -> None:
    for name in ("dpkg-query", "apt-get"):
        checkout.add_program(name, f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n[ {name} != dpkg-query ]\n')
    code, _, ran = checkout.run("test", *words.split())
    assert code == 0
    assert ran[:3] == ["venv", "pip .[bench,dev,gateway,llm]", f"{FETCH} smollm2-135m"]
    rest = " ".join(word for word in words.split() if word not in {"--all", "--full"})
    assert ran[-1] == f"pytest {suite} -n 2 {rest}".rstrip()
    installs = any(line.startswith("apt-get install") for line in ran)
    assert installs == (suite != "quick" and os.geteuid() == 0)


def test_without_models_the_tests_stop(checkout: Checkout) -> None:
    code, errors, ran = checkout.run("test", NO_NETWORK="1")
    assert code == 1
    assert "could not be fetched" in errors
    assert not any(line.startswith("pytest") for line in ran)


def test_the_scripts_know_the_default_models(tmp_path: Path) -> None:
    command = ["bash", "-c", '. "$1" && default_models', "-", str(ROOT / "scripts" / "lib.sh")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert listed == [spec.id for spec in Models(tmp_path).specs().values() if spec.default]


@pytest.mark.models
def test_the_scripts_see_the_models_where_the_program_keeps_them() -> None:
    models = Models(find_paths().models_dir)
    models.path("voice-joe")
    command = ["bash", "-c", '. "$1" && models_here voice-joe', "-", str(ROOT / "scripts" / "lib.sh")]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("path", [*(f"scripts/{verb}" for verb in VERBS), ".ci/run"])
def test_scripts_are_executable(path: str) -> None:
    assert os.access(ROOT / path, os.X_OK)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_shellcheck_has_nothing_to_say() -> None:
    scripts = [*(f"scripts/{verb}" for verb in VERBS), "scripts/lib.sh", ".ci/run"]
    result = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout == ""


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout to clone")
def test_a_fresh_clone_in_an_empty_home_starts_and_starts_again_without_a_network(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True, timeout=120)
    run = clone / "scripts" / "run"
    first = subprocess.run([run, "models", "list", "--json"], capture_output=True, text=True, check=False, timeout=600)
    assert first.returncode == 0, first.stderr
    assert "whisper-base" in {row["id"] for row in json.loads(first.stdout)}
    offline = os.environ | {
        "PIP_NO_INDEX": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        offline.pop(name, None)
    again = subprocess.run([run, "ask", "--help"], env=offline, capture_output=True, text=True, check=False, timeout=60)
    assert (again.returncode, again.stderr) == (0, "")
