"""The speaker: the mixer pulled by a sound card, through losses of the device."""

from __future__ import annotations

import asyncio
import functools

import numpy as np
import structlog

from assistant.audio.backend import Backend, Pull, Stream, StreamOpener
from assistant.audio.devices import NONE
from assistant.audio.format import Samples
from assistant.audio.mixer import Mixer
from assistant.audio.reopen import FIRST_BLOCK_S, STALL_S, DeviceWatch, Publish
from assistant.audio.resample import EMPTY, Resampler
from assistant.backoff import Backoff
from assistant.errors import AudioError, BusyError

_BLOCK_S = 0.04
_LOOK_EVERY_S = 0.25
_TAIL_S = 0.1
"""The resampler is kept going this long behind the last voice, so that its delay cuts nothing off."""

_LEAD_S = 0.08
"""Silence before the first sound: a device that just opened swallows a moment."""

log = structlog.get_logger(__name__)


class ConvertedPull:
    """The mixer's sound at another rate. Runs in the sound card's thread."""

    def __init__(self, mixer: Mixer, rate_hz: int) -> None:
        self._mixer = mixer
        self._rate_hz = rate_hz
        self._resampler = Resampler(mixer.rate_hz, rate_hz)
        self._ready: Samples = EMPTY
        self._quiet_frames = 0

    def __call__(self, frames: int) -> Samples:
        self._quiet_frames = 0 if self._mixer.playing else self._quiet_frames + frames
        if self._quiet_frames > _TAIL_S * self._rate_hz:
            return self._mixer.render(frames)  # nothing plays: silence of any rate
        parts = [self._ready]
        have = len(self._ready)
        while have < frames:
            parts.append(self._resampler.feed(self._mixer.render(round(_BLOCK_S / 4 * self._mixer.rate_hz))))
            have += len(parts[-1])
        joined = np.concatenate(parts)
        self._ready = joined[frames:]
        return joined[:frames]


class _Tap:
    """Counts what the sound card pulls: a count that stands still tells that the device is gone."""

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer
        self.pulls = 0
        self.ended = False

    def source(self, rate_hz: int) -> Pull:
        pull: Pull = self._mixer.render if rate_hz == self._mixer.rate_hz else ConvertedPull(self._mixer, rate_hz)

        lead = round(_LEAD_S * rate_hz)

        def counted(frames: int) -> Samples:
            nonlocal lead
            self.pulls += 1
            if lead > 0:
                lead -= frames
                return np.zeros(frames, np.int16)
            return pull(frames)

        return counted

    def end(self) -> None:
        self.ended = True


class SpeakerSink:
    """Plays a mixer on a device by name, index, "" for the default, or "none".

    The device is open while something plays and `linger_s` longer. While it is lost (AudioDeviceLost, then attempts
    after 0.5 s and ever more rarely down to every 10 s, then AudioDeviceRestored), or with "none", voices are consumed
    at the pace of the loop's clock without being heard, so that every turn ends.
    """

    def __init__(
        self, backend: Backend, device: str, mixer: Mixer, publish: Publish, *, linger_s: float = 30.0
    ) -> None:
        self._backend = backend
        self._device = device
        self._mixer = mixer
        self._linger_s = linger_s
        self.watch = DeviceWatch(device or "default", publish)
        self._backoff = Backoff()

    async def run(self) -> None:
        """Play until cancelled; what the device already took is played to its end."""
        if self._device == NONE:
            await self._pump(float("inf"))
        opener = StreamOpener("speaker")
        try:
            while True:
                if not self.watch.lost:
                    await self._mixer.wait_playing()
                await self._play_once(opener)
        finally:
            opener.shutdown()

    async def _play_once(self, opener: StreamOpener) -> None:
        """One opening of the device, or one pause before the next attempt."""
        loop = asyncio.get_running_loop()
        tap = _Tap(self._mixer)
        opening = functools.partial(self._backend.open_output, self._device, tap.source, tap.end)
        try:
            stream = await opener.open(self._backend, opening, look_again=self.watch.lost)
        except (AudioError, BusyError) as exc:
            log.debug("speaker_not_opened", code=exc.code, error=exc.message)
            self.watch.gone(exc.code, loop.time())
            curable = exc.code != "portaudio-missing"
            await self._pump(loop.time() + self._backoff.next_s() if curable else float("inf"))
            return
        try:
            reason = await self._attend(stream, tap)
        finally:
            await opener.close(stream)
        if reason:
            self.watch.gone(reason, loop.time())
            await self._pump(loop.time() + self._backoff.next_s())

    async def _attend(self, stream: Stream, tap: _Tap) -> str:
        """Watch an open device: why it was lost; empty when it is no longer needed or to be reopened at once."""
        loop = asyncio.get_running_loop()
        opened_s = moved_s = needed_s = loop.time()
        pulls = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now_s = loop.time()
            if stream.withdrawn:
                return ""
            if tap.ended or not stream.active:
                return "stopped"
            if tap.pulls != pulls:
                pulls, moved_s = tap.pulls, now_s
                self._backoff.reset()
                self.watch.here(stream.device, now_s)
            elif now_s - moved_s > (STALL_S if now_s - opened_s > FIRST_BLOCK_S else FIRST_BLOCK_S):
                return "stalled"
            if self._mixer.playing:
                needed_s = now_s
            elif now_s - needed_s >= self._linger_s:
                return ""

    async def _pump(self, until_s: float) -> None:
        """Consume voices unheard until that loop time."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            try:
                async with asyncio.timeout_at(until_s if until_s < float("inf") else None):
                    await self._mixer.wait_playing()
            except TimeoutError:
                return
            await self._mixer.pump(lambda _: None, block_s=_BLOCK_S, until_s=until_s)
