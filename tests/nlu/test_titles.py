"""What is to be played, by the words and what the model marks of them."""

import pytest

from assistant.nlu.language import load_language
from assistant.nlu.titles import Titles

TITLES = Titles(load_language("en"))


@pytest.mark.parametrize(
    ("text", "marked", "title"),
    [
        ("crazy by britney spears", ["crazy", "britney spears"], "crazy by britney spears"),
        ("yesterday by the beatles", ["the beatles"], "yesterday by the beatles"),
        ("jumper by third eye blind", ["eye blind"], "jumper by third eye blind"),
        ("marvin gaye i want you", ["marvin gaye"], "marvin gaye i want you"),
        ("songs by the beatles", ["the beatles"], "beatles"),
        ("my favorite song by bruno mars", ["bruno mars"], "bruno mars"),
        ("the new podcast from npr", ["npr"], "npr"),
        (
            "boogie in your butt by eddie murphy",
            ["boogie", "your butt", "eddie murphy"],
            "boogie in your butt by eddie murphy",
        ),
        ("put poker face by lady gaga next in the queue", ["lady gaga"], "poker face by lady gaga"),
        ("american gods where i last stopped", ["american gods"], "american gods"),
        ("stand by me", ["stand by"], "stand by me"),
        ("something", [], ""),
        ("jazz", ["rock"], ""),
    ],
)
def test_titles_stay_whole(text: str, marked: list[str], title: str) -> None:
    assert TITLES.find(text, [("query", part) for part in marked]) == title


def test_other_tags_mark_no_title() -> None:
    assert TITLES.find("jazz at nine", [("time", "at nine")]) == ""
