"""What `scripts/bench peers` found: the rows as measured; figures, ratios and targets worked out from them. Pure.

Contenders are named by their id everywhere: `edgewise`, `full`, `wyoming`, `faster-whisper`. What a contender doesn't
do, or what wasn't measured, is None. A ratio is a contender's figure over Edgewise's: at 6 Edgewise needs a sixth.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from assistant.evaluate.common import percentile
from assistant.evaluate.words import Normaliser

OURS, FULL, WYOMING, WHISPER = "edgewise", "full", "wyoming", "faster-whisper"
TITLES = {
    OURS: "Edgewise",
    FULL: "Edgewise, full, 0.7 s",
    WYOMING: "Wyoming",
    WHISPER: "faster-whisper",
}
PEER_SILENCE_S = 0.7
"""What ends a turn elsewhere: Home Assistant's default."""
STT_FASTER = (6.0, 2.5)
"""Wanted against Wyoming, at p50 and p95."""
VOICE_FASTER = 4.0
VOICE_MS = (350.0, 900.0)
"""Wanted of Edgewise's voice to voice, at p50 and p95."""
CPU_TIMES = 2.5
"""Wanted of a turn's CPU: this many times that of one fast pass, at most."""
MORE_ERRORS = (0.003, 6)
"""Allowed over `full`: this share of the words said, or so many words."""

Figures = Mapping[str, float | int | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as one contender understood it."""

    text: str
    ms: float
    """From the last sample in to the text out."""
    same_sound: str | None = None
    """Of faster-whisper: its text for just the sound that `full` decodes, which is trimmed to where speech is."""


@dataclass(frozen=True, slots=True)
class Recording:
    group: str
    """The set that it is from."""
    audio: str
    audio_s: float
    text: str
    """What was said, normalised."""
    heard: Mapping[str, Heard]


@dataclass(frozen=True, slots=True)
class Turn:
    """A spoken command as one contender took it."""

    wait_s: float | None
    """From the end of speech to the decision that it is one; None when the user was cut off, or not heard."""
    voice_to_voice_ms: float | None
    """From the end of speech to the first sound of the reply."""
    cpu_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    audio: str
    text: str
    reply: str
    """Edgewise's answer, which every contender speaks."""
    turns: Mapping[str, Turn]
    speech_ms: Mapping[str, float]
    """From the reply's text to its first sound."""
    pass_cpu_s: float
    """What Edgewise's transcript of it costs alone."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    recordings: Sequence[Recording]
    commands: Sequence[Command]
    peak_mb: Mapping[str, float]
    skipped: Mapping[str, str]
    """Why a contender is missing."""
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def contenders(self) -> list[str]:
        """Those that took part, in the order of the columns."""
        return [name for name in TITLES if name in self.peak_mb]


@dataclass(frozen=True, slots=True)
class Target:
    what: str
    wanted: str
    got: str
    met: bool


def figures(measured: Measured, name: str, normalise: Normaliser) -> Figures:
    """One contender's."""
    stt_ms = [row.heard[name].ms for row in measured.recordings if name in row.heard]
    turns = [command.turns[name] for command in measured.commands if name in command.turns]
    waits_s = [turn.wait_s for turn in turns if turn.wait_s is not None]
    voice_ms = [turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None]
    speech_ms = [command.speech_ms[name] for command in measured.commands if name in command.speech_ms]
    words, errors = _words(measured, name, normalise)
    return {
        "stt_ms_p50": percentile(stt_ms, 50),
        "stt_ms_p95": percentile(stt_ms, 95),
        "wer": round(errors / words, 4) if words else None,
        "word_errors": errors if words else None,
        "end_of_turn_s_p50": percentile(waits_s, 50),
        "end_of_turn_s_p95": percentile(waits_s, 95),
        "first_audio_ms_p50": percentile(speech_ms, 50),
        "first_audio_ms_p95": percentile(speech_ms, 95),
        "voice_to_voice_ms_p50": percentile(voice_ms, 50),
        "voice_to_voice_ms_p95": percentile(voice_ms, 95),
        "cpu_s_per_turn": round(statistics.fmean(turn.cpu_s for turn in turns), 3) if turns else None,
        "cpu_s_per_pass": round(pass_cpu_s(measured), 3) if name == OURS and turns else None,
        "peak_memory_mb": round(measured.peak_mb[name], 1) or None,
        "turns": len(turns),
        "turns_unscored": sum(turn.wait_s is None for turn in turns),
    }


def pass_cpu_s(measured: Measured) -> float:
    """CPU seconds of one fast pass over a command, on average."""
    return statistics.fmean(command.pass_cpu_s for command in measured.commands)


def ratios(of: Mapping[str, Figures]) -> Mapping[str, Figures]:
    """Each peer's figures over Edgewise's, where both are there; errors are counted, not divided."""
    ours = of[OURS]
    return {
        name: {
            key: round(value / mine, 2)
            for key, value in theirs.items()
            if key.endswith(("_p50", "_p95", "_turn", "_mb")) and value is not None and (mine := ours.get(key))
        }
        for name, theirs in of.items()
        if name != OURS
    }


def by_group(measured: Measured) -> Mapping[str, Figures]:
    """Speech to text set by set, since what a contender takes depends on how long people speak.

    For each set `recordings`, `audio_s_p50`, and every contender's `NAME_ms_p50`.
    """
    found: dict[str, Figures] = {}
    for group in dict.fromkeys(row.group for row in measured.recordings):
        rows = [row for row in measured.recordings if row.group == group]
        found[group] = {
            "recordings": len(rows),
            "audio_s_p50": percentile([row.audio_s for row in rows], 50),
            **{
                f"{name}_ms_p50": percentile([row.heard[name].ms for row in rows if name in row.heard], 50)
                for name in measured.contenders
            },
        }
    return found


@dataclass(frozen=True, slots=True)
class Differing:
    """A recording of which `full` and faster-whisper give different text, to the letter."""

    audio: str
    full: str
    whisper: str


def differing(measured: Measured, *, same_sound: bool) -> list[Differing]:
    """Where they differ on the sound that both were given, or else on what each makes of the whole recording."""
    found = []
    for row in measured.recordings:
        if {FULL, WHISPER} <= row.heard.keys():
            full, heard = row.heard[FULL].text, row.heard[WHISPER]
            text = (heard.same_sound or "") if same_sound else heard.text
            if full != text:
                found.append(Differing(row.audio, full, text))
    return found


def targets(measured: Measured, normalise: Normaliser) -> list[Target]:
    """What the product promises, as far as it could be measured."""
    of = {name: figures(measured, name, normalise) for name in measured.contenders}
    faster = ratios(of).get(WYOMING, {})
    wanted: Sequence[tuple[str, float, str]] = (
        ("speech to text against Wyoming, p50", STT_FASTER[0], "stt_ms_p50"),
        ("speech to text against Wyoming, p95", STT_FASTER[1], "stt_ms_p95"),
        ("voice to voice against Wyoming, p50", VOICE_FASTER, "voice_to_voice_ms_p50"),
    )
    found = [
        Target(what, f">= {least:g}x", f"{got:.1f}x", got >= least)
        for what, least, key in wanted
        if (got := faster.get(key)) is not None
    ]
    ours = of[OURS]
    for percent, most_ms in zip((50, 95), VOICE_MS, strict=True):
        if (ms := ours[f"voice_to_voice_ms_p{percent}"]) is not None:
            found.append(Target(f"voice to voice, p{percent}", f"<= {most_ms:g} ms", f"{ms:.0f} ms", ms <= most_ms))
    if (cpu_s := ours["cpu_s_per_turn"]) is not None:
        times = cpu_s / pass_cpu_s(measured)
        what = "CPU of a whole turn against one fast pass"
        found.append(Target(what, f"<= {CPU_TIMES:g}x", f"{times:.1f}x", times <= CPU_TIMES))
    words, errors = _words(measured, OURS, normalise)
    if words and FULL in of:
        more = errors - _words(measured, FULL, normalise)[1]
        share, count = MORE_ERRORS
        wording = f"<= {100 * share:g} points or {count} words more"
        said = f"{more:+d} of {words} words ({100 * more / words:+.2f} points)"
        found.append(Target("word errors against full", wording, said, more <= max(count, share * words)))
    if measured.recordings and {FULL, WHISPER} <= of.keys():
        count = len(differing(measured, same_sound=True))
        what = "texts of full that faster-whisper gives otherwise for the same sound"
        found.append(Target(what, "0", str(count), count == 0))
    return found


def to_json(measured: Measured, normalise: Normaliser) -> dict[str, Any]:
    """Everything, for machines."""
    of = {name: figures(measured, name, normalise) for name in measured.contenders}
    return {
        "machine": dict(measured.machine),
        "recordings": len(measured.recordings),
        "commands": len(measured.commands),
        "contenders": of,
        "ratios": ratios(of),
        "speech_to_text_by_set": by_group(measured),
        "targets": [asdict(target) for target in targets(measured, normalise)],
        "skipped": dict(measured.skipped),
        "differing": [asdict(each) for each in differing(measured, same_sound=True)],
        "differing_on_the_whole_recording": [asdict(each) for each in differing(measured, same_sound=False)],
        "rows": {
            "recordings": [asdict(row) for row in measured.recordings],
            "commands": [asdict(command) for command in measured.commands],
        },
    }


def _words(measured: Measured, name: str, normalise: Normaliser) -> tuple[int, int]:
    """Words said, and words wrong, missing and added, over all recordings that the contender had."""
    rows = [row for row in measured.recordings if name in row.heard]
    if not rows:
        return 0, 0
    import jiwer  # noqa: PLC0415 - of the extra `bench`

    found = jiwer.process_words([row.text for row in rows], [normalise(row.heard[name].text) for row in rows])
    return found.hits + found.substitutions + found.deletions, found.substitutions + found.deletions + found.insertions


Cell = Callable[[float], str]
LINES: Sequence[tuple[str, str, Cell]] = (
    ("speech to text, p50", "stt_ms_p50", lambda ms: f"{ms:.0f} ms"),
    ("speech to text, p95", "stt_ms_p95", lambda ms: f"{ms:.0f} ms"),
    ("word errors", "wer", lambda share: f"{100 * share:.2f}%"),
    ("end of turn, p50", "end_of_turn_s_p50", lambda s: f"{s:.2f} s"),
    ("end of turn, p95", "end_of_turn_s_p95", lambda s: f"{s:.2f} s"),
    ("first sound of a reply, p50", "first_audio_ms_p50", lambda ms: f"{ms:.0f} ms"),
    ("first sound of a reply, p95", "first_audio_ms_p95", lambda ms: f"{ms:.0f} ms"),
    ("voice to voice, p50", "voice_to_voice_ms_p50", lambda ms: f"{ms:.0f} ms"),
    ("voice to voice, p95", "voice_to_voice_ms_p95", lambda ms: f"{ms:.0f} ms"),
    ("CPU for a turn", "cpu_s_per_turn", lambda s: f"{s:.2f} s"),
    ("CPU for its transcript alone", "cpu_s_per_pass", lambda s: f"{s:.2f} s"),
    ("peak memory", "peak_memory_mb", lambda mb: f"{mb:.0f} MB"),
)
"""The table's lines: name, figure, and how it is written."""


def cells(of: Mapping[str, Figures]) -> list[tuple[str, ...]]:
    """The table, line by line: a name, then each contender's figure, with its ratio to Edgewise's behind it."""
    times = ratios(of)
    lines = []
    for title, key, write in LINES:
        line = [title]
        for name, theirs in of.items():
            value, ratio = theirs[key], times.get(name, {}).get(key)
            line.append("-" if value is None else write(value) + (f"  {ratio:.1f}x" if ratio else ""))
        lines.append(tuple(line))
    return lines


def group_cells(measured: Measured) -> list[tuple[str, ...]]:
    """Speech to text, a line for each set: its name with how long its recordings are, then as `cells`."""
    lines = []
    for group, found in by_group(measured).items():
        ours = found[f"{OURS}_ms_p50"]
        line = [f"{group}: {found['recordings']} of {found['audio_s_p50']:.1f} s"]
        for name in measured.contenders:
            ms = found[f"{name}_ms_p50"]
            times = f"  {ms / ours:.1f}x" if ms and ours and name != OURS else ""
            line.append("-" if ms is None else f"{ms:.0f} ms{times}")
        lines.append(tuple(line))
    return lines
