"""A small real language model for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assistant.llm.confidence import Calibration
from assistant.llm.model import GgufModel, Limits
from assistant.models import Models
from tests.conftest import REAL_MODELS_DIR
from tests.until import until

MODEL_ID = "smollm2-135m"
LIMITS = Limits(context_tokens=1024, max_tokens=60, threads=0, memory_mb=500, timeout_s=60.0)


@asynccontextmanager
async def loaded_model(limits: Limits = LIMITS, calibration: Calibration | None = None) -> AsyncIterator[GgufModel]:
    """One with its worker, ready."""
    models = Models(REAL_MODELS_DIR)
    model = GgufModel(models.path(MODEL_ID) / models.get(MODEL_ID).main, MODEL_ID, limits, calibration)
    running = asyncio.create_task(model.run())
    try:
        await until(lambda: model.ready or running.done(), timeout_s=60.0)
        if running.done():
            running.result()
        yield model
    finally:
        running.cancel()
        await asyncio.wait([running])
