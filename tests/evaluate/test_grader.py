"""`assistant eval grader` and `assistant eval calibration`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from assistant.evaluate.calibration import run_calibration
from assistant.evaluate.grader import PAIRS
from tests.cli.calling import call, error_code
from tests.fakes import FakeOpenAiServer
from tests.gateways import gateway_before


def test_our_hundred_pairs_are_a_hundred_and_balanced() -> None:
    rows = [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]
    assert len({row["question"] for row in rows}) == 100
    assert min(Counter(row["better"] for row in rows).values()) >= 30


@pytest.mark.real_time
@pytest.mark.parametrize(("said", "rated", "first"), [('{"better": "A"}', 0.0, 1.0), ('{"better": "same"}', 1.0, None)])
async def test_a_gateway_grades_the_pairs_in_both_orders(
    tmp_path: Path, said: str, rated: float, first: float | None
) -> None:
    """One that always names the first gives no verdict at all."""
    import asyncio

    async with FakeOpenAiServer(said) as upstream, gateway_before(upstream) as running:
        address = f'cloud.address="{running.address}"'
        out = tmp_path / "grader.json"
        arguments = ("eval", "grader", "--limit", "6", "--set", address, "--json", str(out))
        await asyncio.to_thread(call, *arguments)
    found = json.loads(out.read_text())
    assert (found["n"], found["errors"], found["rated_share"], found["first_share"]) == (6, 0, rated, first)
    assert len(upstream.requests) == 12


def test_without_a_gateway_it_says_so() -> None:
    assert error_code("eval", "grader") == "grader-gateway"


def test_simulated_homes() -> None:
    report = run_calibration(1, 1_000, seed=1, progress=False)
    assert report.n == 4
    assert report.figures["step_even_near"] == 1.0
