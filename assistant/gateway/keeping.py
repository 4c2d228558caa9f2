"""Opens what a gateway keeps: its devices and the homes' histories, in files of its own or in a shared PostgreSQL."""

from __future__ import annotations

import importlib.util

import structlog

from assistant.config import Config, read_secret
from assistant.gateway.database import HistoryDatabase, open_history, read_url
from assistant.gateway.devices import DeviceStore, SqliteDevices
from assistant.gateway.history import History
from assistant.gateway.shared_devices import SharedDevices

log = structlog.get_logger(__name__)


async def open_devices(config: Config) -> DeviceStore:
    """The devices that may use the gateway. Raises ConfigError, StoreError."""
    if not config.settings.gateway.database_url:
        return await SqliteDevices.open(config.paths.gateway_database)
    return SharedDevices(await _open_database(config))


async def open_homes(config: Config) -> History | None:
    """The homes' histories; None without the packages that they need. Raises ConfigError, StoreError."""
    if importlib.util.find_spec("sqlalchemy") is None and not config.settings.gateway.database_url:
        log.warning("history-off", hint="pip install 'edgewise[gateway]'")
        return None
    return History(await _open_database(config))


async def _open_database(config: Config) -> HistoryDatabase:
    settings = config.settings.gateway
    if not settings.database_url:
        return await open_history(config.paths.gateway_history)
    name = "gateway.database_password_file"
    password = read_secret(settings.database_password, settings.database_password_file, name=name)
    return await open_history(config.paths.gateway_history, read_url(settings.database_url, password))
