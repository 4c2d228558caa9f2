"""Sentence templates -> readings, by hassil. Two grammars: ours, over marked text, and Home Assistant's, over digits.

A sentence file is hassil's YAML: `language`, `intents: NAME: data: - sentences: [...]`, `lists`, `expansion_rules`.
Our templates may use these lists beside their own: {duration}, {date}, {day}, {expression}, {target}, {amount} (marks,
see `entities`), {exact} (an amount with its unit), {color}, {unit}, and {known}, the names of the timers that run.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from hassil import Intents, TextSlotList, parse_sentence, recognize_all
from hassil.errors import HassilError
from hassil.expression import Expression, Group, ListReference, RuleReference, Sentence, TextChunk
from hassil.expression import Sequence as ExpressionSequence
from hassil.intents import IntentData
from hassil.parser import ParseError

from assistant.errors import UnderstandError
from assistant.nlu.entities import MARK, MAX_MARKS
from assistant.nlu.language import Loader, read_text, yaml_error

_MAX_READINGS = 24
"""Readings of one text that are compared; more only come from templates that overlap a lot."""
MAX_NAME_WORDS = 4
"""Longest name of a timer or place."""
_LONG_WORDS = 24
"""Longest text that a template leaves open as one of _LONG: what is to be put on a list, what to remind of."""
_LONG = frozenset({"item", "message", "query", "when"})
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
        self._open_words = open_words
        spelled = _Spelled(intents)
        self._blocks = [(name, block) for name, intent in intents.intents.items() for block in intent.data]
        sentences = [(number, each) for number, (_, block) in enumerate(self._blocks) for each in block.sentences]
        self._block_of = [number for number, _ in sentences]
        """By the number of a sentence."""
        self._spelling: dict[str, int] = {}
        """Word -> the sentences that spell it out, a bit each."""
        self._open, self._long = 0, 0
        """The sentences that leave words open, and those that leave many open."""
        for number, (_, sentence) in enumerate(sentences):
            self._open |= spelled.leaves_open(sentence.expression) << number
            self._long |= _leaves_much(sentence.expression) << number
            for word in spelled.by([sentence.expression]):
                self._spelling[word] = self._spelling.get(word, 0) | 1 << number
        self.read("x")  # hassil builds what it filters by on first use

    @property
    def intents(self) -> frozenset[str]:
        return frozenset(self._intents.intents)

    def read(self, text: str, known: Sequence[str] = ()) -> list[Reading]:
        """The readings of the text, the most literal first. One that leaves nothing open ends the search: neither words
        nor whether its verb is for what it is about.
        """
        hopeful = self._hopeful(text, known)
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

    def _hopeful(self, text: str, known: Sequence[str]) -> Intents:
        """The blocks with a sentence that may fit. Most have none: the words they don't spell out are more than one
        name can hold.
        """
        named = {word for name in known for word in name.split()}
        every = (1 << len(self._block_of)) - 1
        spelling = [
            every if word in named or word[0] == MARK or word.isdecimal() else self._spelling.get(word, 0)
            for word in text.split()
        ]
        up_to = list(itertools.accumulate(spelling, operator.and_, initial=every))
        behind = list(itertools.accumulate(reversed(spelling), operator.and_, initial=every))[::-1]
        hopeful = up_to[-1]
        for begin, before in enumerate(up_to):
            hopeful |= before & behind[min(begin + self._open_words, len(spelling))] & self._open
            hopeful |= before & behind[min(begin + _LONG_WORDS, len(spelling))] & self._long
        blocks: set[int] = set()
        while hopeful:
            blocks.add(self._block_of[(hopeful & -hopeful).bit_length() - 1])
            hopeful &= hopeful - 1
        found: dict[str, list[IntentData]] = {}
        for number in sorted(blocks):
            name, block = self._blocks[number]
            found.setdefault(name, []).append(block)
        intents = {name: replace(self._intents.intents[name], data=data) for name, data in found.items()}
        return replace(self._intents, intents=intents)

    def templates(self) -> Iterator[tuple[str, str]]:
        """(intent, template) of every sentence."""
        for name, intent in self._intents.intents.items():
            for block in intent.data:
                for text in block.sentence_texts:
                    yield name, text


def load_grammar(
    sources: Iterable[Traversable], required: Iterable[str], words: Mapping[str, Iterable[Any]] | None = None
) -> Grammar:
    """Our sentence files, merged. `required` names the intents that may occur, `words` are further lists, of
    words or of what is said (`in`) and meant (`out`).

    Raises:
        UnderstandError: `sentences-unreadable`, `sentences-syntax` or `sentences-invalid`, with file and line.
    """
    lists = mark_lists() | {name: {"values": list(values)} for name, values in (words or {}).items()}
    merged: dict[str, Any] = {"language": "en", "intents": {}, "lists": dict(lists), "expansion_rules": {}}
    known = frozenset(required)
    for source in sources:
        checker = _Checker(source.name)
        content = checker.checked(read_text(source, "sentences"), known, lists)
        for intent, body in content["intents"].items():
            merged["intents"].setdefault(intent, {"data": []})["data"] += body["data"]
        for kind in ("lists", "expansion_rules"):
            for name, value in content.get(kind, {}).items():
                if merged[kind].setdefault(name, value) != value:
                    raise checker.invalid(f"another file has a different {name!r}", (kind, name))
    return Grammar(Intents.from_dict(merged))


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


def _leaves_much(expression: Expression) -> bool:
    """Whether a template leaves a text of many words open."""
    if isinstance(expression, ListReference):
        return expression.slot_name in _LONG
    return isinstance(expression, Group) and any(map(_leaves_much, expression.items))


def _glued(first: Expression, second: Expression) -> bool:
    """Whether a word may go from one piece of a template into the next, other than by a plural's s."""
    ends = first.original_text[-1:] if isinstance(first, TextChunk) else ""
    begins = second.original_text[:1] if isinstance(second, TextChunk) else ""
    if _is_plural(second):
        return False
    if isinstance(first, TextChunk) and isinstance(second, TextChunk):
        return not (ends.isspace() or begins.isspace())
    return (bool(ends) and not ends.isspace()) or (bool(begins) and not begins.isspace())


def _is_plural(expression: Expression) -> bool:
    """Whether it is `[s]`."""
    texts = [text for text in _texts(expression) if text]
    return texts == ["s"]


def _texts(expression: Expression) -> Iterator[str]:
    if isinstance(expression, TextChunk):
        yield expression.text
    elif isinstance(expression, Group):
        for item in expression.items:
            yield from _texts(item)


class _Spelled:
    """Which words templates spell out."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._known: dict[str, frozenset[str]] = {}

    def by(self, expressions: Iterable[Expression]) -> frozenset[str]:
        """The words, with the plural that a template may add: "timer[s]" spells two."""
        words = {word for expression in expressions for word in self._words(expression)}
        return frozenset({*words, *(f"{word}s" for word in words)})

    def leaves_open(self, expression: Expression) -> bool:
        """Whether a template takes words it doesn't spell out: any, numbers, words made of pieces ("un[-]do")."""
        if isinstance(expression, ListReference):
            return not isinstance(self._intents.slot_lists.get(expression.list_name), TextSlotList)
        if isinstance(expression, RuleReference):
            rule = self._intents.expansion_rules.get(expression.rule_name)
            return rule is not None and self.leaves_open(rule.expression)
        if not isinstance(expression, Group):
            return False
        glued = isinstance(expression, ExpressionSequence) and any(map(_glued, expression.items, expression.items[1:]))
        return glued or any(self.leaves_open(item) for item in expression.items)

    def _words(self, expression: Expression) -> Iterator[str]:
        if isinstance(expression, TextChunk):
            yield from expression.text.casefold().split()
        elif isinstance(expression, Group):
            for item in expression.items:
                yield from self._words(item)
        elif isinstance(expression, RuleReference):
            rule = self._intents.expansion_rules.get(expression.rule_name)
            yield from self._of(f"<{expression.rule_name}>", [rule.expression] if rule else [])
        elif isinstance(expression, ListReference):
            values = self._intents.slot_lists.get(expression.list_name)
            texts = values.values if isinstance(values, TextSlotList) else []
            yield from self._of(f"{{{expression.list_name}}}", [value.text_in for value in texts])

    def _of(self, name: str, expressions: Iterable[Expression]) -> frozenset[str]:
        if name not in self._known:
            self._known[name] = frozenset()  # a rule that holds itself adds nothing
            self._known[name] = frozenset(word for each in expressions for word in self._words(each))
        return self._known[name]


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

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = ""

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
            return parse_sentence(text, keep_text=True)
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
