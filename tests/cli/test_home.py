"""`assistant home`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.calling import call, call_json, error_code
from tests.fakes import FakeTarget


def test_a_daemons_home(daemon: FakeTarget) -> None:
    lines = call("home").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["area", "device", "state", "also", "called", "id"],
        ["Hall", "Lamp", "on", "glow", "light.lamp"],
    ]
    assert call_json("home")[0]["aliases"] == ["glow"]


def test_the_built_in_home_without_a_daemon() -> None:
    found = {device["id"]: device for device in call_json("home")}
    assert found["light.kitchen_light"]["area"] == "Kitchen"
    assert found["lock.front_door"]["state"] == "locked"


def test_a_home_that_cant_be_reached(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x", "utf-8")
    settings = ("--set", 'home.url="http://127.0.0.1:9"', "--set", f'home.token_file="{token}"')
    assert error_code("home", *settings) == "home-offline"
