"""What every process that holds a GGUF model does: be quiet, die with its parent, load."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1

DRY_MULTIPLIER = 0.8
DRY_TOKENS = 256
"""Say nothing twice (llama.cpp's DRY sampler, at its authors' strength, over this many tokens): a small model that
always takes the likeliest word otherwise ends up repeating one sentence. A plain repeat penalty (1.15) changes good
answers, too."""


def begin() -> tuple[dict[str, Any], Callable[[dict[str, Any]], None]]:
    """Tie this process to its parent and read the first order; `say` sends one JSON line back.

    llama.cpp's own output goes nowhere.
    """
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to die with it
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our parent decides when we end
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    lock = threading.Lock()

    def say(line: dict[str, Any]) -> None:
        with lock:
            answer.write(json.dumps(line) + "\n")
            answer.flush()

    return json.loads(sys.stdin.readline()), say


def load(order: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> Any | None:
    """The model, loaded; None when that failed, and then it was said why."""
    try:
        return _load(order)
    except ImportError as exc:
        say({"error": "llm-missing", "message": str(exc)})
    except RuntimeError as exc:  # all that xllamacpp says is "Failed to init server"
        say({"error": "llm-load", "message": str(exc)})
    return None


def _load(order: dict[str, Any]) -> Any:
    from xllamacpp import CommonParams, Server  # noqa: PLC0415 - optional and heavy

    params = CommonParams()
    params.model.path = order["model"]
    params.model_alias = {order["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["api_key"]]
    params.n_ctx = order["context_tokens"] * order["parallel"]  # shared out among the slots
    params.n_parallel = order["parallel"]
    params.cpuparams.n_threads = order["threads"]
    params.sampling.temp = order["temperature"]
    params.sampling.dry_multiplier = DRY_MULTIPLIER
    params.sampling.dry_penalty_last_n = DRY_TOKENS
    if "prompt_cache_mb" in order:
        params.cache_ram_mib = order["prompt_cache_mb"]
    params.fit_params = False  # sizing for a GPU: takes as long as the loading itself
    params.verbosity = -1
    params.ui = False
    params.endpoint_metrics = order.get("metrics", False)
    params.endpoint_slots = False
    return Server(params)
