"""The language model on this device, found and kept running in the background: `dialog.ports.LocalModel`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from assistant.config import Config
from assistant.daemon.background import Background
from assistant.errors import ConfigError, LlmError
from assistant.executor import BoundedExecutor
from assistant.llm.confidence import Calibration
from assistant.llm.model import GgufModel, Limits
from assistant.models import Models
from assistant.packaged import packaged_calibrations
from assistant.streams import closing
from assistant.values import LocalQuestion


class HostedModel:
    """The model of `llm.model`. Until it is loaded it isn't `ready`, and nobody waits for it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._model: GgufModel | None = None

    @property
    def ready(self) -> bool:
        """Whether it is loaded and can be asked now."""
        return self._model is not None and self._model.ready

    async def run(self) -> None:
        """Find the model, load it, and keep it running.

        Raises:
            ConfigError, ModelError, LlmError: it can't be used.
        """
        executor = BoundedExecutor("local-model")  # hashing a new model file takes a while
        try:
            self._model = await executor.run(find_local_model, self._config, self._config.settings.llm.model)
        finally:
            executor.close()
        await self._model.run()

    def loaded(self) -> tuple[str, ...]:
        """Its name, once it is ready."""
        return (self._config.settings.llm.model,) if self.ready else ()

    def problems(self) -> tuple[str, ...]:
        """Why it isn't ready although it was; it is being started again."""
        problem = self._model.problem if self._model else None
        return (str(problem),) if problem and problem.retryable else ()

    async def confidence(self, question: LocalQuestion) -> float:
        """How likely its answer would be right, 0..1. Raises LlmError, BusyError."""
        return await self._loaded().confidence(question)

    async def converse(self, question: LocalQuestion) -> AsyncIterator[str]:
        """Stream the answer's text pieces. Raises LlmError, BusyError."""
        async with closing(self._loaded().converse(question)) as pieces:
            async for piece in pieces:
                yield piece

    def _loaded(self) -> GgufModel:
        if self._model is None:
            raise LlmError("llm-not-ready", f"{self._config.settings.llm.model} isn't loaded", retryable=True)
        return self._model


def start_local_model(config: Config, background: Background) -> HostedModel | None:
    """Begin to load the model, if one is configured."""
    if not config.settings.llm.model:
        return None
    hosted = HostedModel(config)
    background.run("local model", hosted.run)
    return hosted


def find_local_model(config: Config, model_id: str) -> GgufModel:
    """A model of the manifests, with what is known of its confidence; not started. Reads files.

    Raises:
        ConfigError: `llm-model`: it is no language model; ModelError, LlmError.
    """
    models = Models(config.paths.models_dir, config.paths.user_manifest)
    spec = models.get(model_id)
    if spec.kind != "llm":
        raise ConfigError(
            "llm-model", f"llm.model: {spec.id} is no language model", hint="See `assistant models list`."
        )
    file = models.path(spec.id) / spec.main
    settings = config.settings.llm
    limits = Limits(
        settings.context_tokens, settings.max_tokens, settings.threads, settings.memory_mb, settings.timeout_s
    )
    return GgufModel(file, spec.id, limits, find_calibration(spec.id, file))


def find_calibration(model_id: str, file: Path) -> Calibration | None:
    """What `scripts/tune-llm` found for a model: ours, or what lies beside its file; None for nothing.

    Raises:
        LlmError: `llm-calibration`.
    """
    size = file.stat().st_size
    ours = Calibration.read(packaged_calibrations() / f"{model_id}.json", size)
    return ours or Calibration.read(file.with_suffix(".confidence.json"), size)
