"""One contender of `scripts/bench peers` in a process of its own, so that its CPU time and its memory are its own.

`python -m assistant.evaluate.bench.worker ROLE [section.key=value ...]` loads, says `{}` when it is ready, and answers
requests: JSON lines in on standard input, JSON lines out. It ends with its input.

    role        request                  answer
    assistant   transcribe, audio        text, ms           from the last sample in to the text out
                play, audio              text, ended_s, reply_s; see `live.Heard`
                reply, text              text               what the assistant answers
    whisper     transcribe, audio        text, ms           faster-whisper's own `transcribe()` of the recording
                                         same_sound         the text of just the sound that the engine `full` decodes
    voice       speak, text              ms                 to the first sound; no reply comes from the cache

A request that fails is answered with `{"error": sentence}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from assistant.audio.files import read_audio
from assistant.audio.format import Samples, to_float
from assistant.config import Config, find_paths, load_config
from assistant.daemon import open_assistant
from assistant.errors import EdgewiseError
from assistant.evaluate.live import EvalEngines, open_stage
from assistant.logs import setup_logging
from assistant.models import Models
from assistant.speech.stt import usual_threads
from assistant.speech.tts import PiperSynthesizer
from assistant.speech.whisper import load_whisper
from assistant.streams import closing

Answer = dict[str, Any]
Handler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


def own_config(folder: Path, overrides: tuple[str, ...] = ()) -> Config:
    """The defaults with these overrides, a state directory of its own in `folder`, and the models of the machine."""
    paths = dataclasses.replace(find_paths(), config_file=folder / "config.toml", state_dir=folder / "state")
    paths.state_dir.mkdir()
    return load_config(paths, overrides)


def stt_threads(config: Config) -> int:
    """How many threads those have that decode whole windows; ours on a short one may do with fewer."""
    return config.settings.stt.threads or usual_threads(whole=True)


@contextlib.asynccontextmanager
async def _assistant(config: Config) -> AsyncIterator[Mapping[str, Handler]]:
    """A whole assistant."""
    made: list[EvalEngines] = []

    def make_engines(config: Config, models: Models) -> EvalEngines:
        made.append(EvalEngines(config, models))
        return made[0]

    async with open_stage(config, make_engines) as stage:

        async def transcribe(request: Mapping[str, Any]) -> Answer:
            audio = await asyncio.to_thread(read_audio, Path(request["audio"]))
            began_s = time.perf_counter()
            text = await stage.transcribe(audio)
            return {"text": text, "ms": _since(began_s)}

        async def play(request: Mapping[str, Any]) -> Answer:
            heard = await stage.play(await asyncio.to_thread(read_audio, Path(request["audio"])))
            return {"text": heard.text, "ended_s": heard.ended_s, "reply_s": heard.reply_s}

        async def reply(request: Mapping[str, Any]) -> Answer:
            with tempfile.TemporaryDirectory() as folder:
                paths = dataclasses.replace(config.paths, state_dir=Path(folder))
                async with open_assistant(dataclasses.replace(config, paths=paths), engines=made[0]) as assistant:
                    turn = await assistant.ask(
                        text=request["text"], audio=None, source="text", speak=False, on_audio=None, on_event=None
                    )
            return {"text": turn.reply}

        yield {"transcribe": transcribe, "play": play, "reply": reply}


@contextlib.asynccontextmanager
async def _whisper(config: Config) -> AsyncIterator[Mapping[str, Handler]]:
    """faster-whisper alone, with the options that the engine `full` has."""
    stt = config.settings.stt
    model_dir = Models(config.paths.models_dir, config.paths.user_manifest).path(stt.model)
    whisper = load_whisper(model_dir, language=stt.language, compute_type=stt.compute_type, threads=stt_threads(config))

    def decode(samples: Samples) -> str:
        segments, _ = whisper.model.transcribe(
            to_float(samples),
            language=stt.language,
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_speech_threshold=None,
        )
        return " ".join(" ".join(segment.text for segment in segments).split())

    async def transcribe(request: Mapping[str, Any]) -> Answer:
        samples = read_audio(Path(request["audio"])).samples
        began_s = time.perf_counter()
        text = decode(samples)
        ms = _since(began_s)
        windows, _ = whisper.listen(samples)
        same_sound = " ".join(decode(samples[window.start : window.end]) for window in windows)
        return {"text": text, "ms": ms, "same_sound": same_sound}

    yield {"transcribe": transcribe}


@contextlib.asynccontextmanager
async def _voice(config: Config) -> AsyncIterator[Mapping[str, Handler]]:
    """The voice alone."""
    tts = config.settings.tts
    voice = PiperSynthesizer(
        Models(config.paths.models_dir, config.paths.user_manifest).path(tts.voice), speed=tts.speed
    )
    await voice.start()

    async def speak(request: Mapping[str, Any]) -> Answer:
        began_s = time.perf_counter()
        ms = None
        async with closing(voice.synthesize(request["text"])) as chunks:
            async for _ in chunks:
                ms = ms or _since(began_s)
        return {"ms": ms}

    yield {"speak": speak}
    await voice.close()


_ROLES = {"assistant": _assistant, "whisper": _whisper, "voice": _voice}


async def serve(role: str, overrides: tuple[str, ...], read: Callable[[], str], write: Callable[[str], Any]) -> None:
    """Answer until `read` gives nothing more. Raises EdgewiseError when the role can't be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        async with _ROLES[role](own_config(Path(folder), overrides)) as handlers:
            write("{}")
            while line := await asyncio.to_thread(read):
                request = json.loads(line)
                try:
                    answer = await handlers[request["do"]](request)
                except EdgewiseError as exc:
                    answer = {"error": str(exc)}
                write(json.dumps(answer))


def _since(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1000


def main() -> None:
    """Whatever libraries print goes to standard error, so that the answers stay clean."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    setup_logging("error", "text")

    def write(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    try:
        asyncio.run(serve(sys.argv[1], tuple(sys.argv[2:]), sys.stdin.readline, write))
    except EdgewiseError as exc:
        write(json.dumps({"error": str(exc)}))
        sys.exit(1)


if __name__ == "__main__":
    main()
