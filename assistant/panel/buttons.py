"""Input devices as buttons: opened, read as their keys are pressed, and looked for again when they go."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from assistant.backoff import Backoff
from assistant.errors import EdgewiseError, PanelError
from assistant.executor import BoundedExecutor
from assistant.panel.inputs import Places, find_inputs
from assistant.panel.presses import EVENT, PressReader

log = structlog.get_logger(__name__)

_AT_ONCE = 64
"""Events that are read in one go."""


class Buttons:
    """Calls `pressed` with the code of each of the `keys` that goes down, on the event loop, while `run` does.

    Devices that come later are found, and those that go are looked for: after 0.5 s, then ever more rarely down to
    every 10 s. `problem` says why none can be read now; empty when one can.
    """

    def __init__(
        self, device: str, keys: Collection[int], pressed: Callable[[int], None], places: Places | None = None
    ) -> None:
        """`device`: a path, part of a name, or empty for all that have one of the keys."""
        self._device = device
        self._keys = frozenset(keys)
        self._pressed = pressed
        self._places = places or Places()
        self._open: dict[Path, int] = {}
        self._lost = asyncio.Event()
        self._backoff = Backoff()
        self.problem = ""

    async def run(self) -> None:
        """Until cancelled."""
        executor = BoundedExecutor("buttons")
        try:
            while True:
                self._lost.clear()
                await self._look(executor)
                if await self._loses_one(self._backoff.next_s()):
                    self._backoff.reset()
                    await asyncio.sleep(self._backoff.next_s())
        finally:
            for path in tuple(self._open):
                self._close(path)
            executor.close()

    async def _loses_one(self, within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return await self._lost.wait()
        return False

    async def _look(self, executor: BoundedExecutor) -> None:
        """Open what is there and isn't open."""
        problem: EdgewiseError | None = None
        try:
            for path in await executor.run(find_inputs, self._device, self._keys, self._places):
                if path not in self._open:
                    try:
                        self._read(path, await executor.run(open_input, path))
                    except PanelError as exc:
                        problem = exc
        except EdgewiseError as exc:
            problem = exc
        if problem and str(problem) != self.problem and not self._open:
            log.warning("no buttons", code=problem.code, why=problem.message)
        self.problem = str(problem) if problem and not self._open else ""

    def _read(self, path: Path, file: int) -> None:
        try:
            asyncio.get_running_loop().add_reader(file, self._take, path, file, PressReader())
        except OSError as exc:  # a plain file, which nobody can wait for
            os.close(file)
            raise PanelError("panel-no-device", f"{path} is no input device", hint="Mend panel.device.") from exc
        self._open[path] = file
        log.info("buttons found", device=str(path))

    def _take(self, path: Path, file: int, reader: PressReader) -> None:
        try:
            data = os.read(file, EVENT.size * _AT_ONCE)
        except BlockingIOError:
            return
        except OSError as exc:
            self._gone(path, exc.strerror or type(exc).__name__)
            return
        if not data:
            self._gone(path, "it ended")
            return
        for code in reader.feed(data):
            if code in self._keys:
                self._pressed(code)

    def _gone(self, path: Path, why: str) -> None:
        self._close(path)
        self._lost.set()
        log.warning("buttons lost", device=str(path), why=why)

    def _close(self, path: Path) -> None:
        file = self._open.pop(path)
        asyncio.get_running_loop().remove_reader(file)
        os.close(file)


def open_input(path: Path) -> int:
    """A file descriptor that never blocks. Raises PanelError: `panel-no-access`, `panel-no-device`."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as exc:
        raise PanelError(
            "panel-no-access",
            f"the buttons at {path} may not be read",
            hint="Add the user to the group `input` (`sudo usermod -aG input USER`); the service needs "
            "systemd/edgewise-panel.conf.",
            retryable=True,
        ) from exc
    except OSError as exc:
        raise PanelError(
            "panel-no-device", f"the buttons at {path} can't be opened: {exc.strerror}", retryable=True
        ) from exc
