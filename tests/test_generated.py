"""The committed code in assistant/_pb is what scripts/proto makes of the protos."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "assistant" / "_pb"
VERSIONS = ("GRPC_GENERATED_VERSION =", "Protobuf Python Version")


def test_generated_code_is_what_the_protos_say(tmp_path: Path) -> None:
    """Byte for byte when the compiler is the one that made the committed code, else by descriptors."""
    pytest.importorskip("grpc_tools", reason="needs the extra `dev`")
    subprocess.run([ROOT / "scripts" / "proto", tmp_path], check=True, timeout=60)
    made, committed = _read(tmp_path), _read(COMMITTED)
    assert made
    assert sorted(made) == sorted(committed)
    for name in made:
        if _compilers(made) == _compilers(committed):
            assert made[name] == committed[name], f"{name} is stale; run scripts/proto"
        elif name.endswith("_pb2.py"):
            assert _descriptor(made[name]) == _descriptor(committed[name]), f"{name} is stale; run scripts/proto"


def _read(package: Path) -> dict[str, str]:
    files = (path for path in (package / "edgewise").rglob("*.py*") if "__pycache__" not in path.parts)
    return {str(path.relative_to(package)): path.read_text() for path in files}


def _compilers(files: dict[str, str]) -> set[str]:
    return {line for text in files.values() for line in text.splitlines() if any(v in line for v in VERSIONS)}


def _descriptor(text: str) -> object:
    from google.protobuf import descriptor_pb2

    call = next(line for line in text.splitlines() if "AddSerializedFile(" in line)
    literal = call[call.index("AddSerializedFile(") + len("AddSerializedFile(") : call.rindex(")")]
    return descriptor_pb2.FileDescriptorProto.FromString(ast.literal_eval(literal))
