"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateways import free_port

PASSWORD = "correct horse battery staple"


def _tool(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    paths = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(paths[-1]) if paths else None


def _as_user(arguments: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return arguments if os.geteuid() else ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *arguments]


@contextlib.asynccontextmanager
async def postgres() -> AsyncIterator[tuple[str, str]]:
    """URL without password, and a file that holds that. Skips the test where there is no PostgreSQL."""
    initdb, server = _tool("initdb"), _tool("postgres")
    if not initdb or not server:
        pytest.skip("needs PostgreSQL (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="edgewise-pg-"))
    process: asyncio.subprocess.Process | None = None
    try:
        (secret := folder / "password").write_text(PASSWORD)
        if not os.geteuid():
            nobody = pwd.getpwnam("nobody")
            for path in (folder, secret):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        data, port = str(folder / "data"), free_port()
        make = [initdb, "-D", data, "-U", "edgewise", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"]
        making = await asyncio.create_subprocess_exec(*_as_user([*make, "--no-sync"]), stdout=-3, stderr=-3, cwd="/")
        assert await making.wait() == 0
        run = [server, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
        process = await asyncio.create_subprocess_exec(*_as_user(run), stdout=-3, stderr=-3, cwd="/")
        await _until_ready(port)
        yield f"postgresql://edgewise@127.0.0.1:{port}/postgres", str(secret)
    finally:
        if process and process.returncode is None:
            process.send_signal(2)  # "fast": hang up on everybody
            await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _until_ready(port: int) -> None:
    import asyncpg

    async with asyncio.timeout(30):
        while True:
            try:
                connection = await asyncpg.connect(
                    host="127.0.0.1", port=port, user="edgewise", password=PASSWORD, database="postgres"
                )
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.05)
            else:
                await connection.close()
                return
