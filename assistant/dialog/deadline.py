"""How long each may take before somebody else speaks. Pure.

    0.3 s   the local model hasn't said how sure it is          the cloud is asked beside it
    1.0 s   it still hasn't                                     it is taken for unsure
    1.2 s   no whole sentence from whoever is to answer         "One moment.", once (`cloud.patience_s`)
    5.0 s   no first piece from the cloud                       the edge answers (`cloud.first_token_timeout_s`)
    4.5 s   pieces come, and no whole sentence yet              a clause of it will do
    5.5 s   not even that                                       the edge answers
    1.0 s   no further piece once it has begun                  the edge ends the answer (`cloud.next_token_timeout_s`)
    0.0 s   all that came is spoken, pieces come, no sentence   a clause of it will do
    1.0 s   not even that                                       the edge ends the answer
    0.4 s   the local model hasn't gone on with it then         a sentence says that it was cut off

So nobody hears more than 1.5 s of silence within an answer that has begun.
"""

from __future__ import annotations

from dataclasses import dataclass

HEDGE_S = 0.3
"""After this long the cloud is asked although the local model may yet turn out to be sure."""
CONFIDENCE_S = 1.0
"""The local model must have said by then how sure it is."""
CONTINUE_S = 0.4
"""With an answer that broke off somebody must have gone on by then, or so long after the next sentence was due."""
LOCAL_FIRST_S = 4.0
"""It must have begun an answer of its own by then, where nothing was said yet."""
LOCAL_SOON_S = 1.2
"""And by then behind a sentence that was said already."""
LOCAL_NEXT_S = 1.0
"""No further piece of it for this long, and it has broken off."""
FIRST_SENTENCE_S = 5.5
"""The first whole sentence, or a clause of it, must be there by then."""
GAP_S = 1.0
"""The next one must be there so long after the last one was spoken."""
CLAUSE_S = 1.0
"""So long before that, a clause will do, of a sentence whose pieces still come: a slow answer is better than none."""
SPEECH_S = 0.06
"""How long a character is spoken, about."""


@dataclass(slots=True)
class Pace:
    """By when the next sentence of an answer that is spoken must be there. Times are those of one clock."""

    by_s: float
    _spoken_s: float = 0.0
    """When all that came so far is spoken, about."""

    @property
    def clause_s(self) -> float:
        """From then on a clause will do."""
        return self.by_s - CLAUSE_S

    def comes(self, chars: int, now_s: float) -> None:
        """A sentence of so many characters."""
        self._spoken_s = max(self._spoken_s, now_s) + chars * SPEECH_S
        self.by_s = self._spoken_s + GAP_S

    def hand_over(self, now_s: float) -> None:
        """The answer broke off, and somebody else is to go on with it: what was said before gives them time."""
        self.by_s = max(now_s, self._spoken_s + GAP_S) + CONTINUE_S
