"""The gateway's composition root: gRPC towards the devices, OpenAI-compatible servers behind it.

Started in order and stopped in reverse: history, devices (where tokens are needed), port, local LLM (if asked for),
upstreams, health, metrics, server. SIGTERM and SIGINT drain: health says NOT_SERVING, nothing new is taken, answers
under way get `gateway.drain_s` to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pydantic import SecretStr

from assistant.cloud.address import parse_address
from assistant.config import Config, read_secret
from assistant.errors import ConfigError, LlmError, StoreError
from assistant.executor import BoundedExecutor
from assistant.gateway import listening
from assistant.gateway.access import Access, make_interceptor
from assistant.gateway.gate import Gate
from assistant.gateway.health import UpstreamHealth
from assistant.gateway.keeping import open_devices, open_homes
from assistant.gateway.listening import Listening, TlsFiles
from assistant.gateway.metrics import Metrics, Sights, Unwatched, serve_metrics
from assistant.gateway.pool import UpstreamPool
from assistant.gateway.quota import Quotas
from assistant.gateway.service import SERVICE, CloudService
from assistant.gateway.sync import SyncService
from assistant.gateway.upstream import MIN_PROMPT_TOKENS, Model, Upstream
from assistant.llm.local import LocalLlm
from assistant.models import Models
from assistant.settings import UpstreamConfig

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 262_144
"""gRPC itself refuses a longer message. Twice the contract's limit: what is little over it is told so in its words."""
EXPIRY_CHECK_S = 43_200.0
LOCAL_MAX_TOKENS = 96
"""Half a minute of speech; what a model small enough to run here says beyond that wanders off."""
RESTART_DELAYS_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before a local LLM that ended, or a part that crashed, is started again; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that listens."""

    address: str
    """Host and port it listens on; the port is the real one where the setting said 0."""
    upstream: str
    """Where its answers come from, for people."""
    protection: str
    """What protects it, for people; empty for nothing."""
    metrics_port: int | None
    """Where metrics are, on loopback; None for nowhere."""


async def serve(config: Config, *, local: bool, announce: Callable[[Running], None]) -> None:
    """Run until SIGTERM or SIGINT, then drain. `announce` is called once it listens.

    Raises:
        ConfigError, ModelError, LlmError, GatewayError: it can't start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_gateway(config, local=local) as running:
            announce(running)
            await stop.wait()
            log.info("gateway-drains")
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def open_gateway(config: Config, *, local: bool = False) -> AsyncIterator[Running]:
    """A gateway for the duration of the `async with` block; `local` serves the local model instead of an upstream.

    Raises:
        ConfigError: `gateway-tls`, `gateway-upstream`, `gateway-context`, `gateway-metrics`, `address-invalid`,
            `cert-unreadable`, `cert-expired`, `secret-unreadable`, `gateway-database`.
        ModelError, LlmError: the local model.
        StoreError: the devices, the histories.
        GatewayError: `port-taken`.
    """
    settings = config.settings.gateway
    how = listening.plan(config)
    _check_context(config, local=local)
    async with contextlib.AsyncExitStack() as stack:
        homes = await open_homes(config)
        if homes is not None:
            stack.push_async_callback(homes.close)
        access = await _open_access(config, stack) if how.tokens else None
        server = _make_server(config, access)
        stack.push_async_callback(server.stop, None)
        port = listening.bind(server, how)  # first: loading a model for a port that is taken is time lost
        llm = await _start_local(config, stack) if local else None
        upstreams = _make_upstreams(config, llm)
        pool = UpstreamPool(upstreams, failover_s=settings.failover_s)
        stack.push_async_callback(pool.close)
        health = UpstreamHealth(pool.probe)
        await health.look()
        health.register(server)
        gate = Gate(settings.max_concurrent, settings.max_queued)
        watcher, metrics_port = await _open_metrics(config, gate, pool, stack)
        sync = SyncService(homes, access, history_days=settings.history_days)
        _register_service(server, CloudService(pool, gate, access, watcher, health.doubt, sync=sync))
        await server.start()
        stack.push_async_callback(server.stop, settings.drain_s)
        stack.push_async_callback(health.drain)
        await stack.enter_async_context(_running("health", health.run))
        await stack.enter_async_context(_running("history", sync.run))
        if access is not None:
            await stack.enter_async_context(_running("access", access.run))
        if how.tls is not None:
            await stack.enter_async_context(_running("expiry", partial(_watch_expiry, how.tls)))
        if llm is not None:
            keep_alive = partial(_keep_alive, llm, upstreams[0], health.doubt)
            await stack.enter_async_context(_running("local-llm", keep_alive))
        address = f"{settings.listen.rpartition(':')[0]}:{port}"
        running = Running(address, settings.local_model if local else pool.names, _protection(how), metrics_port)
        log.info("gateway-listens", address=address, upstream=running.upstream, protection=running.protection)
        yield running


def _protection(how: Listening) -> str:
    return " and ".join(["TLS"] * (how.tls is not None) + ["tokens"] * how.tokens)


def _check_context(config: Config, *, local: bool) -> None:
    settings = config.settings.gateway
    least = settings.max_tokens + MIN_PROMPT_TOKENS
    set_tokens = [upstream.context_tokens or settings.context_tokens for upstream in settings.upstream]
    contexts = [settings.local_context_tokens] if local else [tokens for tokens in set_tokens if tokens]
    if any(tokens < least for tokens in contexts):
        raise ConfigError(
            "gateway-context",
            f"gateway.{'local_' * local}context_tokens leaves no room for a question beside gateway.max_tokens",
            hint=f"Make it at least {least}.",
        )


async def _open_access(config: Config, stack: contextlib.AsyncExitStack) -> Access:
    settings = config.settings.gateway
    store = await open_devices(config)
    stack.push_async_callback(store.close)
    quotas = Quotas(requests_per_minute=settings.requests_per_minute, tokens_per_day=settings.tokens_per_day)
    access = Access(store, quotas, time.time, at_once=settings.max_per_device)
    if not await access.load():
        log.warning("no-devices", hint="run `assistant gateway device add NAME`; it counts at once")
    stack.push_async_callback(_save_usage, access)
    return access


async def _save_usage(access: Access) -> None:
    try:
        await access.save()
    except StoreError as exc:
        log.error("usage-unsaved", code=exc.code, message=exc.message)


async def _open_metrics(
    config: Config, gate: Gate, pool: UpstreamPool, stack: contextlib.AsyncExitStack
) -> tuple[Metrics | Unwatched, int | None]:
    if not config.settings.gateway.metrics_listen:
        return Unwatched(), None
    at = parse_address(config.settings.gateway.metrics_listen, setting="gateway.metrics_listen", lowest_port=0)
    metrics = Metrics()
    sights = Sights(lambda: gate.waiting, lambda: gate.seated, pool.states)
    return metrics, await stack.enter_async_context(serve_metrics(metrics, sights, at))


async def _start_local(config: Config, stack: contextlib.AsyncExitStack) -> LocalLlm:
    settings = config.settings.gateway

    def find() -> LocalLlm:
        models = Models(config.paths.models_dir, config.paths.user_manifest)
        spec = models.get(settings.local_model)
        if spec.kind != "llm":
            raise ConfigError(
                "gateway-model",
                f"gateway.local_model: {spec.id} is no language model",
                hint="See `assistant models list`.",
            )
        file = models.path(spec.id) / spec.main
        return LocalLlm(file, spec.id, context_tokens=settings.local_context_tokens)

    executor = BoundedExecutor("gateway-models")  # hashing a new model file takes a while
    try:
        llm = await executor.run(find)
    finally:
        executor.close()
    stack.push_async_callback(llm.stop)
    await llm.start()
    return llm


def _make_upstreams(config: Config, llm: LocalLlm | None) -> list[Upstream]:
    settings = config.settings.gateway
    timeout_s = settings.upstream_timeout_s
    if llm is not None:
        return [
            Upstream(
                llm.base_url,
                Model("", min(settings.max_tokens, LOCAL_MAX_TOKENS), settings.local_context_tokens),
                api_key=llm.api_key,
                timeout_s=timeout_s,
            )
        ]
    key = SecretStr(read_secret(settings.api_key, settings.api_key_file, name="gateway.api_key_file"))
    upstreams = [
        Upstream(
            upstream.url,
            Model(
                upstream.model or settings.model,
                settings.max_tokens,
                upstream.context_tokens or settings.context_tokens,
            ),
            api_key=read_secret(key, upstream.api_key_file, name="gateway.upstream: api_key_file"),
            timeout_s=timeout_s,
        )
        for upstream in settings.upstream or (UpstreamConfig(url=""),)
    ]
    for upstream in upstreams:
        if upstream.in_the_clear:
            hint = "give its URL as https, unless you trust the network between"
            log.warning("upstream-in-plain-text", upstream=upstream.base_url, hint=hint)
    return upstreams


def _make_server(config: Config, access: Access | None) -> Any:
    import grpc  # noqa: PLC0415 - heavy

    settings = config.settings.gateway
    return grpc.aio.server(
        interceptors=[make_interceptor(access)] if access is not None else [],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),  # else a second gateway would silently share the port
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.max_connection_idle_ms", 300_000),  # a device that is there probes more often
            ("grpc.server_handshake_timeout_ms", 10_000),
        ],
        # Health probes come on top of the questions that run and wait.
        maximum_concurrent_rpcs=settings.max_concurrent + settings.max_queued + 256,
    )


def _register_service(server: Any, service: CloudService) -> None:
    server.add_generic_rpc_handlers((service.handler(),))
    if importlib.util.find_spec("grpc_reflection") is None:
        log.info("reflection-off", hint="pip install 'edgewise[gateway]'")
        return
    from grpc_health.v1 import health  # noqa: PLC0415
    from grpc_reflection.v1alpha import reflection  # noqa: PLC0415 - an extra

    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)


@contextlib.asynccontextmanager
async def _running(name: str, part: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a part for the duration of the block; one that crashes starts again. A revoked token must not live on it."""

    async def keep_running() -> None:
        while True:
            try:
                return await part()
            except Exception:
                log.exception("part-crashed", part=name)
            await asyncio.sleep(RESTART_DELAYS_S[0])

    task = asyncio.create_task(keep_running(), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _watch_expiry(files: TlsFiles) -> None:
    """Say it in the log, twice a day, when the certificate is about to end."""
    while True:
        await asyncio.sleep(EXPIRY_CHECK_S)
        try:
            await asyncio.to_thread(listening.check_expiry, files)
        except ConfigError as exc:
            log.error("cert-unusable", code=exc.code, message=exc.message)


async def _keep_alive(llm: LocalLlm, upstream: Upstream, doubt: Callable[[], None]) -> None:
    """Start the local LLM again whenever it ends."""
    while True:
        status = await llm.ended()
        log.error("llm-ended", status=status)
        doubt()
        for wait_s in itertools.chain(RESTART_DELAYS_S, itertools.repeat(RESTART_DELAYS_S[-1])):
            await asyncio.sleep(wait_s)
            try:
                await llm.start()
                break
            except LlmError as exc:
                log.error("llm-restart-failed", code=exc.code, message=exc.message)
        upstream.base_url = llm.base_url
        doubt()
