"""What one request does to the home, so that it can be taken back; and a home where nothing happens, to rehearse on."""

from __future__ import annotations

import structlog

from assistant.errors import HomeError
from assistant.homes import Device, Home, HomePort, ServiceCall, inverse

_log = structlog.get_logger(__name__)


class HomeJournal:
    """homes.HomePort as one request sees it."""

    def __init__(self, port: HomePort) -> None:
        self._port = port
        self._before: dict[str, Device] = {}
        """How what was changed stood first."""

    @property
    def home(self) -> Home:
        return self._port.home

    @property
    def problem(self) -> HomeError | None:
        return self._port.problem

    async def call(self, call: ServiceCall) -> None:
        known = self.home.device_by_id
        for name in call.devices:
            if name in known:
                self._before.setdefault(name, known[name])
        await self._port.call(call)

    async def play(self, player: str, what: str) -> None:
        if device := self.home.device_by_id.get(player):
            self._before.setdefault(player, device)
        await self._port.play(player, what)

    @property
    def changed(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._before)

    async def undo(self) -> None:
        """Bring every device back to how it stood; what can't be brought back stays, and says so in the log."""
        before, self._before = self._before, {}
        for device in before.values():
            back = inverse(device)
            try:
                if back:
                    await self._port.call(back)
            except HomeError as exc:
                _log.warning("not taken back", code=exc.code)


class UnmovedHome:
    """homes.HomePort on which nothing that is called happens."""

    def __init__(self, port: HomePort) -> None:
        self._port = port

    @property
    def home(self) -> Home:
        return self._port.home

    @property
    def problem(self) -> HomeError | None:
        return self._port.problem

    async def call(self, call: ServiceCall) -> None:  # noqa: ARG002 - the port's signature
        """Nothing. Raises HomeError when the real one can't be reached: then it would."""
        if problem := self.problem:
            raise problem.again()

    async def play(self, player: str, what: str) -> None:  # noqa: ARG002 - the port's signature
        """Nothing. Raises as `call`."""
        if problem := self.problem:
            raise problem.again()
