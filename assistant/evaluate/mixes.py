"""What a household asks for in a day, in three mixes of 300 requests. For a manifest's rows by their `kind`.

`logs`: two studies of what was really said to devices tell what is said most.

- T. Ammari, J. Kaye, J. Y. Tsai, F. Bentley: Music, Search, and IoT: How People (Really) Use Voice Assistants. TOCHI
  26(3), 2019, doi:10.1145/3311956. 193,665 commands to 82 Alexa devices and 65,499 to 88 Google Home devices: music,
  search and things of the home are used most; music is first on Alexa, search on Google Home.
- F. Bentley, C. LuVogt, M. Silverman, R. Wirasinghe, B. White, D. Lottridge: Understanding the Long-Term Use of Smart
  Speaker Assistants. IMWUT 2(3), 2018, doi:10.1145/3264901. The same 65,499 commands, by kind and hour of the day.

The order is theirs as on Alexa, the numbers are ours. Left out is what neither device understood, and what was asked
for and no skill does (mail, news, calls): the rows hold none.

`adobe`: Adobe Analytics, State of Voice Assistants, September 2018: what owners of smart speakers say that they use
them for, asked of over 1,000 consumers in the USA. `ccs`: the same from CCS Insight's survey of 1,035 users.

These two are shares of people who use a thing at all, not of requests: whoever asks for the weather once a week counts
as much there as whoever plays music all day. Taken as weights they say nothing of how often; but the figures are theirs
and none of ours. What they name and the rows don't hold is left out, and told (`Mix.left_out`); volume, time and lists,
which they don't name, have no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REQUESTS = 300
"""In a day."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day."""

    name: str
    requests: int
    kinds: frozenset[str]
    """Of the manifest's rows."""


@dataclass(frozen=True, slots=True)
class Mix:
    parts: tuple[Part, ...]
    weight: int
    """The sum of the study's figures that the parts stand for."""
    left_out: Mapping[str, int]
    """What the study names and no row is, with its figure."""


def _part(name: str, requests: int, kinds: str) -> Part:
    return Part(name, requests, frozenset(kinds.split()))


_MUSIC = "play_music play_radio play_podcasts play_audiobook next_song"
_HOME = (
    "iot_cleaning iot_coffee iot_hue_lightchange iot_hue_lightdim iot_hue_lightoff iot_hue_lighton iot_hue_lightup "
    "iot_wemo_off iot_wemo_on"
)
_TIMERS = "timer alarm alarm_query alarm_remove alarm_set"
_WEATHER = "weather weather_query"
_QUESTIONS = "factoid instruction"
QUESTIONS = frozenset(_QUESTIONS.split())
"""Kinds that are open questions."""


def _weighed(*weights: tuple[str, int, str], left_out: Mapping[str, int]) -> Mix:
    """A day in proportion to these figures: (part, figure, kinds) each; what is left by rounding down goes to the
    largest remainders."""
    whole = sum(weight for _, weight, _ in weights)
    requests = {name: weight * REQUESTS // whole for name, weight, _ in weights}
    most_left = sorted(weights, key=lambda each: -(each[1] * REQUESTS % whole))
    for name, _, _ in most_left[: REQUESTS - sum(requests.values())]:
        requests[name] += 1
    return Mix(tuple(_part(name, requests[name], kinds) for name, _, kinds in weights), whole, left_out)


MIXES: Mapping[str, Mix] = {
    "logs": Mix(
        (
            _part("music", 84, _MUSIC),
            _part("question", 54, _QUESTIONS),
            _part("home", 51, _HOME),
            _part("timer", 33, _TIMERS),
            _part("weather", 24, _WEATHER),
            _part(
                "volume", 18, "audio_volume_down audio_volume_mute audio_volume_up change_volume general_commandstop"
            ),
            _part(
                "list", 15, "shopping_list shopping_list_update todo_list todo_list_update lists_createoradd reminder"
            ),
            _part("time", 12, "time date datetime_query"),
            _part("talk", 9, "greeting goodbye thank_you general_joke tell_joke"),
        ),
        weight=REQUESTS,
        left_out={},
    ),
    "adobe": _weighed(
        ("music", 70, _MUSIC),
        ("weather", 64, _WEATHER),
        (
            "fun",  # jokes, and what people ask the assistant about itself
            53,
            "general_joke tell_joke are_you_a_bot how_old_are_you what_is_your_name where_are_you_from who_made_you "
            "who_do_you_work_for",
        ),
        ("question", 47 + 35, _QUESTIONS),  # online search; basic research and confirming information
        ("timer", 46, f"{_TIMERS} reminder reminder_update"),
        ("schedule", 32, "calendar calendar_query"),
        ("home", 31, _HOME),
        left_out={"news": 46, "directions": 34, "sports scores": 30, "traffic": 27, "games": 20},
    ),
    "ccs": _weighed(
        ("question", 77, _QUESTIONS), ("music", 67, _MUSIC), ("timer", 31, _TIMERS), ("home", 21, _HOME), left_out={}
    ),
}
