"""What `grpc.health.v1` says: SERVING while the upstream answers its probes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from assistant.errors import GatewayError
from assistant.gateway.service import SERVICE

log = structlog.get_logger(__name__)

PROBE_INTERVAL_S = 10.0


class UpstreamHealth:
    """Probes the upstream every `PROBE_INTERVAL_S`, and at once when somebody doubts it."""

    def __init__(self, probe: Callable[[], Awaitable[object]]) -> None:
        """`probe` raises GatewayError when the upstream can't answer questions; it bounds its own time."""
        from grpc_health.v1 import health  # noqa: PLC0415 - heavy

        self._probe = probe
        self._servicer = health.aio.HealthServicer()
        self._doubted = asyncio.Event()
        self._reason = "unknown"

    def register(self, server: Any) -> None:
        from grpc_health.v1 import health_pb2_grpc  # noqa: PLC0415

        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def doubt(self) -> None:
        """The upstream may be gone, or back: look now."""
        self._doubted.set()

    async def look(self) -> None:
        """Probe once and say what came of it."""
        from grpc_health.v1 import health_pb2  # noqa: PLC0415

        try:
            await self._probe()
            reason = "reached"
        except GatewayError as exc:
            reason = exc.code
        if reason != self._reason:
            log.info("upstream-health", reason=reason)
        self._reason = reason
        serving = (
            health_pb2.HealthCheckResponse.SERVING
            if reason == "reached"
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", SERVICE):
            await self._servicer.set(service, serving)

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_INTERVAL_S):
                    await self._doubted.wait()
            self._doubted.clear()
            await self.look()

    async def drain(self) -> None:
        """Say NOT_SERVING from now on."""
        await self._servicer.enter_graceful_shutdown()
