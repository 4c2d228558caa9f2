"""xllamacpp as it comes, in a process of its own: what `bench llm` compares with. `python -m ...bench.raw_llm`.

In come an order and then chat requests, one JSON line each; out go `{"ready": true}`, and the times of each answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from assistant.llm.native import begin
from assistant.llm.talker import NICE


def main() -> None:
    """Answer until standard input ends."""
    order, say = begin()
    os.nice(NICE)  # as ours: else a busy machine would tell them apart
    from xllamacpp import CommonParams, Server  # noqa: PLC0415 - optional and heavy

    params = CommonParams()
    params.model.path = order["model"]
    params.n_ctx = order["context_tokens"]
    params.n_parallel = 1
    params.cpuparams.n_threads = order["threads"]
    params.sampling.temp = 0.0
    params.fit_params = False
    params.verbosity = -1
    server = Server(params)
    say({"ready": True})
    for line in sys.stdin:
        say(_time(server, json.loads(line)))
    os._exit(0)


def _time(server: Any, request: dict[str, Any]) -> dict[str, float]:
    times_s: list[float] = []

    def take(event: dict[str, Any]) -> bool:
        if any(choice.get("delta", {}).get("content") for choice in event.get("choices", ())):
            times_s.append(time.perf_counter())
        return False

    began_s = time.perf_counter()
    server.handle_chat_completions({**request, "stream": True}, take)
    if not times_s:
        return {"first_ms": 0.0, "token_ms": 0.0}
    each_ms = 1000 * (times_s[-1] - times_s[0]) / max(1, len(times_s) - 1)
    return {"first_ms": 1000 * (times_s[0] - began_s), "token_ms": each_ms}


if __name__ == "__main__":
    main()
