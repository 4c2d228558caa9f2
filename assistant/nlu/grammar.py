"""Sentence templates -> readings, by hassil. Two grammars: ours, over marked text, and Home Assistant's, over digits.

A sentence file is hassil's YAML: `language`, `intents: NAME: data: - sentences: [...]`, `lists`, `expansion_rules`.
Our templates may use these lists beside their own: {duration}, {date}, {day}, {expression}, {target}, {amount} (marks,
see `entities`), {exact} (an amount with its unit), {color}, {unit}, and {known}, the names of the timers that run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from hassil import Intents, TextSlotList, parse_sentence, recognize_all
from hassil.errors import HassilError
from hassil.expression import Expression, Group, ListReference, RuleReference, Sentence
from hassil.parser import ParseError

from assistant.errors import UnderstandError
from assistant.nlu.entities import MARK, MAX_MARKS
from assistant.nlu.language import Loader, read_text, yaml_error
from assistant.nlu.prefilter import Prefilter

_MAX_READINGS = 24
"""Readings of one text that are compared; more only come from templates that overlap a lot."""
MAX_NAME_WORDS = 4
"""Longest name of a timer or place."""
_KEYS = {"language", "intents", "lists", "expansion_rules"}
_BLOCK_KEYS = {"sentences", "slots"}
_HINT = "Mend that line; the packaged sentence files show the format."
_PLACES = {"area", "floor", "domain", "conversation_command"}
"""What Home Assistant's sentences hold that are for rooms and their devices, or hold other commands: those we read by
sentences of our own, with all the names of the home in place (`targets`)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way a template fits the whole text."""

    intent: str
    values: Mapping[str, Any]
    """Slot -> value; the number of the mark where a mark stands for it."""
    wildcards: frozenset[str]
    """Slots whose words the template left open."""
    literal_chars: int
    """How much of the text the template itself spells out."""
    marked: frozenset[str] = frozenset()
    """Slots whose value is the number of a mark."""


class Grammar:
    """Compiled templates. Thread-safe once built."""

    def __init__(self, intents: Intents, *, open_words: int = MAX_NAME_WORDS) -> None:
        """`open_words`: the most words of a text that a template may leave open."""
        self._intents = intents
        self._prefilter = Prefilter(intents, open_words)
        self.read("x")  # hassil builds what it matches with on first use

    @property
    def intents(self) -> frozenset[str]:
        return frozenset(self._intents.intents)

    def read(self, text: str, known: Sequence[str] = ()) -> list[Reading]:
        """The readings of the text, the most literal first. One that leaves nothing open ends the search: neither words
        nor whether its verb is for what it is about.
        """
        hopeful = self._prefilter.hopeful(text, known)
        if not hopeful.intents:
            return []
        lists = {"known": TextSlotList.from_strings(known, allow_template=False, name="known")}
        results = recognize_all(text, hopeful, slot_lists={**lists})
        readings = []
        for result in itertools.islice(results, _MAX_READINGS):
            entities = result.entities.values()
            readings.append(
                Reading(
                    result.intent.name,
                    {entity.name: entity.value for entity in entities},
                    frozenset(entity.name for entity in entities if entity.is_wildcard),
                    result.text_chunks_matched,
                    frozenset(each.name for each in entities if not each.is_wildcard and each.text.startswith(MARK)),
                )
            )
            if not readings[-1].wildcards and "target" not in readings[-1].values:
                return readings[-1:]
        return sorted(readings, key=lambda reading: (len(reading.wildcards), -reading.literal_chars))

    def templates(self) -> Iterator[tuple[str, str]]:
        """(intent, template) of every sentence."""
        for name, intent in self._intents.intents.items():
            for block in intent.data:
                for text in block.sentence_texts:
                    yield name, text


def load_grammar(
    sources: Iterable[Traversable],
    required: Iterable[str],
    words: Mapping[str, Iterable[Any]] | None = None,
    *,
    language: str = "en",
) -> Grammar:
    """Our sentence files, merged. `required` names the intents that may occur, `words` are further lists, of
    words or of what is said (`in`) and meant (`out`).

    Raises:
        UnderstandError: `sentences-unreadable`, `sentences-syntax` or `sentences-invalid`, with file and line.
    """
    lists = mark_lists() | {name: {"values": list(values)} for name, values in (words or {}).items()}
    merged: dict[str, Any] = {"language": language, "intents": {}, "lists": dict(lists), "expansion_rules": {}}
    known = frozenset(required)
    parsed: dict[str, Sentence] = {}
    for source in sources:
        checker = _Checker(source.name, parsed)
        content = checker.checked(read_text(source, "sentences"), known, lists)
        for intent, body in content["intents"].items():
            merged["intents"].setdefault(intent, {"data": []})["data"] += body["data"]
        for kind in ("lists", "expansion_rules"):
            for name, value in content.get(kind, {}).items():
                if merged[kind].setdefault(name, value) != value:
                    raise checker.invalid(f"another file has a different {name!r}", (kind, name))
    intents = Intents.from_dict(merged)
    for intent in intents.intents.values():
        for block in intent.data:  # parsed when they were checked: hassil keeps them there
            block.__dict__["sentences"] = [parsed[text] for text in block.sentence_texts]
    return Grammar(intents)


def read_sentences(name: str, text: str, known: frozenset[str], given: Iterable[str]) -> dict[str, Any]:
    """The checked content of a sentence file that errors call `name`. `given` are lists that it may use.

    Raises:
        UnderstandError: `sentences-syntax` or `sentences-invalid`, with file and line.
    """
    return _Checker(name).checked(text, known, given)


def home_assistant_grammar(language: str, wanted: Iterable[str]) -> Grammar:
    """Home Assistant's sentences of the wanted intents, without those that need a home or run other commands.

    Raises:
        UnderstandError: `sentences-missing` when the installed package doesn't know the language.
    """
    from home_assistant_intents import get_intents  # noqa: PLC0415 - reads 2 MB of JSON

    content = get_intents(language)
    if not content:
        raise UnderstandError(
            "sentences-missing",
            f"home-assistant-intents has no sentences for {language!r}",
            hint="Install the assistant again.",
        )
    wanted = frozenset(wanted)
    intents = {
        name: {"data": [block for block in body["data"] if not _needs_home(block)]}
        for name, body in content["intents"].items()
        if name in wanted
    }
    rules = content.get("expansion_rules", {})
    return Grammar(Intents.from_dict({**content, "intents": intents, "expansion_rules": rules, "skip_words": []}))


def _needs_home(block: Mapping[str, Any]) -> bool:
    """Whether a block can only be meant for a home with rooms, or holds another command inside."""
    needs = {*block.get("slots", {}), *block.get("requires_context", {})} & _PLACES
    return bool(needs) or any(
        f"{{{name}" in text or f":{name}}}" in text for text in block["sentences"] for name in _PLACES
    )


def mark_lists() -> dict[str, Any]:
    """The lists of marks, as hassil has lists."""

    def marks(*kinds: str) -> dict[str, Any]:
        return {
            "values": [{"in": f"{MARK}{kind}{index}", "out": index} for kind in kinds for index in range(MAX_MARKS)]
        }

    return {
        "duration": marks("d"),
        "date": marks("t", "r"),
        "day": marks("r"),
        "expression": marks("e"),
        "target": marks("h"),
        "amount": marks("n", "p"),
        "exact": marks("p"),
        "known": {"values": []},
    }


class _Checker:
    """Checks one sentence file and says where it is wrong."""

    def __init__(self, name: str, parsed: dict[str, Sentence] | None = None) -> None:
        """`parsed` gets the templates by their text."""
        self._name = name
        self._text = ""
        self._parsed = {} if parsed is None else parsed

    def checked(self, text: str, known: frozenset[str], given: Iterable[str]) -> dict[str, Any]:
        """The file's content. `known` are the intents that may occur, `given` lists that it may use."""
        content = self._read(text)
        self._check(content, known, given)
        return content

    def _read(self, text: str) -> dict[str, Any]:
        self._text = text
        try:
            content = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, RecursionError, ValueError, TypeError) as exc:
            raise yaml_error(self._name, "sentences", exc) from exc
        if not isinstance(content, dict):
            raise self.invalid("the file must be a mapping with `intents`", ())
        return content

    def _check(self, content: dict[str, Any], known: frozenset[str], given: Iterable[str]) -> None:
        for key in content:
            if key not in _KEYS:
                raise self.invalid(f"unknown key {key!r}", (key,))
        rules = self._mapping(content.get("expansion_rules", {}), ("expansion_rules",))
        parsed = {str(name): self._sentence(body, ("expansion_rules", name)) for name, body in rules.items()}
        lists = {*given, *self._lists(content)}
        for name, sentence in parsed.items():
            self._references(sentence.expression, lists, parsed, ("expansion_rules", name))
        self._no_cycles(parsed)
        intents = self._mapping(content.get("intents"), ("intents",))
        for intent, body in intents.items():
            if intent not in known:
                raise self.invalid(f"unknown intent {intent!r}", ("intents", intent))
            blocks = self._mapping(body, ("intents", intent)).get("data")
            if not isinstance(blocks, list) or not blocks:
                raise self.invalid(f"{intent} needs a list `data`", ("intents", intent))
            for index, block in enumerate(blocks):
                self._block(block, lists, parsed, ("intents", intent, "data", index))

    def _block(self, block: Any, lists: set[str], rules: Mapping[str, Sentence], path: tuple[Any, ...]) -> None:
        for key in self._mapping(block, path):
            if key not in _BLOCK_KEYS:
                raise self.invalid(f"unknown key {key!r}", (*path, key))
        self._mapping(block.get("slots", {}), (*path, "slots"))
        sentences = block.get("sentences")
        if not isinstance(sentences, list) or not sentences:
            raise self.invalid("`sentences` must be a list of templates", path)
        for index, text in enumerate(sentences):
            where = (*path, "sentences", index)
            self._references(self._sentence(text, where).expression, lists, rules, where)

    def _lists(self, content: dict[str, Any]) -> Iterator[str]:
        kinds = {"values": list, "range": dict, "wildcard": bool}
        for name, body in self._mapping(content.get("lists", {}), ("lists",)).items():
            facts = self._mapping(body, ("lists", name))
            if len(facts) != 1 or not all(isinstance(value, kinds.get(key, ())) for key, value in facts.items()):
                raise self.invalid(f"list {name!r} must have `values`, `range` or `wildcard`", ("lists", name))
            yield str(name)

    def _sentence(self, text: Any, path: tuple[Any, ...]) -> Sentence:
        if not isinstance(text, str) or not text.strip():
            raise self.invalid("a template must be text", path)
        try:
            return self._parsed.setdefault(text, parse_sentence(text, keep_text=True))
        except (ParseError, HassilError, ValueError, IndexError, AssertionError, RecursionError) as exc:
            raise self.invalid("the template can't be read; look at its brackets", path) from exc

    def _references(
        self, expression: Expression, lists: set[str], rules: Mapping[str, Sentence], path: tuple[Any, ...]
    ) -> None:
        if isinstance(expression, ListReference) and expression.list_name not in lists:
            raise self.invalid(f"there is no list {{{expression.list_name}}}", path)
        if isinstance(expression, RuleReference) and expression.rule_name not in rules:
            raise self.invalid(f"there is no rule <{expression.rule_name}>", path)
        if isinstance(expression, Group):
            for item in expression.items:
                self._references(item, lists, rules, path)

    def _no_cycles(self, rules: Mapping[str, Sentence]) -> None:
        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above:
                raise self.invalid(f"rule <{name}> contains itself", ("expansion_rules", name))
            for inner in _rule_names(rules[name].expression):
                visit(inner, (*above, name))

        for name in rules:
            visit(name, ())

    def _mapping(self, value: Any, path: tuple[Any, ...]) -> Mapping[Any, Any]:
        if not isinstance(value, dict):
            raise self.invalid(f"`{path[-1] if path else 'file'}` must be a mapping", path)
        return value

    def invalid(self, problem: str, path: tuple[Any, ...]) -> UnderstandError:
        return UnderstandError("sentences-invalid", f"{self._name}:{self._line(path)}: {problem}", hint=_HINT)

    def _line(self, path: tuple[Any, ...]) -> int:
        """The line of a place in the file: as deep as the path leads."""
        node = yaml.compose(self._text, Loader)
        for step in path:
            if isinstance(node, yaml.MappingNode):
                inner = next((value for key, value in node.value if key.value == str(step)), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                inner = node.value[step]
            else:
                inner = None
            if inner is None:
                break
            node = inner
        return int(node.start_mark.line) + 1 if node is not None else 1


def _rule_names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, RuleReference):
        yield expression.rule_name
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _rule_names(item)
