"""A real Home Assistant for tests, or the reason why there is none."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.config import find_paths, load_config
from assistant.errors import EvaluateError
from assistant.evaluate.bench.home_assistant import RealHomeAssistant, environment, real_home_assistant

INSTALLED = environment(load_config(find_paths()))
"""Beside the real models: each test has a home directory of its own."""


@contextlib.asynccontextmanager
async def real_home(folder: Path) -> AsyncIterator[RealHomeAssistant]:
    """One that runs, with its things in `folder`; skips the test where it can't be installed."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(real_home_assistant(INSTALLED, folder))
        except EvaluateError as exc:
            pytest.skip(exc.message)
        yield server
