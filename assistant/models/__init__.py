"""Model files: named in a manifest, fetched from the first source that has them, kept only when the sha256 is right."""

from assistant.models.check import Callback, FileState, Progress
from assistant.models.spec import FileSpec, ModelSpec, read_manifest
from assistant.models.store import (
    Models,
    Removed,
    packaged_calibrations,
    packaged_manifest,
    packaged_questions,
    packaged_text_model,
)

__all__ = [
    "Callback",
    "FileSpec",
    "FileState",
    "ModelSpec",
    "Models",
    "Progress",
    "Removed",
    "packaged_calibrations",
    "packaged_manifest",
    "packaged_questions",
    "packaged_text_model",
    "read_manifest",
]
