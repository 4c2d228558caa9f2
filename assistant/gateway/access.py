"""Who may ask: every call's token against the devices that are known, kept fresh while the gateway runs.

A device that is revoked by `assistant gateway device revoke`, in whatever process, is out within `REFRESH_S`, its
running answers included; one whose token expires is out at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import structlog

from assistant.errors import GatewayError, StoreError
from assistant.gateway.devices import Device, DeviceStore
from assistant.gateway.quota import Quotas, day_of
from assistant.gateway.statuses import abort
from assistant.gateway.tokens import bearer_of, digest_of, is_secret, split_token

log = structlog.get_logger(__name__)

REFRESH_S = 1.0
CONVERSE = "/edgewise.cloud.v1.Cloud/Converse"
HEALTH = "/grpc.health.v1.Health/Check"
_NOBODY = digest_of("nobody")


class Access:
    """Devices in memory. `load` first, then `run` beside the server, `save` last."""

    def __init__(self, store: DeviceStore, quotas: Quotas, wall_s: Callable[[], float], *, at_once: int) -> None:
        """`at_once`: questions of one device that may wait or be answered at the same time."""
        self._store = store
        self._quotas = quotas
        self._wall_s = wall_s
        self._at_once = at_once
        self._devices: dict[str, Device] = {}
        self._version = -1
        self._answering: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)
        self._unsaved: defaultdict[int, Counter[str]] = defaultdict(Counter)
        """Day -> device id -> tokens that the store doesn't know of yet."""

    def identify(self, metadata: Iterable[tuple[str, str | bytes]]) -> Device:
        """The device that calls.

        Raises:
            GatewayError: `token-missing` `token-refused` `token-expired`.
        """
        token = bearer_of(metadata)
        if token is None:
            raise GatewayError("token-missing", "a token is needed")
        device_id, secret = split_token(token) or ("", "")
        device = self._devices.get(device_id)
        if not is_secret(secret, device.digest if device else _NOBODY) or device is None:
            raise GatewayError("token-refused", "the token is wrong or was revoked")
        if device.expired(self._wall_s() * 1000):
            raise GatewayError("token-expired", "the token has expired")
        return device

    def charge(self, device: Device, tokens: int) -> None:
        """Count the tokens of an answer; in the store within `REFRESH_S`."""
        wall_s = self._wall_s()
        self._quotas.charge(device.id, tokens, wall_s)
        self._unsaved[day_of(wall_s)][device.id] += tokens

    @contextlib.asynccontextmanager
    async def admitted(self, device: Device) -> AsyncIterator[None]:
        """Count a question in, for as long as the block takes.

        Raises:
            GatewayError: `device-busy`, `rate-limited` or `quota-exhausted` instead of the block; out of it
                `token-refused`, as soon as the device may no longer ask.
        """
        if len(self._answering.get(device.id, ())) >= self._at_once:
            raise GatewayError("device-busy", "the device asks too much at once", retryable=True)
        self._quotas.admit(device.id, asyncio.get_running_loop().time(), self._wall_s())
        left_s = None if device.expires_ms is None else device.expires_ms / 1000 - self._wall_s()
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                self._answering[device.id].add(limit)
                try:
                    yield
                finally:
                    self._answering[device.id].discard(limit)
                    if not self._answering[device.id]:
                        del self._answering[device.id]
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise GatewayError("token-refused", "the token was revoked or has expired") from exc

    async def load(self) -> int:
        """Read devices and today's use for the first time; how many devices there are. Raises StoreError."""
        wall_s = self._wall_s()
        self._quotas.restore(await self._store.usage(day_of(wall_s)), wall_s)
        await self.refresh()
        return len(self._devices)

    async def refresh(self) -> None:
        """Read what others changed, write what was used. Raises StoreError."""
        version = await self._store.version()
        if version != self._version:
            self._take(await self._store.devices())
            self._version = version
        await self.save()

    async def save(self) -> None:
        """Write what was used. Raises StoreError; nothing is forgotten then."""
        for day in list(self._unsaved):
            tokens = self._unsaved.pop(day)  # before: a write goes on when we are cancelled, and must not come twice
            try:
                await self._store.add_usage(day, tokens)
            except StoreError:
                self._unsaved[day] += tokens
                raise

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except StoreError as exc:
                log.error("devices-unreadable", code=exc.code, message=exc.message)

    def _take(self, devices: Iterable[Device]) -> None:
        """These are all that may ask from now on."""
        self._devices = {device.id: device for device in devices}
        self._quotas.keep_only(self._devices)
        now_s = asyncio.get_running_loop().time()
        for device_id in self._answering.keys() - self._devices.keys():
            for limit in self._answering[device_id]:
                if not limit.expired():  # such a one is ending already, and can't be told again
                    limit.reschedule(now_s)


def needs_token(method: str, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
    """Whether the interceptor asks for a token. Converse looks at its own. Health is open to load balancers; a token
    that it does carry must be right, so that a device learns of a wrong one before it asks."""
    return method != CONVERSE and not (method == HEALTH and bearer_of(metadata) is None)


def make_interceptor(access: Access) -> Any:
    """A gRPC interceptor that refuses calls without a good token, before anything more of them is received."""
    import grpc  # noqa: PLC0415 - heavy

    class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            metadata = details.invocation_metadata or ()
            try:
                if needs_token(details.method, metadata):
                    access.identify(metadata)
            except GatewayError as exc:
                return _refusing(exc)
            return await continuation(details)

    def _refusing(error: GatewayError) -> Any:
        async def refuse(_: Any, context: Any) -> None:
            await abort(context, error)

        return grpc.stream_stream_rpc_method_handler(refuse)

    return TokenInterceptor()
