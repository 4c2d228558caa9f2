"""The assistant's own volume: what keeps it, and what one request does to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

SETTING = "volume"


class Volume:
    """0 to 100. What was set outlives a restart: saved first, then in force."""

    def __init__(
        self, level: int, apply: Callable[[int], None], save: Callable[[str, Any], Awaitable[None]], kept: Any = None
    ) -> None:
        sensible = isinstance(kept, int) and not isinstance(kept, bool) and 0 <= kept <= 100
        self.level = kept if sensible else level
        self.before_mute = self.level or level
        """What it comes back to."""
        self._apply = apply
        self._save = save
        if sensible:
            apply(self.level)

    async def set(self, level: int) -> None:
        """Raises StoreError."""
        await self._save(SETTING, level)
        if not level and self.level:
            self.before_mute = self.level
        self.level = level
        self._apply(level)

    def rehearsal(self) -> Volume:
        """A copy that nobody hears."""
        copy = Volume(self.level, lambda _: None, _nowhere)
        copy.before_mute = self.before_mute
        return copy


class VolumeJournal:
    """`Volume` as one request sees it."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._before: int | None = None

    @property
    def level(self) -> int:
        return self._volume.level

    @property
    def before_mute(self) -> int:
        return self._volume.before_mute

    async def set(self, level: int) -> None:
        if self._before is None:
            self._before = self._volume.level
        await self._volume.set(level)

    @property
    def changed(self) -> bool:
        """Whether there is something to take back."""
        return self._before is not None

    async def undo(self) -> None:
        """Raises StoreError."""
        before, self._before = self._before, None
        if before is not None:
            await self._volume.set(before)


async def _nowhere(name: str, value: Any) -> None:
    """Keeps nothing."""
