"""A running assistant behind the real socket, for commands that talk to one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.config import Config
from tests.control.serving import serving_thread
from tests.fakes import FakeTarget


@pytest.fixture
def daemon(config: Config) -> Iterator[FakeTarget]:
    """A fake assistant that serves the default control socket."""
    with serving_thread(FakeTarget, config.paths.control_socket(config.settings)) as target:
        yield target
