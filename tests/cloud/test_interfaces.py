"""The machine's network interfaces, as bytes of the kernel's."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.cloud import interfaces as module
from assistant.cloud.interfaces import Interfaces, watch_network
from assistant.streams import closing

NEW_LINK, DEL_LINK, NEW_ADDRESS, DEL_ADDRESS = 16, 17, 20, 21
UP, LOOPBACK, RUNNING = 0x1, 0x8, 0x40


def message(kind: int, body: bytes) -> bytes:
    padded = body + b"\0" * (-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + padded


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def link(index: int, flags: int, *, made_by: str = "", kind: int = NEW_LINK) -> bytes:
    info = attribute(18 | 0x8000, attribute(1, made_by.encode() + b"\0")) if made_by else b""
    return message(kind, struct.pack("=BxHiII", 0, 1, index, flags, 0) + attribute(3, b"name\0") + info)


def address(index: int, text: bytes, *, scope: int = 0, kind: int = NEW_ADDRESS) -> bytes:
    return message(kind, struct.pack("=BBBBi", 2, 24, 0, scope, index) + attribute(1, text))


ETHERNET, WIFI = link(2, UP | RUNNING), link(3, UP | RUNNING)
HOME = address(2, b"\xc0\xa8\x01\x02")


def listed(*messages: bytes) -> Interfaces:
    interfaces = Interfaces()
    interfaces.read(b"".join(messages))
    interfaces.listed = True
    return interfaces


@pytest.mark.parametrize(
    ("messages", "up"),
    [
        ((), True),  # nothing that counts: can't be told
        ((ETHERNET, HOME), True),
        ((ETHERNET,), False),
        ((ETHERNET, address(2, b"\xfe\x80", scope=253)), False),
        ((link(1, UP | RUNNING | LOOPBACK), address(1, b"\x7f\0\0\1", scope=254)), True),
        ((link(2, UP), HOME), False),  # the cable was pulled
        ((link(2, UP), HOME, WIFI), True),
        ((link(2, UP), HOME, link(4, UP | RUNNING, made_by="bridge"), link(5, UP | RUNNING, made_by="veth")), False),
        ((link(2, UP), HOME, link(6, UP | RUNNING, made_by="ppp")), True),
        ((ETHERNET, HOME, address(2, b"\xc0\xa8\x01\x02", kind=DEL_ADDRESS)), False),
        ((ETHERNET, HOME, WIFI, link(2, UP, kind=DEL_LINK)), True),
    ],
)
def test_an_interface_that_runs_and_has_an_address_leads_somewhere(messages: tuple[bytes, ...], up: bool) -> None:
    assert listed(*messages).up is up


def test_before_all_are_listed_nothing_is_said_against_the_network() -> None:
    interfaces = Interfaces()
    interfaces.read(link(2, UP))
    assert interfaces.up
    interfaces.listed = True
    assert not interfaces.up
    interfaces.forget()
    assert interfaces.up


def test_what_comes_is_told_from_what_was_there() -> None:
    interfaces = listed(ETHERNET, HOME)
    assert not interfaces.read(ETHERNET + HOME)
    assert not interfaces.read(link(2, UP))
    assert interfaces.read(ETHERNET)
    assert interfaces.read(address(2, b"\x0a\0\0\1"))
    assert not interfaces.read(address(2, b"\x0a\0\0\1", kind=DEL_ADDRESS))


@given(st.binary(max_size=200), st.integers(0, 120))
def test_bytes_that_make_no_sense_are_passed_over(noise: bytes, cut: int) -> None:
    interfaces = Interfaces()
    interfaces.read(noise)
    interfaces.read((ETHERNET + HOME)[:cut])
    interfaces.read(ETHERNET + HOME + noise)
    interfaces.listed = True
    assert isinstance(interfaces.up, bool)


@pytest.mark.real_time
async def test_this_machines_kernel_lists_its_interfaces() -> None:
    kernel, interfaces = module._open(), Interfaces()
    with kernel:
        async with asyncio.timeout(5):
            async with closing(module._news(kernel, interfaces)) as news:
                async for _ in news:
                    if interfaces.listed:
                        break
    assert interfaces.listed


async def test_where_the_kernel_does_not_tell_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError

    told: list[bool] = []
    monkeypatch.setattr(module, "_open", refused)
    await watch_network(told.append)
    assert told == []


IN_A_NAMESPACE = """
import asyncio, subprocess
from assistant.cloud.interfaces import watch_network

def ip(*words):
    subprocess.run(["ip", *words], check=True)

async def live():
    told = asyncio.Queue()
    ip("link", "add", "cable", "type", "veth", "peer", "name", "far-end")
    ip("link", "set", "far-end", "up")
    ip("link", "set", "cable", "up")
    ip("link", "add", "link", "cable", "name", "wan", "type", "macvlan")
    ip("addr", "add", "10.9.0.1/24", "dev", "wan")
    watching = asyncio.create_task(watch_network(told.put_nowait))
    async with asyncio.timeout(20):
        print(await told.get())
        for words in (
            "link set wan up", "addr del 10.9.0.1/24 dev wan", "addr add 10.9.0.1/24 dev wan", "link set far-end down"
        ):
            ip(*words.split())
            print(await told.get())
    watching.cancel()
    await asyncio.wait({watching})

asyncio.run(live())
"""


@pytest.mark.root
@pytest.mark.skipif(not (shutil.which("ip") and shutil.which("unshare")), reason="needs iproute2 and util-linux")
def test_a_real_kernel_tells_of_links_addresses_and_cables() -> None:
    """In a network namespace of its own: a link that is off, on, without its address, with it, and unplugged."""
    command = ["unshare", "--net", sys.executable, "-c", IN_A_NAMESPACE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unshare failed" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("no network namespaces here")
    assert done.stdout.split() == ["False", "True", "False", "True", "False"], done.stderr
