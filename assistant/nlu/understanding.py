"""What the understanding made of an utterance."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.records import Candidate
from assistant.values import IntentMatch, Layer

_LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Understanding:
    text: str
    """The utterance in lower case without punctuation, names, politeness and run-ups."""
    match: IntentMatch | None
    """The best reading; None when no local intent claims the utterance."""
    missing: tuple[str, ...]
    """Required slots nobody gave: `duration` (any of hours, minutes, seconds) or `expression`. Of several requests,
    those that lack something ask for it when the others are done: then it is empty."""
    open_question: bool
    """No intent claims it and it reads as a question, or as a request for an answer or a text."""
    unfinished: bool
    """It ends in a word that wants more ("set a timer for"), or in a number that no sentence ends with."""
    task: str = ""
    """What kind of work it is, one of the model's task types; empty when nobody knows."""
    also: tuple[IntentMatch, ...] = ()
    """Further requests in the same utterance, in order."""
    layer: Layer | None = None
    """Who is to answer, in the user's own words ("ask the cloud ..."); None when they don't say."""
    corrects: bool = False
    """It is what was done last, otherwise: that is to be taken back first."""
    unread: bool = False
    """There was more behind these requests, and nobody knows what."""
    candidates: tuple[Candidate, ...] = ()
    """What each reader made of it by itself, the likeliest first; empty where only one was asked."""

    @property
    def requests(self) -> tuple[IntentMatch, ...]:
        """All that is wanted, in order; empty when no local intent claims the utterance."""
        return (self.match, *self.also) if self.match else ()

    @property
    def to_ask(self) -> tuple[str, ...]:
        """The missing slots that may be asked for: none while the request is rather not meant, for that comes first."""
        return self.missing if self.match and self.match.confidence >= _LIKELY else ()
