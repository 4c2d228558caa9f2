"""Whether the microphone may be heard, and whether somebody calls without the wake word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from assistant.events import Event, MuteChanged

SETTING = "muted"
_CALL_S = 1.0
"""A call that no microphone heeded by then is over."""


class Hearing:
    """What buttons say to the ear. Muted, nothing that is said is listened to, the wake word included; that outlives a
    restart: saved first, then in force."""

    def __init__(
        self, *, kept: Any, save: Callable[[str, Any], Awaitable[None]], publish: Callable[[Event], None]
    ) -> None:
        self._muted = kept is True
        self._save = save
        self._publish = publish
        self._called_s = float("-inf")

    @property
    def muted(self) -> bool:
        return self._muted

    async def mute(self, *, on: bool) -> None:
        """Raises StoreError."""
        await self._save(SETTING, on)
        changed, self._muted = on is not self._muted, on
        if changed:
            self._publish(MuteChanged(on=on))

    def call(self) -> None:
        """As if the wake word were said."""
        self._called_s = asyncio.get_running_loop().time()

    def take_call(self) -> bool:
        """Whether somebody called just now, and nobody asked since."""
        called_s, self._called_s = self._called_s, float("-inf")
        return asyncio.get_running_loop().time() - called_s < _CALL_S
