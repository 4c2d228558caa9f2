"""The process that `test_sync_kill9` kills: a device that talks, forgets, and keeps in step with whichever gateway is
there. Prints an id once it is stored, `-` and an id once that is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from pathlib import Path

from assistant.cloud.client import GrpcCloud
from assistant.errors import CloudError
from tests.gateways import LinkedCloud
from tests.speakers import SpeakerHistory, speaker, turn


async def main(path: Path, token: str, seed: int, addresses: list[str]) -> None:
    chance = random.Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        linked = [await stack.enter_async_context(LinkedCloud(each, token=token)) for each in addresses]
        clouds: list[GrpcCloud] = [each.cloud for each in linked]

        async def hop(data: bytes, timeout_s: float) -> bytes:
            """To one of the gateways, another each time."""
            cloud = chance.choice(clouds)
            try:
                return await cloud.exchange(data, timeout_s)
            except CloudError:
                await cloud.close()  # a channel that failed waits before it connects again
                raise

        device = await stack.enter_async_context(speaker(path, addresses[0], exchange=hop))
        asyncio.create_task(keep_in_step(device))  # noqa: RUF006 - for as long as the process lives
        await talk(device, chance)


async def talk(device: SpeakerHistory, chance: random.Random) -> None:
    said: list[str] = []
    while True:
        made = turn("is it raining" * chance.randint(1, 40), at_s=chance.choice([0.0, 1e9, 4e9]))
        await device.turns.append(made)
        said.append(made.id)
        print(made.id, flush=True)
        if chance.random() < 0.1:
            gone = chance.choice(said)
            if await device.history.forget_turn(gone, now_s=1):
                print(f"-{gone}", flush=True)
        await asyncio.sleep(chance.choice([0, 0, 0.005]))


async def keep_in_step(device: SpeakerHistory) -> None:
    while True:
        with contextlib.suppress(CloudError):
            await device.sync.catch_up()
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
