"""Two gateways on one PostgreSQL: devices are added once and hop between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assistant.errors import CloudError
from tests.cli.calling import call, call_json
from tests.fakes import FakeOpenAiServer
from tests.gateways import gateway_before
from tests.postgres import PASSWORD, postgres
from tests.speakers import failure_of, speaker, turn

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


async def test_a_device_hops_between_gateways_and_is_revoked_at_both(tmp_path: Path) -> None:
    async with postgres() as (url, password_file), FakeOpenAiServer() as server:
        shared = [f'gateway.database_url="{url}"', f'gateway.database_password_file="{password_file}"']
        options = [word for setting in shared for word in ("--set", setting)]
        kitchen, bedroom = [
            (await asyncio.to_thread(call_json, "gateway", "device", "add", name, "--home", "cabin", *options))["token"]
            for name in ("kitchen", "bedroom")
        ]
        settings = ['gateway.tokens="required"', *shared]
        async with gateway_before(server, *settings) as one, gateway_before(server, *settings) as other:
            said = []
            for address in (one.address, other.address) * 3:
                async with speaker(tmp_path / "kitchen.db", address, kitchen) as device:
                    said += [turn(), turn()]
                    for each in said[-2:]:
                        await device.turns.append(each)
                    await device.sync.catch_up()
            async with speaker(tmp_path / "bedroom.db", other.address, bedroom) as device:
                await device.sync.catch_up()
                assert await device.ids() == sorted(each.id for each in said)
            await asyncio.to_thread(call, "gateway", "device", "revoke", "kitchen", *options)
            for address in (one.address, other.address):
                async with speaker(tmp_path / "kitchen.db", address, kitchen) as device:
                    assert await failure_of(device) == "cloud-refused"
        shown = await asyncio.to_thread(call, "config", *options)
        assert PASSWORD not in shown.output


async def test_a_shared_history_keeps_nothing_for_who_has_no_token(tmp_path: Path) -> None:
    async with postgres() as (url, password_file), FakeOpenAiServer() as server:
        shared = [f'gateway.database_url="{url}"', f'gateway.database_password_file="{password_file}"']
        async with gateway_before(server, *shared) as gateway, speaker(tmp_path / "e.db", gateway.address) as device:
            await device.turns.append(turn())
            with pytest.raises(CloudError) as caught:
                await device.sync.catch_up()
            assert caught.value.code == "cloud-refused"
