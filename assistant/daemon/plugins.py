"""Skills from packages of their own: found by their entry points, each loaded apart, and what became of each.

Importing what others wrote may fail in any way, and may never come back. So each plugin is imported and compiled in a
thread of its own that nobody waits for: one that isn't ready in time is off until the next start, and its thread, if it
still runs, ends with the process.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePath
from typing import TypeVar

import structlog

from assistant.errors import EdgewiseError, SkillError
from assistant.executor import AbandonableThread, BoundedExecutor
from assistant.nlu.entities import Entities
from assistant.nlu.language import load_language
from assistant.nlu.plugins import PluginGrammar, PluginSentences
from assistant.skills.book import SkillBook
from assistant.skills.plugin import Plugin
from assistant.skills.plugin_check import made, sentences_of
from assistant.skills.plugin_skill import PluginSkill

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP = "edgewise.skills"
LOAD_S = 1.0
"""How long understanding waits for plugins once the rest of it is ready."""
_TURN_S = 0.2
"""They load one after the other, to leave the processor to others; one that takes longer is no longer waited for."""
_MAX_MESSAGE = 200
_DISABLED = "plugin-disabled"
_MEND = "It is off until the next start; its author can mend it."


@dataclass(frozen=True, slots=True)
class SkillReport:
    """A skill, and whether it is there."""

    skill: str
    package: str
    """With its version; `built-in` for ours."""
    state: str
    """`on` `off`."""
    intents: tuple[str, ...]
    example: str
    """How one says something to it; empty when that isn't known."""
    code: str
    """Why it is off; empty while it is on."""
    reason: str
    """The same for a person."""


@dataclass(slots=True)
class _Entry:
    point: EntryPoint
    task: asyncio.Task[None] | None = None
    grammar: PluginGrammar | None = None
    skill: PluginSkill | None = None
    load_problem: EdgewiseError | None = None

    @property
    def package(self) -> str:
        return f"{self.point.dist.name} {self.point.dist.version}" if self.point.dist else "?"

    @property
    def problem(self) -> EdgewiseError | None:
        """Why it is off; None while it isn't."""
        later = (self.skill.problem if self.skill else None), (self.grammar.problem if self.grammar else None)
        return self.load_problem or later[0] or later[1]


class Plugins:
    """The plugins that are installed. Those that load are added to `book`, but `disabled` ones."""

    def __init__(self, book: SkillBook, *, disabled: Collection[str], language: str) -> None:
        self._book = book
        self._disabled = disabled
        self._language = language
        self._entries: list[_Entry] = []
        self._finding: asyncio.Task[None] | None = None
        self._over = False
        """Nobody waits any more for what isn't loaded."""

    def begin(self) -> None:
        """Begin to load, unless that has begun."""
        if self._finding is None:
            self._finding = asyncio.create_task(self._find())

    async def grammars(self, wait_s: float = LOAD_S) -> tuple[PluginGrammar, ...]:
        """The sentences of all that are ready within `wait_s`; the others are off from then on."""
        self.begin()
        assert self._finding is not None
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        await asyncio.wait({self._finding}, timeout=wait_s)
        if loading := [entry.task for entry in self._entries if entry.task]:
            await asyncio.wait(loading, timeout=max(0.0, until_s - loop.time()))
        self._over = True
        for entry in self._entries:
            if not entry.grammar:
                self._put_off(entry, _late())
        return tuple(entry.grammar for entry in self._entries if entry.grammar and not entry.load_problem)

    def reports(self) -> tuple[SkillReport, ...]:
        """What became of each, by name."""
        return tuple(_report(entry) for entry in self._entries)

    def problems(self) -> tuple[str, ...]:
        """Why plugins are off that should not be, one sentence each."""
        found = [(entry.point.name, entry.problem) for entry in self._entries]
        return tuple(f"Skill {name} is off: {each}" for name, each in found if each and each.code != _DISABLED)

    def close(self) -> None:
        """Leave what still loads or works to itself."""
        for task in (self._finding, *(entry.task for entry in self._entries)):
            if task:
                task.cancel()
        for entry in self._entries:
            if entry.skill:
                entry.skill.close()

    async def _find(self) -> None:
        points = await _in_own_thread("find", lambda: list(entry_points(group=GROUP)))
        points.sort(key=lambda point: (point.name, point.dist.name if point.dist else ""))
        first: dict[str, _Entry] = {}
        for point in points:
            entry = _Entry(point)
            self._entries.append(entry)
            other = first.setdefault(point.name, entry)
            if point.name in self._disabled:
                hint = "Take it from skills.disabled to turn it on."
                entry.load_problem = SkillError(_DISABLED, "it is disabled in the configuration", hint=hint)
            elif other is not entry:
                message = f"{other.package} has a skill of the same name"
                self._put_off(entry, SkillError("plugin-duplicate", message, hint="Uninstall one of them."))
        for entry in self._entries:
            if self._over:
                self._put_off(entry, _late())
            elif not entry.load_problem:
                entry.task = asyncio.create_task(self._load(entry))
                await asyncio.wait({entry.task}, timeout=_TURN_S)

    async def _load(self, entry: _Entry) -> None:
        try:
            plugin, grammar = await _in_own_thread(entry.point.name, lambda: load_plugin(entry.point, self._language))
        except EdgewiseError as exc:
            self._put_off(entry, exc)
            return
        if entry.load_problem:  # too late
            return
        entry.skill = PluginSkill(plugin, off=self._book.off)
        entry.grammar = grammar
        self._book.add(entry.skill, plugin.name, entry.skill.texts)

    @staticmethod
    def _put_off(entry: _Entry, problem: EdgewiseError) -> None:
        if not entry.load_problem:
            entry.load_problem = problem
            log.warning("plugin off", plugin=entry.point.name, package=entry.package, code=problem.code)


def load_plugin(point: EntryPoint, language: str) -> tuple[Plugin, PluginGrammar]:
    """Import, check and compile a plugin. Blocking, for as long as it likes.

    Raises:
        SkillError, UnderstandError: what is wrong with it.
    """
    try:
        found = point.load()
    except BaseException as exc:  # whatever its module does, SystemExit included
        message = f"{_where(exc)}{type(exc).__name__}: {exc}".splitlines()[0][:_MAX_MESSAGE]
        raise SkillError("plugin-import", message, hint=_MEND) from exc
    plugin = made(found, point.name, language)
    return plugin, compiled(plugin)


def compiled(plugin: Plugin) -> PluginGrammar:
    """A plugin's sentences. Raises SkillError, UnderstandError."""
    source, text = sentences_of(plugin)
    required = {name: tuple(intent.required) for name, intent in plugin.intents.items()}
    examples = {name: intent.example for name, intent in plugin.intents.items()}
    language = load_language(plugin.language)
    sentences = PluginSentences(plugin.name, source, text, required, examples)
    return PluginGrammar(sentences, language, Entities(language))


def _late() -> SkillError:
    return SkillError("plugin-load-timeout", "it took too long to load", hint=_MEND)


async def _in_own_thread(name: str, work: Callable[[], T]) -> T:
    thread = BoundedExecutor(name, pool=AbandonableThread(f"load-{name}"))
    try:
        return await thread.run(work)
    finally:
        thread.close()


def _where(exc: BaseException) -> str:
    """`FILE:LINE: ` of what failed."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{PurePath(exc.filename).name}:{exc.lineno}: "
    frames = [frame for frame in traceback.extract_tb(exc.__traceback__) if "importlib" not in frame.filename]
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}: " if frames[1:] else ""


def built_in_reports(book: SkillBook, language: str) -> tuple[SkillReport, ...]:
    """The skills of a book without plugins, by name."""
    examples = load_language(language).examples
    intents: dict[str, list[str]] = {}
    for info in book.intents().values():
        intents.setdefault(info.skill, []).append(info.intent)
    return tuple(
        SkillReport(skill, "built-in", "on", tuple(names), examples.get(names[0], ""), "", "")
        for skill, names in sorted(intents.items())
    )


def _report(entry: _Entry) -> SkillReport:
    plugin, problem = entry.skill.plugin if entry.skill else None, entry.problem
    return SkillReport(
        skill=entry.point.name,
        package=entry.package,
        state="off" if problem else "on",
        intents=tuple(entry.grammar.required) if entry.grammar else (),
        example=next((intent.example for intent in plugin.intents.values()), "") if plugin else "",
        code=problem.code if problem else "",
        reason=str(problem) if problem else "",
    )
