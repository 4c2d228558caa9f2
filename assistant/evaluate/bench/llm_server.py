"""An OpenAI-compatible server that costs next to nothing: for measuring what stands in front of it.

`python -m assistant.evaluate.bench.llm_server PIECES GAP_MS` prints its base URL, and streams PIECES pieces to whoever
asks, the first at once, the others GAP_MS apart. Each piece is its number and a space, so that a lost one is noticed.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web

_HEADERS = {"Content-Type": "text/event-stream"}
_END = b"data: [DONE]\n\n"


def pieces_of(count: int) -> list[str]:
    """What the server answers."""
    return [f"{number} " for number in range(count)]


def make_app(pieces: int, gap_s: float) -> web.Application:
    """The server."""
    events = [_event({"choices": [{"delta": {"content": piece}}]}) for piece in pieces_of(pieces)]
    last = _event({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + _END

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "bench"}]})

    async def chat(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        for index, event in enumerate(events):
            if index:
                await asyncio.sleep(gap_s)
            await response.write(event)
        await response.write(last)
        return response

    app = web.Application()
    app.router.add_get("/v1/models", models)
    app.router.add_post("/v1/chat/completions", chat)
    return app


def _event(payload: object) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


async def _serve(pieces: int, gap_s: float) -> None:
    runner = web.AppRunner(make_app(pieces, gap_s), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}/v1\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
