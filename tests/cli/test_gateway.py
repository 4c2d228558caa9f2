"""`assistant gateway`: devices and certificates from the command line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from assistant.config import find_paths
from assistant.gateway.certificates import CertificateFiles, read_certificate
from assistant.gateway.tokens import split_token
from tests.cli.calling import call, call_json, error_code


def test_a_token_is_shown_once() -> None:
    result = call("gateway", "device", "add", "kitchen")
    found = split_token(result.stdout.strip())
    assert found
    assert "cloud.token" in result.stderr
    listed = call_json("gateway", "device", "list")
    facts = [(device["id"], device["name"], device["expires_ms"], device["tokens_today"]) for device in listed]
    assert facts == [(found[0], "kitchen", None, 0)]
    assert found[1] not in call("gateway", "device", "list").stdout + str(listed)


def test_a_token_may_expire() -> None:
    made = call_json("gateway", "device", "add", "kitchen", "--expires", "30")
    assert split_token(made["token"])
    assert made["expires_ms"] / 1000 == pytest.approx(time.time() + 30 * 86_400, abs=60)
    assert call("gateway", "device", "list").stdout.splitlines()[0].split() == [
        "name",
        "home",
        "added",
        "expires",
        "tokens",
        "today",
    ]


def test_revoking() -> None:
    call("gateway", "device", "add", "kitchen")
    call("gateway", "device", "add", "Bath")
    assert error_code("gateway", "device", "revoke", "cellar") == "device-unknown"
    assert "Did you mean 'kitchen'?" in call("gateway", "device", "revoke", "kitchn", code=1).stderr
    call("gateway", "device", "revoke", "bath")
    assert [device["name"] for device in call_json("gateway", "device", "list")] == ["kitchen"]


@pytest.mark.parametrize(("name", "code"), [("kitchen", "device-exists"), ("", "device-name"), ("a\nb", "device-name")])
def test_names_that_can_not_be_given(name: str, code: str) -> None:
    call("gateway", "device", "add", "kitchen")
    assert error_code("gateway", "device", "add", name) == code


def test_a_certificate_and_its_renewal_for_the_same_names() -> None:
    files = CertificateFiles(find_paths().gateway_tls)
    made = call("gateway", "cert", "gateway.example.org", "192.168.1.5", "--days", "10")
    assert "cloud.ca_file" in made.stdout
    assert str(files.ca) in made.stdout
    first = read_certificate(files.server)
    renewed = call_json("gateway", "cert")
    assert tuple(renewed["names"]) == first.names == ("gateway.example.org", "192.168.1.5")
    assert Path(renewed["ca_file"]) == files.ca
    assert read_certificate(files.server).ends > first.ends


def test_a_certificate_needs_names() -> None:
    assert error_code("gateway", "cert", code=2) == "cert-names"
    assert error_code("gateway", "cert", "no name", code=2) == "cert-names"


def test_off_loopback_it_does_not_start_without_a_certificate() -> None:
    result = call("gateway", "run", "--listen", "0.0.0.0:0", "--upstream", "http://127.0.0.1:9/v1", code=2)
    assert "[gateway-tls]" in result.stderr
    assert "assistant gateway cert" in result.stderr
