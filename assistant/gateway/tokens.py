"""Bearer tokens: `ew1.DEVICE.SECRET`, the device's id and 256 random bits in hexadecimal. Pure.

Only a SHA-256 of the secret is kept. A slow hash (scrypt, Argon2) makes up for passwords that can be guessed; nobody
guesses 256 random bits, and every question would pay for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

AUTHORIZATION = "authorization"
"""The gRPC metadata key; its value is `Bearer TOKEN`."""

_TOKEN = re.compile(r"ew1\.([0-9a-f-]{36})\.([0-9a-f]{64})")


def make_secret() -> str:
    """256 random bits, as text."""
    return secrets.token_hex(32)


def make_token(device_id: str, secret: str) -> str:
    """What is set on the device."""
    return f"ew1.{device_id}.{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """(device id, secret), or None when this is no token of ours."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def digest_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def is_secret(secret: str, digest: bytes) -> bool:
    """Whether the digest is this secret's; takes as long whatever the answer."""
    return hmac.compare_digest(digest_of(secret), digest)


def bearer_of(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token in a call's metadata, None when there is none at all; empty when it is of another kind."""
    for key, value in metadata:
        if key == AUTHORIZATION:
            scheme, _, token = value.partition(" ") if isinstance(value, str) else ("", "", "")
            return token.strip() if scheme.lower() == "bearer" else ""
    return None
