"""One connection to Home Assistant's WebSocket API (https://developers.home-assistant.io/docs/api/websocket).

Every question has a number, its answer carries the same; so do the events of a subscription. Errors by code:

    home-offline   can't be reached, or the connection broke   home-timeout   no answer in time
    home-auth      the token is wrong or was revoked           home-refused   it says no
    home-busy      too many questions are unanswered
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import orjson
import structlog

from assistant.errors import HomeError
from assistant.home import pieces

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 5.0
ASK_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
HEARTBEAT_S = 15.0
"""A connection that is dead is noticed within one and a half of these."""
MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes. The states of 5,000 entities are about 3 MB."""
LARGE = 128 * 1024
"""Characters. What is longer takes more than some milliseconds to parse."""
MAX_PENDING = 64

OnEvent = Callable[[Any], None]


class Socket:
    """An open and authenticated connection; see `open_socket`."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, OnEvent] = {}
        self._broken = False

    async def ask(self, kind: str, *, timeout_s: float | None = None, **data: Any) -> Any:
        """The answer to one message, in ASK_TIMEOUT_S unless said otherwise.

        Raises:
            HomeError: `home-offline`, `home-timeout`, `home-refused`, `home-busy`.
        """
        return await self._ask(next(self._numbers), kind, timeout_s or ASK_TIMEOUT_S, data)

    async def subscribe(self, on_event: OnEvent, kind: str, **data: Any) -> None:
        """Have every event told from now on. Raises as `ask`."""
        number = next(self._numbers)
        self._listeners[number] = on_event
        try:
            await self._ask(number, kind, ASK_TIMEOUT_S, data)
        except BaseException:
            del self._listeners[number]
            raise

    async def read(self) -> None:
        """Hand on what arrives until the connection ends. Always raises HomeError `home-offline`."""
        try:
            while True:
                message = await self._websocket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    text = message.data
                    self._take(await _parsed_apart(text) if len(text) > LARGE else _parsed(text))
                elif message.type is not aiohttp.WSMsgType.BINARY:
                    raise offline("hung up")
        except (aiohttp.ClientError, OSError) as exc:
            raise offline(f"broke off ({type(exc).__name__})") from exc
        finally:
            self._break()

    def _break(self) -> None:
        """Nothing comes any more: whoever still waits is told."""
        self._broken = True
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(offline("hung up"))

    async def _ask(self, number: int, kind: str, timeout_s: float, data: Mapping[str, Any]) -> Any:
        if self._broken:
            raise offline("hung up")
        if len(self._pending) >= MAX_PENDING:
            raise HomeError("home-busy", "Home Assistant has too many unanswered questions", retryable=True)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self._websocket.send_str(orjson.dumps({"id": number, "type": kind, **data}).decode())
                return await answer
        except TimeoutError as exc:
            raise HomeError(
                "home-timeout", f"Home Assistant didn't answer {kind} within {timeout_s:g} s", retryable=True
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise offline(f"broke off ({type(exc).__name__})") from exc
        finally:
            del self._pending[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # fetched, for the case that nobody waited for it any more

    def _take(self, message: Any) -> None:
        if isinstance(message, list):  # several at once
            for each in message:
                self._take(each)
            return
        if not isinstance(message, dict):
            log.warning("message of the home not understood")
            return
        number = message.get("id")
        answer = self._pending.get(number) if isinstance(number, int) else None
        match message.get("type"):
            case "result" | "pong" if answer and not answer.done():
                if message.get("success", True):
                    answer.set_result(message.get("result"))
                else:
                    answer.set_exception(_refused(message.get("error")))
            case "event" if listener := self._listeners.get(number) if isinstance(number, int) else None:
                listener(message.get("event"))


@contextlib.asynccontextmanager
async def open_socket(url: str, token: str) -> AsyncIterator[Socket]:
    """Connect to the Home Assistant at `url` (`http://` or `https://`); `Socket.read` must then be run beside.

    Raises:
        HomeError: `home-offline`, `home-auth`.
    """
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                websocket = await stack.enter_async_context(
                    http.ws_connect(
                        url.rstrip("/") + "/api/websocket",
                        heartbeat=HEARTBEAT_S,
                        max_msg_size=MAX_MESSAGE,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                    )
                )
                await _authenticate(websocket, token)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            raise offline(f"couldn't be reached ({type(exc).__name__})") from exc
        yield Socket(websocket)


def offline(what: str) -> HomeError:
    return HomeError("home-offline", f"Home Assistant {what}", hint="Is it running? Check home.url.", retryable=True)


async def _authenticate(websocket: aiohttp.ClientWebSocketResponse, token: str) -> None:
    while True:
        message = await websocket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise offline("hung up before it had asked who we are")
        told = _parsed(message.data)
        match told.get("type") if isinstance(told, dict) else None:
            case "auth_required":
                await websocket.send_str(orjson.dumps({"type": "auth", "access_token": token}).decode())
            case "auth_ok":
                return
            case "auth_invalid":
                raise HomeError(
                    "home-auth",
                    "Home Assistant doesn't accept the token",
                    hint="Make a long-lived access token on your profile page there, and set home.token_file.",
                )
            case _:
                raise offline("doesn't speak its WebSocket API there")


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise offline("sent something that is no JSON") from exc


async def _parsed_apart(text: str) -> Any:
    """The same of a text that takes long, in a thread; there is only one at a time, since nobody reads on meanwhile."""
    try:
        return await asyncio.to_thread(pieces.loads, text)
    except (ValueError, RecursionError) as exc:
        raise offline("sent something that is no JSON") from exc


def _refused(error: Any) -> HomeError:
    code = error.get("code") if isinstance(error, dict) else None
    known = code if isinstance(code, str) and code.replace("_", "").isalnum() else "unknown"
    return HomeError("home-refused", f"Home Assistant says no ({known})")
