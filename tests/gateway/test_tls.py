"""TLS: what the gateway demands before it listens off loopback, and what a device makes of certificates."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from assistant.cli import checks
from assistant.config import find_paths, load_config
from assistant.dialog import phrases
from assistant.errors import CloudError, ConfigError
from assistant.gateway.certificates import CertificateFiles, make_certificate, now_utc, read_certificate
from assistant.gateway.listening import TlsFiles, check_expiry, plan
from tests.dialog.test_answer import say
from tests.fakes import FakeOpenAiServer
from tests.gateways import LinkedCloud, add_device, ca_file, gateway_before, make_tls

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def files() -> CertificateFiles:
    return CertificateFiles(find_paths().gateway_tls)


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def test_keys_are_for_their_owner_alone() -> None:
    made = make_certificate(files(), ["gateway.example.org", "192.168.1.5", "::1"], now=NOW, days=90)
    assert made.names == ("gateway.example.org", "192.168.1.5", "::1")
    assert made.ends == NOW + timedelta(days=90)
    assert stat.S_IMODE(files().directory.stat().st_mode) == 0o700
    for key in (files().ca_key, files().server_key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in files().directory.iterdir()) == [
        "ca-key.pem",
        "ca.pem",
        "server-key.pem",
        "server.pem",
    ]


def test_a_renewal_keeps_the_authority() -> None:
    make_certificate(files(), ["a.example"], now=NOW)
    authority, server = files().ca.read_bytes(), files().server.read_bytes()
    make_certificate(files(), ["a.example"], now=NOW)
    assert files().ca.read_bytes() == authority
    assert files().server.read_bytes() != server


def test_an_authority_whose_key_is_elsewhere_is_never_replaced() -> None:
    make_certificate(files(), ["a.example"], now=NOW)
    authority = files().ca.read_bytes()
    files().ca_key.unlink()
    with pytest.raises(ConfigError) as caught:
        make_certificate(files(), ["a.example"], now=NOW)
    assert caught.value.code == "cert-unreadable"
    assert files().ca.read_bytes() == authority


@pytest.mark.parametrize("names", [[], ["bad name"], ["-x"], ["a..b"], ["x" * 64], ["a" * 300], ["https://x"], ["x:1"]])
def test_names_that_are_none(names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_certificate(files(), names, now=NOW)
    assert caught.value.code == "cert-names"
    assert not files().directory.exists()


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.168.1.5:1", "gateway.example.org:1"])
def test_off_loopback_it_needs_a_certificate_and_tokens(listen: str) -> None:
    config = load_config(find_paths(), [f'gateway.listen="{listen}"'])
    with pytest.raises(ConfigError) as caught:
        plan(config)
    assert caught.value.code == "gateway-tls"
    assert "assistant gateway cert" in caught.value.hint
    make_certificate(files(), ["a.example"], now=NOW)
    how = plan(config)
    assert how.tls
    assert how.tokens


def test_on_loopback_it_needs_neither_but_takes_both() -> None:
    listen = 'gateway.listen="[::1]:1"'
    assert plan(load_config(find_paths(), [listen])).tls is None
    assert not plan(load_config(find_paths(), [listen])).tokens
    assert plan(load_config(find_paths(), [listen, 'gateway.tokens="required"'])).tokens
    how = plan(load_config(find_paths(), [listen, 'gateway.cert_file="a"', 'gateway.key_file="b"']))
    assert how.tls == TlsFiles(Path("a"), Path("b"))
    assert how.tokens
    with pytest.raises(ConfigError):
        plan(load_config(find_paths(), [listen, 'gateway.cert_file="a"']))


@pytest.mark.real_time
async def test_a_question_off_loopback() -> None:
    make_tls("127.0.0.1", "0.0.0.0")
    token = await add_device()
    listen = 'gateway.listen="0.0.0.0:0"'
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, listen) as gateway:
        assert gateway.protection == "TLS and tokens"
        async with LinkedCloud(gateway.address, token=token, ca_file=ca_file()) as linked:
            assert await linked.ask() == "Blue."
        async with LinkedCloud(f"127.0.0.1:{port_of(gateway.address)}", ca_file=ca_file()) as nobody:
            assert await nobody.outcome() == "cloud-refused"


@pytest.mark.real_time
@pytest.mark.parametrize("kind", ["plain text", "another authority", "the system's authorities", "another name"])
async def test_what_a_device_says_when_the_connection_is_not_secure(kind: str, tmp_path: Path) -> None:
    settings = make_tls("gateway.example.org" if kind == "another name" else "127.0.0.1")
    token = await add_device()
    other = CertificateFiles(tmp_path / "other")
    make_certificate(other, ["127.0.0.1"], now=now_utc())
    trusted = {"another authority": str(other.ca), "plain text": "", "the system's authorities": ""}.get(
        kind, ca_file()
    )
    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, *settings) as gateway:
        host = "0.0.0.0" if kind == "the system's authorities" else "127.0.0.1"
        async with LinkedCloud(f"{host}:{port_of(gateway.address)}", token=token, ca_file=trusted) as linked:
            with pytest.raises(CloudError) as caught:
                await linked.ask()
            assert caught.value.code == ("cloud-unreachable" if kind == "plain text" else "cloud-tls")
            assert "cloud.ca_file" in caught.value.hint
            assert not linked.cloud.up
            voice, _, _ = await say(linked.cloud)
            assert " ".join(voice.spoken) == phrases.OFFLINE
        assert not server.requests


@pytest.mark.real_time
async def test_an_expired_certificate_is_refused_by_the_device_and_by_the_next_start() -> None:
    settings = make_tls()
    token = await add_device()
    async with FakeOpenAiServer("Blue.") as server:
        async with gateway_before(server, *settings) as gateway:
            make_tls(ago_days=100, days=30)  # a running gateway takes what it finds
            async with LinkedCloud(gateway.address, token=token, ca_file=ca_file()) as linked:
                assert await linked.outcome() == "cloud-tls"
        with pytest.raises(ConfigError) as caught:
            async with gateway_before(server, *settings):
                pass
    assert caught.value.code == "cert-expired"
    assert "assistant gateway cert" in caught.value.hint


@pytest.mark.real_time
async def test_a_running_gateway_takes_a_renewed_certificate_and_keeps_the_old_one_while_the_new_is_broken() -> None:
    settings = make_tls()
    token = await add_device()

    async def ask() -> str:
        async with LinkedCloud(gateway.address, token=token, ca_file=ca_file()) as linked:
            return await linked.outcome()

    async with FakeOpenAiServer("Blue.") as server, gateway_before(server, *settings) as gateway:
        assert await ask() == ""
        whole = files().server.read_bytes()
        files().server.write_bytes(b"half")
        assert await ask() == ""
        files().server.write_bytes(whole)
        make_tls("gateway.example.org")
        assert await ask() == "cloud-tls"
        make_tls("127.0.0.1")
        assert await ask() == ""


@pytest.mark.real_time
@pytest.mark.parametrize("broken", ["certificate", "key", "pair"])
async def test_files_that_are_no_certificate_and_key(broken: str, tmp_path: Path) -> None:
    settings = make_tls()
    if broken == "pair":
        other = CertificateFiles(tmp_path / "other")
        make_certificate(other, ["127.0.0.1"], now=now_utc())
        files().server_key.write_bytes(other.server_key.read_bytes())
    else:
        (files().server if broken == "certificate" else files().server_key).write_bytes(b"x")
    async with FakeOpenAiServer() as server:
        with pytest.raises(ConfigError) as caught:
            async with gateway_before(server, *settings):
                pass
    assert caught.value.code == "cert-unreadable"


@pytest.mark.real_time
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o644, True)])
async def test_the_log_warns_of_a_key_that_others_can_read(mode: int, warned: bool) -> None:
    settings = make_tls()
    files().server_key.chmod(mode)
    with capture_logs() as entries:
        async with FakeOpenAiServer() as server, gateway_before(server, *settings):
            pass
    assert ("key-readable-by-others" in [entry["event"] for entry in entries]) is warned


@pytest.mark.parametrize(("days", "warned"), [(29, True), (31, False)])
def test_the_log_warns_of_a_certificate_that_ends_soon(days: int, warned: bool) -> None:
    make_certificate(files(), ["a.example"], now=now_utc(), days=days)
    with capture_logs() as entries:
        check_expiry(TlsFiles(files().server, files().server_key))
    assert [entry["event"] for entry in entries] == ["cert-expires"] * warned


@pytest.mark.parametrize(("days", "level"), [(397, "ok"), (31, "ok"), (20, "warn"), (0, "warn"), (-1, "fail")])
def test_the_doctor_looks_at_the_certificate(days: int, level: str) -> None:
    config = load_config(find_paths())
    assert checks.check_certificate(config, NOW) is None
    make_certificate(files(), ["a.example"], now=NOW - timedelta(days=1), days=days + 1)
    check = checks.check_certificate(config, NOW)
    assert check
    assert check.level == level
    assert "a.example" in check.found
    assert bool(check.todo) is (level != "ok")


def test_a_certificate_of_somebody_elses_making_can_be_read() -> None:
    shared = Path(__file__).parents[1] / "cloud" / "tls" / "cert.pem"
    assert read_certificate(shared).names == ("0.0.0.0",)
    with pytest.raises(ConfigError) as caught:
        read_certificate(shared.with_name("key.pem"))
    assert caught.value.code == "cert-unreadable"
