"""`scripts/train-nlu`: trains the edge model for understanding, and writes it with its card.

    1. examples     data sets, templates (see `data`)
    2. heard        some of them spoken and transcribed by our own speech recognition (kept in --work: the slowest part
                    after training)
    3. training     MiniLM's layers and new heads, on the examples and some of them with politeness around them
    4. calibration  one temperature a question, how much to hold against "out of scope", and how far to believe what the
                    model claims alone (see `calibration`), on what was held out
    5. export       8-bit ONNX, the tokenizer with the word pieces that are of use, what the answers mean, the card

The same seed gives the same examples; torch's sums differ a little from machine to machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress, track
from tokenizers import Tokenizer

from assistant.config import Config, data_dir, find_paths, load_config
from assistant.encoder.text_model import FACTS, MODEL, TOKENIZER
from assistant.errors import EdgewiseError
from assistant.evaluate.scenes import EspeakSpeaker, PiperSpeaker, Speaker, default_voice, read_scene, tell_missing
from assistant.models import Models
from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain
from assistant.speech.stt import WhisperTranscriber
from assistant.training.calibration import claims_of, platt
from assistant.training.card import write_card
from assistant.training.data import (
    Example,
    answers_of,
    around,
    is_held_out,
    training_examples,
)
from assistant.training.export import kept_pieces, to_onnx, with_vocabulary
from assistant.training.heard import hear, teaches, voice_of
from assistant.training.transitions import transitions
from assistant.values import OUT_OF_SCOPE

LANGUAGE = "en"
ENCODER = "minilm-l6"
HELD_OUT = 0.04
AROUND = 0.2
IN_SCOPE_HEARD = 0.75
COMMON_PIECES = 6000
HEARD_SET, HEARD_ROWS = "nlu/hwu64_test.jsonl", 300
VOICES = ("Piper", "espeak-ng")
LONGEST_HEARD = 18
"""Words of a request that is spoken."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    data = data_dir()
    if tell_missing(data, default_voice()) or data is None:
        return 1
    console = Console(stderr=True)
    try:
        config = load_config(find_paths())
        models = Models(config.paths.models_dir, config.paths.user_manifest)
        encoder = None if options.calibrate else models.path(ENCODER)
        options.work.mkdir(parents=True, exist_ok=True)
        options.folder.mkdir(parents=True, exist_ok=True)
        examples = training_examples(data, options.seed)
        heard = [] if options.calibrate else asyncio.run(_heard(examples, options, config, models, data))
    except EdgewiseError as exc:
        console.print(str(exc), markup=False, soft_wrap=True)
        return 1
    console.print(_sources([*examples, *heard]))
    if encoder is None:
        _calibrate(options.folder, [example for example in examples if is_held_out(example, HELD_OUT)])
    else:
        _train(examples, heard, encoder, options, console)
    heard_sets = asyncio.run(_write_heard_sets(data, options, config, models))
    today = date.today()  # noqa: DTZ011 - local
    write_card(options.folder, data, config, heard_wanted=options.heard, today=today, heard=heard_sets)
    return 0


async def _heard(
    examples: Sequence[Example], options: argparse.Namespace, config: Config, models: Models, data: Path
) -> list[Example]:
    """As our own speech recognition understood some of the examples."""
    wanted = _to_be_heard(examples, options.heard, options.seed)
    known = await hear_all([example.text for example in wanted], options.work / "heard.jsonl", config, models, data)
    return [
        Example(tuple(known[example.text].split()), example.intents, None, example.task, example.label, "heard")
        for example in wanted
        if teaches(example.text, known[example.text]) and not is_held_out(example, HELD_OUT)
    ]


async def hear_all(texts: Sequence[str], file: Path, config: Config, models: Models, data: Path) -> dict[str, str]:
    """What is understood of each text; from the file of an earlier run as far as it goes, then into it."""
    known = _read_heard(file)
    left = [text for text in texts if text not in known]
    if left:
        stt = config.settings.stt
        speakers: dict[str, Speaker] = dict(
            zip(VOICES, (PiperSpeaker(default_voice(), 0), EspeakSpeaker()), strict=True)
        )
        whisper = WhisperTranscriber(
            models.path(stt.model), fast=models.get(stt.model).fast_pass, derived_dir=config.paths.derived
        )
        await whisper.start()
        scene, language = read_scene(data), load_language(LANGUAGE)
        with file.open("a", encoding="utf-8") as out:
            for text in track(left, "heard", console=Console(stderr=True)):
                known[text] = await hear(text, speakers, scene, whisper, language)
                out.write(json.dumps({"was": text, "text": known[text]}) + "\n")
                out.flush()
        await whisper.close()
    return known


def _read_heard(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    rows = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    return {row["was"]: row["text"] for row in rows}


def _to_be_heard(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    pick = random.Random(seed + 5)  # noqa: S311 - no secret
    short = [
        one
        for one in examples
        if one.intents and one.source not in {"cloud", "tasks"} and len(one.words) <= LONGEST_HEARD
    ]
    ours = [one for one in short if one.intents != (OUT_OF_SCOPE,)]
    others = [one for one in short if one.intents == (OUT_OF_SCOPE,)]
    mine = round(count * IN_SCOPE_HEARD)
    chosen = pick.sample(ours, min(mine, len(ours))) + pick.sample(others, min(count - mine, len(others)))
    pick.shuffle(chosen)
    return chosen


async def _write_heard_sets(
    data: Path, options: argparse.Namespace, config: Config, models: Models
) -> dict[str, tuple[Path, Path]]:
    """Manifests of rows of a development set, as they were written and as they were heard, by the voice."""
    language = load_language(LANGUAGE)
    lines = (data / HEARD_SET).read_text("utf-8").splitlines()
    pick = random.Random(options.seed)  # noqa: S311 - no secret
    rows = {plain(row["text"], language): row for row in pick.sample([json.loads(line) for line in lines], HEARD_ROWS)}
    known = await hear_all(list(rows), options.work / "heard-test.jsonl", config, models, data)
    sets = {}
    for voice in VOICES:
        written, heard = options.work / f"{voice}-written.jsonl", options.work / f"{voice}-heard.jsonl"
        spoken = [text for text in rows if voice_of(text, VOICES) == voice]
        for file, said in ((written, spoken), (heard, [known[text] or "-" for text in spoken])):
            pairs = ({"text": now, "intent": rows[text]["intent"]} for text, now in zip(spoken, said, strict=True))
            file.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
        sets[voice] = written, heard
    return sets


def _train(
    examples: Sequence[Example], heard: Sequence[Example], encoder: Path, options: argparse.Namespace, console: Console
) -> None:
    from assistant.training import net as networks  # noqa: PLC0415 - needs torch
    from assistant.training import train as training  # noqa: PLC0415

    answers = answers_of(examples)
    held_out = [example for example in examples if is_held_out(example, HELD_OUT)]
    fitted = [*(example for example in examples if not is_held_out(example, HELD_OUT)), *heard]
    content = json.loads((encoder / "tokenizer.json").read_text("utf-8"))
    kept = kept_pieces(content, _used(content, [*fitted, *held_out]), common=COMMON_PIECES)
    tokenizer_file = with_vocabulary(content, kept)
    tokenizer = Tokenizer.from_str(tokenizer_file.decode())
    numbers = [content["model"]["vocab"][piece] for piece in kept]
    counts = {"intent": len(answers.intent), "label": len(answers.label), "task": len(answers.task)}
    network = networks.load_net(encoder, options.layers, numbers, counts, len(answers.tags))

    def of_epoch(epoch: int) -> list[training.Item]:
        pick = random.Random(options.seed * 100 + epoch)  # noqa: S311 - no secret
        chosen = [one for one in fitted for _ in range(_times(one, pick))]
        return [training.item_of(one, tokenizer, answers) for one in [*chosen, *around(chosen, AROUND, pick)]]

    began_s = time.monotonic()
    console.print(f"{len(fitted)} examples, {len(kept)} word pieces, {options.epochs} epochs")
    with Progress(console=console) as bar:
        task = bar.add_task("training", total=1.0)
        training.train(
            network,
            of_epoch,
            epochs=options.epochs,
            rate=options.rate,
            seed=options.seed,
            say=lambda done, loss: bar.update(task, completed=done, description=f"training, loss {loss:.3f}"),
        )
    minutes = round((time.monotonic() - began_s) / 60, 1)
    asked = [example for example in held_out if example.source in {"hwu64", "clinc150"}]  # by people
    calibrated = [training.item_of(example, tokenizer, answers) for example in asked]
    logits = training.answers(network, calibrated)
    right = [item.intents for item in calibrated]
    outside = answers.intent.index(OUT_OF_SCOPE)
    offset = training.scope_offset(logits["intent"], right, outside)
    logits["intent"][:, outside] += offset
    temperatures = {
        "intent": training.temperature(logits["intent"], right),
        "task": training.temperature(logits["task"], [(item.task,) if item.task >= 0 else () for item in calibrated]),
    }
    weights = networks.arrays(network)
    np.savez(options.work / "weights.npz", allow_pickle=False, **weights)
    model = to_onnx(
        weights, layers=len(options.layers), heads=network.shape.heads, questions=("intent", "task"), blockwise=False
    )
    facts = {
        "language": LANGUAGE,
        "calibration": (1.0, 0.0),
        "intent": answers.intent,
        "task": answers.task,
        "tags": answers.tags,
        "transitions": transitions([one for one in fitted if one.source == "hwu64"], answers.tags),
        "out_of_scope_offset": offset,
        "temperature": temperatures,
        "training": {
            "examples": len(fitted),
            "heard": len(heard),
            "epochs": options.epochs,
            "layers": options.layers,
            "rate": options.rate,
            "seed": options.seed,
            "minutes": minutes,
        },
    }
    (options.folder / MODEL).write_bytes(model)
    (options.folder / TOKENIZER).write_bytes(tokenizer_file)
    _write_facts(options.folder, facts)
    _calibrate(options.folder, held_out)
    console.print(f"{len(model) / 1e6:.1f} MB in {options.folder}, trained in {minutes} minutes")


def _calibrate(folder: Path, held_out: Sequence[Example]) -> None:
    """On what people ask of a home: CLINC150's requests were each written for one of its intents, and are easier."""
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    _write_facts(folder, {**facts, "calibration": (1.0, 0.0)})
    claims = claims_of(folder, [example for example in held_out if example.source == "hwu64"])
    _write_facts(folder, {**facts, "calibration": platt(claims)})


def _write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _times(example: Example, pick: random.Random) -> int:
    """How often an epoch has it: requests to a home more, the many ones out of scope less, rare tasks most."""
    if example.source == "cloud" and example.task != "rag_retrieval":
        return 3
    if example.source == "clinc150" and example.intents == (OUT_OF_SCOPE,):
        return int(pick.random() < 0.6)
    if example.source == "hwu64":
        return 1 + int(pick.random() < 0.5)
    return 1


def _used(content: Mapping[str, Any], examples: Sequence[Example]) -> Counter[str]:
    """How often each word piece stands in the examples."""
    whole = Tokenizer.from_str(json.dumps({**content, "truncation": None, "padding": None}))
    used: Counter[str] = Counter()
    for example in examples:
        used.update(whole.encode(list(example.words), is_pretokenized=True).tokens)
    return used


def _sources(examples: Sequence[Example]) -> str:
    counted = Counter(example.source for example in examples)
    return ", ".join(f"{count} {source}" for source, count in counted.most_common())


def _layers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train-nlu", description="Train the edge model for understanding.")
    parser.add_argument("folder", type=Path, help="where the model goes")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/edgewise/train", help="kept between runs")
    parser.add_argument("--heard", type=int, default=1200, help="requests that are spoken and transcribed")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1.2e-4, help="of learning, of MiniLM's weights")
    parser.add_argument("--layers", type=_layers, default=[0, 1, 2, 3], help="of MiniLM")
    parser.add_argument("--calibrate", action="store_true", help="only calibrate the model that is in the folder")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
