"""Model files: named in a manifest, fetched from the first source that has them, kept only when the sha256 is right."""

from assistant.models.check import Callback, FileState, Progress
from assistant.models.spec import FileSpec, ModelSpec, read_manifest
from assistant.models.store import Models, Removed

__all__ = [
    "Callback",
    "FileSpec",
    "FileState",
    "ModelSpec",
    "Models",
    "Progress",
    "Removed",
    "read_manifest",
]
