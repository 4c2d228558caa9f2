"""What skills act on: home, lists, volume, private mode, weather. Built as configured, kept over restarts."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import Any

from assistant.dialog import privacy
from assistant.dialog.context import Context
from assistant.due.journal import Journal
from assistant.due.scheduler import Scheduler
from assistant.events import DataLeft, Event, HomeChanged, VolumeChanged
from assistant.home.open_meteo import NoWeather, OpenMeteo
from assistant.home.virtual import VirtualHome, built_in, furnished
from assistant.homes import Device, HomePort
from assistant.settings import HomeConfig, LocaleConfig, Settings
from assistant.skills import loudness
from assistant.skills.base import SkillContext
from assistant.skills.home_journal import HomeJournal, UnmovedHome
from assistant.skills.list_book import ListJournal, Lists
from assistant.skills.loudness import Volume, VolumeJournal
from assistant.store.database import Database
from assistant.store.home import SqliteHomeStore
from assistant.store.lists import SqliteLists
from assistant.store.settings import SqliteSettings
from assistant.values import Clock
from assistant.weather import WeatherPort

_RANDOM = random.SystemRandom()
Publish = Callable[[Event], None]


class Household:
    """Made, then started; what it is made of is there once `start` has returned."""

    def __init__(self, settings: Settings, clock: Clock, zone: tzinfo, publish: Publish) -> None:
        self.home: HomePort
        self.private: privacy.Privacy
        self.weather = _weather(settings.home, settings.locale, publish)
        self._settings = settings
        self._clock = clock
        self._zone = zone
        self._publish = publish
        self._memory: dict[str, Any] = {}

    async def start(self, database: Database, set_level: Callable[[int], None]) -> None:
        """Take up how things stood. `set_level` makes the assistant as loud as that. Raises StoreError."""
        settings = SqliteSettings(database)
        kept = await settings.all()
        self.home = await self._built_in_home(SqliteHomeStore(database))
        self._lists = Lists(SqliteLists(database))
        await self._lists.start()
        self.private = privacy.Privacy(
            configured=self._settings.privacy.private,
            schedule=privacy.read_schedule(self._settings.privacy.schedule),
            clock=self._clock,
            zone=self._zone,
            kept=kept.get(privacy.SETTING),
            save=settings.put,
            publish=self._publish,
        )

        def loud(level: int) -> None:
            set_level(level)
            self._publish(VolumeChanged(volume=level))

        self._volume = Volume(self._settings.audio.volume, loud, settings.put, kept.get(loudness.SETTING))

    def context(
        self,
        due: Scheduler,
        context: Context,
        *,
        hush: Callable[[], bool],
        work: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> SkillContext:
        """What one request may see and touch."""
        return SkillContext(
            clock=self._clock,
            zone=self._zone,
            hour_format=self._settings.locale.hour_format,
            timers=Journal(due),
            home=HomeJournal(self.home),
            lists=ListJournal(self._lists),
            volume=VolumeJournal(self._volume),
            work=work,
            random=_RANDOM,
            memory=self._memory,
            confirm_over=self._settings.home.confirm_over,
            weather=self.weather,
            private=self.private,
            last_reply=context.last_reply,
            last_turn=context.last_turn,
            hush=hush,
        )

    def rehearsal(self, real: SkillContext, due: Scheduler, *, hush: Callable[[], bool]) -> SkillContext:
        """The same, but nothing that is done there happens."""
        return dataclasses.replace(
            real,
            timers=Journal(due.rehearsal()),
            home=HomeJournal(UnmovedHome(self.home)),
            lists=ListJournal(self._lists.rehearsal()),
            volume=VolumeJournal(self._volume.rehearsal()),
            memory={},
            hush=hush,
        )

    async def _built_in_home(self, store: SqliteHomeStore) -> VirtualHome:
        settings = self._settings.home
        if settings.devices:
            areas, devices = furnished(
                [(each.kind, each.name, each.area, each.floor, each.aliases) for each in settings.devices]
            )
        else:
            areas, devices = built_in(self._settings.locale.language)
        home = VirtualHome(areas, devices, store, self._home_changed, area=settings.area)
        await home.start()
        return home

    def _home_changed(self, device: Device) -> None:
        self._publish(HomeChanged(device_id=device.id, name=device.name, state=device.state))


def _weather(home: HomeConfig, locale: LocaleConfig, publish: Publish) -> WeatherPort:
    if not home.weather_url or not (locale.latitude or locale.longitude):
        return NoWeather()

    def left(to: str, size: int) -> None:
        publish(DataLeft(turn_id="", to=to, bytes=size, why="weather"))

    place = locale.latitude, locale.longitude
    return OpenMeteo(home.weather_url, place, imperial=locale.units == "imperial", left=left)
