"""Edgewise: a smart speaker's mind as an asyncio daemon. `DESIGN` notes live in the module docstrings."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("edgewise")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
