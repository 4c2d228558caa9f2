"""A plugin class: what is checked, and how one runs, fails, hangs, and is put off."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from assistant.daemon.plugins import compiled
from assistant.due.journal import Journal
from assistant.due.scheduler import Scheduler
from assistant.errors import EdgewiseError, SkillError
from assistant.home.virtual import VirtualHome, built_in
from assistant.homes import HomePort
from assistant.skills.base import SkillContext
from assistant.skills.book import SkillBook
from assistant.skills.home_journal import HomeJournal
from assistant.skills.plugin import Context, Intent, Plugin, PluginHome, Request, ServiceCall, SkillReply, chosen
from assistant.skills.plugin_check import made
from assistant.skills.plugin_skill import Health, PluginSkill
from assistant.values import IntentMatch
from tests.fakes import FakeDueStore, FakeHomeStore
from tests.packages import COIN
from tests.skills.bystanders import bystanders
from tests.virtual_time import START_WALL_S, VirtualClock

OFF = "That skill isn't working right now."


def _check(folder: Path, source: str) -> None:
    """Import, check and compile the `Coin` of a module with that source."""
    file = folder / "coin.py"
    file.write_text(source, "utf-8")
    spec = importlib.util.spec_from_file_location("coin", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "coin", module)
        spec.loader.exec_module(module)
        compiled(made(module.Coin, "coin", "en"))


@pytest.mark.parametrize(
    ("old", "new", "code", "problem"),
    [
        ("class Coin(Plugin)", "class Coin", "plugin-type", "must be a class that extends"),
        ("    def handle", "    def handles", "plugin-type", "with `handle`"),
        ('name = "coin"', 'name = "dice"', "plugin-name", "the entry point is called 'coin', the skill 'dice'"),
        ('    replies = {"en"', '    answers = {"en"', "plugin-invalid", "coin.py:4: Coin lacks replies"),
        ('{"Flip": Intent("spin a coin")}', "{}", "plugin-invalid", "must be a mapping"),
        ('Intent("spin a coin")', '"spin a coin"', "plugin-invalid", "Flip must be an Intent(...) with an example"),
        ('"Flip": Intent', '"Flip it": Intent', "plugin-invalid", "not 'Flip it'"),
        ('a coin")}', 'a coin", required=("sides",))}', "replies-missing", "Flip requires sides, but no reply"),
        ('{"en": {', '{"de": {', "replies-missing", "there are no replies in 'en'"),
        ('"heads."', '"{} heads."', "replies-invalid", "en.heads has an odd brace"),
        ('"heads."', "1", "replies-invalid", "en.heads must be a sentence"),
        ("    def", "    irreversible = {'Toss'}\n\n    def", "plugin-invalid", "Toss, which is no intent"),
        ("    def", "    def __init__(self):\n        1 / 0\n\n    def", "plugin-start", "raises ZeroDivisionError"),
        ('["spin a coin"]', '["spin a ((coin"]', "sentences-invalid", "coin.py:11: the template can't be read"),
        ('"""\n        intents', '"""\\\n        intents', "", ""),
        ("          Flip:", "          Toss:", "sentences-invalid", "coin.py:10: unknown intent 'Toss'"),
        ("            data:", "            data: :", "sentences-syntax", "coin.py:10"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plugin_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, code: str, problem: str
) -> None:
    assert old in COIN
    if not code:
        _check(tmp_path, COIN.replace(old, new))
        return
    with pytest.raises(EdgewiseError) as caught:
        _check(tmp_path, COIN.replace(old, new))
    assert caught.value.code == code
    assert problem in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("sentences", "where"),
    [
        ('"""\\\n        intents:\n          Toss: {}\n    """', "coin.py:9: unknown intent"),
        ("{\n  'intents': {\n    'Toss': {}}}", "coin.py:7: unknown intent"),
        ("TEXT", "coin.py:5: unknown intent"),
        ("str('intents: {Toss: {}}')", "coin.py:7: unknown intent"),
    ],
)
def test_sentences_have_the_lines_of_their_source(tmp_path: Path, sentences: str, where: str) -> None:
    head, _, rest = COIN.partition('"""')
    source = head + sentences + rest.partition('"""')[2]
    if sentences == "TEXT":
        source = source.replace("\n\nclass", '\nTEXT = """\nintents:\n  Toss: {}\n"""\nclass')
    with pytest.raises(EdgewiseError) as caught:
        _check(tmp_path, source)
    assert caught.value.message.startswith(where)


class Lamp(Plugin):
    """Does what a test tells it to."""

    name: ClassVar[str] = "lamp"
    intents: ClassVar[Mapping[str, Intent]] = {"Do": Intent("do it"), "Ask": Intent("ask it", required=("what",))}
    sentences: ClassVar[str] = "intents: {}"
    replies: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "en": {"done": "{what} is done.", "ask_what": "what?", "failed": "The lamp is broken."}
    }

    def __init__(self, work: Callable[[Request, Context], Any]) -> None:
        self.work = work

    def handle(self, request: Request, context: Context) -> str | SkillReply:
        reply: str | SkillReply = self.work(request, context)
        return reply


class AsyncLamp(Lamp):
    async def handle(self, request: Request, context: Context) -> str | SkillReply:  # type: ignore[override]
        reply = self.work(request, context)
        result: str | SkillReply = await reply if isinstance(reply, Awaitable) else reply
        return result


class _Book:
    """A book with one plugin, and how it is asked."""

    def __init__(self, plugin: Plugin, home: HomePort | None = None) -> None:
        self.book = SkillBook.built_in()
        self.skill = PluginSkill(plugin, off=self.book.off)
        self.book.add(self.skill, plugin.name, self.skill.texts)
        self.home = home or VirtualHome(*built_in("en"), FakeHomeStore(), lambda _device: None)
        self.match = IntentMatch("lamp.Do", {"what": "all"}, 0.98, "grammar")

    async def ask(self) -> SkillReply:
        return await self.book.handle(self.match, _context(self.home))

    async def ask_within(self, timeout_s: float) -> SkillReply:
        """As the turn asks: it doesn't wait for ever."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.ask()
        except TimeoutError:
            return self.book.overdue(self.match)


def _context(home: HomePort) -> SkillContext:
    scheduler = Scheduler(FakeDueStore(), VirtualClock(), lambda _event: None, ring_timeout_s=300)
    return SkillContext(
        clock=VirtualClock(),
        zone=UTC,
        hour_format=12,
        timers=Journal(scheduler),
        home=HomeJournal(home),
        confirm_over=0,
        last_reply="Before.",
        hush=lambda: False,
        **bystanders(),
    )


@pytest.mark.parametrize("kind", [Lamp, AsyncLamp])
async def test_a_plugin_gets_its_request_and_says_something(kind: type[Lamp]) -> None:
    seen: list[tuple[Request, Context]] = []

    def work(request: Request, context: Context) -> str:
        seen.append((request, context))
        return plugin.say("done", what=request.slots["what"])

    plugin = kind(work)
    book = _Book(plugin)
    assert await book.ask() == SkillReply("All is done.")
    [(request, context)] = seen
    assert request == Request("Do", {"what": "all"}, confirmed=False)
    assert (context.last_reply, context.hour_format) == ("Before.", 12)
    assert context.now() == datetime.fromtimestamp(START_WALL_S, UTC)
    book.skill.close()


async def test_a_plain_function_runs_in_a_thread_of_its_own_and_an_async_one_on_the_loop() -> None:
    for kind, own in ((Lamp, True), (AsyncLamp, False)):
        threads: list[threading.Thread] = []
        book = _Book(kind(lambda *_, seen=threads: seen.append(threading.current_thread()) or "Done."))
        await book.ask()
        assert (threads[0] is not threading.main_thread()) is own
        assert not own or (threads[0].daemon and "plugin-lamp" in threads[0].name)
        book.skill.close()


@pytest.mark.parametrize("kind", [Lamp, AsyncLamp])
async def test_a_plugin_acts_on_the_home_but_not_once_it_is_over(kind: type[Lamp]) -> None:
    homes: list[PluginHome] = []
    call = ServiceCall("light.turn_on", ("light.hall_lamp",))

    def work(_: Request, context: Context) -> Any:
        homes.append(context.home)
        [lamp] = chosen(context.home.home, {"name": "hall lamp"})
        assert lamp.state == "off"
        if kind is Lamp:
            context.home.call_and_wait(call)
            return "On."
        return _then(context.home.call(call), "On.")

    book = _Book(kind(work))
    assert await book.ask() == SkillReply("On.")
    assert book.home.home.device_by_id["light.hall_lamp"].state == "on"
    with pytest.raises(SkillError, match="request-over"):
        await homes[0].call(ServiceCall("light.turn_off", ("light.hall_lamp",)))
    assert book.home.home.device_by_id["light.hall_lamp"].state == "on"
    book.skill.close()


async def _then(first: Awaitable[None], text: str) -> str:
    await first
    return text


def _raise(error: BaseException) -> Callable[..., Any]:
    def work(*_: object) -> Any:
        raise error

    return work


@pytest.mark.parametrize("kind", [Lamp, AsyncLamp])
@pytest.mark.parametrize(
    "work",
    [
        _raise(ZeroDivisionError()),
        _raise(SystemExit(1)),
        _raise(StopIteration()),
        _raise(KeyboardInterrupt()),
        lambda *_: None,
        lambda *_: " ",
        lambda *_: "x" * 3_000,
        lambda *_: SkillReply(""),
    ],
)
async def test_three_failures_in_a_row_and_a_plugin_is_off(kind: type[Lamp], work: Callable[..., Any]) -> None:
    broken = kind(work)
    book = _Book(broken)
    for _ in range(3):
        assert book.skill.problem is None
        assert await book.ask() == SkillReply("The lamp is broken.", ok=False)
    broken.work = lambda *_: "Well again."
    assert await book.ask() == SkillReply(OFF, ok=False)
    assert book.skill.problem
    assert book.skill.problem.code == "plugin-failing"
    book.skill.close()


async def test_a_success_between_failures_keeps_a_plugin_on() -> None:
    lamp = AsyncLamp(_raise(ZeroDivisionError()))
    book = _Book(lamp)
    for _ in range(3):
        await book.ask()
        await book.ask()
        lamp.work, failing = (lambda *_: "Fine."), lamp.work
        assert (await book.ask()).ok
        lamp.work = failing
    assert book.skill.problem is None


async def test_two_that_take_too_long_and_a_plugin_is_off() -> None:
    book = _Book(AsyncLamp(lambda *_: asyncio.sleep(60, "Late.")))
    assert await book.ask_within(5.0) == SkillReply("The lamp is broken.", ok=False)
    assert book.skill.problem is None
    assert await book.ask_within(5.0) == SkillReply("The lamp is broken.", ok=False)
    assert book.skill.problem
    assert book.skill.problem.code == "plugin-slow"
    assert await book.ask_within(5.0) == SkillReply(OFF, ok=False)


async def test_a_plugin_that_refuses_to_be_cancelled_keeps_nobody_waiting() -> None:
    released = asyncio.Event()

    async def stubborn() -> str:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return "Late."

    book = _Book(AsyncLamp(lambda *_: stubborn()))
    began_s = asyncio.get_running_loop().time()
    assert not (await book.ask_within(5.0)).ok
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(5.0)
    released.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.real_time
async def test_a_plugin_that_blocks_its_thread_blocks_nobody_else() -> None:
    released = threading.Event()
    blocked, other = _Book(Lamp(lambda *_: "Late." if released.wait(30) else "?")), _Book(Lamp(lambda *_: "Fine."))
    assert not (await blocked.ask_within(0.05)).ok
    assert await other.ask_within(5.0) == SkillReply("Fine.")
    assert not (await blocked.ask_within(0.05)).ok
    assert await blocked.ask_within(0.05) == SkillReply(OFF, ok=False)
    released.set()
    for book in (blocked, other):
        book.skill.close()


@pytest.mark.real_time
async def test_what_waits_for_a_blocked_thread_is_bounded() -> None:
    released = threading.Event()
    book = _Book(Lamp(lambda *_: "Late." if released.wait(30) else "?"))
    waiting = [asyncio.create_task(book.ask()) for _ in range(20)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert all(not task.result().ok for task in done)
    released.set()
    replies = await asyncio.gather(*waiting)
    assert sum(reply.ok for reply in replies) == 5
    assert book.skill.problem is None, "being asked too much is not its fault"
    book.skill.close()


async def test_a_rehearsal_has_no_consequences() -> None:
    lamp = AsyncLamp(_raise(ZeroDivisionError()))
    book = _Book(lamp)
    assert await book.book.rehearse(book.match, _context(book.home)) is None
    book.skill.rehearsable = True
    for _ in range(5):
        reply = await book.book.rehearse(book.match, _context(book.home))
        assert reply == SkillReply("The lamp is broken.", ok=False)
    assert book.skill.problem is None


async def test_what_a_plugin_requires_is_asked_for() -> None:
    book = _Book(AsyncLamp(lambda *_: "Done."))
    reply = await book.book.handle(IntentMatch("lamp.Ask", {}, 0.98, "grammar"), _context(book.home))
    assert reply == SkillReply("What?", expects_answer=True)


def test_timeouts_count_as_failures_too() -> None:
    health = Health()
    health.failed()
    health.failed()
    health.took_too_long()
    assert health.reason
    assert health.reason.code == "plugin-failing"
    health.worked()
    assert health.reason is None
