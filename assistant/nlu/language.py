"""The words of one language, as its YAML files give them, checked.

Everything a language needs lies in `languages/<code>/`: `words.yaml` (numbers, units, politeness, arithmetic ...),
`intents.yaml` (each intent and what it must have been told) and `sentences/*.yaml` (hassil templates, see `grammar`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from assistant.errors import UnderstandError
from assistant.values import Layer

try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

LANGUAGES: Traversable = files("assistant.nlu").joinpath("languages")
"""A folder for each language."""
_LISTS = {
    "names", "calls", "leading", "trailing", "fillers", "articles", "point", "more", "clock_marks", "date_after",
    "weekdays", "next", "last", "months", "ordinal_endings", "name_articles", "place_articles", "name_trailing",
    "name_stopwords", "place_stopwords", "open_start", "open_inside", "open_never",
    "unfinished", "every", "word_endings", "amount_to", "corrections", "continuing", "joints", "colors",
    "item_stopwords", "when_joints", "when_ahead", "when_openings", "list_stopwords", "negative", "item_unsaid",
    "query_unsaid", "item_openings", "unit_asked", "alone", "item_tails", "value_articles",
    "value_joints", "title_edges", "title_by", "every_other", "without", "day_span", "unkind", "shared_verbs", "set_to",
    "item_removals", "shifting", "note_openings", "note_tails", "note_unsaid", "note_pointing", "plural_pronouns",
    "nth_last", "nth_things", "reminding", "date_articles", "genitive_endings", "choice_tails", "kinds_of_several",
}  # fmt: skip
_MAPPINGS = {
    "contractions", "numbers", "multipliers", "fractions", "units", "dates", "date_units", "holidays", "ordinals",
    "arithmetic", "day_parts", "clock", "recurrences", "periods", "period_steps", "amounts", "amount_units",
    "home", "directions", "answer_by", "unit_names", "provisos", "months_short", "shared", "anew", "day_shifts",
    "recurring", "opposites", "sums",
}  # fmt: skip
ASKED = frozenset({"duration", "expression", "target", "temperature", "position", "percentage", "time", "message"})
"""The slots that can be asked for: `answers` reads what is answered."""
_STRINGS = {"joiner", "date_before", "of", "in_place", "date_from", "pronoun", "asks_time", "moving"}
_HOME = {"kinds", "every", "everything", "in", "pronouns", "here", "everywhere", "anywhere", "ones", "verbs", "but"}
_PROVISOS = {
    "lasting", "at", "later", "condition", "exception", "negation", "polite", "awaited", "reckoning", "several",
}  # fmt: skip
_CLOCK = {"half_days", "past", "to", "minutes", "directly", "zero", "whole", "minute_words"}
_ARITHMETIC = {
    "infix", "postfix", "prefix", "reversed", "of", "off", "power", "constants", "phrases", "noise", "never",
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """One language's words. `words` is the checked content of `words.yaml`."""

    code: str
    words: Mapping[str, Any]
    required: Mapping[str, tuple[str, ...]]
    """Intent -> the slots it can't do without."""
    examples: Mapping[str, str]
    """Intent -> how one says it."""
    sentence_files: tuple[Traversable, ...]

    def list(self, name: str) -> tuple[str, ...]:
        return tuple(self.words[name])

    def set(self, name: str) -> frozenset[str]:
        return self._sets[name]

    def table(self, name: str) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self.words[name]
        return table

    def unit(self, unit_s: int) -> str:
        """The word for several of a unit of time: the longest one."""
        return max((word for word, seconds in self.table("units").items() if seconds == unit_s), key=len)

    def bare(self, text: str, articles: str = "value_articles") -> str:
        """A text without the words of that list in front; its last word stays."""
        words = text.split()
        while len(words) > 1 and words[0] in self._sets[articles]:
            words = words[1:]
        return " ".join(words)

    @cached_property
    def _sets(self) -> Mapping[str, frozenset[str]]:
        return {name: frozenset(self.words[name]) for name in _LISTS}


class Loader(_SafeLoader):
    """YAML in which only `true` and `false` are truth values: "yes", "no", "on" and "off" are words people say."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


@lru_cache(maxsize=4)
def load_language(code: str) -> Language:
    """The packaged language `code`.

    Raises:
        UnderstandError: `language-unknown`, or what `read_language` raises.
    """
    folder = LANGUAGES.joinpath(code)
    if not folder.is_dir():
        raise UnderstandError("language-unknown", f"there is no language {code!r}", hint="Set locale.language to en.")
    return read_language(code, folder)


def read_language(code: str, folder: Traversable) -> Language:
    """Read and check a language folder.

    Raises:
        UnderstandError: `words-unreadable`, `words-syntax` or `words-invalid`, with file and line where known.
    """
    words = _check_words(read_yaml(folder / "words.yaml", "words"), "words.yaml")
    intents = read_yaml(folder / "intents.yaml", "words")
    for intent, facts in intents.items():
        _check_intent(intent, facts)
    sentences = sorted((folder / "sentences").iterdir(), key=lambda file: file.name)
    return Language(
        code,
        words,
        {intent: tuple(facts["required"]) for intent, facts in intents.items()},
        {intent: str(facts["example"]) for intent, facts in intents.items()},
        tuple(file for file in sentences if file.name.endswith(".yaml")),
    )


def _check_intent(intent: str, facts: Any) -> None:
    if not isinstance(facts, dict) or set(facts) != {"required", "example"}:
        raise _invalid("intents.yaml", f"{intent} needs `required` and `example`")
    if not isinstance(facts["required"], list) or not set(map(str, facts["required"])) <= ASKED:
        raise _invalid("intents.yaml", f"{intent} may require {', '.join(sorted(ASKED))} only")


def read_text(file: Traversable, kind: str) -> str:
    """A data file's text. Raises UnderstandError `<kind>-unreadable`."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UnderstandError(
            f"{kind}-unreadable", f"can't read {file.name}", hint="Install the assistant again, or mend the file."
        ) from exc


def read_yaml(file: Traversable, kind: str) -> dict[str, Any]:
    """A YAML file that holds a mapping. Raises UnderstandError `<kind>-unreadable`, `-syntax` or `-invalid`."""
    text = read_text(file, kind)
    try:
        content = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise yaml_error(file.name, kind, exc) from exc
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UnderstandError(f"{kind}-invalid", f"{file.name}: the file must be a mapping of names", hint=_HINT)
    return content


def yaml_error(name: str, kind: str, exc: Exception) -> UnderstandError:
    """Our error for a YAML one, with the line where YAML knows it."""
    mark = getattr(exc, "problem_mark", None)
    where = f"{name}:{mark.line + 1}" if mark else name
    problem = getattr(exc, "problem", None) or type(exc).__name__
    return UnderstandError(f"{kind}-syntax", f"{where}: not valid YAML: {problem}", hint=_HINT)


_HINT = "Mend the file; the packaged ones show the format."


def _invalid(where: str, problem: str) -> UnderstandError:
    return UnderstandError("words-invalid", f"{where}: {problem}", hint=_HINT)


def _check_words(words: dict[str, Any], name: str) -> dict[str, Any]:
    expected = _LISTS | _MAPPINGS | _STRINGS
    if set(words) != expected:
        odd = sorted(set(words) ^ expected)
        raise _invalid(name, f"missing or unknown: {', '.join(odd)}")
    _check_kinds(words, name)
    if set(words["arithmetic"]) != _ARITHMETIC:
        raise _invalid(name, f"arithmetic must hold {', '.join(sorted(_ARITHMETIC))}")
    if not all(set(words["answer_by"].get(layer, ())) == {"before", "behind"} for layer in Layer):
        raise _invalid(name, "answer_by must hold what is said before and behind for edge and cloud")
    if set(words["home"]) != _HOME:
        raise _invalid(name, f"home must hold {', '.join(sorted(_HOME))}")
    if set(words["provisos"]) != _PROVISOS:
        raise _invalid(name, f"provisos must hold {', '.join(sorted(_PROVISOS))}")
    if set(words["clock"]) != _CLOCK:
        raise _invalid(name, f"clock must hold {', '.join(sorted(_CLOCK))}")
    for key in ("numbers", "multipliers", "units", "dates", "ordinals", "date_units"):
        if not all(isinstance(value, int) for value in words[key].values()):
            raise _invalid(name, f"every value of {key} must be a whole number")
    return words


def _check_kinds(words: dict[str, Any], name: str) -> None:
    for key, value in words.items():
        kind = list if key in _LISTS else dict if key in _MAPPINGS else str
        if not isinstance(value, kind):
            raise _invalid(name, f"{key} must be a {kind.__name__}")
        if kind is list and not all(isinstance(item, str) for item in value):
            raise _invalid(name, f"every entry of {key} must be text")
        if kind is dict and not all(isinstance(said, str) for said in value):
            raise _invalid(name, f'every key of {key} must be text: quote words like "null"')
