"""How CTranslate2 can compute on this machine's CPU."""

from __future__ import annotations

_SAME_AS_INT8 = "int8_float32"
"""What `int8` becomes on a CPU."""


def cpu_compute_types() -> tuple[str, ...]:
    """Compute types that this CPU supports and that differ, int8 first.

    Imports what Whisper runs on, some seconds on a small board: call it off the event loop.
    """
    import ctranslate2  # noqa: PLC0415 - heavy
    import faster_whisper  # noqa: F401, PLC0415 - the longest part of loading the first model

    others = ctranslate2.get_supported_compute_types("cpu") - {"int8", _SAME_AS_INT8}
    return ("int8", *sorted(others))
