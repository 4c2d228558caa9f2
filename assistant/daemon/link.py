"""The way to the gateway: its client, and everything that tells whether it can be reached."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from assistant.backoff import Backoff
from assistant.cloud.address import parse_address
from assistant.cloud.client import GrpcCloud
from assistant.cloud.health import HealthMonitor, Link, LinkState
from assistant.cloud.interfaces import watch_network
from assistant.config import read_secret
from assistant.daemon.background import Background
from assistant.events import Event, EventBus, Routed
from assistant.settings import CloudConfig

JITTER = 0.25


def start_link(
    cloud: CloudConfig, bus: EventBus, now: Callable[[], float], background: Background, stack: AsyncExitStack
) -> tuple[Link, GrpcCloud]:
    """Probe the gateway for as long as the stack holds. Raises ConfigError."""
    backoff = Backoff(cloud.probe_interval_s, max(cloud.probe_interval_s, cloud.probe_max_interval_s), jitter=JITTER)
    state = LinkState(configured=bool(cloud.address), interval_s=cloud.probe_interval_s, now_s=now(), backoff=backoff)
    link = Link(state, bus.publish, now)
    client = GrpcCloud(cloud, read_secret(cloud.token, cloud.token_file, name="cloud.token_file"), link)
    stack.push_async_callback(client.close)
    if cloud.address:
        stack.enter_context(bus.watch(lambda event: _asked(event, link)))
        if not parse_address(cloud.address).loopback:  # what never leaves the machine needs no network
            background.run("network", lambda: watch_network(lambda up: link.network(up=up)))
    background.run("cloud health", HealthMonitor(link, client.check, timeout_s=cloud.probe_timeout_s).run)
    return link, client


def _asked(event: Event, link: Link) -> None:
    if isinstance(event, Routed) and event.reason == "offline":
        link.asked()
