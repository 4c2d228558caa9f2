"""What comes out of a line of signs, and how it sounds."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import SkillError
from assistant.skills.sums import work_out


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("12 * 7", 84),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("2 ^ 3 ^ 2", 512),
        ("- 2 ^ 2", -4),
        ("2 ^ - 1", Fraction(1, 2)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("15% of 80", 12),
        ("100 + 10%", 110),
        ("235 - 30%", Fraction(329, 2)),
        ("10% + 5%", Fraction(3, 20)),
        ("50% * 4", 2),
        ("(3/4) of 12", 9),
        ("10 / (1/2) of 4", 5),
        ("sqrt 144", 12),
        ("sqrt 144 + 5", 17),
        ("cbrt 27", 3),
        ("cbrt - 27", -3),
        ("5!", 120),
        ("10 mod 3", 1),
        ("0!", 1),
        ("1 / 3", Fraction(1, 3)),
    ],
)
def test_exact(line: str, value: Fraction) -> None:
    assert work_out(line) == value
    assert isinstance(work_out(line), Fraction)


@pytest.mark.parametrize(
    ("line", "value"), [("sqrt 2", math.sqrt(2)), ("2 ^ 0.5", math.sqrt(2)), ("cbrt 2", 2 ** (1 / 3))]
)
def test_rounded(line: str, value: float) -> None:
    assert work_out(line) == pytest.approx(value)
    assert isinstance(work_out(line), float)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1 / 0", "zero-division"),
        ("0 ^ - 1", "zero-division"),
        ("0 ^ - 2.5", "zero-division"),
        ("5 mod 0", "zero-division"),
        ("sqrt - 4", "negative-root"),
        ("(- 8) ^ 0.5", "negative-root"),
        ("2 ^ 99999", "too-big"),
        ("9 ^ 9 ^ 9", "too-big"),
        ("10.5 ^ 999.5", "too-big"),
        ("170! * 170! * 170! * 170! * 170! * 170!", "too-big"),
        ("171!", "factorial"),
        ("(- 1)!", "factorial"),
        ("1.5!", "factorial"),
        ("", "unclear"),
        ("5 5", "unclear"),
        ("2 +", "unclear"),
        ("* 2", "unclear"),
        ("(2", "unclear"),
        ("2)", "unclear"),
        ("__import__", "unclear"),
        ("٣ + 1", "unclear"),
        ("(" * 100 + "1" + ")" * 100, "unclear"),
        ("1 + " * 200 + "1", "unclear"),
    ],
)
def test_what_can_not_be_calculated_has_a_code(line: str, code: str) -> None:
    with pytest.raises(SkillError) as caught:
        work_out(line)
    assert caught.value.code == code


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["7", "0", "2.5", "99999999", "+", "-", "*", "/", "^", "%", "!", "(", ")", "mod", "of", "sqrt", "cbrt"]
        ),
        max_size=14,
    )
)
def test_any_line_gives_a_number_or_a_code(tokens: list[str]) -> None:
    try:
        value = work_out(" ".join(tokens))
    except SkillError:
        return
    assert math.isfinite(value) if isinstance(value, float) else value.denominator > 0
