"""Whether any network interface leads anywhere, as Linux tells it over rtnetlink(7).

`Interfaces` is the pure half: messages in, a verdict out. `watch_network` reads them from a socket of the kernel's.

An interface counts while it is running and is neither loopback nor one that leads only elsewhere on this machine or
over another interface (`_INNER`). Where it can't be told, the verdict is yes: probes find out what is really so.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterator

import structlog

from assistant.streams import closing

log = structlog.get_logger(__name__)

_DONE, _ERROR = 3, 2
_NEW_LINK, _DEL_LINK, _GET_LINK = 16, 17, 18
_NEW_ADDRESS, _DEL_ADDRESS, _GET_ADDRESS = 20, 21, 22
_LOOPBACK, _RUNNING = 0x8, 0x40
_SCOPE_LINK = 253
"""This and above: an address that leads no further than the cable."""
_LINK_INFO, _INFO_KIND = 18, 1
_NESTED = 0x3FFF
"""An attribute's type without its flags."""
_INNER = frozenset({"bridge", "dummy", "ifb", "tun", "veth", "wireguard"})
_REQUEST_ALL = 0x1 | 0x300
"""NLM_F_REQUEST and NLM_F_DUMP."""
_GROUPS = 0x1 | 0x10 | 0x100
"""Links, IPv4 and IPv6 addresses."""
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER_BYTES = 65_536


class Interfaces:
    """What is known of the machine's interfaces. Pure."""

    def __init__(self) -> None:
        self._running: dict[int, bool] = {}
        """By index, of those that count."""
        self._addresses: set[tuple[int, bytes]] = set()
        self.listed = False
        """Whether all have been told of once: before, what is missing may yet come."""

    @property
    def up(self) -> bool:
        """Whether one leads somewhere; also when none counts, as in a container."""
        if not self.listed or not self._running:
            return True
        return any(self._running.values()) and bool(self._addresses)

    def forget(self) -> None:
        """Begin anew: something was missed."""
        self._running.clear()
        self._addresses.clear()
        self.listed = False

    def read(self, data: bytes) -> bool:
        """Take in one datagram of messages. True when an interface or an address came that wasn't there before.

        What is cut short or unknown is passed over.
        """
        came = False
        for kind, body in _messages(data):
            if kind in {_NEW_LINK, _DEL_LINK}:
                came |= self._link(body, gone=kind == _DEL_LINK)
            elif kind in {_NEW_ADDRESS, _DEL_ADDRESS}:
                came |= self._address(body, gone=kind == _DEL_ADDRESS)
        return came

    def _link(self, body: bytes, *, gone: bool) -> bool:
        if len(body) < _LINK.size:
            return False
        _, _, index, flags, _ = _LINK.unpack_from(body)
        if flags & _LOOPBACK or _kind_of(body[_LINK.size :]) in _INNER:
            return False
        was = self._running.pop(index, False)
        if gone:
            return False
        self._running[index] = bool(flags & _RUNNING)
        return self._running[index] and not was

    def _address(self, body: bytes, *, gone: bool) -> bool:
        if len(body) < _ADDRESS.size:
            return False
        _, _, _, scope, index = _ADDRESS.unpack_from(body)
        if scope >= _SCOPE_LINK:
            return False
        values = dict(_attributes(body[_ADDRESS.size :]))
        key = index, values.get(2) or values.get(1, b"")  # the own end of a line between two, else the address
        if gone:
            self._addresses.discard(key)
            return False
        new = key not in self._addresses
        self._addresses.add(key)
        return new


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            return
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) of each."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            return
        yield kind & _NESTED, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _kind_of(attributes: bytes) -> str:
    """What made a virtual interface, `tun` for one; empty for hardware."""
    info = dict(_attributes(attributes)).get(_LINK_INFO, b"")
    return dict(_attributes(info)).get(_INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")


async def watch_network(told: Callable[[bool], None]) -> None:
    """Call `told` when the verdict changes, and with True whenever something new leads somewhere; until cancelled.

    Returns at once where the kernel doesn't tell (another system, a sandbox): then probes alone find out.
    """
    try:
        kernel = _open()
    except OSError as exc:
        log.info("network interfaces not watched", error=type(exc).__name__)
        return
    interfaces, up = Interfaces(), True
    with contextlib.closing(kernel):
        async with closing(_news(kernel, interfaces)) as news:
            async for came in news:
                if interfaces.up is not up or (came and interfaces.up):
                    up = interfaces.up
                    told(up)


def _open() -> socket.socket:
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError("no netlink")
    kernel = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        kernel.bind((0, _GROUPS))
        _ask_for_all(kernel, _GET_LINK)
    except OSError:
        kernel.close()
        raise
    return kernel


async def _news(kernel: socket.socket, interfaces: Interfaces) -> AsyncGenerator[bool, None]:
    """Keep `interfaces` up to date; for each datagram, whether something came that wasn't there when all was listed."""
    loop = asyncio.get_running_loop()
    lists = [_GET_ADDRESS]  # the kernel makes one list at a time
    while True:
        try:
            data, (sender, _) = await loop.sock_recvfrom(kernel, _BUFFER_BYTES)
        except OSError:  # ENOBUFS: more happened than the buffer holds
            interfaces.forget()
            lists = [_GET_ADDRESS]
            _ask_for_all(kernel, _GET_LINK)
            continue
        if sender:  # not the kernel
            continue
        listed, came = interfaces.listed, interfaces.read(data)
        if not listed and any(kind in {_DONE, _ERROR} for kind, _ in _messages(data)):
            if lists:
                _ask_for_all(kernel, lists.pop())
            else:
                interfaces.listed = True
        yield came and listed


def _ask_for_all(kernel: socket.socket, kind: int) -> None:
    kernel.send(_HEADER.pack(_HEADER.size + 1, kind, _REQUEST_ALL, 1, 0) + b"\0")
