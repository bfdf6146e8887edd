"""ASGI guard in front of Gradio: size and rate limits per visitor, no fetching of foreign addresses, plain headers.

Written as plain ASGI, so that streamed answers pass through step by step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HOT = ("/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/run/", "/gradio_api/upload", "/component_server")
HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
MAX_BODY = 4 << 20  # bytes
MAX_UPLOAD = 22 << 20  # bytes of a request that uploads files
BURST, PER_SECOND = 120.0, 20.0  # requests of one address: at once, and in the long run
MAX_ADDRESSES = 10_000


class TooLarge(Exception):
    """A request body went over the limit while it was read."""


class Guard:
    """Answers 413, 429 or 403 itself and hands everything else on."""

    def __init__(
        self, app: Any, max_body: int = MAX_BODY, burst: float = BURST, per_second: float = PER_SECOND
    ) -> None:
        self.app, self.max_body, self.burst, self.per_second = app, max_body, burst, per_second
        self._tokens: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        await self._pass_on(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        path = scope["path"].lower()
        if "/file=http" in path or "/proxy=" in path:
            return 403, "Files of other servers are not fetched."
        if scope["method"] != "POST":
            return None
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self._limit(path):
            return 413, "The request is too large."
        if any(h in path for h in HOT) and not self._take((scope.get("client") or ("?",))[0]):
            return 429, "Too many requests; wait a few seconds."
        return None

    def _limit(self, path: str) -> int:
        """Bytes that a request may have; an image as a photographer's file is larger than any other request."""
        return max(self.max_body, MAX_UPLOAD) if path.rstrip("/").endswith("/gradio_api/upload") else self.max_body

    def _take(self, address: str) -> bool:
        """One token from the bucket of an address; False when it is empty."""
        now = time.monotonic()
        if len(self._tokens) > MAX_ADDRESSES:
            self._tokens.clear()
        tokens, last = self._tokens.get(address, (self.burst, now))
        tokens = min(self.burst, tokens + (now - last) * self.per_second)
        self._tokens[address] = (max(0.0, tokens - 1), now) if tokens >= 1 else (tokens, now)
        return tokens >= 1

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen, started, limit = 0, False, self._limit(scope["path"].lower())

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLarge
            return message

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            await self.app(scope, counted, marked)
        except TooLarge:
            if not started:
                await _refuse(send, 413, "The request is too large.")


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"5"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
