"""A plugin at work: in its own thread or on the loop, for as long as its caller waits, and off when it is broken."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

import structlog

from assistant.errors import SkillError
from assistant.executor import AbandonableThread, BoundedExecutor
from assistant.skills.base import SkillContext, SkillReply
from assistant.skills.plugin import Context, Plugin, PluginHome, Request
from assistant.values import IntentMatch

_log = structlog.get_logger(__name__)

_MOST_FAILURES = 3
_MOST_TIMEOUTS = 2
_MAX_WAITING = 4
"""Requests that wait for a plugin's thread; more are turned away."""
_MAX_CHARS = 2_000
"""Longest reply."""


@dataclass(slots=True)
class Health:
    """How often a plugin failed since it last worked. Pure."""

    failures: int = 0
    """Those that took too long included."""
    timeouts: int = 0

    def worked(self) -> None:
        self.failures = self.timeouts = 0

    def failed(self) -> None:
        self.failures += 1

    def took_too_long(self) -> None:
        self.failures += 1
        self.timeouts += 1

    @property
    def reason(self) -> SkillError | None:
        """Why it is off; None while it isn't."""
        hint = "It is off until the next start; its author can mend it."
        if self.timeouts >= _MOST_TIMEOUTS:
            return SkillError("plugin-slow", f"it took too long {self.timeouts} times in a row", hint=hint)
        if self.failures >= _MOST_FAILURES:
            return SkillError("plugin-failing", f"it failed {self.failures} times in a row", hint=hint)
        return None


class PluginSkill:
    """`skills.base.Handler` of one plugin. `off` is what it says when it is off."""

    def __init__(self, plugin: Plugin, *, off: str) -> None:
        self.plugin = plugin
        self.rehearsable = plugin.rehearsable
        self.irreversible = frozenset(map(self._full, plugin.irreversible))
        self.intents: Mapping[str, tuple[str, ...]] = {
            self._full(name): tuple(intent.required) for name, intent in plugin.intents.items()
        }
        texts = plugin.replies[plugin.language]
        self.texts: Mapping[str, Mapping[str, str]] = dict.fromkeys(self.intents, texts)
        """Intent -> its replies."""
        self._off = SkillReply(off, ok=False)
        self._health = Health()
        self._is_async = inspect.iscoroutinefunction(plugin.handle)
        thread = f"plugin-{plugin.name}"
        self._thread = BoundedExecutor(thread, max_pending=_MAX_WAITING, pool=AbandonableThread(thread))
        self._at_work: set[asyncio.Task[object]] = set()

    @property
    def problem(self) -> SkillError | None:
        """Why it is off; None while it isn't."""
        return self._health.reason

    def close(self) -> None:
        """Leave what it still does to itself."""
        self._thread.close()

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """Raises SkillError `plugin-error` or `plugin-reply`, BusyError."""
        if self.problem:
            return self._off
        try:
            reply = await self.rehearse(match, context)
        except SkillError as exc:
            self._health.failed()
            self._tell(exc.message)
            raise
        self._health.worked()
        return reply

    async def rehearse(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """`handle` without consequences for the plugin."""
        if self.problem:
            return self._off
        return await self.run(
            match, Context(context.now(), context.hour_format, context.last_reply, PluginHome(context.home))
        )

    def took_too_long(self) -> None:
        """A request was given up."""
        if not self.problem:
            self._health.took_too_long()
            self._tell("it took too long")

    async def run(self, match: IntentMatch, context: Context) -> SkillReply:
        """What the plugin replies. It is left to itself when the caller is cancelled."""
        request = Request(match.intent.removeprefix(f"{self.plugin.name}."), match.slots, match.confirmed)
        try:
            result = await (self._on_loop if self._is_async else self._in_thread)(request, context)
        finally:
            context.home.close()
        reply = SkillReply(result) if isinstance(result, str) else result
        if not isinstance(reply, SkillReply) or not reply.text.strip() or len(reply.text) > _MAX_CHARS:
            raise SkillError("plugin-reply", f"it must reply with a text of at most {_MAX_CHARS} characters")
        return reply

    async def _in_thread(self, request: Request, context: Context) -> object:
        def work() -> object:
            try:
                return self.plugin.handle(request, context)
            except BaseException as exc:  # a SystemExit is its error, not the end of ours
                raise _error(exc) from exc

        return await self._thread.run(work)

    async def _on_loop(self, request: Request, context: Context) -> object:
        async def work() -> object:
            try:
                result = self.plugin.handle(request, context)
                return await result if inspect.isawaitable(result) else result
            except asyncio.CancelledError:
                raise
            except BaseException as exc:
                raise _error(exc) from exc

        task = asyncio.create_task(work())
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        try:
            await asyncio.wait({task})  # unlike the task itself, this can't refuse to be cancelled
        finally:
            task.cancel()
        if task.cancelled():
            raise SkillError("plugin-error", "it cancelled itself")
        return task.result()

    def _full(self, intent: str) -> str:
        return f"{self.plugin.name}.{intent}"

    def _tell(self, problem: str) -> None:
        _log.warning("plugin failed", plugin=self.plugin.name, problem=problem, off=self.problem is not None)


def _error(exc: BaseException) -> SkillError:
    """Our error for a plugin's: what and where, but not its message, which may quote the user."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return SkillError("plugin-error", f"{type(exc).__name__} at {PurePath(frame.filename).name}:{frame.lineno}")
