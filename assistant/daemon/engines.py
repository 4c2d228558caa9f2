"""Engines that load while the assistant already listens; whoever needs one first waits for it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from assistant.audio.format import Chunk
from assistant.config import Config
from assistant.daemon.plugins import Plugins
from assistant.dialog.ports import Synthesizer, Transcriber, TurnEnd, VoiceActivity, WakeDetector
from assistant.encoder.text_model import OnnxTextModel
from assistant.errors import EdgewiseError, UnderstandError
from assistant.executor import BoundedExecutor
from assistant.models import Models
from assistant.nlu.classifier import TextModel
from assistant.nlu.sentence_reader import prepare
from assistant.nlu.understand import Known, Understander
from assistant.packaged import packaged_text_model
from assistant.skills.book import SkillBook
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.tts import PiperSynthesizer
from assistant.speech.turn_end import SmartTurn
from assistant.speech.vad import make_vad
from assistant.speech.wake import make_wake
from assistant.streams import closing
from assistant.values import Transcription

T = TypeVar("T")
log = structlog.get_logger(__name__)

TURN_END_MODEL = "smart-turn-v3.2"


class Starting(Generic[T]):
    """One engine that is loaded at most once, in the background or on first use."""

    def __init__(self, name: str, load: Callable[[], Awaitable[T]]) -> None:
        self._name = name
        self._load = load
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Begin to load, unless that has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # told by `problem`

    async def get(self) -> T:
        """The engine, once it is loaded. Raises what loading it raised; then the next call tries again."""
        if self._task is not None and self._task.done() and self._failed:
            self._task = None
        self.begin()
        assert self._task is not None
        return await asyncio.shield(self._task)

    async def settled(self) -> T | None:
        """The engine, once it is loaded; None when it can't be: `problem` says why."""
        try:
            return await self.get()
        except EdgewiseError:
            return None

    @property
    def loaded(self) -> bool:
        """Whether it is ready for use."""
        return self._task is not None and self._task.done() and not self._failed

    @property
    def problem(self) -> EdgewiseError | None:
        """Why it couldn't be loaded; None while that isn't known."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        error = self._task.exception()
        return error if isinstance(error, EdgewiseError) else None

    async def stop(self) -> T | None:
        """Give up loading; the engine when it was loaded, for the caller to close."""
        task, self._task = self._task, None
        if task is None:
            return None
        task.cancel()
        await asyncio.wait([task])
        return None if task.cancelled() or task.exception() else task.result()

    @property
    def _failed(self) -> bool:
        return self._task is None or self._task.cancelled() or self._task.exception() is not None

    async def _run(self) -> T:
        try:
            engine = await self._load()
        except EdgewiseError as exc:
            log.warning("engine not loaded", engine=self._name, code=exc.code)
            raise
        gc.freeze()  # it stays: walking it would stop the event loop for 50 to 100 ms, every time
        log.info("engine loaded", engine=self._name)
        return engine


def text_model_for(language: str) -> TextModel | None:
    """None when it can't be used, or knows another language: then the grammar reads alone, and exact sentences are
    understood."""
    try:
        model = OnnxTextModel(packaged_text_model())
    except UnderstandError as exc:
        log.warning("text model not loaded", code=exc.code)
        return None
    return model if model.language == language else None


class LazyTranscriber:
    """`dialog.ports.Transcriber` that waits for its engine."""

    def __init__(self, engine: Starting[Transcriber]) -> None:
        self._engine = engine

    async def transcribe(self, audio: Chunk) -> Transcription:
        return await (await self._engine.get()).transcribe(audio)

    async def draft(self, audio: Chunk) -> Transcription | None:
        return await (await self._engine.get()).draft(audio)


class LazySynthesizer:
    """`dialog.ports.Synthesizer` that waits for its engine."""

    def __init__(self, engine: Starting[Synthesizer]) -> None:
        self._engine = engine

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        voice = await self._engine.get()
        async with closing(voice.synthesize(text)) as chunks:
            async for chunk in chunks:
                yield chunk


class Engines:
    """Understanding, hearing and speaking, each loaded when it is first needed."""

    def __init__(self, config: Config, models: Models) -> None:
        self._settings = config.settings
        self._speech_cache = config.paths.speech_cache
        self._derived = config.paths.derived
        self._models = models
        self.known = Known()
        """What has a name, kept up by the assistant: "cancel pasta" is a request while such a timer runs."""
        language = config.settings.locale.language
        self.skills = SkillBook.built_in(language)
        """All skills; those of plugins once understanding is loaded."""
        self._plugins = Plugins(self.skills, disabled=config.settings.skills.disabled, language=language)
        self._loading = BoundedExecutor("loading", workers=2, max_pending=8)
        self.nlu: Starting[Understander] = Starting("nlu", self._load_nlu)
        self.stt: Starting[Transcriber] = Starting("stt", self._load_stt)
        self.tts: Starting[Synthesizer] = Starting("tts", self._load_tts)
        self.turn_end: Starting[TurnEnd] = Starting("turn end", self._load_turn_end)

    async def stop(self) -> None:
        """Give up what loads, close what is loaded."""
        await self.nlu.stop()
        self._plugins.close()
        for engine in (await self.stt.stop(), await self.tts.stop(), await self.turn_end.stop()):
            if isinstance(engine, WhisperTranscriber | PiperSynthesizer | SmartTurn):
                await engine.close()
        self._loading.close()

    async def load_wake(self) -> WakeDetector | None:
        """The wake words as configured, the user's own included; None for none."""
        custom = await self._loading.run(self._custom_words)
        return await self._loading.run(make_wake, self._settings.wake, custom)

    async def load_vad(self) -> VoiceActivity:
        """The voice activity detector as configured."""
        return await self._loading.run(make_vad, self._settings.vad)

    async def finished(self, audio: Chunk) -> float | None:
        """Whether the sound says that the user has finished, 0..1; None when nobody can tell now."""
        if not self.turn_end.loaded:
            return None
        try:
            return await (await self.turn_end.get()).complete_probability(audio)
        except EdgewiseError as exc:
            log.info("end of turn not judged", code=exc.code)
            return None

    def loaded(self) -> tuple[str, ...]:
        """Names of the models that are ready."""
        named = ((self._settings.stt.model, self.stt.loaded), (self._settings.tts.voice, self.tts.loaded))
        return tuple(name for name, loaded in named if loaded)

    def problems(self) -> tuple[str, ...]:
        """Why engines couldn't be loaded, one sentence each."""
        found = (self.nlu.problem, self.stt.problem, self.tts.problem, self.turn_end.problem)
        return (*(str(problem) for problem in found if problem), *self._plugins.problems())

    def _custom_words(self) -> dict[str, Path]:
        wanted = set(self._settings.wake.words)
        specs = [spec for spec in self._models.specs().values() if spec.kind == "wake" and spec.id in wanted]
        return {spec.id: self._models.path(spec.id) / spec.main for spec in specs}

    async def _load_nlu(self) -> Understander:
        names = [*self._settings.wake.names, *(word.replace("_", " ") for word in self._settings.wake.words)]
        language = self._settings.locale.language
        self._plugins.begin()
        model = await self._loading.run(text_model_for, language)
        await self._loading.run(prepare, language)
        plugins = await self._plugins.grammars()
        return await self._loading.run(
            lambda: Understander(
                names=names,
                known=lambda: self.known,
                language=language,
                model=model,
                reject_threshold=self._settings.nlu.reject_threshold,
                served=self.skills.intents(),
                plugins=plugins,
            )
        )

    async def _load_turn_end(self) -> TurnEnd:
        model = self._models.get(TURN_END_MODEL)
        engine = SmartTurn(await self._loading.run(self._models.path, model.id) / model.main)
        await engine.start()
        return engine

    async def _load_stt(self) -> Transcriber:
        stt = self._settings.stt
        engine = WhisperTranscriber(
            await self._loading.run(self._models.path, stt.model),
            fast=self._models.get(stt.model).fast_pass if stt.engine == "fast" else None,
            language=stt.language,
            compute_type=stt.compute_type,
            threads=stt.threads,
            timeout_s=stt.timeout_s,
            derived_dir=self._derived,
        )
        await engine.start()
        return engine

    async def _load_tts(self) -> Synthesizer:
        tts = self._settings.tts
        engine = PiperSynthesizer(
            await self._loading.run(self._models.path, tts.voice),
            speed=tts.speed,
            timeout_s=tts.timeout_s,
            cache_dir=self._speech_cache,
            cache_mb=tts.cache_mb,
        )
        await engine.start()
        return engine
