"""The process that holds a GGUF model and serves it like OpenAI does, on loopback: `python -m assistant.llm.worker`.

A process of its own, so that a crash in native code, or a kill, takes nothing else along. One JSON line comes in on
standard input, the order; one goes out on standard output: `{"address": URL}` or `{"error": code, "message": text}`.
It ends when its standard input does, and with its parent whatever happens.
"""

from __future__ import annotations

import os
import sys

from assistant.llm.native import begin, load


def main() -> None:
    """Serve until standard input ends."""
    order, say = begin()
    server = load(order, say)
    if server is not None:
        say({"address": server.listening_address})
        sys.stdin.read()
    os._exit(0)  # native threads don't join


if __name__ == "__main__":
    main()
