"""`assistant skills`."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.skills.book import SkillBook
from tests.cli.calling import call, call_json, error_code


def test_built_in_skills_are_listed_with_their_intents_and_an_example() -> None:
    listed = [each for each in call_json("skills", "list") if each["package"] == "built-in"]
    assert all(each["state"] == "on" and each["example"] and not each["reason"] for each in listed)
    assert sorted(intent for each in listed for intent in each["intents"]) == sorted(SkillBook.built_in().intents())


def test_the_table_is_for_people() -> None:
    assert '"set a pasta timer for ten minutes"' in call("skills", "list").stdout


def test_a_new_skill_is_a_folder_of_its_own_and_nothing_is_overwritten(tmp_path: Path) -> None:
    lines = call("skills", "new", "fox", "--dir", str(tmp_path)).stdout.splitlines()
    assert all(Path(line).is_file() for line in lines[:4])
    assert lines[-2:] == [f"pip install {tmp_path / 'fox'}", 'assistant ask "what does fox say"']
    before = {path: path.read_bytes() for path in (tmp_path / "fox").rglob("*.*") if path.is_file()}
    assert error_code("skills", "new", "fox", "--dir", str(tmp_path)) == "skill-exists"
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["Fox", "9", "../fox", "fox ", "fox-", "", "füchse"])
def test_a_name_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    assert error_code("skills", "new", "--dir", str(tmp_path), "--", name) == "skill-name"
    assert not list(tmp_path.glob("*ox*"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert error_code("skills", "new", "fox", "--dir", str(tmp_path / "file")) == "skill-unwritable"
