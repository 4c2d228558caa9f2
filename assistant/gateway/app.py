"""The gateway's composition root: gRPC towards the devices, an OpenAI-compatible server behind it.

Started in order and stopped in reverse: port, local LLM (if asked for), upstream client, health, server. SIGTERM and
SIGINT drain: health says NOT_SERVING, nothing new is taken, answers under way get `DRAIN_S` to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from assistant.cloud.address import parse_address
from assistant.config import Config, read_secret
from assistant.errors import ConfigError, GatewayError, LlmError
from assistant.executor import BoundedExecutor
from assistant.gateway.health import UpstreamHealth
from assistant.gateway.service import MAX_REQUEST_BYTES, SERVICE, CloudService, Limits
from assistant.gateway.upstream import Upstream
from assistant.llm.local import LocalLlm
from assistant.models import Models

log = structlog.get_logger(__name__)

DRAIN_S = 10.0
REMOTE_PROMPT_TOKENS = 6_000
"""What a prompt may take of a remote model's context; common ones have 8192 tokens and more."""
MIN_PROMPT_TOKENS = 256
LOCAL_MAX_TOKENS = 96
"""Half a minute of speech; what a model small enough to run here says beyond that wanders off."""
RESTART_DELAYS_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before a local LLM that ended is started again; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that listens."""

    address: str
    """Host and port it listens on; the port is the real one where the setting said 0."""
    upstream: str
    """Where its answers come from, for people."""


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
async def open_gateway(config: Config, *, local: bool = False, drain_s: float = DRAIN_S) -> AsyncIterator[Running]:
    """A gateway for the duration of the `async with` block; `local` serves the local model instead of an upstream.

    Raises:
        ConfigError: `gateway-listen`, `gateway-upstream`, `gateway-context`, `address-invalid`, `secret-unreadable`.
        ModelError, LlmError: the local model.
        GatewayError: `port-taken`.
    """
    settings = config.settings.gateway
    listen = check_listen(settings.listen)
    limits = Limits(settings.max_concurrent, settings.max_queued, _prompt_budget(config, local=local))
    async with contextlib.AsyncExitStack() as stack:
        server = _make_server(limits)
        stack.push_async_callback(server.stop, None)
        port = _bind(server, listen)  # first: loading a model for a port that is taken is time lost
        llm = await _start_local(config, stack) if local else None
        upstream = _make_upstream(config, llm)
        stack.push_async_callback(upstream.close)
        health = UpstreamHealth(upstream.probe)
        await health.look()
        health.register(server)
        _register_service(server, CloudService(upstream, limits, health.doubt))
        await server.start()
        stack.push_async_callback(server.stop, drain_s)
        stack.push_async_callback(health.drain)
        await stack.enter_async_context(_running(health.run()))
        if llm is not None:
            await stack.enter_async_context(_running(_keep_alive(llm, upstream, health.doubt)))
        running = Running(f"{listen.rpartition(':')[0]}:{port}", settings.local_model if local else upstream.base_url)
        log.info("gateway-listens", address=running.address, upstream=running.upstream)
        yield running


def check_listen(listen: str) -> str:
    """The address, if the gateway may listen there: on loopback only, since it can't authenticate devices.

    Raises:
        ConfigError: `gateway-listen`, `address-invalid`.
    """
    if not parse_address(listen, setting="gateway.listen", lowest_port=0).loopback:
        raise ConfigError(
            "gateway-listen",
            f"gateway.listen: {listen} can be reached from other machines, and the gateway can't tell devices apart",
            hint="Listen on 127.0.0.1, and put an SSH tunnel or an authenticating proxy in front.",
        )
    return listen


def _prompt_budget(config: Config, *, local: bool) -> int:
    settings = config.settings.gateway
    if not local:
        return REMOTE_PROMPT_TOKENS
    budget = settings.local_context_tokens - settings.max_tokens
    if budget < MIN_PROMPT_TOKENS:
        raise ConfigError(
            "gateway-context",
            "gateway.local_context_tokens leaves no room for a question beside gateway.max_tokens",
            hint=f"Make it at least {settings.max_tokens + MIN_PROMPT_TOKENS}.",
        )
    return budget


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


def _make_upstream(config: Config, llm: LocalLlm | None) -> Upstream:
    settings = config.settings.gateway
    max_tokens = settings.max_tokens
    if llm is not None:
        url, key, model = llm.base_url, llm.api_key, ""
        max_tokens = min(max_tokens, LOCAL_MAX_TOKENS)
    else:
        key = read_secret(settings.api_key, settings.api_key_file, name="gateway.api_key_file")
        url, model = settings.upstream, settings.model
    return Upstream(url, api_key=key, model=model, max_tokens=max_tokens, timeout_s=settings.upstream_timeout_s)


def _make_server(limits: Limits) -> Any:
    import grpc  # noqa: PLC0415 - heavy

    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            ("grpc.so_reuseport", 0),  # else a second gateway would silently share the port
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ],
        # Health probes come on top of the questions that run and wait.
        maximum_concurrent_rpcs=limits.max_concurrent + limits.max_queued + 256,
    )


def _register_service(server: Any, service: CloudService) -> None:
    server.add_generic_rpc_handlers((service.handler(),))
    if importlib.util.find_spec("grpc_reflection") is None:
        log.info("reflection-off", hint="pip install 'edgewise[gateway]'")
        return
    from grpc_health.v1 import health  # noqa: PLC0415
    from grpc_reflection.v1alpha import reflection  # noqa: PLC0415 - an extra

    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)


def _bind(server: Any, listen: str) -> int:
    try:
        port = int(server.add_insecure_port(listen))
    except RuntimeError as exc:
        raise GatewayError(
            "port-taken",
            f"can't listen on {listen}",
            hint="Another gateway may be running; stop it, or choose another gateway.listen.",
        ) from exc
    return port


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task for the duration of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
