"""`assistant doctor` on buttons and LEDs."""

from __future__ import annotations

import os

from assistant.cli.checks import Check, failure
from assistant.errors import EdgewiseError
from assistant.keys import key_code
from assistant.panel.buttons import open_input
from assistant.panel.inputs import Places, find_inputs
from assistant.panel.lights import find_led, may_not_set
from assistant.settings import PanelConfig


def check_panel(panel: PanelConfig, places: Places | None = None) -> list[Check]:
    """Whether whoever asks may read the buttons and set the LEDs; nothing where none are configured. Sets none."""
    checks = []
    if panel.buttons:
        checks.append(_check_buttons(panel, places or Places()))
    for what, name in panel.leds.items():
        checks.append(_check_led(what, name))
    return checks


def _check_buttons(panel: PanelConfig, places: Places) -> Check:
    try:
        found = find_inputs(panel.device, [key_code(key) for key in panel.buttons], places)
        for path in found:
            os.close(open_input(path))
    except EdgewiseError as exc:
        return failure("buttons", exc)
    return Check("buttons", "ok", ", ".join(map(str, found)))


def _check_led(what: str, name: str) -> Check:
    title = f"light for {what}"
    try:
        file = find_led(name)
    except EdgewiseError as exc:
        return failure(title, exc)
    if not os.access(file, os.W_OK):
        return failure(title, may_not_set(name))
    return Check(title, "ok", name)
