"""What skills act on: home, lists, volume, private mode, weather. Built as configured, kept over restarts."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

from assistant.audio.mixer import Mixer
from assistant.audio.music import MusicPlayer
from assistant.config import read_secret
from assistant.dialog import hearing, privacy
from assistant.dialog.context import Context
from assistant.dialog.hearing import Hearing
from assistant.due.journal import Journal
from assistant.due.scheduler import Scheduler
from assistant.errors import CloudError, ConfigError, HomeError
from assistant.events import Event, HomeChanged, MusicChanged, VolumeChanged
from assistant.home.ha_weather import HomeWeather
from assistant.home.home_assistant import HomeAssistant
from assistant.home.open_meteo import NoWeather, OpenMeteo
from assistant.home.virtual import VirtualHome, built_in, furnished
from assistant.homes import Device, Home, HomePort
from assistant.media import Track
from assistant.settings import HomeConfig, Settings
from assistant.skills import loudness
from assistant.skills.base import SkillContext
from assistant.skills.home_journal import HomeJournal, UnmovedHome
from assistant.skills.list_book import ListJournal, Lists
from assistant.skills.loudness import Volume, VolumeJournal
from assistant.skills.music_journal import MusicJournal, UnheardMusic
from assistant.store.database import Database
from assistant.store.home import SqliteHomeStore
from assistant.store.lists import SqliteLists
from assistant.store.settings import SqliteSettings
from assistant.values import Clock, KnownDevice
from assistant.weather import WeatherPort

_RANDOM = random.SystemRandom()
FIRST_SYNC_S = 3.0
"""The first request waits this long for a real home to be reached."""
Publish = Callable[[Event], None]


class Household:
    """Made, then started; what it is made of is there once `start` has returned."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        settings: Settings,
        clock: Clock,
        zone: tzinfo,
        publish: Publish,
        *,
        leave: Callable[[str, str, str], Awaitable[None]],
        mixer: Mixer | None,
    ) -> None:
        """`leave` lets a text out (see `dialog.egress`). Without a `mixer` no music is played."""
        self.home: HomePort
        self.weather: WeatherPort
        self.private: privacy.Privacy
        self.volume: Volume
        self.hearing: Hearing
        self._settings = settings
        self._clock = clock
        self._zone = zone
        self._publish = publish
        self._leave = leave
        self._memory: dict[str, Any] = {}
        self._real = make_home_assistant(settings.home, self._home_changed)
        stations = [
            Track(each.name, each.url, live=True, words=frozenset(each.name.casefold().split()))
            for each in settings.media.stations
        ]
        folders = [Path(folder) for folder in settings.media.folders]
        self.music = MusicPlayer(mixer, stations, folders, self._music_changed)

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run beside for as long as the assistant does."""
        return {"home": self._real.run} if self._real else {}

    @property
    def problems(self) -> tuple[str, ...]:
        if self._real is None or not self._real.asked or not self._real.problem:
            return ()
        return (str(self._real.problem),)

    async def known_home(self) -> Home:
        """The home; the first time it waits a moment for a real one to be reached."""
        if self._real:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SYNC_S):
                    await self._real.settled()
        return self.home.home

    async def start(self, database: Database, set_level: Callable[[int], None]) -> None:
        """Take up how things stood. `set_level` makes the assistant as loud as that. Raises StoreError, ConfigError."""
        settings = SqliteSettings(database)
        kept = await settings.all()
        self.home = self._real or await self._built_in_home(SqliteHomeStore(database))
        self.weather = self._weather()
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

        self.hearing = Hearing(
            # without its button nobody could let the microphone hear again
            kept="mute" in self._settings.panel.buttons.values() and kept.get(hearing.SETTING),
            save=settings.put,
            publish=self._publish,
        )

        def loud(level: int) -> None:
            set_level(level)
            self._publish(VolumeChanged(volume=level))

        self.volume = Volume(self._settings.audio.volume, loud, settings.put, kept.get(loudness.SETTING))

    async def devices(self) -> Sequence[KnownDevice]:
        """Every device of the home, by area and name. Raises HomeError while it can't be reached."""
        home = await self.known_home()
        if problem := self.home.problem:
            raise problem.again()
        known = []
        for device in home.devices:
            area = home.area_of(device)
            where = (area.name, area.floor) if area else ("", "")
            known.append(KnownDevice(device.id, device.name, *where, device.state, device.aliases))
        return sorted(known, key=lambda each: (each.area.casefold(), each.name.casefold()))

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
            volume=VolumeJournal(self.volume),
            music=MusicJournal(self.music),
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
            volume=VolumeJournal(self.volume.rehearsal()),
            music=MusicJournal(UnheardMusic(self.music)),
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
        if device.domain != "sensor":  # those of a real home change all the time
            self._publish(HomeChanged(device_id=device.id, name=device.name, state=device.state))

    def _music_changed(self, state: str, title: str) -> None:
        self._publish(MusicChanged(state=state, title=title))

    def _weather(self) -> WeatherPort:
        home, locale = self._settings.home, self._settings.locale
        imperial = locale.units == "imperial"
        if home.weather_url and (locale.latitude or locale.longitude):
            return OpenMeteo(
                home.weather_url, (locale.latitude, locale.longitude), imperial=imperial, left=self._weather_asked
            )
        if self._real:
            return HomeWeather(self._real, home.weather_entity, imperial=imperial, zone=lambda: self._zone)
        return NoWeather()

    async def _weather_asked(self, to: str, text: str) -> None:
        try:
            await self._leave(to, text, "weather")
        except CloudError as exc:
            code = "weather-private" if exc.code == "egress-private" else exc.code
            raise HomeError(code, exc.message, hint=exc.hint, retryable=exc.retryable) from exc


def make_home_assistant(home: HomeConfig, changed: Callable[[Device], None]) -> HomeAssistant | None:
    """None where none is configured. Raises ConfigError."""
    if not home.url:
        return None
    token = read_secret(home.token, home.token_file, name="home.token_file")
    if not token or not token.isascii() or not token.isprintable():
        what = "has odd characters" if token else "is missing"
        hint = "Make a long-lived access token on your profile page in Home Assistant, and set home.token_file."
        raise ConfigError("home-token", f"the token for Home Assistant {what}", hint=hint)
    return HomeAssistant(home.url, token, changed, area=home.area)
