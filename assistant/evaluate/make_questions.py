"""`scripts/make-questions`: the questions of `models/llm` that are made of templates.

The others, `"made": "hand"`, are kept as they stand. Half of each kind, chosen by the question's hash, is for tuning a
model's confidence (`tune.jsonl`), the other half for measuring it (`test.jsonl`).
"""

from __future__ import annotations

import calendar
import datetime
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assistant.packaged import packaged_questions

EACH = 80
"""Template-made questions of a kind."""
SEED = 6


@dataclass(frozen=True, slots=True)
class Made:
    text: str
    answers: tuple[str, ...]
    kind: str
    source: str
    made: str = "template"


def arithmetic(chance: random.Random) -> Iterator[Made]:
    """From easy to hard, as people ask."""
    while True:
        most = chance.choice((10, 20, 100, 1000))
        a, b = chance.randint(2, most), chance.randint(2, most)
        small, percent = chance.randint(2, 12), chance.choice((5, 10, 20, 25, 50, 75))
        whole = chance.choice((20, 40, 80, 120, 200, 360, 400))
        yield chance.choice(
            (
                _number(f"What is {a} plus {b}?", a + b),
                _number(f"What is {max(a, b)} minus {min(a, b)}?", max(a, b) - min(a, b)),
                _number(f"What is {a} times {small}?", a * small),
                _number(f"What is {a * small} divided by {small}?", a),
                _number(f"What is {percent} percent of {whole}?", percent * whole / 100),
                _number(f"What is half of {2 * a}?", a),
                _number(f"What is {small} squared?", small * small),
            )
        )


def _number(text: str, value: float) -> Made:
    return Made(text, (f"{value:g}",), "arithmetic", "worked out")


_SAME_UNITS = (
    ("minutes", "an hour", 60, "hours", "SI brochure"),
    ("seconds", "a minute", 60, "minutes", "SI brochure"),
    ("hours", "a day", 24, "days", "SI brochure"),
    ("days", "a week", 7, "weeks", "ISO 8601"),
    ("centimeters", "a meter", 100, "meters", "SI brochure"),
    ("millimeters", "a centimeter", 10, "centimeters", "SI brochure"),
    ("meters", "a kilometer", 1000, "kilometers", "SI brochure"),
    ("grams", "a kilogram", 1000, "kilograms", "SI brochure"),
    ("milliliters", "a liter", 1000, "liters", "SI brochure"),
    ("kilograms", "a metric ton", 1000, "metric tons", "SI brochure"),
    ("inches", "a foot", 12, "feet", "NIST Handbook 44"),
    ("feet", "a yard", 3, "yards", "NIST Handbook 44"),
    ("ounces", "a pound", 16, "pounds", "NIST Handbook 44"),
    ("pints", "a quart", 2, "quarts", "NIST Handbook 44"),
    ("quarts", "a gallon", 4, "gallons", "NIST Handbook 44"),
    ("teaspoons", "a tablespoon", 3, "tablespoons", "NIST Handbook 44"),
    ("cents", "a dollar", 100, "dollars", "common knowledge: money"),
    ("things", "a dozen", 12, "dozen", "common knowledge: counting"),
)


def units(chance: random.Random) -> Iterator[Made]:
    """One of them, and then some."""
    for part, whole, factor, _, source in _SAME_UNITS:
        yield Made(f"How many {part} are there in {whole}?", (str(factor),), "units", source)
    while True:
        part, _, factor, many, source = chance.choice(_SAME_UNITS)
        count = chance.choice((2, 3, 4, 5, 6, 8, 10, 12))
        yield Made(f"How many {part} are there in {count} {many}?", (str(factor * count),), "units", source)
        shown = factor * count
        yield Made(f"How many {many} are {shown} {part}?", (str(count),), "units", source)


def calendars(chance: random.Random) -> Iterator[Made]:
    """Days, months and leap years."""
    months, days = list(calendar.month_name)[1:], list(calendar.day_name)
    source = "common knowledge: the Gregorian calendar"
    while True:
        month, day, ahead = chance.randrange(12), chance.randrange(7), chance.randint(2, 6)
        year = chance.randint(1990, 2040)
        date = datetime.date(year, chance.randint(1, 12), chance.randint(1, 28))
        length = calendar.monthrange(2023, month + 1)[1]
        yield chance.choice(
            (
                Made(f"Which month comes after {months[month]}?", (months[(month + 1) % 12],), "calendar", source),
                Made(f"Which month comes before {months[month]}?", (months[month - 1],), "calendar", source),
                Made(f"Which day comes after {days[day]}?", (days[(day + 1) % 7],), "calendar", source),
                Made(f"Which day comes before {days[day]}?", (days[day - 1],), "calendar", source),
                Made(
                    f"Today is {days[day]}. Which day is in {ahead} days?",
                    (days[(day + ahead) % 7],),
                    "calendar",
                    source,
                ),
                Made(
                    f"How many days does {months[month]} have?",
                    (str(length),) + (("29",) if month == 1 else ()),
                    "calendar",
                    source,
                ),
                Made(
                    f"How many days did the year {year} have?", (str(365 + calendar.isleap(year)),), "calendar", source
                ),
                Made(f"Which month is month number {month + 1}?", (months[month],), "calendar", source),
                Made(
                    f"On which day of the week was {months[date.month - 1]} {date.day}, {date.year}?",
                    (days[date.weekday()],),
                    "calendar",
                    source,
                ),
            )
        )


def capitals(rows: Sequence[dict[str, Any]]) -> Iterator[Made]:
    """The other way round: whose capital it is; of the rows that ask for a capital."""
    for row in rows:
        country = str(row["text"]).removeprefix("What is the capital of ").removesuffix("?").split(",")[0]
        yield Made(
            f"{row['answers'][0]} is the capital of which country?",
            (country.removeprefix("the "),),
            "capitals",
            row["source"],
        )


def parts(by_hand: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Those made by hand and those of templates, each once: to `tune` with and to `test` with."""
    chance = random.Random(SEED)  # noqa: S311 - chooses questions
    made: list[dict[str, Any]] = []
    for kind in (arithmetic, units, calendars):
        found: dict[str, Made] = {}
        for question in kind(chance):
            found.setdefault(question.text, question)
            if len(found) == EACH:
                break
        made += [asdict(question) for question in found.values()]
    asked = [row for row in by_hand if row["kind"] == "capitals"]
    made += [asdict(question) for question in list(capitals(asked))[::3]]
    return _parted([*by_hand, *made])


def _parted(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row["text"])
    tuned = set()
    for texts in kinds.values():
        by_hash = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())
        tuned.update(by_hash[::2])
    return {
        "tune": [row for row in rows if row["text"] in tuned],
        "test": [row for row in rows if row["text"] not in tuned],
    }


def read_by_hand() -> list[dict[str, Any]]:
    """The rows that were written by hand, in an order that stays."""
    files = [packaged_questions(part).read_text("utf-8") for part in ("tune", "test")]
    rows = [json.loads(line) for text in files for line in text.splitlines()]
    return sorted((row for row in rows if row["made"] == "hand"), key=lambda row: (row["kind"], row["text"]))


def main() -> None:
    for part, rows in parts(read_by_hand()).items():
        lines = [f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows]
        packaged_questions(part).write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
