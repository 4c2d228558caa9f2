"""How tests run: coroutine tests in virtual time (or real time when marked), and no task left behind."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from assistant.config import Config, data_dir, find_paths, load_config
from tests.panel.board import Board
from tests.virtual_time import VirtualTimeLoop

REAL_MODELS_DIR = find_paths().models_dir

# How long an example takes says more about what else the machine does than about the product.
settings.register_profile("edgewise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("edgewise")

# At this level gRPC logs a server while it is freed; a record that is kept, as `caplog` keeps them, then holds freed
# memory, and the process dies of it.
logging.getLogger("grpc._cython.cygrpc").setLevel(logging.INFO)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests; fail those that leave tasks behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    real = pyfuncitem.get_closest_marker("real_time")
    with asyncio.Runner(loop_factory=None if real else VirtualTimeLoop) as runner:
        runner.run(_guarded(pyfuncitem.obj(**arguments)))
    return True


_OF_A_CALL = {"_AioCall._handle_status_once_received", "_schedule_rpc_coro", "_handle_exceptions"}


async def _guarded(test: Any) -> None:
    await test
    await asyncio.sleep(0)
    # gRPC's own thread tells a call that was hung up of its end, on either side, once it gets the CPU.
    if ending := [task for task in asyncio.all_tasks() if _name(task) in _OF_A_CALL]:
        await asyncio.wait(ending, timeout=10)
    leaked = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not leaked, f"tasks left behind: {leaked}"


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine or this call doesn't cover, each with its reason."""
    chosen = os.environ.get("EDGEWISE_TESTS", "quick")
    reasons = {
        "slow": None if chosen in {"all", "full"} else "long: scripts/test --all",
        "full": None if chosen == "full" else "full counts: scripts/test --full",
        "root": None if os.geteuid() == 0 else "needs root",
    }
    for item in items:
        for mark, reason in reasons.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own home, config and state; models come from the real cache."""
    home = tmp_path / "home"
    home.mkdir()
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("EDGEWISE_CONFIG", str(home / "config.toml"))
    monkeypatch.setenv("EDGEWISE_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("EDGEWISE_MODELS_DIR", str(REAL_MODELS_DIR))
    return home


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The process's logging is put back as it was: commands set it up, for streams that are closed after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.getLogger("assistant").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def config(own_home: Path) -> Config:
    """The defaults."""
    return load_config(find_paths())


@pytest.fixture
def data() -> Path:
    """Development data; the test is skipped where there is none."""
    found = data_dir()
    if found is None:
        pytest.skip("needs the development data (EDGEWISE_DATA)")
    return found


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A board's buttons and LEDs."""
    folder = tmp_path / "board"
    folder.mkdir()
    board = Board(folder)
    yield board
    board.close()
