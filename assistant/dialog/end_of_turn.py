"""How much silence ends the user's turn, given what was understood so far. Pure.

While the user is silent, what was said until then is transcribed and understood at once (a guess); the first rule that
fits says how long the silence must last:

    rule        fits when                                                          silence
    no-guess    nothing is known yet, or the transcript is doubtful                usual    (0.7 s)
    wants-more  it ends in a word nobody stops at ("set a timer for")              unclear  (1.2 s)
    incomplete  a request that lacks something ("set a timer")                     unclear  (1.2 s)
    complete    a whole sentence, confident; its sound doesn't contradict          complete (0.18 s)
    intonation  a whole request whose sound says that more will come               usual    (0.7 s)
    finished    no sentence we know, but the sound says that it is over            usual    (0.7 s)
    unclear     anything else                                                      unclear  (1.2 s)

Silence counts from where the voice detector lost the voice: 30 ms behind the last sound (median over spoken requests,
most of them in noisy rooms), so that a whole request ends 0.2 to 0.25 s behind it.

The sound's verdict (Smart Turn's probability that the user has finished) is a hint, not a judge: it calls half of all
sentences that were cut in the middle complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.nlu.classifier import SOURCE
from assistant.nlu.understanding import Understanding
from assistant.values import Transcription

CONTRADICTS = 0.2
"""Below this probability the sound contradicts a transcript that reads complete."""

FINISHED = 0.7
"""From this probability the sound alone says that the user has finished."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What was made of an utterance while the user was silent; final when no more voice comes."""

    transcription: Transcription
    understanding: Understanding
    finished: float | None
    """The sound's probability that the user has finished; None when nobody judged it."""


@dataclass(frozen=True, slots=True)
class SilencePolicy:
    """Seconds of silence that end a turn."""

    complete_s: float
    usual_s: float
    unclear_s: float
    threshold: float
    """Confidence from which a request is acted upon without asking back."""


@dataclass(frozen=True, slots=True)
class Patience:
    silence_s: float
    rule: str


def patience(guess: Guess | None, policy: SilencePolicy) -> Patience:
    """How long the silence must last, and by which rule."""
    if guess is None or not guess.transcription.text:
        return Patience(policy.usual_s, "no-guess")
    understanding, finished = guess.understanding, guess.finished
    match = understanding.match
    if understanding.unfinished or (match and understanding.missing):
        return Patience(policy.unclear_s, "wants-more" if understanding.unfinished else "incomplete")
    if match and match.source != SOURCE and match.confidence >= policy.threshold:
        contradicted = finished is not None and finished < CONTRADICTS
        return Patience(policy.usual_s, "intonation") if contradicted else Patience(policy.complete_s, "complete")
    if finished is None or finished >= FINISHED:
        return Patience(policy.usual_s, "finished")
    return Patience(policy.unclear_s, "unclear")
