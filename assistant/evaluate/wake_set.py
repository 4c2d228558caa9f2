"""Makes manifests for `assistant eval wake`: a wake word spoken by synthetic voices at varied speed, through room
responses, with and without noise; and recordings without one. `scripts/make-wake-set` runs it.

What it writes into the chosen folder:

    VOICE-room.jsonl    each utterance in a room, at VOICE's own pace times 0.8 to 1.25
    VOICE-noise.jsonl   the same under a noise at --snr-db
    null.jsonl          recordings that hold no wake word
    VOICE/*.flac        the sound
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from assistant.config import data_dir
from assistant.evaluate.scenes import (
    EspeakSpeaker,
    PiperSpeaker,
    Scene,
    Speaker,
    add_noise,
    default_voice,
    place,
    read_scene,
    tell_missing,
    write_rows,
    write_sound,
)

BEFORE_S = 1.5
AFTER_S = 0.7


def write_set(folder: Path, voice: str, speaker: Speaker, scene: Scene, options: argparse.Namespace) -> None:
    """VOICE-room.jsonl and VOICE-noise.jsonl with their sound."""
    pick = random.Random(f"{options.seed}-{voice}")  # noqa: S311
    (folder / voice).mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {"room": [], "noise": []}
    for number in track(range(options.count), voice, console=Console(stderr=True)):
        room = place(speaker.speak(options.text, pick), scene, pick, before_s=BEFORE_S, after_s=AFTER_S).signal
        for kind, signal in (("room", room), ("noise", add_noise(room, scene, options.snr_db, pick))):
            name = f"{voice}/{kind}-{number:04}.flac"
            write_sound(folder / name, signal)
            rows[kind].append({"audio": name, "wake": options.word})
    for kind, lines in rows.items():
        write_rows(folder / f"{voice}-{kind}.jsonl", lines)


def null_rows(data: Path) -> Iterator[dict[str, Any]]:
    """Every development recording that holds no wake word."""
    for line in (data / "speech" / "wake_words.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("wake", "") is None:
            yield {"audio": str(data / "speech" / row["audio"]), "wake": None}
    for pattern in ("speech/ljspeech/*.flac", "speech/dawn/*.flac", "noise/*/*.flac"):
        for path in sorted(data.glob(pattern)):
            yield {"audio": str(path), "wake": None}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    options.text = options.text or options.word.replace("_", " ")
    data = data_dir()
    if tell_missing(data, options.voice) or data is None:
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    scene = read_scene(data)
    write_set(options.folder, "piper", PiperSpeaker(options.voice, options.seed), scene, options)
    write_set(options.folder, "espeak", EspeakSpeaker(), scene, options)
    write_rows(options.folder / "null.jsonl", list(null_rows(data.absolute())))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make-wake-set", description="Make manifests for `assistant eval wake`.")
    parser.add_argument("folder", type=Path, help="where manifests and sound go")
    parser.add_argument("--word", default="okay_nabu", help="id of the wake word")
    parser.add_argument("--text", help="what is said; the word's id, spoken, unless given")
    parser.add_argument("--voice", type=Path, default=default_voice(), help="a Piper voice (.onnx)")
    parser.add_argument("--count", type=int, default=200, help="utterances a voice")
    parser.add_argument("--snr-db", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
