"""The units: what systemd says about them, and that the wheel carries them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from assistant.config import find_paths

ROOT = Path(__file__).resolve().parents[1]
UNITS = ("edgewise.service", "edgewise-gateway.service")
COMMAND = "/opt/edgewise/.venv/bin/assistant"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def settings(unit: str) -> dict[str, list[str]]:
    """Every setting of a unit, with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "systemd" / unit).read_text("utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_nothing_to_say(unit: str, tmp_path: Path) -> None:
    text = (ROOT / "systemd" / unit).read_text("utf-8")
    assert COMMAND in text
    (tmp_path / unit).write_text(text.replace(COMMAND, "/bin/true"))
    result = analyze("verify", "--man=no", tmp_path / unit)
    assert [line for line in result.stderr.splitlines() if unit in line] == []
    assert result.returncode == 0


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_little_is_exposed(unit: str) -> None:
    """20 of 100, where an unguarded service is at 96."""
    result = analyze("security", "--offline=yes", "--threshold=20", ROOT / "systemd" / unit)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="needs systemd-sysusers")
def test_the_user_is_made_with_access_to_sound(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "group").write_text("audio:x:29:\n")
    rules = ROOT / "systemd" / "edgewise-sysusers.conf"
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", rules], check=True, capture_output=True, timeout=60)
    assert re.search(r"^edgewise:", (tmp_path / "etc" / "passwd").read_text(), re.MULTILINE)
    assert re.search(r"^audio:x:29:edgewise$", (tmp_path / "etc" / "group").read_text(), re.MULTILINE)


def test_the_assistant_is_watched_restarted_and_kept_apart() -> None:
    unit = settings("edgewise.service")
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert unit["WatchdogSec"] == ["30"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert unit["SupplementaryGroups"] == ["audio"]
    assert unit["ExecStart"] == [f"{COMMAND} run"]
    assert unit["ExecStartPre"] == [f"{COMMAND} models fetch"]
    assert int(unit["TimeoutStopSec"][0]) > 2


@needs_systemd
def test_systemd_has_nothing_to_say_about_a_service_with_a_panel(tmp_path: Path) -> None:
    text = (ROOT / "systemd" / "edgewise.service").read_text("utf-8")
    (tmp_path / "edgewise.service").write_text(text.replace(COMMAND, "/bin/true"))
    (tmp_path / "edgewise.service.d").mkdir()
    shutil.copy(ROOT / "systemd" / "edgewise-panel.conf", tmp_path / "edgewise.service.d" / "panel.conf")
    result = analyze("verify", "--man=no", tmp_path / "edgewise.service")
    assert [line for line in result.stderr.splitlines() if "edgewise" in line] == []
    assert result.returncode == 0


@pytest.mark.parametrize("unit", UNITS)
def test_the_program_finds_the_directories_that_systemd_makes(unit: str) -> None:
    names = settings(unit)
    paths = find_paths(
        environ={
            "CONFIGURATION_DIRECTORY": f"/etc/{names['ConfigurationDirectory'][0]}",
            "STATE_DIRECTORY": f"/var/lib/{names['StateDirectory'][0]}",
            "CACHE_DIRECTORY": f"/var/cache/{names['CacheDirectory'][0]}",
        }
    )
    assert paths.config_file == Path("/etc/edgewise/config.toml")
    assert paths.models_dir == Path("/var/cache/edgewise/models")
    assert paths.state_dir == Path("/var/lib") / unit.removesuffix(".service")


@pytest.mark.slow
def test_a_wheel_carries_manifest_units_and_defaults(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(pip, check=True, timeout=300, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("edgewise-*.whl"))) as wheel:
        names = set(wheel.namelist())
        wheel.extractall(tmp_path / "site")
    assert {"assistant/_share/models/manifest.toml", "assistant/defaults.toml", "assistant/py.typed"} <= names
    assert {f"assistant/_share/systemd/{path.name}" for path in (ROOT / "systemd").iterdir()} <= names
    assert not any(name.startswith("tests/") for name in names)
    code = "from assistant.packaged import packaged_manifest; print(packaged_manifest())"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert Path(result.stdout.strip()) == tmp_path / "site" / "assistant" / "_share" / "models" / "manifest.toml"
