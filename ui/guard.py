"""ASGI guard in front of Gradio: which requests it sees at all, how large and how many, and what every answer carries.

Gradio comes with more routes than this app uses: reading from other servers, converting recordings, editing the app.
Only the routes below are open, and only files that were uploaded or made here are handed out. Written as plain ASGI, so
that streamed answers pass through step by step. Limits are per address of the visitor; behind a proxy uvicorn takes it
from X-Forwarded-For, once FORWARDED_ALLOW_IPS names the proxy.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gradio.utils import get_upload_folder

log = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

API = "/gradio_api"
FILE = f"{API}/file="
OPEN = re.compile(  # every route of the page, of gradio_client and of MCP clients
    r"/(?:|config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|login|logout)/?"
    r"|/(?:assets|static|svelte)/.+"
    rf"|{API}/(?:info|openapi\.json|config|theme\.css|app_id|login_check|user|startup-events|reset|cancel|upload"
    r"|upload_progress|queue/(?:join|data|status)|run/predict|component_server|mcp|mcp/http|mcp/schema)/?"
    rf"|{API}/(?:call|call/v2|heartbeat)/[\w-]+(?:/[\w-]+)?/?"
    rf"|{FILE}.+",
    re.DOTALL,
)
ELSEWHERE = re.compile(r"/(?:file=?|proxy=)/*\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # a file of another server
STREAMS = (f"{API}/heartbeat/", f"{API}/queue/data", f"{API}/call/", f"{API}/upload_progress", f"{API}/mcp")
UNGUARDED = (f"{API}/cancel", f"{API}/reset", f"{API}/heartbeat/", f"{API}/mcp")  # Gradio asks nobody to log in here
DIRECT = f"{API}/run/predict"  # the page calls by it what needs no queue; where values do not fit, Gradio says 500
UPLOAD, LOGIN, MCP = f"{API}/upload", "/login", f"{API}/mcp"

MAX_BODY = 4 << 20  # bytes
MAX_UPLOAD = 22 << 20  # bytes of a request that uploads files
MAX_LOGIN = 16 << 10  # bytes of a request to log in
MAX_ADDRESSES = 10_000
MAX_STREAMS = 200  # answers that one address may listen to at the same time; a tab of a browser needs two
MCP_COST = 2  # a call of a tool sets off requests of its own, which count for this machine
EMBEDDED_BY = ("https://huggingface.co", "https://*.hf.space")

POLICY = {  # Gradio builds its page with inline scripts and styles, and runs the `js` of events by eval
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": " ".join(("'self'", *EMBEDDED_BY)),
}
PAGE_POLICY = "; ".join(f"{name} {value}" for name, value in POLICY.items())
FILE_POLICY = "default-src 'none'; sandbox"  # what was uploaded is shown, never run
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}

FOREIGN_FILE = "Files of other servers are not fetched; upload the file itself."
NO_SUCH_FILE = "Only files that were uploaded or made here are handed out."
NO_SUCH_PAGE = "There is nothing at this address."
FOREIGN_PAGE = "Requests from pages of other servers are refused; open the app itself."
TOO_LARGE = "The request is too large."
TOO_MANY = "Too many requests; wait a few seconds."
TOO_MANY_STREAMS = "Too many open connections; close some tabs of this app."
TOO_MANY_LOGINS = "Too many tries to log in; wait ten seconds before the next one."
TOO_MANY_UPLOADS = "The server holds as many uploads as it may; try again later."
LOG_IN = "Log in first."
MALFORMED = "The request cannot be understood; use the page, gradio_client or an MCP client."

Refusal = tuple[int, str]


@dataclass(frozen=True)
class Rate:
    """What may be taken at once, and how much per second in the long run."""

    burst: float
    per_second: float


REQUESTS = Rate(120, 20)  # per address
LOGINS = Rate(10, 0.1)  # per address
UPLOADS = Rate(2 << 30, (2 << 30) / 3600)  # bytes of all visitors; files are removed after an hour


class Buckets:
    """Token buckets by key: each holds `rate.burst` tokens and gets `rate.per_second` back."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._left: dict[str, tuple[float, float]] = {}  # key -> tokens, when; longest untouched first

    def take(self, key: str, cost: float = 1) -> bool:
        """`cost` tokens of a key; False, and none taken, where there are fewer."""
        now = time.monotonic()
        tokens, then = self._left.pop(key, (self.rate.burst, now))
        tokens = min(self.rate.burst, tokens + (now - then) * self.rate.per_second)
        enough = tokens >= cost
        self._left[key] = (tokens - cost if enough else tokens, now)
        while len(self._left) > MAX_ADDRESSES:
            self._left.pop(next(iter(self._left)))
        return enough


class TooLarge(Exception):
    """A request body went over the limit while it was read."""


class Guard:
    """Refuses with a sentence what the app does not serve, and hands everything else on.

    Args:
        app: what is guarded.
        hosts: names under which the page may be opened besides the one that a request names; "*" counts for nothing.
        max_body: bytes of a request that uploads nothing.
        requests, logins, uploads: how fast each may come.
    """

    def __init__(
        self, app: Any, hosts: Iterable[str] = (), max_body: int = MAX_BODY, requests: Rate = REQUESTS,
        logins: Rate = LOGINS, uploads: Rate = UPLOADS,
    ) -> None:  # fmt: skip
        self.app, self.max_body = app, max_body
        self.hosts = {h.lower() for h in hosts} - {"*"}
        self.requests, self.logins, self.uploads = Buckets(requests), Buckets(logins), Buckets(uploads)
        self.streams: dict[str, int] = {}  # address -> answers it listens to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is not None:
            await refuse(send, *refusal)
            return
        await self._listen(scope, receive, send)

    # -- who gets in --------------------------------------------------------------------------------------------------

    def refusal(self, scope: Scope) -> Refusal | None:
        """Status and sentence for a request that is not handed on, or None."""
        path, headers = scope["path"], _headers(scope)
        return (
            _closed(path)
            or self._foreign(scope, headers)
            or self._too_large(scope, path, headers)
            or self._too_many(scope, path, headers)
            or _signed_out(scope, path, headers)
        )

    def _foreign(self, scope: Scope, headers: dict[str, str]) -> Refusal | None:
        """A browser that sends something from a page of another server; programs name no origin."""
        origin = headers.get("origin")
        if origin is None or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        try:
            asked = urlsplit(origin)
            here = {headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip()}
            known = bool(asked.hostname) and (asked.netloc.lower() in here or asked.hostname in self.hosts)
        except ValueError:
            known = False
        return None if known else (403, FOREIGN_PAGE)

    def limit(self, path: str) -> int:
        """Bytes that a request may have; an image as a photographer's file is larger than any other request."""
        path = path.rstrip("/")
        return MAX_LOGIN if path == LOGIN else max(self.max_body, MAX_UPLOAD) if path == UPLOAD else self.max_body

    def _too_large(self, scope: Scope, path: str, headers: dict[str, str]) -> Refusal | None:
        length = headers.get("content-length", "")
        return (413, TOO_LARGE) if length.isdigit() and int(length) > self.limit(path) else None

    def _too_many(self, scope: Scope, path: str, headers: dict[str, str]) -> Refusal | None:
        address = address_of(scope)
        if scope["method"] != "POST":
            return (429, TOO_MANY_STREAMS) if self.streams.get(address, 0) >= MAX_STREAMS else None
        if path.rstrip("/") == LOGIN:
            return None if self.logins.take(address) else (429, TOO_MANY_LOGINS)
        if not self.requests.take(address, MCP_COST if path.startswith(MCP) else 1):
            return 429, TOO_MANY
        if path.rstrip("/") == UPLOAD:
            length = headers.get("content-length", "")
            size = int(length) if length.isdigit() else MAX_UPLOAD
            return None if self.uploads.take("", size) else (503, TOO_MANY_UPLOADS)
        return None

    # -- passing on ---------------------------------------------------------------------------------------------------

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, counting the answers that are open for an address."""
        if not scope["path"].startswith(STREAMS):
            await self._pass_on(scope, receive, send)
            return
        address = address_of(scope)
        self.streams[address] = self.streams.get(address, 0) + 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self.streams[address] -= 1
            if not self.streams[address]:
                del self.streams[address]

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen, started, limit = 0, False, self.limit(scope["path"])
        more = answer_headers(scope["path"])

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLarge
            return message

        async def marked(message: Message) -> None:
            nonlocal started
            if seen > limit and not started:
                return  # what the app made of a request that was cut short
            if message["type"] == "http.response.start":
                started = True
                if message["status"] == 500 and scope["path"].startswith(DIRECT):
                    message["status"] = 422
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            await self.app(scope, counted, marked)
        except Exception as e:
            if started:
                raise
            if seen <= limit:
                log.warning("%s %s was refused by Gradio", scope["method"], scope["path"][:80], exc_info=e)
                await refuse(send, 400, MALFORMED)
        if seen > limit and not started:
            await refuse(send, 413, TOO_LARGE)


def address_of(scope: Scope) -> str:
    """Whose request it is: an IPv4 address, or the network that one subscriber gets of IPv6."""
    host = (scope.get("client") or ("?",))[0]
    try:
        return str(ipaddress.ip_network((host, 64), strict=False)) if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return str(host)


def answer_headers(path: str) -> list[tuple[bytes, bytes]]:
    """What an answer carries besides Gradio's headers."""
    policy = FILE_POLICY if path.startswith(FILE) else PAGE_POLICY
    return [(k.encode(), v.encode()) for k, v in {**HEADERS, "content-security-policy": policy}.items()]


def _headers(scope: Scope) -> dict[str, str]:
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}


def _closed(path: str) -> Refusal | None:
    """An address that is not served: another server's file, one that is not ours, or a route that the app lacks."""
    if any(ELSEWHERE.search(p) for p in (path, unquote(path), unquote(unquote(path)))):
        return 403, FOREIGN_FILE
    if not OPEN.fullmatch(path):
        return 404, NO_SUCH_PAGE
    if path.startswith(FILE) and not _ours(path.removeprefix(FILE)):
        return 403, NO_SUCH_FILE
    return None


def _ours(path: str) -> bool:
    """Whether a path leads to a file in the folder of uploads and results."""
    try:
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):  # a null character, a loop of links
        return False


def _signed_out(scope: Scope, path: str, headers: dict[str, str]) -> Refusal | None:
    """Where a password is set: who is not logged in, at an address that Gradio leaves open."""
    app = scope.get("app")
    if getattr(app, "auth", None) is None or not path.startswith(UNGUARDED):
        return None
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")  # type: ignore[union-attr]
    known = any(name in cookies and cookies[name].value in app.tokens for name in names)  # type: ignore[union-attr]
    return None if known else (401, LOG_IN)


async def refuse(send: Send, status: int, sentence: str) -> None:
    """Answer with a status and {"detail": sentence}."""
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status in (429, 503):
        headers.append((b"retry-after", b"10" if sentence == TOO_MANY_LOGINS else b"5"))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *answer_headers("")]})
    await send({"type": "http.response.body", "body": body})
