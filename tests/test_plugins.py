"""Skills from packages of their own, in a whole assistant: installed, asked, broken, hung, disabled."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from assistant.cli.skills import write_package
from assistant.config import Config, load_config
from assistant.daemon import Assistant, open_assistant
from assistant.daemon.plugins import LOAD_S, Plugins, load_plugin
from assistant.daemon.trial import ask
from assistant.skills.book import SkillBook
from assistant.values import Outcome
from tests.packages import COIN, pip_install, unpack, wheel
from tests.script import Script

ROOT = Path(__file__).parents[1]
ANSWER = "        return self.say"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that Python finds, and forgets after the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.startswith("edgewise_skill_")]:
        monkeypatch.delitem(sys.modules, name)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("edgewise_skill_"):
            del sys.modules[name]


def install(site: Path, name: str, source: str = COIN, *, package: str = "") -> None:
    source = source.replace('"coin"', f'"{name}"').replace("spin a coin", f"spin a {name}")
    unpack(site, wheel(site, name, source, package=package))


def assistant(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`assistant ...` as a process of its own that finds the packages in `site`."""
    path = os.pathsep.join((str(site), str(ROOT)))
    command = [sys.executable, "-m", "assistant", *arguments]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_wheel_that_is_installed_answers(tmp_path: Path) -> None:
    pip_install(tmp_path / "site", wheel(tmp_path, "coin", COIN))
    asked = assistant(tmp_path / "site", "ask", "please spin a coin", "--no-speak", "--json")
    facts = json.loads(asked.stdout)
    assert (facts["intent"], facts["reason"], facts["reply"]) == ("coin.Flip", "skill", "Heads.")
    assert facts["outcome"] == Outcome.ANSWERED


@pytest.mark.slow
def test_beside_a_broken_wheel_everything_else_answers_and_the_list_says_why(tmp_path: Path) -> None:
    broken = wheel(tmp_path, "dice", "import nothing_of_that_name\n")
    pip_install(tmp_path / "site", wheel(tmp_path, "coin", COIN), broken)
    for text, reply in (("spin a coin", "Heads."), ("what is two plus two", "2 plus 2 is 4.")):
        asked = json.loads(assistant(tmp_path / "site", "ask", text, "--no-speak", "--json").stdout)
        assert (asked["reply"], asked["failures"]) == (reply, [])
    listed = {
        each["skill"]: each for each in json.loads(assistant(tmp_path / "site", "skills", "list", "--json").stdout)
    }
    assert (listed["coin"]["state"], listed["coin"]["example"]) == ("on", "spin a coin")
    assert (listed["dice"]["state"], listed["dice"]["code"]) == ("off", "plugin-import")
    assert (
        "edgewise_skill_dice.py:1: ModuleNotFoundError: No module named 'nothing_of_that_name'"
        in listed["dice"]["reason"]
    )
    assert "nothing_of_that_name" in assistant(tmp_path / "site", "doctor").stdout


async def test_each_plugin_is_loaded_apart(site: Path) -> None:
    install(site, "coin")
    install(site, "dice", "raise SystemExit(3)")
    install(site, "fox", "def broken(:\n")
    install(site, "owl", COIN.replace('["spin a coin"]', '["spin a ((coin"]'))
    install(site, "rat", COIN.replace("class Coin", "class Rat"))
    install(site, "yak")
    install(site, "yak", package="edgewise_skill_yak_again")
    install(site, "zebra")
    book = SkillBook.built_in()
    plugins = Plugins(book, disabled=("zebra",), language="en")
    grammars = await plugins.grammars()
    reports = [(each.skill, each.state, each.code) for each in plugins.reports()]
    assert reports == [
        ("coin", "on", ""),
        ("dice", "off", "plugin-import"),
        ("fox", "off", "plugin-import"),
        ("owl", "off", "sentences-invalid"),
        ("rat", "off", "plugin-import"),
        ("yak", "on", ""),
        ("yak", "off", "plugin-duplicate"),
        ("zebra", "off", "plugin-disabled"),
    ]
    assert [grammar.plugin for grammar in grammars] == ["coin", "yak"]
    assert {"coin.Flip", "yak.Flip"} <= set(book.intents())
    assert len(plugins.problems()) == 5, "what was disabled on purpose is no problem"
    assert "edgewise_skill_owl.py:11" in " ".join(plugins.problems())
    assert "edgewise_skill_zebra" not in sys.modules
    plugins.close()


HANG = """\
import threading
from pathlib import Path
Path(__file__).with_suffix(".begun").touch()
threading.Event().wait()
"""


def test_an_import_that_hangs_holds_up_neither_the_others_nor_the_end(tmp_path: Path) -> None:
    pip_install(tmp_path / "site", wheel(tmp_path, "coin", COIN), wheel(tmp_path, "slow", HANG))
    asked = json.loads(assistant(tmp_path / "site", "ask", "spin a coin", "--no-speak", "--json").stdout)
    assert asked["reply"] == "Heads."
    assert (tmp_path / "site" / "edgewise_skill_slow.begun").exists()


@pytest.mark.real_time
async def test_a_start_waits_for_a_hung_import_no_longer_than_said_and_never_blocks(site: Path) -> None:
    install(site, "coin")
    install(site, "slow", HANG)
    plugins = Plugins(SkillBook.built_in(), disabled=(), language="en")
    slowest_s = 0.0

    async def watch() -> None:
        nonlocal slowest_s
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0.005)
            slowest_s = max(slowest_s, time.thread_time() - began_s)

    watching = asyncio.create_task(watch())
    began_s = time.monotonic()
    assert [grammar.plugin for grammar in await plugins.grammars()] == ["coin"]
    assert LOAD_S * 0.9 < time.monotonic() - began_s < LOAD_S + 0.5
    watching.cancel()
    await asyncio.wait({watching})
    assert slowest_s < 0.02, "of the loop's own time"
    assert [report.code for report in plugins.reports()] == ["", "plugin-load-timeout"]
    plugins.close()
    await asyncio.sleep(0)


async def test_a_plugin_in_a_conversation(site: Path, config: Config) -> None:
    install(site, "coin")
    script = Script()
    script.says(1.0, "spin a coin")
    script.says(8.0, "spin a coin and set a timer for ten minutes")
    played = await script.play(config, until_s=20)
    assert played.replies[0] == "Heads."
    assert played.replies[1].startswith("Heads. 10 minutes")
    assert played.outcomes == [Outcome.ANSWERED] * 2
    assert len(played.timers) == 1


async def test_a_plugin_that_keeps_failing_is_off_while_everything_else_goes_on(site: Path, config: Config) -> None:
    install(site, "coin", COIN.replace(ANSWER, "        1 / 0\n" + ANSWER))
    problems: list[tuple[str, ...]] = []

    async def look(assistant: Assistant) -> None:
        problems.append(assistant.status().problems)

    script = Script()
    for at_s in (1.0, 8.0, 15.0, 24.0):
        script.says(at_s, "spin a coin")
    script.does(14.0, look)
    script.does(23.0, look)
    script.says(32.0, "set a timer for ten minutes")
    played = await script.play(config, until_s=42)
    assert played.replies[:4] == ["I dropped it."] * 3 + ["That skill isn't working right now."]
    assert played.outcomes == [Outcome.FAILED] * 4 + [Outcome.ANSWERED]
    assert len(played.timers) == 1
    assert problems[0] == ()
    assert problems[1][0].startswith("Skill coin is off: it failed 3 times in a row [plugin-failing]")


async def test_a_plugin_that_is_too_slow_is_off(site: Path, config: Config) -> None:
    slow = COIN.replace("    def handle", "    async def handle").replace(
        ANSWER, "        await asyncio.sleep(60)\n" + ANSWER
    )
    install(site, "coin", "import asyncio\n" + slow)
    script = Script()
    for at_s in (1.0, 20.0, 40.0):
        script.says(at_s, "spin a coin")
    played = await script.play(config, until_s=55)
    assert played.replies == ["I dropped it.", "I dropped it.", "That skill isn't working right now."]


async def test_a_disabled_plugin_is_not_understood(site: Path, config: Config) -> None:
    install(site, "coin")
    config = load_config(config.paths, ['skills.disabled=["coin"]'])
    async with open_assistant(config) as running:
        record = await running.ask(
            text="spin a coin", audio=None, source="text", speak=False, on_audio=None, on_event=None
        )
        assert record.intent != "coin.Flip"
        assert not any("coin" in problem for problem in running.status().problems)


def test_the_plugin_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("## How to add a skill")[2].partition("\n## ")[0]
    [source] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(source.splitlines()) <= 30
    (tmp_path / "readme_bottle.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugin, _ = load_plugin(EntryPoint("bottle", "readme_bottle:Bottle", "edgewise.skills"), "en")
    coin = type(plugin)
    assert ask(coin, "twirl the bottle").reply in {"Left.", "Right."}
    assert ask(coin, "draw a lot").reply == "From how many?"
    rolled = ask(coin, "please draw a lot from twenty")
    assert rolled.slots == {"count": 20}
    assert 1 <= int(rolled.reply.rstrip(".")) <= 20
    assert ask(coin, "what time is it").reply == ""
    del sys.modules["readme_bottle"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fox", "night-owl"])
def test_a_new_skill_works_as_it_is_written(tmp_path: Path, name: str) -> None:
    package = tmp_path / name
    files = write_package(name, package)
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    [(entry, target)] = project["entry-points"]["edgewise.skills"].items()
    module, _, kind = target.partition(":")
    source = next(file for file in files if file.stem == module).read_text("utf-8")
    pip_install(tmp_path / "site", wheel(tmp_path, entry, source, package=module, target=kind))
    spoken = name.replace("-", " ")
    asked = json.loads(assistant(tmp_path / "site", "ask", f"what does {spoken} say", "--no-speak", "--json").stdout)
    assert (asked["intent"], asked["reply"]) == (f"{name}.Say", f"Hello from {spoken}.")
    environment = os.environ | {"PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    ran = subprocess.run(tests, cwd=package, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "3 passed" in ran.stdout, ran.stdout
