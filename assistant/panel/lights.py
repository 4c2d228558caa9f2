"""LEDs by their files in sysfs: `dtoverlay=gpio-led`, those of a HAT, and a board's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import structlog

from assistant.errors import EdgewiseError, PanelError
from assistant.executor import BoundedExecutor

log = structlog.get_logger(__name__)

LEDS = Path("/sys/class/leds")


class Lights:
    """Shows what is so: each LED stands for one thing. `problems` says which can't be set."""

    def __init__(self, leds: Mapping[str, str], folder: Path | None = None) -> None:
        """`leds`: what each stands for -> its name."""
        self._folders = {what: (folder or LEDS) / name for what, name in leds.items()}
        self._taken: set[str] = set()
        self._executor = BoundedExecutor("lights")
        self.problems: dict[str, str] = {}

    async def show(self, so: Collection[str]) -> None:
        """Light those whose thing is so, and no others. `problems` tells what can't be set; it is tried again next."""
        for what, folder in self._folders.items():
            try:
                await self._executor.run(set_led, folder, what in so, what not in self._taken)
            except EdgewiseError as exc:
                self._taken.discard(what)
                if self.problems.get(what) != str(exc):
                    log.warning("no light", led=folder.name, code=exc.code)
                self.problems[what] = str(exc)
            else:
                self._taken.add(what)
                self.problems.pop(what, None)

    async def close(self) -> None:
        """All out. Idempotent."""
        await self.show(())
        self._executor.close()


def set_led(folder: Path, on: bool, first: bool = False) -> None:
    """Blocks for a moment. `first`: whatever else drives it (a disk's activity) is told to let it go.

    Raises:
        PanelError: `panel-no-led`, `panel-no-access`.
    """
    file = find_led(folder.name, folder.parent)
    try:
        if first:
            file.write_text("0", "ascii")  # 0 also takes away its trigger
        if on or not first:
            file.write_text(_full(folder) if on else "0", "ascii")
    except PermissionError as exc:
        raise may_not_set(folder.name) from exc
    except OSError as exc:
        raise PanelError("panel-no-led", f"the LED {folder.name} can't be set: {exc.strerror}", retryable=True) from exc


def find_led(name: str, folder: Path | None = None) -> Path:
    """The file that says how bright it is. Raises PanelError: `panel-no-led`."""
    file = (folder or LEDS) / name / "brightness"
    if not file.exists():
        raise PanelError(
            "panel-no-led",
            f"there is no LED {name}",
            hint=f"`ls {folder or LEDS}` lists those of this machine; mend panel.leds.",
            retryable=True,
        )
    return file


def may_not_set(name: str) -> PanelError:
    """The error of an LED that belongs to root."""
    return PanelError(
        "panel-no-access",
        f"the LED {name} may not be set",
        hint="Put systemd/70-edgewise-leds.rules into /etc/udev/rules.d, add the user to the group `input`, and start "
        "the machine anew; the service needs systemd/edgewise-panel.conf.",
        retryable=True,
    )


def _full(folder: Path) -> str:
    try:
        return (folder / "max_brightness").read_text("ascii").strip() or "1"
    except FileNotFoundError:
        return "1"
