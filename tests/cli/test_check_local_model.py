"""What `assistant doctor` says of the language model on the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.cli import checks
from assistant.config import Config, load_config

pytest.importorskip("xllamacpp", reason="needs the extra `llm`")


def test_one_that_nobody_tuned_is_told_with_a_way_out(config: Config, tmp_path: Path) -> None:
    (tmp_path / "house.gguf").write_bytes(b"GGUF")
    config.paths.user_manifest.write_text(
        f'[models.house]\nkind = "llm"\ndirectory = "{tmp_path}"\nfiles = [{{ name = "house.gguf" }}]\n', "utf-8"
    )
    check = checks.check_local_model(load_config(config.paths, ['llm.model="house"']))
    assert check is not None
    assert check.level == "warn"
    assert "tune-llm house" in check.todo


def test_one_that_is_not_there_is_a_failure_and_none_is_none(config: Config) -> None:
    assert checks.check_local_model(config) is None
    check = checks.check_local_model(load_config(config.paths, ['llm.model="qwen"']))
    assert check is not None
    assert check.level == "fail"
