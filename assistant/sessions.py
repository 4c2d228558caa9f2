"""ONNX Runtime as every engine here wants it: on the CPU, idle threads asleep, errors as exceptions alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: Path | bytes, *, threads: int = 1) -> InferenceSession:
    """A session of an ONNX model. Of bytes it takes twice the memory. Raises what onnxruntime raises.

    Working memory goes back to the allocator after each run: else a session keeps as much as its largest run ever took,
    100 MB after a long sentence. That costs no time that could be measured.
    """
    import onnxruntime  # noqa: PLC0415 - heavy

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # what it has to say comes as an exception too
    content = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
