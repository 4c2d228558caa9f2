"""What skills need from the outside, beside the home (homes), the weather (weather) and due things (due)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class SettingStore(Protocol):
    """Keeps what the user set by voice. Both raise StoreError."""

    async def put(self, name: str, value: Any) -> None:
        """Durable when it returns. The value is one that JSON has."""

    async def all(self) -> Mapping[str, Any]:
        """Every name with its newest value."""


class Switch(Protocol):
    """Something of the assistant itself that is on or off."""

    @property
    def on(self) -> bool: ...

    async def turn(self, *, on: bool) -> None:
        """Saved first, then in force. Raises StoreError."""
