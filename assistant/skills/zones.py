"""Time zones by the name of a place: cities of the zone database, countries with one zone, and more by file."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml


def find_zone(place: str, *, whole: bool = False) -> ZoneInfo | None:
    """The zone of a place in lower case ("tokyo", "new york", "france", "pacific time"); None when unknown. With
    `whole` all of its words must be one, else "dallas texas" is dallas.
    """
    name = _plain(place)
    table = _zones()
    for key in (name, name.removesuffix(" time zone"), name.removesuffix(" timezone"), name.removesuffix(" time")):
        zone = table.get(key) or table.get(key.removesuffix(" standard").removesuffix(" city"))
        if zone:
            return _zone(zone)
    words = [] if whole else name.split()  # "dallas texas", "fredericksburg texas": the city, else the state
    for key in (" ".join(words[:-1]), words[-1] if len(words) > 1 else ""):
        if key and key in table:
            return _zone(table[key])
    return None


def _zone(key: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    """Place -> zone."""
    database = files("tzdata").joinpath("zoneinfo")
    rows = [line.split("\t") for line in _lines(database.joinpath("zone.tab").read_text("utf-8"))]
    countries = dict(line.split("\t")[:2] for line in _lines(database.joinpath("iso3166.tab").read_text("utf-8")))
    zones: dict[str, str] = {}
    by_country: dict[str, list[str]] = {}
    for country, _, zone, *_ in rows:
        zones.setdefault(_plain(zone.rsplit("/", 1)[-1].replace("_", " ")), zone)
        by_country.setdefault(country, []).append(zone)
    for country, own in by_country.items():
        if len(own) == 1:
            zones[_plain(countries[country])] = own[0]
    more = yaml.safe_load(files("assistant.skills").joinpath("replies", "places.yaml").read_text("utf-8"))
    for zone, places in more.items():
        zones.update({_plain(place): zone for place in places})
    return zones


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _plain(name: str) -> str:
    """Lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().replace(".", "").replace("'", ""))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()
