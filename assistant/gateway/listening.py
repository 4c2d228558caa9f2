"""Where the gateway listens, and with what protection: plain text and no tokens stay on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from assistant.cloud.address import parse_address
from assistant.config import Config
from assistant.errors import ConfigError, GatewayError
from assistant.gateway.certificates import WARN_DAYS, CertificateFiles, now_utc, read_certificate

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Listening:
    """How devices reach the gateway."""

    address: str
    """host:port; port 0 for any."""
    tls: TlsFiles | None
    tokens: bool
    """Devices need tokens."""


def plan(config: Config) -> Listening:
    """What the configuration asks for, if that is safe.

    Raises:
        ConfigError: `gateway-tls` for an address off loopback without a certificate, `address-invalid`.
    """
    settings = config.settings.gateway
    loopback = parse_address(settings.listen, setting="gateway.listen", lowest_port=0).loopback
    tls = None if loopback and not settings.cert_file else find_tls(config)
    return Listening(settings.listen, tls, tokens=tls is not None or settings.tokens == "required")


def find_tls(config: Config) -> TlsFiles:
    """The certificate that the configuration names, else our own.

    Raises:
        ConfigError: `gateway-tls`: there is none.
    """
    settings = config.settings.gateway
    if bool(settings.cert_file) != bool(settings.key_file):
        raise ConfigError(
            "gateway-tls", "gateway.cert_file and gateway.key_file belong together", hint="Set both, or neither."
        )
    if settings.cert_file:
        return TlsFiles(Path(settings.cert_file).expanduser(), Path(settings.key_file).expanduser())
    own = CertificateFiles(config.paths.gateway_tls)
    if not own.server.exists():
        raise ConfigError(
            "gateway-tls",
            f"gateway.listen: {settings.listen} can be reached from other machines, and there is no certificate",
            hint="Run `assistant gateway cert NAME` with the gateway's host name, or listen on 127.0.0.1.",
        )
    return TlsFiles(own.server, own.server_key)


def bind(server: Any, listening: Listening) -> int:
    """Have the gRPC server listen; the port. Blocks for a moment: reads the certificate.

    Raises:
        ConfigError: `cert-unreadable` `cert-expired`.
        GatewayError: `port-taken`.
    """
    credentials = None if listening.tls is None else _credentials(listening.tls)
    try:
        if credentials is None:
            return int(server.add_insecure_port(listening.address))
        return int(server.add_secure_port(listening.address, credentials))
    except RuntimeError as exc:
        raise GatewayError(
            "port-taken",
            f"can't listen on {listening.address}",
            hint="Another gateway may be running; stop it, or choose another gateway.listen.",
        ) from exc


def check_expiry(files: TlsFiles) -> None:
    """Warn in the log when the certificate ends soon. Blocks for a moment.

    Raises:
        ConfigError: `cert-expired` `cert-unreadable`.
    """
    certificate = read_certificate(files.certificate)
    left = certificate.days_left(now_utc())
    if left < 0:
        raise ConfigError(
            "cert-expired",
            f"{files.certificate} expired on {certificate.ends:%Y-%m-%d}",
            hint="Renew it: run `assistant gateway cert`.",
        )
    if left < WARN_DAYS:
        log.warning("cert-expires", days=left, hint="run `assistant gateway cert`")


def _credentials(files: TlsFiles) -> Any:
    """gRPC's credentials; every new connection gets the newest certificate."""
    import grpc  # noqa: PLC0415 - heavy

    check_expiry(files)
    pair = _read_pair(files)
    if files.key.stat().st_mode & 0o077:
        log.warning("key-readable-by-others", file=str(files.key), hint="chmod 600 it")
    return grpc.dynamic_ssl_server_credentials(
        grpc.ssl_server_certificate_configuration([pair]), _renewals(files, pair), require_client_authentication=False
    )


def _renewals(files: TlsFiles, pair: tuple[bytes, bytes]) -> Callable[[], Any]:
    """What gRPC calls, on a thread of its own, before each handshake: a new pair, or None for the one it has."""
    import grpc  # noqa: PLC0415 - heavy

    seen, taken = _stamp(files), pair

    def renewed() -> Any:
        nonlocal seen, taken
        if (stamp := _stamp(files)) == seen:
            return None
        seen = stamp
        try:
            read = _read_pair(files)
        except ConfigError as exc:  # the other file of the pair may follow in a moment
            log.error("cert-not-renewed", code=exc.code, message=exc.message)
            return None
        if read == taken:
            return None
        taken = read
        log.info("cert-renewed")
        return grpc.ssl_server_certificate_configuration([read])

    return renewed


def _stamp(files: TlsFiles) -> tuple[int, ...]:
    try:
        return tuple(path.stat().st_mtime_ns for path in (files.certificate, files.key))
    except OSError:
        return ()


def _read_pair(files: TlsFiles) -> tuple[bytes, bytes]:
    """Key and certificate, as gRPC wants them, if they belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
        return files.key.read_bytes(), files.certificate.read_bytes()
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ConfigError(
            "cert-unreadable",
            f"{files.certificate} and {files.key} are no certificate and its key, or can't be read",
            hint="Check the paths and permissions; `assistant gateway cert` makes both.",
        ) from exc
