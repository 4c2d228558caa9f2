"""Makes manifests for `assistant eval turns`: requests spoken by synthetic voices at varied speed, through room
responses, most of them under noise, with the end of speech known. `scripts/make-turns TEXTS OUT_DIR` runs it.

TEXTS is a manifest of `{"text", "intent", "slots"?}`. What it writes into OUT_DIR:

    turns.jsonl     `{"audio", "text", "intent", "slots"?, "end_of_speech_s", "voice", "snr_db"}`, a line for each text
    sound/*.flac    the recordings
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from assistant.config import data_dir, find_paths, load_config
from assistant.errors import EdgewiseError
from assistant.evaluate.common import EvalOptions, Row, progress, read_manifest, text_field
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

BEFORE_S = (0.1, 0.6)
AFTER_S = 0.3
SNR_DB = (10.0, 30.0)
NOISY_SHARE = 0.7
_KEPT = ("text", "intent", "slots")


def speak_rows(
    rows: Sequence[Row[str]], folder: Path, speakers: Mapping[str, Speaker], scene: Scene, options: EvalOptions
) -> list[dict[str, Any]]:
    """Write every text's sound into `folder`/sound; the rows of the manifest. The same seed gives the same set."""
    (folder / "sound").mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    for row in progress(rows, options, "spoken turns"):
        pick = random.Random(f"{options.seed}-{row.line}")  # noqa: S311
        voice = pick.choice(sorted(speakers))
        speech = speakers[voice].speak(row.value, pick)
        placed = place(speech, scene, pick, before_s=pick.uniform(*BEFORE_S), after_s=AFTER_S)
        signal, snr_db = placed.signal, None
        if pick.random() < NOISY_SHARE:
            snr_db = round(pick.uniform(*SNR_DB), 1)
            signal = add_noise(signal, scene, snr_db, pick)
        name = f"sound/{row.line:05}-{voice}.flac"
        write_sound(folder / name, signal)
        kept = {key: row.input[key] for key in _KEPT if key in row.input}
        made.append(
            {"audio": name, **kept, "end_of_speech_s": placed.end_of_speech_s, "voice": voice, "snr_db": snr_db}
        )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    data = data_dir()
    if tell_missing(data, options.voice) or data is None:
        return 1
    console = Console(stderr=True)
    try:
        choice = EvalOptions(options.texts, load_config(find_paths()), limit=options.limit, seed=options.seed)
        manifest = read_manifest(choice, _parse)
    except EdgewiseError as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    speakers: dict[str, Speaker] = {"piper": PiperSpeaker(options.voice, options.seed), "espeak": EspeakSpeaker()}
    made = speak_rows(manifest.rows, options.folder, speakers, read_scene(data), choice)
    write_rows(options.folder / "turns.jsonl", made)
    for problem in manifest.problems:
        console.print(str(problem), markup=False, soft_wrap=True)
    return 0


def _parse(row: Mapping[str, Any], _: Path) -> str:
    if not row.get("intent"):
        raise ValueError("`intent` is missing")
    return text_field(row, "text")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make-turns", description="Make a manifest for `assistant eval turns`.")
    parser.add_argument("texts", type=Path, help='JSON lines of {"text", "intent", "slots"?}')
    parser.add_argument("folder", type=Path, help="where manifest and sound go")
    parser.add_argument("--voice", type=Path, default=default_voice(), help="a Piper voice (.onnx)")
    parser.add_argument("--limit", type=int, help="speak this many texts only")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
