"""Prometheus metrics, served as text over HTTP on loopback. Nothing in them comes from what people say."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.cloud.address import GatewayAddress
from assistant.errors import ConfigError, GatewayError
from assistant.gateway.breaker import Circuit

FIRST_TEXT_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Sights:
    """What is looked at whenever somebody asks for the metrics."""

    waiting: Callable[[], int]
    """Questions in line."""
    answering: Callable[[], int]
    circuits: Callable[[], Mapping[str, Circuit]]
    """By upstream."""


class Unwatched:
    """service.Watcher of a gateway without metrics."""

    def ended(self, outcome: str) -> None: ...

    def first_text(self, after_s: float) -> None: ...

    def used(self, prompt_tokens: int, completion_tokens: int) -> None: ...


class Metrics:
    """service.Watcher that counts. One per gateway: it has a registry of its own."""

    def __init__(self) -> None:
        """Raises ConfigError `gateway-metrics` without the library."""
        try:
            import prometheus_client as prometheus  # noqa: PLC0415 - an extra
        except ImportError as exc:
            raise ConfigError(
                "gateway-metrics",
                "gateway.metrics_listen needs prometheus-client",
                hint="Run `pip install 'edgewise[gateway]'`, or set gateway.metrics_listen to \"\".",
            ) from exc
        registry = prometheus.CollectorRegistry()
        name = "edgewise_gateway_"
        self._write: Callable[[], bytes] = lambda: prometheus.generate_latest(registry)
        self._questions = prometheus.Counter(
            f"{name}questions", "Questions by what became of them.", ["outcome"], registry=registry
        )
        self._first_text = prometheus.Histogram(
            f"{name}first_text_seconds",
            "From the question's turn to its answer's first text.",
            buckets=FIRST_TEXT_BUCKETS_S,
            registry=registry,
        )
        self._tokens = prometheus.Counter(
            f"{name}tokens", "Tokens of prompts and answers.", ["kind"], registry=registry
        )
        self._waiting = prometheus.Gauge(f"{name}waiting", "Questions waiting in line.", registry=registry)
        self._answering = prometheus.Gauge(f"{name}answering", "Answers being streamed.", registry=registry)
        self._circuits = prometheus.Gauge(
            f"{name}upstream_state", "1 for the state an upstream is in.", ["upstream", "state"], registry=registry
        )

    def ended(self, outcome: str) -> None:
        self._questions.labels(outcome).inc()

    def first_text(self, after_s: float) -> None:
        self._first_text.observe(after_s)

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._tokens.labels("prompt").inc(prompt_tokens)
        self._tokens.labels("completion").inc(completion_tokens)

    def render(self, sights: Sights) -> bytes:
        """All of it, in Prometheus' text format."""
        self._waiting.set(sights.waiting())
        self._answering.set(sights.answering())
        self._circuits.clear()
        for upstream, circuit in sights.circuits().items():
            for state in Circuit:
                self._circuits.labels(upstream, state.value).set(state is circuit)
        return self._write()


@contextlib.asynccontextmanager
async def serve_metrics(metrics: Metrics, sights: Sights, at: GatewayAddress) -> AsyncIterator[int]:
    """`GET /metrics` for the duration of the block; the port, which is a real one where 0 was asked for.

    Raises:
        ConfigError: `gateway-metrics`: not on loopback.
        GatewayError: `port-taken`.
    """
    from aiohttp import web  # noqa: PLC0415 - heavy

    if not at.loopback:
        raise ConfigError(
            "gateway-metrics",
            f"gateway.metrics_listen: {at.host} can be reached from other machines",
            hint="Listen on 127.0.0.1, and let a Prometheus agent on this machine fetch them.",
        )

    async def show(_: Any) -> web.Response:
        return web.Response(body=metrics.render(sights), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, at.host, at.port).start()
        except OSError as exc:
            raise GatewayError(
                "port-taken", f"can't listen on {at.host}:{at.port} for metrics", hint="Change gateway.metrics_listen."
            ) from exc
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
