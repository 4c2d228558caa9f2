"""A reply becoming sound: text pieces -> whole sentences -> audio, while later text is still arriving.

Text is taken as fast as it comes (64 sentences at most wait; then the source is held back), audio only as fast as it
is played.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np

from assistant.audio.format import Chunk
from assistant.dialog.ports import PlaybackHandle, Player, Synthesizer
from assistant.dialog.reply import Answer
from assistant.events import Event, Interrupted, PlaybackFinished, PlaybackStarted, ReplyChunk
from assistant.sentences import SentenceSplitter, split_sentences
from assistant.streams import closing

REPLY_PRIORITY = 20
"""Above a ring (daemon), below the wake chime (attend)."""

SENTENCE_PAUSE_S = 0.15
"""Silence between two sentences of a reply."""

_MAX_WAITING = 64


@dataclass(slots=True)
class Spoken:
    """A reply being said: what was said so far, and the means to end it early."""

    turn_id: str
    text: str = ""
    interrupted_by: str = ""
    """What silenced it; empty while nothing did."""
    last_sentence: bool = False
    """End after the sentence being spoken."""
    handle: PlaybackHandle | None = None
    """Its playback, once there is one."""
    first_audio: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, by: str) -> None:
        """Silence it at once."""
        self.interrupted_by = by
        if self.handle:
            self.handle.stop()

    def finish_sentence(self) -> None:
        """End after the sentence being spoken."""
        self.last_sentence = True


class Speaker:
    """Says replies through the player, a callback, both or neither. Aloud, one at a time.

    With an `earcon` that sounds in place of a reply that only acknowledges.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        player: Player | None,
        publish: Callable[[Event], None],
        *,
        earcon: Chunk | None = None,
    ) -> None:
        self._synthesizer = synthesizer
        self._player = player
        self._publish = publish
        self._earcon = earcon
        self._floor = asyncio.Lock()
        self._prepared: _Prepared | None = None

    @property
    def audible(self) -> bool:
        """Whether there is a speaker."""
        return self._player is not None

    @property
    def busy(self) -> bool:
        """Whether something is being said aloud."""
        return self._floor.locked()

    async def say(
        self,
        pieces: AsyncIterator[str],
        spoken: Spoken,
        answer: Answer,
        *,
        aloud: bool,
        on_audio: Callable[[Chunk], None] | None,
    ) -> None:
        """Speak `pieces` until they end or `spoken.stop` is called."""
        sentences: asyncio.Queue[str | None] = asyncio.Queue(_MAX_WAITING)
        pump = asyncio.create_task(self._pump(pieces, sentences, spoken, answer))
        try:
            if aloud and self._player:
                async with self._floor:
                    await self._play(self._player, self._voice(sentences, spoken, answer, on_audio), spoken)
            elif on_audio:
                async for _ in self._voice(sentences, spoken, answer, on_audio):
                    pass
            else:
                while await sentences.get() is not None:
                    pass
            if not spoken.interrupted_by:
                await pump
        finally:
            pump.cancel()
            await asyncio.wait([pump])

    def prepare(self, text: str) -> None:
        """Begin to synthesise the first sentence of what will probably be said; what else was prepared is dropped."""
        sentences = split_sentences(text)
        if sentences and self._prepared and self._prepared.sentence == sentences[0] and not self._prepared.failed:
            return
        self.drop_prepared()
        if sentences:
            self._prepared = _Prepared(sentences[0], self._synthesizer.synthesize(sentences[0]))

    def drop_prepared(self) -> None:
        """What was prepared won't be said."""
        if self._prepared:
            self._prepared.drop()
        self._prepared = None

    async def announce(self, text: str) -> None:
        """Say something outside any turn, once nobody else speaks. Needs a player."""
        assert self._player is not None
        async with self._floor:
            handle = self._player.play(self._synthesizer.synthesize(text), priority=REPLY_PRIORITY)
            try:
                await handle.finished()
            finally:
                handle.stop()

    async def _play(self, player: Player, voice: AsyncIterator[Chunk], spoken: Spoken) -> None:
        handle = player.play(voice, priority=REPLY_PRIORITY)
        spoken.handle = handle
        completed = False
        try:
            if spoken.interrupted_by:
                handle.stop()
            await handle.started()
            self._publish(PlaybackStarted(turn_id=spoken.turn_id))
            completed = await handle.finished()
        finally:
            handle.stop()
            self._publish(PlaybackFinished(turn_id=spoken.turn_id, played_s=handle.played_s, interrupted=not completed))
            if spoken.interrupted_by:
                self._publish(Interrupted(turn_id=spoken.turn_id, by=spoken.interrupted_by))

    async def _sound_of(self, sentence: str) -> AsyncIterator[Chunk]:
        """A sentence's sound, prepared or not."""
        if self._prepared and self._prepared.sentence == sentence:
            prepared, self._prepared = self._prepared, None
            sound = prepared.chunks()
        else:
            sound = self._synthesizer.synthesize(sentence)
        async with closing(sound) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _pump(
        self, pieces: AsyncIterator[str], sentences: asyncio.Queue[str | None], spoken: Spoken, answer: Answer
    ) -> None:
        splitter = SentenceSplitter()
        try:
            async for piece in pieces:
                if answer.cut:  # half a sentence is never spoken, nor kept
                    spoken.text = spoken.text[: len(spoken.text) - len(splitter.held)].rstrip()
                    splitter = SentenceSplitter()
                spoken.text += piece
                self._publish(ReplyChunk(turn_id=spoken.turn_id, text=piece))
                for sentence in splitter.feed(piece):
                    await sentences.put(sentence)
            for sentence in splitter.flush():
                await sentences.put(sentence)
            await sentences.put(None)
        except Exception:
            while not sentences.empty():
                sentences.get_nowait()
            sentences.put_nowait(None)  # whoever waits for a sentence must not wait for ever
            raise

    async def _voice(
        self,
        sentences: asyncio.Queue[str | None],
        spoken: Spoken,
        answer: Answer,
        on_audio: Callable[[Chunk], None] | None,
    ) -> AsyncIterator[Chunk]:
        sounded = False
        while not spoken.last_sentence and (sentence := await sentences.get()) is not None:
            if self._earcon and answer.acknowledges:
                if not sounded:
                    spoken.first_audio.set()
                    yield _heard(self._earcon, on_audio)
                sounded = True
                continue
            begun = False
            async with closing(self._sound_of(sentence)) as chunks:
                async for chunk in chunks:
                    if not begun and spoken.first_audio.is_set():
                        yield _heard(_pause(chunk.rate_hz), on_audio)
                    begun = True
                    spoken.first_audio.set()
                    yield _heard(chunk, on_audio)


class _Prepared:
    """A sentence whose synthesis begins before anybody asks for it; beyond its first sound it goes on once they do."""

    def __init__(self, sentence: str, chunks: AsyncIterator[Chunk]) -> None:
        self.sentence = sentence
        self._made: asyncio.Queue[Chunk | None] = asyncio.Queue()  # a sentence is short
        self._wanted = asyncio.Event()
        self._making = asyncio.create_task(self._make(chunks))
        self._making.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody asks

    @property
    def failed(self) -> bool:
        return self._making.done() and (self._making.cancelled() or self._making.exception() is not None)

    def drop(self) -> None:
        self._making.cancel()

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Its sound, as it is made. Raises what its synthesis raised."""
        self._wanted.set()
        try:
            while (chunk := await self._made.get()) is not None:
                yield chunk
            await self._making
        finally:
            self.drop()

    async def _make(self, chunks: AsyncIterator[Chunk]) -> None:
        try:
            async with closing(chunks):
                async for chunk in chunks:
                    self._made.put_nowait(chunk)
                    await self._wanted.wait()
        finally:
            self._made.put_nowait(None)


def _pause(rate_hz: int) -> Chunk:
    return Chunk(np.zeros(round(SENTENCE_PAUSE_S * rate_hz), np.int16), rate_hz)


def _heard(chunk: Chunk, on_audio: Callable[[Chunk], None] | None) -> Chunk:
    if on_audio:
        on_audio(chunk)
    return chunk
