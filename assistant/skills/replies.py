"""What skills say, from one file a language, and how lengths, times, dates and numbers are put for the ear."""

from __future__ import annotations

import datetime
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from assistant.errors import SkillError

_SECTIONS = {"speech", "units", "general", "intents"}
_SPEECH = {
    "units", "compound", "pair", "more", "choice", "about", "time_12", "time_12_full", "halves", "time_24", "date",
    "weekdays", "months", "days", "minus", "scientific", "signs",
}  # fmt: skip
_LENGTHS = {"weekdays": 7, "months": 12, "days": 31, "halves": 2}
_PARTS = (("hour", 3600), ("minute", 60), ("second", 1))
_EXACT_S = 600
"""Lengths below are told to the second."""


@dataclass(frozen=True)
class Replies:
    """The sentences of one language."""

    speech: Mapping[str, Any]
    general: Mapping[str, str]
    intents: Mapping[str, Mapping[str, str]]
    units: Mapping[str, tuple[str, str]]
    """Units as pint calls them -> one of it, several."""
    language: str

    def say(self, intent: str, reply: str, **values: object) -> str:
        """The intent's reply with its words filled in; begins with a capital."""
        return filled(self.intents[intent][reply], values)

    def length(self, seconds: float) -> str:
        """Exactly: "1 hour, 20 minutes and 5 seconds"."""
        parts = [f"{count} {self._unit(unit, count)}" for unit, count in _counts(seconds)]
        return self.all_of(parts or [f"0 {self._unit('second', 0)}"])

    def left(self, seconds: float) -> str:
        """As people say it: to the second below ten minutes, to the minute below ten hours, "about" if rounded."""
        whole = max(1, round(seconds))
        step = 1 if whole < _EXACT_S else 60 if whole < 10 * 3600 else 900
        rounded = round(whole / step) * step
        text = self.length(rounded)
        return text if rounded == whole else str(self.speech["about"]).format(text=text)

    def compound(self, seconds: float) -> str:
        """As part of a name: "1 hour 20 minute"."""
        compound: Mapping[str, str] = self.speech["compound"]
        return " ".join(compound[unit].format(count=count) for unit, count in _counts(seconds))

    def time(self, moment: datetime.datetime, hour_format: int) -> str:
        minute = f"{moment.minute:02}"
        if hour_format == 24:
            return str(self.speech["time_24"]).format(hour=moment.hour, minute=minute)
        half = self.speech["halves"][moment.hour >= 12]
        pattern = str(self.speech["time_12" if moment.minute else "time_12_full"])
        return pattern.format(hour=moment.hour % 12 or 12, minute=minute, half=half)

    def date(self, day: datetime.date) -> str:
        return str(self.speech["date"]).format(
            weekday=self.weekday(day),
            month=self.speech["months"][day.month - 1],
            day=self.speech["days"][day.day - 1],
            year=day.year,
        )

    def weekday(self, day: datetime.date) -> str:
        return str(self.speech["weekdays"][day.weekday()])

    def all_of(self, parts: Sequence[str]) -> str:
        """A, B and C."""
        return self._joined(parts, "pair")

    def one_of(self, parts: Sequence[str]) -> str:
        """A, B or C."""
        return self._joined(parts, "choice")

    def apart(self, words: str) -> list[str]:
        """A and B -> A, B."""
        return words.split(str(self.speech["pair"]).format(first="", last=""))

    def _joined(self, parts: Sequence[str], last: str) -> str:
        if len(parts) < 2:
            return "".join(parts)
        if len(parts) == 2:
            return str(self.speech[last]).format(first=parts[0], last=parts[1])
        return str(self.speech["more"]).format(first=parts[0], rest=self._joined(parts[1:], last))

    def _unit(self, unit: str, count: int) -> str:
        one, many = self.speech["units"][unit]
        return str(one if count == 1 else many)


def filled(text: str, values: Mapping[str, object]) -> str:
    """A reply with its words filled in; begins with a capital."""
    text = text.format(**values)
    return text[:1].upper() + text[1:]


def load_replies(language: str) -> Replies:
    """The packaged replies of a language.

    Raises:
        SkillError: `replies-missing`, or what `read_replies` raises.
    """
    file = files("assistant.skills").joinpath("replies", f"{language}.yaml")
    if not file.is_file():
        raise SkillError("replies-missing", f"there are no replies in {language!r}", hint="Set locale.language to en.")
    return read_replies(file)


def read_replies(file: Traversable) -> Replies:
    """Read and check a file of replies.

    Raises:
        SkillError: `replies-unreadable`, `replies-syntax` or `replies-invalid`.
    """
    try:
        content = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    except (OSError, UnicodeDecodeError) as exc:
        raise SkillError("replies-unreadable", f"can't read {file.name}", hint="Install the assistant again.") from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"{file.name}:{mark.line + 1}" if mark else file.name
        raise SkillError("replies-syntax", f"{where}: not valid YAML", hint="Mend that line.") from exc
    if not isinstance(content, dict) or set(content) != _SECTIONS:
        raise _invalid(file.name, f"needs the sections {', '.join(sorted(_SECTIONS))}")
    speech, general, intents = content["speech"], content["general"], content["intents"]
    if not isinstance(speech, dict) or set(speech) != _SPEECH:
        raise _invalid(file.name, f"speech needs {', '.join(sorted(_SPEECH))}")
    for name, length in _LENGTHS.items():
        if not isinstance(speech[name], list) or len(speech[name]) != length:
            raise _invalid(file.name, f"speech.{name} needs {length} entries")
    if not isinstance(intents, dict):
        raise _invalid(file.name, "intents must be a mapping")
    for name, replies in {"general": general, **intents}.items():
        check_texts(file.name, str(name), replies)
    units = content["units"]
    if not isinstance(units, dict) or not all(isinstance(names, list) and len(names) == 2 for names in units.values()):
        raise _invalid(file.name, "units must hold one and several of each")
    spoken = {str(unit): (str(one), str(many)) for unit, (one, many) in units.items()}
    return Replies(speech, general, intents, spoken, file.name.removesuffix(".yaml"))


def check_texts(source: str, name: str, replies: Any) -> None:
    """Check some replies, called `name` in `source`. Raises SkillError `replies-invalid`."""
    if not isinstance(replies, Mapping) or not replies:
        raise _invalid(source, f"{name} must hold replies")
    for reply, text in replies.items():
        if not isinstance(text, str) or not text.strip():
            raise _invalid(source, f"{name}.{reply} must be a sentence")
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
        except ValueError as exc:
            raise _invalid(source, f"{name}.{reply} has an odd brace") from exc
        if not all(field.isidentifier() for field in fields):
            raise _invalid(source, f"{name}.{reply} has an odd brace")


def _invalid(source: str, problem: str) -> SkillError:
    return SkillError("replies-invalid", f"{source}: {problem}", hint="The packaged en.yaml shows the format.")


def _counts(seconds: float) -> list[tuple[str, int]]:
    """Hours, minutes and seconds that aren't zero."""
    rest = round(seconds)
    counts = []
    for unit, unit_s in _PARTS:
        count, rest = divmod(rest, unit_s)
        if count:
            counts.append((unit, count))
    return counts
