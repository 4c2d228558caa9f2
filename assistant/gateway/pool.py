"""Several upstreams as one: the first that is well answers; before its first text, the next one may take over.

After the first text there is no way back: the device has begun to speak.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import structlog

from assistant.errors import GatewayError
from assistant.gateway.breaker import Breaker, Circuit
from assistant.gateway.upstream import Finish, Piece, Upstream

log = structlog.get_logger(__name__)

FAULTS = frozenset({"upstream-down", "upstream-timeout", "upstream-cut-off", "upstream-refused", "upstream-protocol"})
"""Codes that count against an upstream; the others say that it is busy, or won't have this one question."""

Prompt = Callable[[int], Sequence[dict[str, str]]]
"""The chat messages that fit so many tokens."""


class _Member:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.breaker = Breaker()
        self.reached = True
        """What its last probe said."""


class UpstreamPool:
    """Upstreams in order of preference."""

    def __init__(self, upstreams: Sequence[Upstream], *, failover_s: float) -> None:
        """`failover_s`: how long one may take to begin while another could answer."""
        self._members = [_Member(upstream) for upstream in upstreams]
        self._failover_s = failover_s

    @property
    def names(self) -> str:
        """For people."""
        return ", ".join(member.upstream.base_url for member in self._members)

    def states(self) -> Mapping[str, Circuit]:
        """Each upstream's circuit by its URL."""
        now_s = asyncio.get_running_loop().time()
        return {member.upstream.base_url: member.breaker.state(now_s) for member in self._members}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece | Finish, None]:
        """Stream the answer; a Finish comes last. Closing the iterator hangs up on the upstream.

        Raises:
            GatewayError: what the last upstream that was tried raised; `upstream-down` when none may be tried now.
        """
        loop = asyncio.get_running_loop()
        ready = [member for member in self._members if member.breaker.state(loop.time()) is not Circuit.OPEN]
        failure = GatewayError("upstream-down", "the upstream failed lately and is left alone for now", retryable=True)
        for index, member in enumerate(ready):
            if not member.breaker.begin(loop.time()):
                continue  # another question's trial began meanwhile
            wait_s = self._failover_s if index + 1 < len(ready) else math.inf
            begun = False
            try:
                messages = prompt(member.upstream.prompt_tokens)
                async with contextlib.aclosing(member.upstream.stream(messages, first_text_s=wait_s)) as parts:
                    async for part in parts:
                        if not begun:
                            begun = True
                            member.breaker.reached(loop.time())  # one on trial: the next needn't wait for its end
                        if isinstance(part, Finish):
                            member.breaker.succeeded()  # before: whoever has the Finish may hang up
                        yield part
                return
            except GatewayError as exc:
                self._note(member, exc)
                if begun:
                    raise
                failure = exc
        raise failure

    async def probe(self) -> None:
        """Ask all of them for their models.

        Raises:
            GatewayError: the first one's trouble, when none is well.
        """
        found = await asyncio.gather(*(self._probe(member) for member in self._members))
        errors = [error for error in found if error is not None]
        if len(errors) == len(found):
            raise errors[0]

    async def close(self) -> None:
        for member in self._members:
            await member.upstream.close()

    def _note(self, member: _Member, error: GatewayError) -> None:
        log.warning("upstream-failed", upstream=member.upstream.base_url, code=error.code)
        if error.code in FAULTS:
            member.breaker.failed(asyncio.get_running_loop().time())

    async def _probe(self, member: _Member) -> GatewayError | None:
        try:
            await member.upstream.probe()
        except GatewayError as exc:
            member.reached = False
            return exc
        if not member.reached:  # only then: one that lists its models all along may still fail every question
            member.breaker.reached(asyncio.get_running_loop().time())
        member.reached = True
        return None
