"""Where the gateway is, and whether the way there leaves the machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from assistant.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    host: str
    """Name or IP address, without brackets."""
    port: int

    @property
    def loopback(self) -> bool:
        """Whether plain text may go there."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """127.0.0.0/8, ::1 or `localhost`: what is sent there stays on this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_address(text: str, *, setting: str = "cloud.address", lowest_port: int = 1) -> GatewayAddress:
    """`host:port` or `[v6]:port`, as the setting of this name gives it.

    Raises:
        ConfigError: `address-invalid`.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    known_port = port.isascii() and port.isdecimal() and len(port) <= 5 and lowest_port <= int(port) <= 65535
    if not bare or not known_port or (":" in bare) != host.startswith("["):
        raise ConfigError(
            "address-invalid",
            f"{setting}: {text!r} is not host:port",
            hint='For example "gateway.example.org:50051" or "[::1]:50051".',
        )
    return GatewayAddress(bare, int(port))
