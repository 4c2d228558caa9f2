"""How long each may take before somebody else speaks. Pure.

    0.3 s   the local model hasn't said how sure it is          the cloud is asked beside it
    1.0 s   it still hasn't                                     it is taken for unsure
    1.2 s   no first piece from whoever is to answer            "One moment.", once
    5.0 s   no first piece from the cloud                       the edge answers (`cloud.first_token_timeout_s`)
    1.0 s   no further piece once it has begun                  the edge ends the answer (`cloud.next_token_timeout_s`)
    0.4 s   the local model hasn't gone on with it by then      a sentence says that it was cut off

Nobody hears more than 1.5 s of silence within a reply: what is streamed is mostly spoken more slowly than it comes, and
a stall is noticed after 1.0 s and the sentence that tells of it is rendered already.
"""

from __future__ import annotations

HEDGE_S = 0.3
"""After this long the cloud is asked although the local model may yet turn out to be sure."""
CONFIDENCE_S = 1.0
"""The local model must have said by then how sure it is."""
CONTINUE_S = 0.4
"""It must have gone on by then with an answer that broke off."""
LOCAL_FIRST_S = 4.0
"""It must have begun an answer of its own by then."""
LOCAL_NEXT_S = 1.0
"""No further piece of it for this long, and it has broken off."""
