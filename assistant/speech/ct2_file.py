"""The file in which CTranslate2 keeps a model (`model.bin`, binary version 6): variables by name, and aliases.

Little-endian. A header (version, name of the specification, its revision), the number of variables, then each: name,
shape, type, content; the number of aliases, then pairs of names. Strings have their length in front and a zero behind.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating | np.integer]

VERSION = 6
_TYPES: tuple[type[np.generic], ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By the number that the file has for them."""


@dataclass(frozen=True, slots=True)
class Ct2File:
    """What is in the file."""

    specification: str
    revision: int
    variables: Mapping[str, Array]
    aliases: Sequence[tuple[str, str]]

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """A variable in single precision; 8-bit weights have a scale for each row. Raises KeyError."""
        found = self.variables[name]
        floats: npt.NDArray[np.float32] = found.astype(np.float32)
        if found.dtype == np.int8:
            scale = self.variables[f"{name}_scale"].astype(np.float32)
            floats /= scale.reshape(-1, *(1,) * (found.ndim - 1))
        return floats

    def to_bytes(self) -> bytes:
        """As it stands in a file."""
        parts = [struct.pack("<I", VERSION), _string(self.specification)]
        parts.append(struct.pack("<II", self.revision, len(self.variables)))
        for name, array in self.variables.items():
            kind = _TYPES.index(array.dtype.type)
            parts.append(
                _string(name) + struct.pack(f"<B{array.ndim}IBI", array.ndim, *array.shape, kind, array.nbytes)
            )
            parts.append(array.tobytes())
        parts.append(struct.pack("<I", len(self.aliases)))
        parts += [_string(name) for pair in self.aliases for name in pair]
        return b"".join(parts)


def read_ct2(path: Path) -> Ct2File:
    """Read a whole file. Raises OSError, ValueError: it is none, or of another version."""
    reader = _Reader(path.read_bytes())
    if reader.number("I") != VERSION:
        raise ValueError(f"not a CTranslate2 model of version {VERSION}")
    specification, revision = reader.string(), reader.number("I")
    variables = dict(reader.variable() for _ in range(reader.number("I")))
    aliases = [(reader.string(), reader.string()) for _ in range(reader.number("I"))]
    return Ct2File(specification, revision, variables, aliases)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def number(self, form: str) -> int:
        [number] = struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))
        return int(number)

    def string(self) -> str:
        return bytes(self._take(self.number("H"))).rstrip(b"\0").decode()

    def variable(self) -> tuple[str, Array]:
        name = self.string()
        shape = tuple(self.number("I") for _ in range(self.number("B")))
        kind = self.number("B")
        content = self._take(self.number("I"))
        if kind >= len(_TYPES):
            raise ValueError(f"unknown type {kind}")
        return name, np.frombuffer(content, _TYPES[kind]).reshape(shape)

    def _take(self, count: int) -> memoryview:
        found = self._content[self._at : self._at + count]
        if len(found) != count:
            raise ValueError("the file is cut short")
        self._at += count
        return found


def _string(text: str) -> bytes:
    content = text.encode() + b"\0"
    return struct.pack("<H", len(content)) + content
