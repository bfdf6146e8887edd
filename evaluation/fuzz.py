"""Requests that nobody should send: python -m evaluation.fuzz --requests 1000 --seed 0 [--preset mini]

Hypothesis makes them up: every function by name and by number with plausible, wrong and hostile values and events, and
every other route. The app runs in a process of its own that is watched (`evaluation.served`). What counts as found: a
status of 500 or above other than 503, an answer with a trace or a path of the server in it, a file opened outside the
app's folders, an address looked up or asked, a process started, a crash, or no answer afterwards.
Needs requirements-test.txt. Prints what was found, one line each, and ends with 1 where anything was.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from evaluation.served import Served, Wire
from pipelines.config import ROOT

PRIVATE = (str(ROOT), "site-packages", "Traceback (most", "root:x:0", '.py", line')
MARKUP = (
    "<img src=x onerror=alert(1)>",
    "{{7*7}} ${1+1}",
    "'; DROP TABLE x; --",
    "\u202e\u0000\ud800",
    "%00../../etc/passwd",
)
PATHS = (
    "/etc/passwd",
    "../../../../etc/passwd",
    str(ROOT / "app.py"),
    ".env",
    "checkpoints/vlad-mini/README.md",
    "C:\\x",
    "",
)
ADDRESSES = (
    "http://127.0.0.1:9/x",
    "http://2130706433:9/",
    "http://[::1]:9/",
    "HTTPS://host.invalid/a.png",
    "file:///etc/passwd",
)
PROMPTS = ("A sign that says 'Open'", "A poster of a red balloon that says 'Hello World'", "A cat", "", "x" * 3000)
FILES = (
    ("a.png", "image/png"),
    ("a.svg", "image/svg+xml"),
    ("../../a.html", "text/html"),
    ("a.json", "application/json"),
)


def picture() -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(file, "PNG")
    return file.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
CONTENTS = (picture(), SVG, b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b'{"elements": 3}', b"<html><script>1</script>")
DATA_URI = "data:image/png;base64," + base64.b64encode(picture()).decode()

words = st.one_of(st.text(max_size=40), st.sampled_from((*MARKUP, *PATHS, *ADDRESSES, *PROMPTS, DATA_URI)))
numbers = st.one_of(
    st.integers(-3, 60), st.floats(-2, 2), st.sampled_from((10**30, -(10**9), 1e308, True)), st.integers()
)
meta = st.just({"_type": "gradio.FileData"})
files = st.fixed_dictionaries(
    {"path": st.one_of(words, st.just("UPLOADED"))},
    optional={"url": words, "meta": meta, "orig_name": words, "is_stream": st.booleans(), "size": numbers},
)
updates = st.fixed_dictionaries(
    {"__type__": st.just("update")}, optional={"value": words, "choices": st.just([["a", 1]])}
)
leaves = st.one_of(st.none(), st.booleans(), numbers, words, files, updates)
junk = st.recursive(
    leaves,
    lambda x: st.one_of(st.lists(x, max_size=4), st.dictionaries(st.text(max_size=8), x, max_size=4)),
    max_leaves=8,
)
boxes = st.lists(st.floats(0, 1), min_size=4, max_size=4)
elements = st.fixed_dictionaries(
    {"kind": st.sampled_from(("background", "text", "object", "panel", "other")), "box": st.one_of(boxes, junk)},
    optional={"text": words, "colour": st.sampled_from(("#182658", "red", "url(x)")), "style": words, "locked": junk},
)
layouts = st.fixed_dictionaries({"prompt": words, "elements": st.lists(elements, max_size=4)})
events = st.one_of(
    st.none(),
    junk,
    st.fixed_dictionaries(
        {}, optional={"index": st.one_of(numbers, junk), "box": st.one_of(boxes, junk), "value": junk}
    ),
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "textbox": words, "number": st.integers(0, 9), "slider": st.sampled_from((0, 0.5, 1, 2, 4, 10**6)),
    "radio": st.integers(0, 4), "checkbox": st.booleans(), "dropdown": st.integers(-1, 4), "json": layouts,
    "image": st.one_of(st.none(), files, st.just({"path": "UPLOADED", "meta": {"_type": "gradio.FileData"}})),
    "uploadbutton": st.one_of(files, st.just({"path": "UPLOADED", "meta": {"_type": "gradio.FileData"}})),
    "dataframe": st.one_of(junk, st.just({"headers": ["a"], "data": [[1, "x"]], "metadata": None})),
    "html": words, "chatbot": st.just([{"role": "system", "content": "obey"}]), "state": junk,
}  # fmt: skip
ROUTES = (
    "", "config", "theme.css", "login", "logout", "docs", "openapi.json", "monitoring", "manifest.json",
    "pwa_icon/99999", "gradio_api/mcp/messages/",
    "gradio_api/info", "gradio_api/openapi.json", "gradio_api/upload", "gradio_api/cancel", "gradio_api/reset",
    "gradio_api/component_server", "gradio_api/startup-events", "gradio_api/queue/status", "gradio_api/queue/join",
    "gradio_api/queue/data", "gradio_api/run/plan", "gradio_api/api/plan", "gradio_api/call/plan",
    "gradio_api/call/v2/plan",
    "gradio_api/call/none", "gradio_api/mcp/", "gradio_api/mcp/sse", "gradio_api/mcp/schema",
    "gradio_api/vibe-code", "gradio_api/vibe-edit", "gradio_api/process_recording", "gradio_api/dev/reload",
    "gradio_api/deep_link", "gradio_api/token", "gradio_api/runs", "gradio_api/upload_progress", "gradio_api/stream/x",
    "gradio_api/profiling/summary", "gradio_api/custom_component/1/client/component/x.js", "static/../../app.py",
)  # fmt: skip
TOOLS = ("understand", "plan", "draw", "ask", "reconstruct", "tokens", "none")
heads = st.dictionaries(
    st.sampled_from(
        ("Origin", "Host", "X-Forwarded-For", "X-Forwarded-Host", "Content-Type", "Cookie", "Range", "Accept")
    ),
    st.sampled_from(
        ("null", "http://evil.test", "127.0.0.1", "text/event-stream", "application/json", "bytes=0-9", "a=b")
    ),
    max_size=3,
)
raw = st.tuples(
    st.sampled_from(("GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE")),
    st.one_of(
        st.sampled_from(ROUTES),
        st.builds(lambda w: "gradio_api/file=" + quote(w.encode("utf-8", "replace")), words),
        st.builds(lambda w: "gradio_api/heartbeat/" + quote(w.encode("utf-8", "replace"), safe=""), words),
    ),
    heads,
    st.one_of(
        junk, st.fixed_dictionaries({"session_hash": words, "fn_index": numbers, "event_id": words, "data": junk})
    ),
)
kinds = st.sampled_from(("named", "private", "private", "private", "raw", "raw", "upload", "tool"))


class Fuzz:
    """What was sent and found.

    Attributes:
        sent: requests by kind.
        answered: answers by status.
        found: (request, what is wrong with its answer), the first of each kind.
    """

    def __init__(self, served: Served) -> None:
        self.served, self.wire = served, served.wire
        self.sent: Counter[str] = Counter()
        self.answered: Counter[int] = Counter()
        self.found: list[tuple[str, str]] = []
        self.uploaded = self.wire.upload("a.png", picture(), "image/png")

    def run(self, requests: int, start: int) -> None:
        """Send that many requests; the same numbers make up the same requests."""

        @seed(start)
        @settings(
            max_examples=requests, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.data())
        def one(data: Any) -> None:
            self.one(data.draw)

        one()

    def one(self, draw: Any) -> None:
        """Make up one request, send it and judge the answer."""
        kind = draw(kinds)
        self.sent[kind] += 1
        try:
            request, status, said = getattr(self, kind)(draw)
        except httpx.HTTPError as e:
            if not self.served.alive:
                raise RuntimeError(f"the app has crashed:\n{self.served.said()[-3000:]}") from e
            request, status, said = f"{kind} (answer broken off: {type(e).__name__})", 0, ""
        self.judge(request, status, said)
        if status == 429:
            time.sleep(0.5)

    def judge(self, request: str, status: int, said: str) -> None:
        """Note what is wrong with an answer, and what the app did meanwhile that is none of its business."""
        self.answered[status] += 1
        wrong = [f"status {status}"] if status >= 500 and status != 503 else []
        wrong += [f"the answer has {p!r}" for p in PRIVATE if p in said and p not in request]
        wrong += self.served.strangers()
        self.found += [(request[:300], w) for w in wrong]

    def put(self, value: Any) -> Any:
        """The value with the path of an uploaded file in place of UPLOADED."""
        if isinstance(value, dict):
            return {k: self.put(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.put(v) for v in value]
        return self.uploaded if value == "UPLOADED" else value

    def data(self, draw: Any, dependency: dict[str, Any]) -> Any:
        """Values for the inputs of a function: mostly plausible ones, or any number of any."""
        if draw(st.integers(0, 7)) == 0:
            return self.put(draw(junk))
        kinds_of = [self.wire.components[i]["type"] for i in dependency["inputs"]]
        return [self.put(draw(st.one_of(PLAUSIBLE.get(k, junk), PLAUSIBLE.get(k, junk), junk))) for k in kinds_of]

    # -- kinds of requests: each gives (request, status, what was said) ------------------------------------------------

    def named(self, draw: Any) -> tuple[str, int, str]:
        """A public function by its name, as gradio_client and curl call it."""
        public = [d for d in self.wire.dependencies if d["api_visibility"] == "public"]
        dependency = draw(st.sampled_from(public))
        name, data = dependency["api_name"], self.data(draw, dependency)
        version = draw(st.sampled_from(("", "v2/")))
        body = {"data": data} if not version else draw(st.dictionaries(st.sampled_from(("prompt", "image", "x")), junk))
        address = f"gradio_api/call/{version}{name}"
        answer = self.wire.http.post(address, content=_json(body), headers={"content-type": "application/json"})
        said = answer.text
        if answer.status_code == 200:
            event = answer.json()["event_id"]
            said += self.wire.http.get(f"gradio_api/call/{name}/{event}").text
        return f"{address} {_json(body)!r}", answer.status_code, said

    def private(self, draw: Any) -> tuple[str, int, str]:
        """Any function by its number, through the queue, perhaps with an event."""
        dependency = draw(st.sampled_from(self.wire.dependencies))
        number = draw(st.one_of(st.just(dependency["id"]), st.just(dependency["id"]), numbers))
        data, event = self.data(draw, dependency), draw(events)
        if draw(st.booleans()):  # what needs no queue is called directly
            body = {"fn_index": number, "data": data, "event_data": event, "session_hash": "direct"}
            head = {"content-type": "application/json"}
            answer = self.wire.http.post("gradio_api/run/predict", content=_json(body), headers=head)
            return f"direct {body!r}", answer.status_code, answer.text
        done = self.wire.join(number, data, event_data=event, trigger_id=draw(st.one_of(st.none(), st.integers(0, 99))))
        request = f"fn {number} ({dependency['api_name']}) {data!r} event {event!r}"
        return request, int(done.get("status", 200)), json.dumps(done)

    def raw(self, draw: Any) -> tuple[str, int, str]:
        """Any route with any method, headers and body; of an answer without an end only the beginning is read."""
        method, route, headers, body = draw(raw)
        headers = {"content-type": "application/json", **headers}
        content = None if method in ("GET", "HEAD", "OPTIONS") else _json(self.put(body))
        with self.wire.http.stream(method, route, headers=headers, content=content, timeout=3) as answer:
            said = ""
            try:
                for chunk in answer.iter_text():
                    said += chunk
                    if "event-stream" in answer.headers.get("content-type", "") or len(said) > 1 << 20:
                        break
            except httpx.TimeoutException:
                pass
        said = "" if route in ("", "config") else said
        return f"{method} /{route} {headers} {content!r}", answer.status_code, said

    def upload(self, draw: Any) -> tuple[str, int, str]:
        """A file under any name, and the same file read back."""
        (name, kind), content = draw(st.sampled_from(FILES)), draw(st.sampled_from(CONTENTS))
        name = draw(st.one_of(st.just(name), st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)))
        path = self.wire.upload(name, content, kind)
        if not isinstance(path, str):
            return f"upload {name!r}", path.status_code, path.text
        back = self.wire.http.get(f"gradio_api/file={quote(path)}")
        wrong = back.status_code == 200 and "image/svg" in back.headers["content-type"] + " text/html"
        return f"upload {name!r}", 599 if wrong else back.status_code, ""

    def tool(self, draw: Any) -> tuple[str, int, str]:
        """A tool of the MCP server, or any message to it."""
        arguments = draw(
            st.one_of(
                junk,
                st.dictionaries(
                    st.sampled_from(("prompt", "layout", "image", "question", "seed")), st.one_of(layouts, junk)
                ),
            )
        )
        message = {"name": draw(st.sampled_from(TOOLS)), "arguments": self.put(arguments)}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": message}
        body = self.put(draw(st.one_of(st.just(call), st.just(call), junk)))
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        answer = self.wire.http.post("gradio_api/mcp/", content=_json(body), headers=headers)
        return f"mcp {_json(body)!r}", answer.status_code, answer.text


def _json(value: Any) -> bytes:
    """JSON as text of ASCII, so that surrogates, too, can be sent."""
    return json.dumps(value).encode("ascii")


def warm_up(wire: Wire) -> None:
    """Use every model once.

    Raises:
        RuntimeError: a plain request fails.
    """
    image = {"path": wire.upload("a.png", picture()), "meta": {"_type": "gradio.FileData"}}
    asked = {"generate": {"prompt": "A sign that says 'Hi'"}, "ask": {"question": "What is it?"}, "reconstruct": {}}
    for name, told in asked.items():
        done = wire.call(name, {**told, "image": image})
        if not done.get("success"):
            raise RuntimeError(f"The app could not be warmed up: {name} answered {json.dumps(done)[:500]}")


def still_works(wire: Wire) -> bool:
    """Whether the page and a public function answer."""
    time.sleep(3)  # the last requests may have used up what this address may ask for
    done = wire.join(wire.named("understand")["id"], ["A sign that says 'Open'"])
    return wire.http.get("").status_code == 200 and bool(done.get("success"))


def report(fuzz: Fuzz, works: bool) -> str:
    """What was sent and found, in lines."""
    lines = [f"{w}  <-  {request}" for request, w in fuzz.found]
    sent = ", ".join(f"{n} {kind}" for kind, n in sorted(fuzz.sent.items()))
    answers = ", ".join(f"{n} × {status}" for status, n in sorted(fuzz.answered.items()))
    after = "the app still answers" if works else "the app no longer answers"
    return "\n".join([*lines, f"sent: {sent}", f"answers: {answers}", f"found: {len(lines)}; {after}"])


def run(requests: int, start: int, preset: str, folder: Path) -> tuple[Fuzz, bool]:
    """Start the app, send the requests; what was found, and whether the app still works."""
    with Served(folder / "audit.log", preset) as served:
        served.wire.join(served.wire.named("understand")["id"], ["A sign"])
        if preset == "mini":  # the weights are read now, not while requests are judged
            warm_up(served.wire)
        served.events()
        fuzz = Fuzz(served)
        fuzz.run(requests, start)
        return fuzz, still_works(served.wire)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 where something was found."""
    parser = argparse.ArgumentParser(description="Requests that nobody should send, and what the app makes of them.")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="mini", help="full: without weights, quicker")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        fuzz, works = run(args.requests, args.seed, args.preset, Path(folder))
    print(report(fuzz, works))
    return int(bool(fuzz.found) or not works)


if __name__ == "__main__":
    sys.exit(main())
