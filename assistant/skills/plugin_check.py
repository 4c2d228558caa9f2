"""Whether what an entry point gave is a plugin that can work, and where its sentences stand in its source."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from assistant.errors import SkillError
from assistant.skills.plugin import Intent, Plugin
from assistant.skills.replies import check_texts

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_INTENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_HINT = "The skill's author can mend that."


def made(found: object, name: str, language: str) -> Plugin:
    """The plugin of a class that the entry point `name` gave, checked; all but its sentences.

    Raises:
        SkillError: `plugin-type`, `-name`, `-start` or `-invalid`; `replies-missing` or `-invalid`.
    """
    if not (isinstance(found, type) and issubclass(found, Plugin)) or inspect.isabstract(found):
        raise _error("plugin-type", f"{name} must be a class that extends assistant.skills.plugin.Plugin with `handle`")
    where = where_defined(found)
    absent = [each for each in ("name", "intents", "sentences", "replies") if not hasattr(found, each)]
    if absent:
        raise _error("plugin-invalid", f"{where}: {found.__name__} lacks {', '.join(absent)}")
    if found.name != name or not _NAME.fullmatch(name):
        message = f"{where}: the entry point is called {name!r}, the skill {found.name!r}"
        raise _error("plugin-name", message, "Both must be the same small letters, digits, - and _.")
    _check_intents(found, where)
    _check_replies(found, where, language)
    try:
        plugin = found()
    except Exception as exc:
        raise _error("plugin-start", f"{where}: {found.__name__}() raises {type(exc).__name__}: {exc}") from exc
    plugin.language = language
    return plugin


def where_defined(kind: type[Plugin]) -> str:
    """`FILE:LINE` of a class, as far as that is known."""
    try:
        return f"{_file(kind)}:{inspect.getsourcelines(kind)[1]}"
    except (OSError, TypeError):
        return kind.__module__


def sentences_of(plugin: Plugin) -> tuple[str, str]:
    """The file that holds a plugin's sentences, and the sentences as YAML on the lines that they have there.

    A mapping becomes one line of YAML, that of its name.

    Raises:
        SkillError: `plugin-invalid`.
    """
    kind, sentences = type(plugin), plugin.sentences
    if not isinstance(sentences, str):
        try:
            sentences = json.dumps(sentences)
        except (TypeError, ValueError) as exc:
            message = f"{where_defined(kind)}: `sentences` must be YAML, or a mapping of what YAML can hold"
            raise _error("plugin-invalid", message) from exc
    try:
        tree = ast.parse(inspect.getsource(inspect.getmodule(kind) or kind))
        return _file(kind), "\n" * (_first_line(tree, kind.__name__, sentences) - 1) + sentences
    except (OSError, TypeError, SyntaxError):
        return f"sentences of {plugin.name}", sentences


def _file(kind: type[Plugin]) -> str:
    return PurePath(inspect.getfile(kind)).name


def _first_line(tree: ast.Module, name: str, text: str) -> int:
    """The source's line on which the text's first one stands: that of the literal, or of what is assigned."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    values = [value for each in classes for value in _assigned(each.body, "sentences")]
    if values and isinstance(values[0], ast.Name):
        values = list(_assigned(tree.body, values[0].id))
    if not values:
        return 1
    value = values[0]
    joined = isinstance(value, ast.Constant) and (value.end_lineno or value.lineno) - value.lineno > text.count("\n")
    return value.lineno + joined  # a literal that begins with a backslash begins on the next line


def _assigned(body: list[ast.stmt], name: str) -> Iterator[ast.expr]:
    """What is assigned to a name."""
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if name in {target.id for target in targets if isinstance(target, ast.Name)}:
                yield node.value


def _check_intents(kind: type[Plugin], where: str) -> None:
    intents: Any = kind.intents
    if not isinstance(intents, Mapping) or not intents:
        raise _error("plugin-invalid", f"{where}: `intents` must be a mapping of names to Intent(...)")
    for intent, facts in intents.items():
        if not isinstance(intent, str) or not _INTENT.fullmatch(intent):
            raise _error("plugin-invalid", f"{where}: an intent's name is letters and digits, not {intent!r}")
        if not isinstance(facts, Intent) or not isinstance(facts.example, str) or not facts.example.strip():
            raise _error("plugin-invalid", f"{where}: {intent} must be an Intent(...) with an example")
        if isinstance(facts.required, str) or not all(isinstance(slot, str) for slot in facts.required):
            raise _error("plugin-invalid", f"{where}: `required` of {intent} must be a tuple of slots")
    if unknown := sorted(set(kind.irreversible) - set(intents)):
        raise _error("plugin-invalid", f"{where}: `irreversible` names {unknown[0]}, which is no intent")


def _check_replies(kind: type[Plugin], where: str, language: str) -> None:
    replies: Any = kind.replies
    if not isinstance(replies, Mapping) or language not in replies:
        raise _error("replies-missing", f"{where}: there are no replies in {language!r}")
    check_texts(where, language, replies[language])
    for intent, facts in kind.intents.items():
        for slot in facts.required:
            if f"ask_{slot}" not in replies[language]:
                raise _error(
                    "replies-missing", f"{where}: {intent} requires {slot}, but no reply ask_{slot} asks for it"
                )


def _error(code: str, message: str, hint: str = _HINT) -> SkillError:
    return SkillError(code, message, hint=hint)
