"""Server-sent events, as OpenAI-compatible servers stream them. Pure: bytes in, payloads out."""

from __future__ import annotations

from assistant.errors import GatewayError

MAX_LINE_BYTES = 1_048_576
"""A longer line, or event, is not an answer to us."""


class SseParser:
    """Feed it what arrives, however it is cut. Comments and fields other than `data` are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[str]:
        """Payloads of the events that this piece completes.

        Raises:
            GatewayError: `upstream-protocol` for a line without end or bytes that are no UTF-8.
        """
        # A lone CR may also end a line; no server of this kind does that, and CRLF cut in two must not count twice.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise _protocol_error("sends a line without end")
        payloads = []
        for line in lines:
            payload = self._line(line.removesuffix(b"\r"))
            if payload is not None:
                payloads.append(payload)
        return payloads

    def close(self) -> list[str]:
        """The payload that the end of the stream completes: some servers leave out the last empty line."""
        payloads = self.feed(b"\n")
        last = self._line(b"")
        return payloads if last is None else [*payloads, last]

    def _line(self, line: bytes) -> str | None:
        if not line:
            data, self._data, self._data_bytes = self._data, [], 0
            return "\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data_bytes += len(value)
            if self._data_bytes > MAX_LINE_BYTES:
                raise _protocol_error("sends an event without end")
            try:
                self._data.append(value.removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError as exc:
                raise _protocol_error("sends bytes that are no UTF-8") from exc
        return None


def _protocol_error(what: str) -> GatewayError:
    return GatewayError("upstream-protocol", f"the upstream {what}", hint="Is it an OpenAI-compatible server?")
