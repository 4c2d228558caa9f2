"""A certificate authority of one's own, and the gateway's certificate from it.

The authority stays (devices trust it by `cloud.ca_file`); the server's certificate is made anew for each renewal. Keys
are P-256 and readable by their owner only.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigError, GatewayError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

CA_DAYS = 3650
DAYS = 397
"""As long as a public authority would give at most."""
WARN_DAYS = 30
SKEW = timedelta(days=1)
"""Certificates count from a day ago: clocks of small boards are behind after a start."""
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A directory that holds the authority and the gateway's certificate."""

    directory: Path

    @property
    def ca(self) -> Path:
        """What devices are given."""
        return self.directory / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.directory / "ca-key.pem"

    @property
    def server(self) -> Path:
        return self.directory / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.directory / "server-key.pem"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is of interest in a certificate."""

    names: tuple[str, ...]
    """Host names and IP addresses it is for."""
    ends: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days; below 0 when it has expired."""
        return (self.ends - now) // timedelta(days=1)


def make_certificate(files: CertificateFiles, names: Sequence[str], *, now: datetime, days: int = DAYS) -> Certificate:
    """Make the gateway's certificate, and the authority first where there is none. Blocks for some milliseconds.

    Raises:
        ConfigError: `cert-names` `cert-unreadable` `gateway-extra`.
        GatewayError: `cert-unwritable`.
    """
    _need_cryptography()
    _check_names(names)
    try:
        files.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.directory.mkdir(mode=0o700, exist_ok=True)
        files.directory.chmod(0o700)
        if not files.ca.exists():  # devices may trust one whose key is elsewhere: that is never replaced
            _make_authority(files, now)
        certificate, key = _issue(_load(files.ca), _load_key(files.ca_key), names, now, days)
        _write_pair(files.server, files.server_key, certificate, key)
    except OSError as exc:
        raise GatewayError(
            "cert-unwritable", f"can't write to {files.directory}: {exc.strerror}", hint="Check its owner."
        ) from exc
    return read_certificate(files.server)


def read_certificate(path: Path) -> Certificate:
    """The first certificate of a PEM file.

    Raises:
        ConfigError: `cert-unreadable` `gateway-extra`.
    """
    _need_cryptography()
    from cryptography import x509  # noqa: PLC0415

    certificate = _load(path)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        found = []
    return Certificate(tuple(found), certificate.not_valid_after_utc)


def now_utc() -> datetime:
    return datetime.now(UTC)


def _make_authority(files: CertificateFiles, now: datetime) -> None:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named("Edgewise gateway authority")
    builder = (
        _draft(subject, subject, key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    _write_pair(files.ca, files.ca_key, _sign(builder, key), key)


def _issue(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime, days: int
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    issuer = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _draft(_named("Edgewise gateway"), ca.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
    )
    return _sign(builder, ca_key), key


def _draft(subject: Any, issuer: Any, key: ec.EllipticCurvePrivateKey, now: datetime, days: int) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: Any, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    signed: x509.Certificate = builder.sign(key, hashes.SHA256())
    return signed


def _named(common_name: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    address = _address(name)
    return x509.IPAddress(address) if address else x509.DNSName(name)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _check_names(names: Sequence[str]) -> None:
    bad = [name for name in names if not _address(name) and not (len(name) <= 253 and _NAME.fullmatch(name))]
    if bad or not names:
        raise ConfigError(
            "cert-names",
            f"{bad[0]!r} is neither a host name nor an IP address" if bad else "a certificate needs a name",
            hint="Give every name and address by which devices reach the gateway, for example gateway.example.org.",
        )


def _load(path: Path) -> x509.Certificate:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise _unreadable(path, "certificate") from exc


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise _unreadable(path, "key") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _unreadable(path, "key of ours")
    return key


def _unreadable(path: Path, what: str) -> ConfigError:
    return ConfigError(
        "cert-unreadable", f"{path} holds no {what} that can be read", hint="Check the path and its permissions."
    )


def _write_pair(
    certificate_path: Path, key_path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key_path, private, 0o600)
    _write(certificate_path, certificate.public_bytes(pem), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """All of it or nothing, never readable by more than `mode` says."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra
    except ImportError as exc:
        raise ConfigError(
            "gateway-extra", "certificates need the package cryptography", hint="Run `pip install 'edgewise[gateway]'`."
        ) from exc
