"""What an utterance means while it is still being heard, and the reply made ready for it. Without side effects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from assistant.audio.format import Chunk
from assistant.dialog.answer import Answerer
from assistant.dialog.end_of_turn import Guess
from assistant.dialog.ports import Transcriber
from assistant.dialog.router import RouterPolicy, route
from assistant.dialog.speak import Speaker
from assistant.errors import EdgewiseError
from assistant.events import Event, PartialTranscript
from assistant.nlu.understanding import Understanding

log = structlog.get_logger(__name__)


class GuessMaker:
    """Transcribes, understands, asks whether it sounds finished, and has the likely reply synthesised."""

    def __init__(  # noqa: PLR0913 - each is one collaborator, handed on by the turn runner
        self,
        *,
        transcriber: Transcriber,
        finished: Callable[[Chunk], Coroutine[Any, Any, float | None]],
        understand: Callable[[str], Awaitable[Understanding]],
        answerer: Answerer,
        speaker: Speaker,
        policy: RouterPolicy,
        publish: Callable[[Event], None],
    ) -> None:
        self._transcriber = transcriber
        self._finished = finished
        self._understand = understand
        self._answerer = answerer
        self._speaker = speaker
        self._policy = policy
        self._publish = publish

    async def __call__(self, turn_id: str, audio: Chunk, *, whole: bool) -> Guess | None:
        """What the sound so far means; None when that is doubtful.

        `whole`: the user is silent, so whether it sounds finished is asked as well, and the reply prepared.
        """
        hint = asyncio.create_task(self._finished(audio)) if whole else None
        try:
            return await self._guess(turn_id, audio, hint)
        finally:
            if hint:
                hint.cancel()

    async def _guess(self, turn_id: str, audio: Chunk, hint: asyncio.Task[float | None] | None) -> Guess | None:
        try:
            transcription = await self._transcriber.draft(audio)
            if transcription is None and hint:  # doubtful: decoded again while the silence lasts, not behind it
                transcription = await self._transcriber.transcribe(audio)
            if transcription is None or not transcription.text:
                return None
            self._publish(PartialTranscript(turn_id=turn_id, text=transcription.text, audio_s=transcription.audio_s))
            understanding = await self._understand(transcription.text)
            if hint:
                await self._prepare_reply(understanding)
        except EdgewiseError as exc:
            log.info("no guess", turn_id=turn_id, code=exc.code)
            return None
        return Guess(transcription, understanding, await hint if hint else None)

    async def _prepare_reply(self, understanding: Understanding) -> None:
        decision = route(understanding, self._policy, link_up=self._answerer.link_up, private=self._answerer.private)
        if text := await self._answerer.foresee(understanding, decision):
            self._speaker.prepare(text)
