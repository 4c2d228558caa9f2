"""Whether the gateway can be reached: known before a question is asked, so that a dead link costs no timeout.

`LinkState` is the pure half and a circuit breaker: closed (up) until a call or a probe fails or the network goes, open
(down) until a probe or a call succeeds; while it is open no question is sent, and a probe now and then is its half-open
state. `Link` publishes its changes, `HealthMonitor` probes.

    what happened                    believed   next probe
    a call or probe succeeded        up         an interval later
    a call failed                    down       now: one answer may have been slow for reasons of its own
    a probe failed                   down       after a pause that doubles each time, up to the longest
    the network went                 down       now: whoever is reached all the same is up again
    the network came                 as before  now, and pauses begin short again
    somebody asks while it is down   as before  now, unless one failed just before
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

import structlog

from assistant.backoff import Backoff
from assistant.errors import CloudError
from assistant.events import LinkChanged

log = structlog.get_logger(__name__)

NOT_CONFIGURED = "not-configured"
UNKNOWN = "unknown"
REACHED = "reached"
NETWORK_DOWN = "network-down"
ASKED_PAUSE_S = 5.0
"""Who asks while the link is down brings the next probe forward, unless one failed so short a time ago."""

KEEPS_LINK = frozenset(
    {"cloud-busy", "cloud-quota", "cloud-refused", "cloud-invalid", "cloud-empty", "cloud-truncated"}
)
"""Codes with which a gateway that is there and well may end a call or a probe: they say nothing against the link."""


class LinkState:
    """What is believed of the link. Pure: every method takes the time, none reads a clock."""

    def __init__(self, *, configured: bool, interval_s: float, now_s: float, backoff: Backoff | None = None) -> None:
        """`backoff` gives the pauses between probes that fail; without one each is `interval_s`."""
        self.up = configured
        self.reason = UNKNOWN if configured else NOT_CONFIGURED
        """`unknown` `reached` `not-configured` `network-down`, or the code of what failed."""
        self._configured = configured
        self._interval_s = interval_s
        self._backoff = backoff or Backoff(interval_s, interval_s)
        self._next_probe_s = now_s
        self._failed_s = -math.inf

    @property
    def next_probe_s(self) -> float | None:
        """When to probe next; None for never. The first probe is due at once."""
        return self._next_probe_s if self._configured else None

    def succeeded(self, now_s: float) -> bool:
        """A call or probe reached the gateway. True when this changed what is believed."""
        self._backoff.reset()
        return self._learn(True, REACHED, now_s + self._interval_s)

    def call_failed(self, reason: str, now_s: float) -> bool:
        """A call failed. True when this changed what is believed (the reason alone is no change)."""
        return self._learn(False, reason, now_s)

    def probe_failed(self, reason: str, now_s: float) -> bool:
        """A probe failed. True when this changed what is believed."""
        self._failed_s = now_s
        return self._learn(False, reason, now_s + self._backoff.next_s())

    def network_lost(self, now_s: float) -> bool:
        """No interface leads anywhere now. True when this changed what is believed."""
        return self._learn(False, NETWORK_DOWN, now_s)

    def network_found(self, now_s: float) -> None:
        """An interface leads somewhere again, or elsewhere."""
        self._backoff.reset()
        self._next_probe_s = now_s

    def asked(self, now_s: float) -> None:
        """Somebody would have asked the cloud, had it been there."""
        if not self.up and now_s - self._failed_s >= ASKED_PAUSE_S:
            self._next_probe_s = min(self._next_probe_s, now_s)

    def _learn(self, up: bool, reason: str, next_probe_s: float) -> bool:
        changed = self._configured and (up != self.up or self.reason == UNKNOWN)
        if self._configured:
            self.up, self.reason = up, reason
            self._next_probe_s = next_probe_s
        return changed


class Link:
    """The one shared `LinkState`: calls and probes report to it, and it tells everybody else."""

    def __init__(self, state: LinkState, publish: Callable[[LinkChanged], None], now: Callable[[], float]) -> None:
        self._state = state
        self._publish = publish
        self._now = now
        self._doubted = asyncio.Event()

    @property
    def up(self) -> bool:
        return self._state.up

    @property
    def reason(self) -> str:
        return self._state.reason

    @property
    def probe_in_s(self) -> float | None:
        """Seconds until the next probe is due (0 or less: now); None for never."""
        due_s = self._state.next_probe_s
        return None if due_s is None else due_s - self._now()

    def succeeded(self) -> None:
        if self._state.succeeded(self._now()):
            self._tell()

    def probe_failed(self, reason: str) -> None:
        """A probe ended with this error code. Whoever is refused hears that when asking, not that the cloud is away."""
        if reason in KEEPS_LINK:
            self.succeeded()
            return
        if self._state.probe_failed(reason, self._now()):
            self._tell()

    def call_failed(self, code: str) -> None:
        """A call ended with this error code. A gateway that answers "busy" is a gateway that answers."""
        if code in KEEPS_LINK:
            self.succeeded()
            return
        if self._state.call_failed(code, self._now()):
            self._tell()
        self._doubted.set()

    def network(self, *, up: bool) -> None:
        """Some interface leads somewhere now, or none does any more."""
        if up:
            self._state.network_found(self._now())
        elif self._state.network_lost(self._now()):
            self._tell()
        self._doubted.set()

    def asked(self) -> None:
        """Somebody would have asked the cloud, had it been there."""
        self._state.asked(self._now())
        self._doubted.set()

    async def probe_is_due(self) -> bool:
        """Wait until the next probe is due; False when none ever is."""
        while (wait_s := self.probe_in_s) is not None and wait_s > 0:
            self._doubted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._doubted.wait()
        return wait_s is not None

    def _tell(self) -> None:
        log.info("link-changed", up=self.up, reason=self.reason)
        self._publish(LinkChanged(up=self.up, reason=self.reason))


class HealthMonitor:
    """Probes behind a failed call, and whenever the link has been silent for the probe interval. One at a time."""

    def __init__(self, link: Link, probe: Callable[[], Awaitable[None]], *, timeout_s: float) -> None:
        """`probe` raises CloudError when the gateway can't answer questions; it may take `timeout_s`."""
        self._link = link
        self._probe = probe
        self._timeout_s = timeout_s

    async def run(self) -> None:
        """Probe until cancelled. Returns at once when no gateway is configured."""
        while await self._link.probe_is_due():
            await self._probe_once()

    async def _probe_once(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._probe()
        except TimeoutError:
            self._link.probe_failed("cloud-timeout")
        except CloudError as exc:
            self._link.probe_failed(exc.code)
        else:
            self._link.succeeded()
