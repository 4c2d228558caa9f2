"""Spoken sentences kept on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.format import Samples
from assistant.speech.speech_cache import ADMIT_AT_ONCE_CHARS, RECENT, SpeechCache

RATE_HZ = 22_050
SHORT = "Your timer is set."
LONG = "x" * (ADMIT_AT_ONCE_CHARS + 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def cache(folder: Path, *, max_mb: int = 1, voice: str = "joe 1", rate_hz: int = RATE_HZ) -> SpeechCache:
    return SpeechCache(folder, max_mb=max_mb, voice=voice, rate_hz=rate_hz)


def noise(samples: int = 2_000, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).integers(-30_000, 30_000, samples, dtype=np.int16)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_comes_back_bit_by_bit_also_after_a_restart(folder: Path) -> None:
    sound = noise()
    cache(folder).put(SHORT, sound)
    found = cache(folder).get(SHORT)
    assert found is not None
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, sound)
    assert cache(folder).get("Your timer is off.") is None


def test_another_voice_speed_or_rate_finds_nothing(folder: Path) -> None:
    cache(folder).put(SHORT, noise())
    assert cache(folder, voice="joe 1.5").get(SHORT) is None
    assert cache(folder, rate_hz=16_000).get(SHORT) is None


def test_long_texts_are_kept_when_they_come_again_soon(folder: Path) -> None:
    kept = cache(folder)
    kept.put(LONG, noise())
    assert kept.get(LONG) is None
    kept.put(LONG, noise())
    assert kept.get(LONG) is not None
    kept.put(LONG + "y", noise())
    for number in range(RECENT):
        kept.put(f"{LONG}{number}", noise(1))
    kept.put(LONG + "y", noise())
    assert kept.get(LONG + "y") is None, "forgotten meanwhile, so this was its first time again"


def test_names_and_permissions_keep_what_was_said_private(folder: Path) -> None:
    cache(folder).put("Secret", noise())
    [entry] = entries(folder)
    assert "secret" not in entry.name.lower()
    assert entry.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_least_recently_used_go_first_and_the_bound_holds(folder: Path) -> None:
    kept = cache(folder)
    for number in range(8):
        kept.put(f"text {number}", noise(50_000, number))  # about 100 kB each
        os.utime(max(entries(folder), key=lambda path: path.stat().st_mtime_ns), (number, number))
    assert kept.get("text 0") is not None, "used: the newest now"
    for number in range(8, 14):
        kept.put(f"text {number}", noise(50_000, number))
    assert sum(path.stat().st_size for path in entries(folder)) <= 1_000_000
    assert kept.get("text 0") is not None
    assert kept.get("text 13") is not None
    assert kept.get("text 1") is None


def test_zero_megabytes_keep_nothing(folder: Path) -> None:
    cache(folder, max_mb=0).put(SHORT, noise())
    assert entries(folder) == []


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "garbage", "grown"])
def test_a_damaged_entry_is_dropped_and_made_anew(folder: Path, damage: str) -> None:
    cache(folder).put(SHORT, noise())
    [entry] = entries(folder)
    whole = entry.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    entry.write_bytes(
        {
            "truncated": whole[:-9],
            "empty": b"",
            "flipped": bytes(flipped),
            "garbage": b"RIFF" * 99,
            "grown": whole + b"x",
        }[damage]
    )
    assert cache(folder).get(SHORT) is None
    assert entries(folder) == []
    cache(folder).put(SHORT, noise())
    assert cache(folder).get(SHORT) is not None


def test_works_without_a_folder_it_can_use(folder: Path) -> None:
    blocked = folder.with_name("file")
    blocked.parent.mkdir()
    blocked.write_text("not a folder")
    kept = cache(blocked)
    kept.put(SHORT, noise())
    assert kept.get(SHORT) is None
    assert blocked.read_text() == "not a folder"


def test_a_directory_in_place_of_an_entry_is_no_entry(folder: Path) -> None:
    cache(folder).put(SHORT, noise())
    [entry] = entries(folder)
    entry.unlink()
    entry.mkdir()
    kept = cache(folder)
    assert kept.get(SHORT) is None
    kept.put(SHORT, noise())
    assert kept.get(SHORT) is None


def test_a_full_disk_leaves_no_litter_and_is_got_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = cache(folder)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        kept.put(SHORT, noise())
    assert entries(folder) == []
    kept.put(SHORT, noise())
    assert kept.get(SHORT) is not None


def test_leftovers_of_writes_that_were_cut_off_are_cleared_with_the_rest(folder: Path) -> None:
    folder.mkdir(parents=True)
    leftover = folder / "tmp123.part"
    leftover.write_bytes(bytes(2_000_000))
    os.utime(leftover, (1, 1))
    stranger = folder / "notes.txt"
    stranger.write_text("mine")
    cache(folder).put(SHORT, noise())
    assert not leftover.exists()
    assert stranger.exists()
    assert cache(folder).get(SHORT) is not None
