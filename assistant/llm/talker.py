"""The process that answers questions one after the other over its pipes: `python -m assistant.llm.talker`.

One JSON object a line. In come the order, and then questions and orders to leave one alone:

    {"ask": id, "messages": [...], "max_tokens": n, "top": n, "temperature": t, "seed": n}     {"stop": id}

Out go `{"ready": true}` or `{"error": code}`, and for each question its tokens and one end:

    {"id": id, "text": "...", "tokens": [[text, log probability, [of the likeliest, ...]], ...]}
    {"id": id, "end": "stop", "length" or "stopped", "prompt": n, "cached": n, "steps": n}
    {"id": id, "error": code}

`prompt` counts the tokens of the prompt, `cached` those of them that were not worked through again, `steps` how often
llama.cpp ran the model, by its own count: for the prompt, and for each token but the last. A question that is stopped
ends at the next token; one that is stopped before its turn ends without one. It all runs at low priority: the ear goes
first.
"""

from __future__ import annotations

import json
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.llm.native import begin, load

NICE = 10
WATCH_S = 0.5
"""How often the memory is looked at."""
MEMORY_HINT = "Raise llm.memory_mb, or choose a smaller model."

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Answer until standard input ends."""
    order, say = begin()
    os.nice(NICE)  # before there are threads: they inherit it
    threading.Thread(target=_watch_memory, args=(order["memory_mb"], say), daemon=True).start()
    server = load(order, say)
    if server is not None:
        talker = Talker(server, say)
        talker.warm_up(order["system"])
        say({"ready": True})
        threading.Thread(target=talker.read, daemon=True).start()
        talker.run()
    os._exit(0)  # native threads don't join


class Talker:
    """Questions in the order in which they came."""

    def __init__(self, server: Any, say: Say) -> None:
        self._server = server
        self._say = say
        self._asked: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=64)  # full: the pipe waits
        self._stopped: set[int] = set()

    def warm_up(self, system: str) -> None:
        """Work through what stands before every conversation: the first question then finds it done."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hello."}]
        self._server.handle_chat_completions({"messages": messages, "max_tokens": 1}, lambda _: False)

    def read(self) -> None:
        """Take orders until standard input ends."""
        for line in sys.stdin:
            order = json.loads(line)
            if "stop" in order:
                self._stopped.add(order["stop"])
            else:
                self._asked.put(order)
        os._exit(0)

    def run(self) -> None:
        """Answer for ever."""
        while order := self._asked.get():
            if order["ask"] in self._stopped:
                self._say({"id": order["ask"], "end": "stopped", "prompt": 0, "cached": 0, "steps": 0})
            else:
                self._answer(order)
            self._stopped = {number for number in self._stopped if number > order["ask"]}

    def _answer(self, order: dict[str, Any]) -> None:
        number, before = order["ask"], self._steps()
        ended: dict[str, Any] = {"id": number, "end": "stopped", "prompt": 0, "cached": 0}

        def take(event: dict[str, Any] | list[dict[str, Any]]) -> bool:
            for chunk in event if isinstance(event, list) else [event]:
                if "error" in chunk:
                    ended["error"] = "llm-question"
                    continue
                _note_counts(chunk, ended)
                for choice in chunk.get("choices", ()):
                    if choice.get("finish_reason"):
                        ended["end"] = choice["finish_reason"]
                    self._tell(number, choice)
            return number in self._stopped  # true ends it

        self._server.handle_chat_completions(_request(order), take)
        if "error" in ended:
            self._say({"id": number, "error": ended["error"]})
            return
        self._say({**ended, "steps": self._steps() - before})

    def _tell(self, number: int, choice: dict[str, Any]) -> None:
        text = choice.get("delta", {}).get("content") or ""
        tokens = [
            (each["token"], each["logprob"], [other["logprob"] for other in each["top_logprobs"]])
            for each in (choice.get("logprobs") or {}).get("content", ())
        ]
        if (text or tokens) and number not in self._stopped:
            self._say({"id": number, "text": text, "tokens": tokens})

    def _steps(self) -> int:
        """Since the model was loaded."""
        found = re.search(r"^llamacpp:n_decode_total (\d+)", self._server.handle_metrics(), re.MULTILINE)
        return int(found[1]) if found else 0


def _request(order: dict[str, Any]) -> dict[str, Any]:
    request = {
        "messages": order["messages"],
        "max_tokens": order["max_tokens"],
        "temperature": order["temperature"],
        "seed": order["seed"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
    }
    return {**request, "logprobs": True, "top_logprobs": order["top"]} if order["top"] else request


def _note_counts(chunk: dict[str, Any], ended: dict[str, Any]) -> None:
    if usage := chunk.get("usage"):
        ended["prompt"] = usage.get("prompt_tokens", 0)
        ended["cached"] = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)


def _watch_memory(most_mb: int, say: Say) -> None:
    """End this process when it takes more than it may."""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        if pages * page > most_mb * 1_000_000:
            say({"error": "llm-memory", "hint": MEMORY_HINT})
            os._exit(1)
        threading.Event().wait(WATCH_S)


if __name__ == "__main__":
    main()
