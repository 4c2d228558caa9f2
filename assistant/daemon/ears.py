"""What listens: wake word, voice activity and the end of a turn, joined to whoever runs the turns."""

from __future__ import annotations

import functools
from collections.abc import Callable

from assistant.audio import tones
from assistant.audio.ring import PrerollRing
from assistant.daemon.engines import Engines
from assistant.daemon.sound import Sound
from assistant.dialog.attend import Attention
from assistant.dialog.end_of_turn import SilencePolicy
from assistant.dialog.hearing import Hearing
from assistant.dialog.speculate import Guesser, Speculation
from assistant.dialog.turn import TurnRunner
from assistant.events import Event
from assistant.settings import Settings
from assistant.speech.endpoint import make_endpoint
from assistant.values import State


async def make_attention(  # noqa: PLR0913 - the parts that it joins
    settings: Settings,
    engines: Engines,
    sound: Sound,
    runner: TurnRunner,
    *,
    hearing: Hearing,
    hush: Callable[[], bool],
    publish: Callable[[Event], None],
    set_state: Callable[[State], None],
) -> Attention:
    """Load what listening needs, and join it to the microphone of `sound`, which must have one.

    Raises:
        EdgewiseError: an engine can't be loaded.
    """
    assert sound.source is not None, "nothing listens without a microphone"
    return Attention(
        source=sound.source,
        wake=await engines.load_wake(),
        vad=await engines.load_vad(),
        endpoint=make_endpoint(settings.endpoint, settings.vad),
        voice_threshold=settings.vad.threshold,
        speculation=functools.partial(_speculation, settings) if settings.endpoint.semantic else None,
        preroll=PrerollRing(settings.audio.preroll_s),
        runner=runner,
        echo_free=sound.echo_free,
        hearing=hearing,
        hush=hush,
        player=sound.mixer,
        chime=tones.chime() if settings.wake.chime else None,
        publish=publish,
        set_state=set_state,
    )


def _speculation(settings: Settings, guesser: Guesser) -> Speculation:
    endpoint = settings.endpoint
    policy = SilencePolicy(
        complete_s=endpoint.complete_silence_s,
        usual_s=endpoint.silence_s,
        unclear_s=endpoint.unclear_silence_s,
        threshold=settings.router.threshold,
    )
    return Speculation(
        guesser,
        policy,
        speculate_s=endpoint.speculate_silence_s,
        partial_every_s=endpoint.partial_every_s,
    )
