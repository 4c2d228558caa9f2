"""What `assistant models choose` proposes for a board, from times measured on it. Pure, with its reasons in words.

model       the heaviest that transcribes a short command within COMMAND_MS, else the fastest there is: heavier
            models hear better, and models that take about as long are as good, so the configured one stays
type        int8, unless another is over a tenth faster: it takes the least memory
threads     the fewest that are less than a tenth slower than the fastest: the rest of the board has work too
partials    as often as PARTIAL_SHARE of the time allows, at most every LEAST_PARTIAL_S; none where that would be
            more rarely than MOST_PARTIAL_S
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

COMMAND_MS = 500.0
"""A transcript that takes no longer hides within the silence that usually ends a turn, 0.7 s: it is begun as soon as
there is silence."""
SLOW_MS = 1000.0
"""From here on every answer is noticeably late."""
GAIN = 0.10
"""Less than this share of the time is no gain."""
PARTIAL_SHARE = 0.2
"""Of the time while the user speaks, for partial transcripts; the daemon itself allows them half."""
LEAST_PARTIAL_S = 0.5
MOST_PARTIAL_S = 2.0
"""About as long as a command: one that came later would never come."""
PLAIN_TYPE = "int8"

_ALIKE = 0.8
"""Models of which one takes at least this share of the other's time hear about as well."""
_NUMBERS = ("no", "one", "two", "three", "four")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one way to transcribe took."""

    model: str
    compute_type: str
    threads: int
    ms: float
    """Of one short command, from its last sample to its text; median of the runs."""
    runs: int
    understood: bool
    """Whether the text was the command that was spoken."""


@dataclass(frozen=True, slots=True)
class Board:
    """What is known of the machine."""

    cores: int
    timings: tuple[Timing, ...]
    """At least one."""
    voice_rtf: float
    """Seconds of synthesis for a second of speech."""
    understanding_ms: float


@dataclass(frozen=True, slots=True)
class Whisper:
    """A model that could be used."""

    id: str
    bytes: int
    """Size; 0 where it isn't known."""
    installed: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """A model that is worth fetching."""

    model: str
    why: str

    @property
    def command(self) -> str:
        return f"assistant models fetch {self.model}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings for the board."""

    timing: Timing
    """The one that was chosen."""
    partial_every_s: float
    """0 for none."""
    reasons: tuple[str, ...]
    """One sentence each."""
    fetch: tuple[Fetch, ...]

    def settings(self) -> dict[str, str | int | float]:
        """`section.key` -> value, in the order of the defaults file."""
        return {
            "endpoint.partial_every_s": self.partial_every_s,
            "stt.model": self.timing.model,
            "stt.compute_type": self.timing.compute_type,
            "stt.threads": self.timing.threads,
        }


def propose(board: Board, models: Sequence[Whisper] = (), *, current: str = "") -> Proposal:
    """Choose for a board. `models` are those that speak the user's language; `current` is the configured one."""
    usable = tuple(timing for timing in board.timings if timing.understood)
    reasons = [] if usable else ["No model understood the test command, so the times alone decided."]
    usable = usable or board.timings
    model, why = _choose_model(usable, current)
    of_model = [timing for timing in usable if timing.model == model]
    of_type, why_type = _choose_type(of_model)
    chosen, why_threads = _choose_threads(of_type, board.cores)
    every_s, why_partials = _choose_partials(chosen)
    reasons += [why_threads, *why, *why_type, *_too_slow(chosen), why_partials, *_rest(board, models)]
    fetch = _worth_fetching(models, chosen)
    return Proposal(chosen, every_s, tuple(reasons), fetch)


def _choose_model(usable: Sequence[Timing], current: str) -> tuple[str, list[str]]:
    best = {name: _fastest([timing for timing in usable if timing.model == name]) for name in _models(usable)}
    heaviest_first = sorted(best, key=lambda name: best[name].ms, reverse=True)
    quick = [name for name in heaviest_first if best[name].ms <= COMMAND_MS]
    model = quick[0] if quick else heaviest_first[-1]
    alike = [name for name in quick if name != model and best[name].ms >= _ALIKE * best[model].ms]
    if current in alike:
        return current, [f"{model} takes about as long; {current} is what is configured, so it stays."]
    why = [
        f"{name} takes {_ms(best[name].ms)} a command at best, over {_ms(COMMAND_MS)}: its text would come late."
        for name in heaviest_first
        if name not in quick and name != model
    ]
    lighter = [name for name in quick if name != model and name not in alike]
    if lighter:
        why.append(f"{_listed(lighter)} would be faster, but {model} is fast enough and hears better.")
    return model, why


def _choose_type(of_model: Sequence[Timing]) -> tuple[list[Timing], list[str]]:
    best = {timing.compute_type: timing for timing in sorted(of_model, key=lambda timing: -timing.ms)}
    fastest = min(best.values(), key=lambda timing: timing.ms)
    plain = best.get(PLAIN_TYPE, fastest)
    if fastest.ms < plain.ms * (1 - GAIN) or fastest.ms <= COMMAND_MS < plain.ms:
        gain = f"{fastest.compute_type} is {1 - fastest.ms / plain.ms:.0%} faster here than {plain.compute_type}"
        why = [f"{gain}, for more memory."]
        plain = fastest
    else:
        others = [timing for timing in best.values() if timing is not plain]
        why = [f"{it.compute_type} takes {_ms(it.ms)} at best, no gain over {plain.compute_type}." for it in others]
    return [timing for timing in of_model if timing.compute_type == plain.compute_type], why


def _choose_threads(of_type: Sequence[Timing], cores: int) -> tuple[Timing, str]:
    fastest = _fastest(of_type)
    limit_ms = fastest.ms / (1 - GAIN)
    if fastest.ms <= COMMAND_MS:
        limit_ms = min(limit_ms, COMMAND_MS)
    chosen = min((timing for timing in of_type if timing.ms <= limit_ms), key=lambda timing: timing.threads)
    head = f"{chosen.model} with {_threads(chosen.threads)}: {_ms(chosen.ms)} a command"
    left = cores - chosen.threads
    more = [timing.threads for timing in of_type if timing.threads > chosen.threads]
    fewer = [timing for timing in of_type if timing.threads < chosen.threads]
    if cores == 1:
        return chosen, f"{head}; this board has one core."
    if more:  # of which none is a tenth faster
        is_left = "is" if left == 1 else "are"
        gain = f"{max(more)} threads gain under {GAIN:.0%}"
        return chosen, f"{head}; {gain}, so {_number(left)} {is_left} left for the rest."
    if fewer:
        next_best = min(fewer, key=lambda timing: timing.ms)
        return chosen, f"{head}; {_threads(next_best.threads)} would take {_ms(next_best.ms)}."
    return chosen, f"{head}; other numbers of threads were not measured."


def _choose_partials(chosen: Timing) -> tuple[float, str]:
    took_s = chosen.ms / 1000
    allowed_s = math.ceil(round(took_s / PARTIAL_SHARE * 10, 6)) / 10
    if allowed_s > MOST_PARTIAL_S:
        return 0.0, (
            f"No partial transcripts: within {PARTIAL_SHARE:.0%} of the time there would be one every {allowed_s:g} s, "
            "and a command doesn't last longer."
        )
    every_s = max(LEAST_PARTIAL_S, allowed_s)
    share = f"{took_s / every_s:.0%} of the time while you speak (at most {PARTIAL_SHARE:.0%})"
    return every_s, f"A partial transcript every {every_s:g} s takes {share}."


def _too_slow(chosen: Timing) -> list[str]:
    if chosen.ms > SLOW_MS:
        return [
            f"This board is too slow for a conversation: even {chosen.model} takes {chosen.ms / 1000:.1f} s a command, "
            "and every answer waits for that."
        ]
    if chosen.ms > COMMAND_MS:
        return [f"That is over {_ms(COMMAND_MS)}: answers come a little late."]
    return []


def _rest(board: Board, models: Sequence[Whisper]) -> list[str]:
    unmeasured = [model.id for model in models if model.installed and model.id not in _models(board.timings)]
    reasons = [
        f"{name} was not measured, so it was not considered; --seconds gives it more time." for name in unmeasured
    ]
    if board.voice_rtf >= 1:
        reasons.append(
            "The voice takes longer to synthesise than to speak: long replies will have gaps; try a smaller voice."
        )
    return reasons


def _worth_fetching(models: Sequence[Whisper], chosen: Timing) -> tuple[Fetch, ...]:
    """Missing models that would do better: faster ones where the chosen one is slow, heavier ones where it is quick."""
    size = next((model.bytes for model in models if model.id == chosen.model), 0)
    missing = [model for model in models if not model.installed and model.bytes]
    if not size:
        return ()
    found = []
    for model in missing:
        expected_ms = chosen.ms * (model.bytes / size) ** 1.5  # what the packaged ones take beside their sizes
        if chosen.ms > COMMAND_MS and expected_ms < chosen.ms * (1 - GAIN):
            found.append(Fetch(model.id, f"smaller: perhaps {_ms(expected_ms)} a command instead of {_ms(chosen.ms)}"))
        elif model.bytes > size and expected_ms <= COMMAND_MS:
            found.append(Fetch(model.id, f"hears better, and would perhaps take {_ms(expected_ms)} a command here"))
    return tuple(found)


def _models(timings: Sequence[Timing]) -> list[str]:
    return list(dict.fromkeys(timing.model for timing in timings))


def _fastest(timings: Sequence[Timing]) -> Timing:
    return min(timings, key=lambda timing: timing.ms)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
