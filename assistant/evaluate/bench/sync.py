"""`sync`: a year of turns on one device: storing them, pushing them to a gateway, reading them back on another.

The gateway is `assistant gateway run` on SQLite, a process of its own; the devices are this one. Every turn is a
transaction on the disk, as in life; only its words are made up. How long the disk itself takes is measured by turns
with it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import Link, LinkState
from assistant.cloud.sync import Synchroniser
from assistant.config import Config
from assistant.errors import EvaluateError
from assistant.evaluate.bench.gateway import running_gateway
from assistant.settings import CloudConfig
from assistant.store.database import Database
from assistant.store.history import SqliteHistory
from assistant.store.outbox import SqliteOutbox
from assistant.store.turns import SqliteTurnStore
from assistant.values import Outcome, StageTime, SystemClock, TurnRecord, new_id

TURNS = 100_000
TIMED = 2_000
"""The newest turns, whose storing is timed: behind them all the others are stored already."""
NO_UPSTREAM = "http://127.0.0.1:9/v1"


async def measure_sync(config: Config, _: float) -> Mapping[str, float]:
    """Raises EdgewiseError, EvaluateError `bench-sync`."""
    folder = config.paths.state_dir
    database = await Database.open(folder / "a-year.db")
    try:
        store = SqliteTurnStore(database, share=True)
        for number in range(TURNS - TIMED):
            await _store(store, number)
        with (folder / "yardstick").open("wb", buffering=0) as file:
            pairs = [(await _store(store, number), _write(file)) for number in range(TURNS - TIMED, TURNS)]
        async with running_gateway(config, NO_UPSTREAM) as (address, _pid):
            pushed_s = await _catch_up(config, address, database)
            left = await SqliteHistory(database).waiting()
        start_ms = await _time_start(database)
    finally:
        await database.close()
    if left:
        raise EvaluateError("bench-sync", f"{left} turns were not pushed")
    newest_ms, disk_ms = (sorted(times) for times in zip(*pairs, strict=True))
    return {
        "turns": float(TURNS),
        "store_a_turn_ms_p50": statistics.median(newest_ms),
        "store_a_turn_ms_p95": newest_ms[int(len(newest_ms) * 0.95)],
        "write_4_KiB_ms_p50": statistics.median(disk_ms),
        "write_4_KiB_ms_p95": disk_ms[int(len(disk_ms) * 0.95)],
        "read_for_start_ms_p50": start_ms,
        "push_turns_per_s": TURNS / pushed_s,
        "device_mb": _mb(folder / "a-year.db"),
        "gateway_mb": _mb(config.paths.gateway_history),
    }


async def _store(store: SqliteTurnStore, number: int) -> float:
    """Milliseconds that a turn took to be on the disk."""
    record = TurnRecord(
        id=new_id(),
        conversation_id=new_id(),
        started_wall_s=1.8e9 + number * 300,
        source="voice",
        text=f"set a timer for {number} minutes and tell me what time it is",
        reply="A timer of that many minutes, starting now. It is ten minutes past four in the afternoon.",
        intent="HassStartTimer",
        slots={"minutes": number},
        layer="edge",
        reason="skill",
        confidence=0.98,
        outcome=Outcome.ANSWERED,
        stages=tuple(StageTime(stage, 12.34) for stage in ("stt", "nlu", "first-audio", "reply", "total")),
    )
    began_s = time.perf_counter()
    await store.append(record)
    return (time.perf_counter() - began_s) * 1000


def _write(file: FileIO) -> float:
    """Milliseconds that 4 KiB took to be on the disk."""
    began_s = time.perf_counter()
    file.write(bytes(4096))
    os.fsync(file.fileno())
    return (time.perf_counter() - began_s) * 1000


async def _catch_up(config: Config, address: str, database: Database) -> float:
    """Seconds until everything was at the gateway."""
    clock = SystemClock()
    settings = CloudConfig.model_validate({**config.settings.cloud.model_dump(), "address": address})
    state = LinkState(configured=True, interval_s=settings.probe_interval_s, now_s=clock.steady_s())
    cloud = GrpcCloud(settings, "", Link(state, lambda _: None, clock.steady_s))
    sync = Synchroniser(
        SqliteOutbox(database),
        cloud.exchange,
        address=address,
        allowed=lambda: True,
        publish=lambda _: None,
        clock=clock,
        interval_s=60.0,
    )
    try:
        began_s = time.perf_counter()
        await sync.catch_up()
        return time.perf_counter() - began_s
    finally:
        await cloud.close()


async def _time_start(database: Database) -> float:
    """Milliseconds to read what an assistant reads of its history when it starts."""
    times = []
    for _ in range(50):
        began_s = time.perf_counter()
        await SqliteTurnStore(database).recent(32)
        times.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(times)


def _mb(path: Path) -> float:
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6
