"""What the libraries must not do behind our back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOAD_A_MODEL = """
import assistant, faster_whisper, onnxruntime, pathlib
model = pathlib.Path(faster_whisper.__file__).parent / "assets" / "silero_vad_v6.onnx"
onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
"""


def test_that_the_model_runtime_keeps_no_identifier_of_the_machine_and_reports_to_nobody(own_home: Path) -> None:
    env = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name and name != "CI"}

    subprocess.run([sys.executable, "-c", LOAD_A_MODEL], env=env, check=True, timeout=60)

    assert [path for path in own_home.rglob("*") if path.is_file()] == []
