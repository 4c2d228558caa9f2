"""`assistant gateway`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from assistant.cli.options import AsJson, ConfigFile, Overrides, load, log_quietly
from assistant.cli.output import note, show_json, show_table
from assistant.config import Config
from assistant.errors import ConfigError, GatewayError

if TYPE_CHECKING:
    from assistant.gateway.app import Running
    from assistant.gateway.devices import Device, DeviceStore

T = TypeVar("T")
DAY_MS = 86_400_000

app = typer.Typer(no_args_is_help=True, help="The cloud side: a gateway in front of a language model.")
device_app = typer.Typer(no_args_is_help=True, help="Which devices may use the gateway. Changes count at once.")
app.add_typer(device_app, name="device")


@app.command()
def run(
    *,
    local: Annotated[bool, typer.Option("--local", help="Answer with a small model on this machine.")] = False,
    upstream: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; several with commas between them.",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address to listen on.", show_default=False)
    ] = None,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Serve devices until stopped. SIGTERM and Ctrl-C let answers under way end, for `gateway.drain_s` at most."""
    if local and upstream:
        raise ConfigError("gateway-upstream", "--local and --upstream exclude each other", hint="Give one of them.")
    given = {"upstream": upstream, "listen": listen}
    options = [f"gateway.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    config = load(config_file, [*(overrides or ()), *options])
    from assistant.gateway.app import serve  # noqa: PLC0415 -- imports aiohttp
    from assistant.logs import setup_logging  # noqa: PLC0415 -- structlog takes 0.1 s

    setup_logging(config.settings.log.level, config.settings.log.format)
    asyncio.run(serve(config, local=local, announce=announce))


def announce(running: Running) -> None:
    """Say where it listens, how it is protected and who answers."""
    protection = f" with {running.protection}" if running.protection else ""
    typer.echo(f"Gateway listens on {running.address}{protection}; answers come from {running.upstream}.")


@app.command()
def cert(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="Host names and IP addresses by which devices reach it.", show_default=False
        ),
    ] = None,
    *,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")] = 397,
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Make the gateway's certificate, or renew it: without names it is for the same ones as before.

    The first time an authority is made too, which devices trust from then on. A running gateway takes a renewed
    certificate by itself.
    """
    config = load(config_file, overrides)
    log_quietly(config)
    from assistant.gateway.certificates import (  # noqa: PLC0415
        CertificateFiles,
        make_certificate,
        now_utc,
        read_certificate,
    )

    files = CertificateFiles(config.paths.gateway_tls)
    wanted = names or (list(read_certificate(files.server).names) if files.server.exists() else [])
    made = make_certificate(files, wanted, now=now_utc(), days=days)
    if as_json:
        show_json({"ca_file": files.ca, "cert_file": files.server, "names": made.names, "ends": made.ends.isoformat()})
        return
    typer.echo(f"Certificate for {', '.join(made.names)}, valid until {made.ends:%Y-%m-%d}: {files.server}")
    typer.echo(f"Copy {files.ca} to each device and name it there: cloud.ca_file.")


@device_app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call the device.", show_default=False)],
    *,
    expires: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, max=36_500, help="Its token ends by itself.", show_default=False),
    ] = None,
    home: Annotated[str, typer.Option(metavar="HOME", help="Devices of one home share their history.")] = "home",
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Let a device use the gateway. Its token is shown this once; set it there as `cloud.token`."""
    from assistant.gateway.devices import Device  # noqa: PLC0415
    from assistant.gateway.tokens import digest_of, make_secret, make_token  # noqa: PLC0415
    from assistant.values import new_id  # noqa: PLC0415

    secret = make_secret()
    now_ms = int(time.time() * 1000)
    device = Device(new_id(), name, digest_of(secret), now_ms, now_ms + expires * DAY_MS if expires else None, home)
    _with_store(load(config_file, overrides), lambda store: store.add(device))
    token = make_token(device.id, secret)
    if as_json:
        show_json(_facts(device) | {"token": token})
        return
    typer.echo(token)
    note(f"shown only now: set it on {name} as cloud.token, or in a file that cloud.token_file names")


@device_app.command("list")
def show(as_json: AsJson = False, config_file: ConfigFile = None, overrides: Overrides = None) -> None:
    """The devices that may use the gateway, and the tokens of questions and answers that each used today (UTC)."""
    from assistant.gateway.quota import day_of  # noqa: PLC0415

    now_s = time.time()

    async def read(store: DeviceStore) -> tuple[Sequence[Device], Mapping[str, int]]:
        return await store.devices(), await store.usage(day_of(now_s))

    devices, used = _with_store(load(config_file, overrides), read)
    if as_json:
        show_json([_facts(device) | {"tokens_today": used.get(device.id, 0)} for device in devices])
        return
    rows = [
        (
            device.name,
            device.home,
            _date(device.created_ms),
            _date(device.expires_ms) + " (expired)" * device.expired(now_s * 1000),
            str(used.get(device.id, 0)),
        )
        for device in devices
    ]
    show_table(("name", "home", "added", "expires", "tokens today"), rows)


@device_app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_json: AsJson = False,
    config_file: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Take a device's token back. Running gateways refuse it within seconds, and end what they are answering it."""

    async def remove(store: DeviceStore) -> None:
        if await store.remove(name):
            return
        from assistant.names import closest  # noqa: PLC0415 -- rarely needed

        near = closest(name, [device.name for device in await store.devices()])
        hint = f"Did you mean {near!r}?" if near else "`assistant gateway device list` names them."
        raise GatewayError("device-unknown", f"there is no device named {name}", hint=hint)

    _with_store(load(config_file, overrides), remove)
    if as_json:
        show_json({"revoked": name})
        return
    typer.echo(f"{name} may no longer use the gateway.")


def _with_store(config: Config, work: Callable[[DeviceStore], Awaitable[T]]) -> T:
    log_quietly(config)
    from assistant.gateway.keeping import open_devices  # noqa: PLC0415

    async def work_on() -> T:
        store = await open_devices(config)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(work_on())


def _facts(device: Device) -> dict[str, object]:
    return {
        "id": device.id,
        "name": device.name,
        "home": device.home,
        "created_ms": device.created_ms,
        "expires_ms": device.expires_ms,
    }


def _date(at_ms: int | None) -> str:
    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
