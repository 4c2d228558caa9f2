"""Music and radio: what can be played on the device itself, and the port that plays it. Players of the home are in
`homes`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.names import closest


@dataclass(frozen=True, slots=True)
class Track:
    """One thing that can be played."""

    title: str
    url: str
    """A file's path, or the URL of a stream."""
    live: bool = False
    """A station: it has no beginning."""
    words: frozenset[str] = frozenset()
    """What it may be called by, in lower case: of its title and of the folders that it is in."""


@dataclass(frozen=True, slots=True)
class Playing:
    """What is played: `tracks` one after the other, now the one at `index` from `at_s` seconds on."""

    tracks: tuple[Track, ...]
    index: int = 0
    at_s: float = 0.0
    paused: bool = False

    @property
    def track(self) -> Track:
        return self.tracks[self.index]


class MusicPort(Protocol):
    """The device's own player."""

    @property
    def playing(self) -> Playing | None:
        """What is played now, as far as it is; None for nothing."""

    async def put(self, wanted: Playing | None) -> None:
        """Play this from now on, or nothing; returns once it is heard.

        Raises:
            AudioError: `no-speaker`, `media-unreadable`, `media-offline` (retryable). Then nothing is played.
        """

    async def find(self, query: str) -> tuple[Track, ...]:
        """What is called so, best first: stations, folders, titles; everything for an empty query."""


_SMALL = 2
"""Letters of a word that tells little: "uptown girl by billy joel" is found as "Billy Joel - Uptown Girl"."""


def matching(query: str, stations: Sequence[Track], files: Iterable[Track]) -> tuple[Track, ...]:
    """What of the stations and files a query means: a station by its name, else all that its words are of, else the one
    title or station that sounds alike."""
    wanted = query.casefold().strip()
    if not wanted:
        return (*files, *stations)
    named = {station.title.casefold(): station for station in stations}
    if station := named.get(wanted):
        return (station,)
    words = frozenset(wanted.split())
    telling = frozenset(word for word in words if len(word) > _SMALL)
    known = list(files)
    for some in filter(None, (words, telling)):
        if found := tuple(track for track in (*stations, *known) if some <= track.words):
            return found
    titles = {track.title.casefold(): track for track in known} | named
    best = closest(wanted, titles)
    return (titles[best],) if best else ()
