"""Broken language files and replies: each a coded error that names the file, and the line where there is one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import assistant.nlu
import assistant.skills
from assistant.errors import SkillError, UnderstandError
from assistant.nlu.grammar import home_assistant_grammar, load_grammar
from assistant.nlu.language import load_language, read_language
from assistant.skills.replies import load_replies, read_replies

ENGLISH = Path(assistant.nlu.__file__).parent / "languages" / "en"
REPLIES = Path(assistant.skills.__file__).parent / "replies" / "en.yaml"

_STOP = "intents:\n  Stop:\n    data:\n      - sentences:\n"

BROKEN_SENTENCES = [
    ("intents: [", "sentences-syntax", None),
    ("intents:\n  Stop:\n\tdata: x", "sentences-syntax", 3),
    ("a: b: c", "sentences-syntax", 1),
    ("x: &a [*a", "sentences-syntax", None),
    ("!!python/object:os.system {}", "sentences-syntax", 1),
    ("", "sentences-invalid", 1),
    ("- a\n- b", "sentences-invalid", 1),
    ("just words", "sentences-invalid", 1),
    ("intents: {}\nextra: 1", "sentences-invalid", 2),
    ("language: en", "sentences-invalid", 1),
    ("intents: 5", "sentences-invalid", 1),
    ("intents:\n  Fly:\n    data: []", "sentences-invalid", 3),
    ("intents:\n  Stop: 5", "sentences-invalid", 2),
    ("intents:\n  Stop:\n    data: {}", "sentences-invalid", 3),
    ("intents:\n  Stop:\n    data: []", "sentences-invalid", 3),
    ("intents:\n  Stop:\n    data:\n      - 7", "sentences-invalid", 4),
    ("intents:\n  Stop:\n    data:\n      - words: [stop]", "sentences-invalid", 4),
    ("intents:\n  Stop:\n    data:\n      - sentences: stop", "sentences-invalid", 4),
    ("intents:\n  Stop:\n    data:\n      - sentences: []", "sentences-invalid", 4),
    ("intents:\n  Stop:\n    data:\n      - sentences: [stop]\n        slots: [a]", "sentences-invalid", 5),
    (_STOP + "          - stop\n          - 5", "sentences-invalid", 6),
    (_STOP + "          - stop\n          - ''", "sentences-invalid", 6),
    (_STOP + "          - stop\n          - stop (now", "sentences-invalid", 6),
    (_STOP + "          - stop [now", "sentences-invalid", 5),
    (_STOP + "          - stop {thing", "sentences-invalid", 5),
    (_STOP + "          - stop <thing", "sentences-invalid", 5),
    (_STOP + "          - stop {thing}", "sentences-invalid", 5),
    (_STOP + "          - stop\n          - stop <thing>", "sentences-invalid", 6),
    ("lists:\n  a: {}\nintents: {}", "sentences-invalid", 2),
    ("lists:\n  a: {wildcard: maybe}\nintents: {}", "sentences-invalid", 2),
    ("lists: [a]\nintents: {}", "sentences-invalid", 1),
    ("expansion_rules:\n  a: <b>\n  b: <a>\nintents: {}", "sentences-invalid", 2),
    ("expansion_rules:\n  a: 5\nintents: {}", "sentences-invalid", 2),
    ("expansion_rules:\n  a: ok\n  b: <c>\nintents: {}", "sentences-invalid", 3),
    ("[" * 3000, "sentences-syntax", None),
]


@pytest.mark.parametrize(("text", "code", "line"), BROKEN_SENTENCES, ids=range(len(BROKEN_SENTENCES)))
def test_broken_sentence_files_name_file_and_line(tmp_path: Path, text: str, code: str, line: int | None) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(UnderstandError) as caught:
        load_grammar([file], ["Stop"])
    assert caught.value.code == code
    assert caught.value.hint
    assert "mine.yaml" in caught.value.message
    if line:
        assert re.search(rf"mine\.yaml:{line}\b", caught.value.message)


def test_two_files_with_different_rules_of_one_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"expansion_rules:\n  a: {name}\nintents: {{}}", "utf-8")
    with pytest.raises(UnderstandError, match=r"two\.yaml:2"):
        load_grammar([tmp_path / "one.yaml", tmp_path / "two.yaml"], ["Stop"])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_unreadable_sentence_files(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnderstandError) as caught:
        load_grammar([file], ["Stop"])
    assert caught.value.code == "sentences-unreadable"


@pytest.mark.parametrize(
    ("file", "before", "after", "code"),
    [
        ("words.yaml", "names: [", "names: [[", "words-syntax"),
        ("words.yaml", "joiner: and", "joiner: [and]", "words-invalid"),
        ("words.yaml", "joiner: and", "", "words-invalid"),
        ("words.yaml", "joiner: and", "joiner: and\njoinre: und", "words-invalid"),
        ("words.yaml", "  three: 3\n", "  three: many\n", "words-invalid"),
        ("words.yaml", "articles: [a, an]", "articles: [a, 5]", "words-invalid"),
        ("words.yaml", "articles: [a, an]", "articles: an", "words-invalid"),
        ("words.yaml", "  zero: 0", "  null: 0", "words-invalid"),
        ("words.yaml", "  infix:", "  between:", "words-invalid"),
        ("intents.yaml", "Stop: {", "Stop: {more: 1, ", "words-invalid"),
        ("intents.yaml", "required: [duration]", "required: [length]", "words-invalid"),
        ("intents.yaml", "Stop: {", "Stop: [", "words-syntax"),
    ],
)
def test_broken_words(tmp_path: Path, file: str, before: str, after: str, code: str) -> None:
    shutil.copytree(ENGLISH, tmp_path / "xx")
    text = (tmp_path / "xx" / file).read_text("utf-8")
    assert before in text
    (tmp_path / "xx" / file).write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(UnderstandError) as caught:
        read_language("xx", tmp_path / "xx")
    assert (caught.value.code, file in caught.value.message) == (code, True)


def test_unknown_languages_are_refused() -> None:
    with pytest.raises(UnderstandError, match="language-unknown"):
        load_language("tlh")
    with pytest.raises(UnderstandError, match="sentences-missing"):
        home_assistant_grammar("tlh", ["Stop"])
    with pytest.raises(SkillError, match="replies-missing"):
        load_replies("tlh")


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("speech:", "speech: [", "replies-syntax"),
        ("speech:", "words:", "replies-invalid"),
        ("  pair:", "  couple:", "replies-invalid"),
        ("halves: [AM, PM]", "halves: [AM]", "replies-invalid"),
        ("    stopped: Okay.", "    stopped: 5", "replies-invalid"),
        ("    stopped: Okay.", "    stopped: ''", "replies-invalid"),
        ("    stopped: Okay.", "    stopped: Okay {", "replies-invalid"),
        ("    stopped: Okay.", "    stopped: Okay {0}", "replies-invalid"),
        ("    stopped: Okay.", "    stopped: Okay {a.__class__}", "replies-invalid"),
    ],
)
def test_broken_replies(tmp_path: Path, before: str, after: str, code: str) -> None:
    text = REPLIES.read_text("utf-8")
    assert before in text
    file = tmp_path / "en.yaml"
    file.write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(SkillError) as caught:
        read_replies(file)
    assert (caught.value.code, "en.yaml" in caught.value.message) == (code, True)


def test_unreadable_replies(tmp_path: Path) -> None:
    with pytest.raises(SkillError, match="replies-unreadable"):
        read_replies(tmp_path / "none.yaml")
