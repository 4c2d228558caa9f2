"""Packages with skills, as their authors would hand them out."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

COIN = '''\
from assistant.skills.plugin import Context, Intent, Plugin, Request


class Coin(Plugin):
    name = "coin"
    intents = {"Flip": Intent("spin a coin")}
    sentences = """
        intents:
          Flip:
            data:
              - sentences: ["spin a coin"]
    """
    replies = {"en": {"heads": "heads.", "failed": "I dropped it."}}

    def handle(self, request: Request, context: Context) -> str:
        return self.say("heads")
'''
"""A plugin that works; what is wrong with others is put in its place."""


def wheel(folder: Path, name: str, source: str, *, package: str = "", target: str = "Coin") -> Path:
    """A wheel with the skill `name`, whose module holds `source`."""
    package = package or f"edgewise_skill_{name}"
    info = f"{package}-0.1.0.dist-info"
    contents = {
        f"{package}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 0.1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[edgewise.skills]\n{name} = {package}:{target}\n",
    }
    record = f"{info}/RECORD"
    contents[record] = "".join(f"{path},,\n" for path in [*contents, record])
    file = folder / f"{package}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return file


def unpack(site: Path, file: Path) -> None:
    """Put a wheel's files where Python finds them."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(site)


def pip_install(site: Path, *files: Path) -> None:
    """Install wheels as a person would, without network."""
    options = ("--no-index", "--no-deps", "--quiet", "--disable-pip-version-check", "--target", str(site))
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *map(str, files)], check=True, timeout=120)
