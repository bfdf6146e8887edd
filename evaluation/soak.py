"""Many visitors at once, for minutes: is each of them answered or told why not, and only with what is their own?

    python -m evaluation.soak --visitors 8 --minutes 10 --json FILE [--url URL] [--seed N]

starts `python app.py` on a free port (or uses the server at URL) and sends it visitors, each a thread that speaks
Gradio's protocol as the page does, with session state, to the public functions and to the page's own handlers. Some
requests are cancelled, some connections closed, some inputs are bad. Every visitor has a word, a colour and seeds of
its own, and each result is checked for them. Writes FILE and a summary beside it (FILE with the suffix .md), prints
the summary, and exits with 1 when anything failed.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client.utils import apply_diff
from PIL import Image, ImageDraw, ImageFont

from evaluation.bench import free_port
from evaluation.environment import ROOT
from evaluation.served import KEPT

ROUNDING = 4  # of 255: two pictures of one seed that were drawn in batches of different sizes
API = "gradio_api/"
WORDS = (
    "Anchor", "Bramble", "Cobalt", "Dahlia", "Ember", "Falcon", "Ginger", "Harbour",
    "Indigo", "Juniper", "Kestrel", "Lagoon", "Meadow", "Nectar", "Orchid", "Pepper",
)  # fmt: skip
COLOURS = {
    "red": (200, 30, 30), "blue": (30, 60, 200), "green": (30, 140, 50), "yellow": (240, 210, 40),
    "black": (15, 15, 15), "white": (245, 245, 245), "purple": (120, 40, 160), "orange": (240, 130, 20),
}  # fmt: skip
GENERAL = "Something went wrong"  # the sentence without a cause
NO_CAUSE = "an error without a cause"
ANSWER_S = 420.0  # longest that a visitor waits for an answer; the server's own limits are shorter and told
FREE_S = 30.0  # longest that what nobody waits for may still compute
START_S = 180.0  # longest that the server may take until it answers
OUTCOMES = ("answered", "told", "refused", "cancelled", "left", "failed")


# -- what is recorded --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a request ended.

    Attributes:
        outcome: one of OUTCOMES: answered; told why not, with a sentence; refused before it was accepted, with a
            reason; cancelled or left by the visitor; or failed.
        reason: the sentence, or what is wrong.
        data: the outputs when it was answered.
    """

    outcome: str
    reason: str = ""
    data: Sequence[Any] = ()
    seconds: float = 0.0


class Book:
    """Requests by kind and outcome, sentences, failures, and the longest silence while somebody waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = 0
        self._heard = 0.0
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.sentences: Counter[str] = Counter()
        self.failures: list[str] = []
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.silence = 0.0

    def accepted(self, now: float) -> None:
        """A request was taken into the queue at `now` (seconds)."""
        with self._lock:
            if not self._pending:
                self._heard = now
            self._pending += 1

    def heard(self, now: float, end: bool = False) -> None:
        """The server reported something about a request; `end`: the request is no longer waited for."""
        with self._lock:
            self.silence = max(self.silence, now - self._heard if self._pending else 0.0)
            self._heard, self._pending = now, self._pending - end

    def ended(self, kind: str, end: Ended, who: str) -> None:
        """A request of `kind` ended."""
        with self._lock:
            self.outcomes[kind][end.outcome] += 1
            if end.outcome == "answered":
                self.seconds[kind].append(end.seconds)
            if end.outcome in ("told", "refused"):
                self.sentences[end.reason] += 1
            if end.outcome == "failed":
                self.failures.append(f"{kind} of {who}: {end.reason}")

    def wrong(self, sentence: str) -> None:
        """Something failed that is no request."""
        with self._lock:
            self.failures.append(sentence)


def growth(samples: Sequence[tuple[float, float]], warm: float = 0.25) -> float | None:
    """How much more memory the last quarter of the time took than the quarter after the warm-up; None: too few samples.

    Args:
        samples: (seconds, MB), oldest first. warm: share of the time that counts as warm-up.
    """
    if len(samples) < 8:
        return None
    begin, end = samples[0][0], samples[-1][0]
    at = [begin + (end - begin) * share for share in (warm, warm + 0.25, 0.75)]
    early = [mb for t, mb in samples if at[0] <= t <= at[1]]
    late = [mb for t, mb in samples if t >= at[2]]
    return statistics.median(late) - statistics.median(early) if early and late else None


def summary(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    head = "| kind | " + " | ".join(OUTCOMES) + " | median s |\n|" + "---|" * (len(OUTCOMES) + 2)
    rows = [
        f"| {kind} | " + " | ".join(str(row.get(o, 0)) for o in OUTCOMES) + f" | {row.get('median_s', '')} |"
        for kind, row in sorted(results["requests"].items())
    ]
    memory = results["memory_mb"]
    facts = [
        f"- {results['visitors']} visitors, {results['minutes']:g} minutes, {results['total']} requests",
        f"- longest silence while somebody waited: {results['longest_silence_s']:.1f} s",
        f"- memory of the server: {memory['first']} MB at first, {memory['most']} MB at most, growth after warm-up"
        f" {memory['growth']} MB",
        f"- the lane is free at the end: {'yes' if results['free'] else 'no'}",
        f"- failures: {len(results['failures'])}",
    ]
    said = [f"- {count} x {sentence}" for sentence, count in results["sentences"].items()]
    wrong = [f"- {failure}" for failure in results["failures"]]
    parts = ["# Soak", *facts, "", head, *rows, "", "## Told", *said, *(["", "## Failures", *wrong] if wrong else [])]
    return "\n".join(parts) + "\n"


# -- the page as a client sees it --------------------------------------------------------------------------------------


class Page:
    """The functions of the served page and the defaults of their inputs, read from its configuration.

    Args:
        config: JSON of /config.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.components = {c["id"]: c for c in config["components"]}
        self.functions: dict[str, dict[str, Any]] = {}
        self.named: dict[str, int] = {}
        for component in config["components"]:
            if component["props"].get("elem_id"):
                self.named.setdefault(component["props"]["elem_id"], component["id"])
        for one in config["dependencies"]:
            if one.get("api_name") and one.get("backend_fn"):
                self.functions.setdefault(str(one["api_name"]), one)

    def of(self, trigger: str, event: str = "click", output: str = "") -> dict[str, Any]:
        """The function of the server that an event of the component `trigger` (its elem_id) starts.

        Args:
            output: elem_id of one of its outputs, where several functions start.
        """
        target, wanted = [self.named[trigger], event], self.named.get(output)
        for one in self.functions.values():
            if target in one["targets"] and (wanted is None or wanted in one["outputs"]):
                return one
        raise KeyError(f"{trigger}.{event}")

    def inputs(self, function: Mapping[str, Any], given: Mapping[str, Any]) -> list[Any]:
        """Values for all inputs: what is given by elem_id or label (lower case), else the default of the component."""
        return [self._input(self.components[i], given) for i in function["inputs"]]

    def _input(self, component: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        props = component["props"]
        for name in (props.get("elem_id"), str(props.get("label") or "").lower()):
            if name and name in given:
                return given[name]
        return None if component["type"] == "state" else props.get("value")

    def output(self, function: Mapping[str, Any], data: Sequence[Any], name: str) -> Any:
        """The output that goes to the component with elem_id `name`."""
        return data[function["outputs"].index(self.named[name])]


class Visitor:
    """One visitor: a session of its own, and requests as the page sends them.

    Args:
        url: address of the server, ending in a slash. book: where everything is recorded.
    """

    def __init__(self, url: str, page: Page, number: int, book: Book, seed: int) -> None:
        self.page, self.book, self.number = page, book, number
        self.random = random.Random(seed * 1000 + number)
        self.session = f"soak{self.number}x{self.random.getrandbits(40):x}"
        self.word = WORDS[number % len(WORDS)] + ("" if number < len(WORDS) else str(number // len(WORDS)))
        self.colour = list(COLOURS)[number % len(COLOURS)]
        self.http = httpx.Client(base_url=url, timeout=httpx.Timeout(ANSWER_S, connect=30), limits=KEPT)
        self.same: dict[str, Any] = {}  # results that must come again
        self.image: dict[str, Any] | None = None

    # -- the protocol --

    def ask(
        self, kind: str, function: Mapping[str, Any], data: Sequence[Any], *, event: Any = None, end: str = "",
        check: Callable[[Sequence[Any]], str] | None = None, rough: bool = False,
    ) -> Ended:  # fmt: skip
        """One request until its end, recorded under `kind`.

        Args:
            end: "cancel" or "leave" after a moment instead of waiting.
            check: what is wrong with the outputs, or "".
            rough: the inputs are none that a page can send; they may be refused without a sentence.
        """
        try:
            ended = self._request(function, data, event, end)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as e:
            ended = Ended("failed", f"{type(e).__name__}: {e}")
        if rough and ended.outcome == "failed" and NO_CAUSE in ended.reason:
            ended = Ended("refused", "no sentence, for inputs that no page can send")
        if ended.outcome == "answered" and check is not None:
            try:
                problem = check(ended.data)
            except Exception as e:
                problem = f"the outputs cannot be read ({type(e).__name__}: {e})"
            if problem:
                ended = Ended("failed", problem)
        self.book.ended(kind, ended, f"visitor {self.number}")
        return ended

    def _request(self, function: Mapping[str, Any], data: Sequence[Any], event: Any, end: str) -> Ended:
        body = {"data": list(data), "fn_index": function["id"], "session_hash": self.session, "event_data": event}
        began = time.monotonic()
        joined = self.http.post(f"{API}queue/join", json={**body, "trigger_id": None})
        if joined.status_code != 200:
            reason = _detail(joined)
            return Ended("refused" if reason else "failed", reason or f"HTTP {joined.status_code} without a reason")
        event_id = joined.json()["event_id"]
        self.book.accepted(time.monotonic())
        timer = threading.Timer(self.random.uniform(0, 1.5), self._cancel, (function["id"], event_id))
        try:
            if end == "cancel":
                timer.start()
            ended = self._listen(event_id, self.random.uniform(0, 1.5) if end == "leave" else None)
        finally:
            if end == "cancel":  # Gradio cancels by session and function: a late one would end the next request
                timer.cancel()
                timer.join()
            self.book.heard(time.monotonic(), end=True)
        if ended.outcome == "left":  # who closes a page comes back with another one
            self.session = f"soak{self.number}x{self.random.getrandbits(40):x}"
        return Ended(ended.outcome, ended.reason, ended.data, time.monotonic() - began)

    def _cancel(self, index: int, event_id: str) -> None:
        body = {"session_hash": self.session, "fn_index": index, "event_id": event_id}
        try:
            self.http.post(f"{API}cancel", json=body)
        except httpx.HTTPError as e:
            self.book.wrong(f"cancel: {type(e).__name__}: {e}")

    def _listen(self, event_id: str, leave_after: float | None) -> Ended:
        """The messages about one request; `leave_after` seconds: the connection is closed then."""
        began, outputs = time.monotonic(), None
        with self.http.stream("GET", f"{API}queue/data", params={"session_hash": self.session}) as stream:
            for message in messages(stream.iter_lines()):
                now = time.monotonic()
                if leave_after is not None and now - began > leave_after:
                    return Ended("left")
                if now - began > ANSWER_S:
                    return Ended("failed", f"no answer after {ANSWER_S:g} s")
                if message.get("event_id") != event_id:
                    continue
                if message["msg"] in ("process_starts", "process_generating", "process_completed"):
                    self.book.heard(now)
                if message["msg"] == "process_generating":
                    outputs = generated(outputs, message["output"])
                if message["msg"] == "process_completed":
                    return completed(outputs, message)
        return Ended("left" if leave_after is not None else "failed", "the stream ended without an answer")

    def upload(self, name: str, content: bytes) -> dict[str, Any] | None:
        """A file on the server, as an input takes it; None when it was refused."""
        answer = self.http.post(f"{API}upload", files={"files": (name, content)})
        if answer.status_code != 200:
            self.book.ended("upload", Ended("refused", _detail(answer) or str(answer.status_code)), str(self.number))
            return None
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def fetch(self, file: Mapping[str, Any]) -> Image.Image:
        """A picture that the server returned as a file."""
        answer = self.http.get(f"{API}file={file['path']}")
        answer.raise_for_status()
        return Image.open(io.BytesIO(answer.content)).convert("RGB")

    # -- what a visitor does --

    @property
    def prompt(self) -> str:
        return f"A poster that says '{self.word}' on a {self.colour} background"

    def act(self) -> None:
        """One thing at random."""
        deeds: list[tuple[Callable[[], None], int]] = [
            (self.understands, 2), (self.generates, 3), (self.plans_and_draws, 2), (self.draws_on_the_page, 4),
            (self.asks, 3), (self.chats, 3), (self.reconstructs, 2), (self.sees_tokens, 2), (self.rebuilds, 2),
            (self.predicts, 1), (self.misbehaves, 4), (self.looks_at_the_panel, 1),
        ]  # fmt: skip
        deed = self.random.choices([d for d, _ in deeds], [w for _, w in deeds])[0]
        deed()

    def ending(self) -> str:
        """How the next request ends: mostly by itself."""
        return self.random.choices(("", "cancel", "leave"), (8, 1, 1))[0]

    def understands(self) -> None:
        """Public /understand: its own word comes back."""
        f = self.page.functions["understand"]
        self.ask("understand", f, [self.prompt], check=lambda d: _has(self.word, d[0]))

    def generates(self) -> None:
        """Public /generate: own word and background in the plan, the same pictures for the same seed."""
        f, seed = self.page.functions["generate"], 100 * self.number + self.random.randrange(3)
        images = self.random.choice((1, 1, 2))
        given = {"prompt": self.prompt, "seed": seed, "images": images, "steps": 3}

        def check(data: Sequence[Any]) -> str:
            plan = data[1]
            if plan["prompt"] != self.prompt or self.word not in [e["text"] for e in plan["elements"]]:
                return "the plan is another visitor's"
            if len(data[0]) != images:
                return f"{len(data[0])} pictures instead of {images}"
            return self.drawn_again(f"generate {seed}", self.fetch(data[0][0]["image"]))

        self.ask("generate", f, self.page.inputs(f, given), end=self.ending(), check=check)

    def plans_and_draws(self) -> None:
        """Public /plan, then /draw with what it returned, and sometimes /read_back of that."""
        f, seed = self.page.functions["plan"], 100 * self.number + 7
        given = {"prompt": self.prompt, "seed": seed}
        planned = self.ask("plan", f, self.page.inputs(f, given), check=lambda d: _has(self.word, d[0]))
        if planned.outcome != "answered":
            return
        f = self.page.functions["draw"]
        inputs = self.page.inputs(f, {"layout": planned.data[0], "seed": seed, "steps": 2, "images": 1})

        def check(data: Sequence[Any]) -> str:
            if data[1]["seed"] != seed:
                return "the settings are another visitor's"
            return self.drawn_again("draw", self.fetch(data[0][0]["image"]))

        drawn = self.ask("draw", f, inputs, end=self.ending(), check=check)
        if drawn.outcome != "answered" or self.random.random() < 0.5:
            return
        f, picture = self.page.functions["read_back"], drawn.data[0][0]["image"]
        inputs = self.page.inputs(f, {"image": picture, "layout": planned.data[0]})
        self.ask("read back", f, inputs, check=lambda d: _has(self.word, d[0]) or self.again("read back", d[0]))

    def draws_on_the_page(self) -> None:
        """The button "Plan and draw": the picture carries own word and seed; then an edit of the plan, sometimes."""
        f, seed = self.page.of("go"), 100 * self.number + self.random.randrange(50)
        steps, images = self.random.choice(((3, 1), (3, 2), (12, 2)))
        given = {"prompt": self.prompt, "seed": seed, "randomise": False, "steps": steps, "images": images}

        def check(data: Sequence[Any]) -> str:
            said = self.page.output(f, data, "status")
            if "Done" not in said:
                return self.told_on_page(said)
            drawn = drawn_info(self.page.output(f, data, "stage"))
            texts = [e.get("text") for e in drawn["layout"]["elements"]]
            return "" if drawn["seed"] == seed and self.word in texts else "the picture is another visitor's"

        done = self.ask("page: plan and draw", f, self.page.inputs(f, given), end=self.ending(), check=check)
        if done.outcome != "answered" or self.random.random() < 0.5:
            return
        f, act = self.page.of("plan", "apply"), self.random.choice(("add", "undo", "select"))
        inputs, event = self.page.inputs(f, {}), {"action": act, "kind": "text", "index": 1}
        self.ask("page: edit", f, inputs, event=event, check=lambda d: _has(self.word, self.page.output(f, d, "plan")))

    def own_image(self) -> dict[str, Any] | None:
        """An image of its own, uploaded once."""
        if self.image is None:
            sheet = Image.new("RGB", (300, 200), COLOURS[self.colour])
            ink = "#000000" if sum(COLOURS[self.colour]) > 380 else "#ffffff"
            ImageDraw.Draw(sheet).text((20, 70), self.word, fill=ink, font=ImageFont.load_default(48))
            buffer = io.BytesIO()
            sheet.save(buffer, "PNG")
            self.image = self.upload(f"{self.word}.png", buffer.getvalue())
        return self.image

    def asks(self) -> None:
        """Public /ask: the same answer each time."""
        f, question = self.page.functions["ask"], self.random.choice(("What does the text say?", "What is it?"))
        if image := self.own_image():
            end = self.ending()
            self.ask("ask", f, [image, question], end=end, check=lambda d: self.again(question, d[0]))

    def reconstructs(self) -> None:
        """Public /reconstruct: own seed, and the same numbers each time."""
        if not (image := self.own_image()):
            return
        f, seed = self.page.functions["reconstruct"], 100 * self.number + 3

        def check(data: Sequence[Any]) -> str:
            if data[1]["seed"] != seed:
                return "the numbers are another visitor's"
            return self.again("reconstruct", round(data[1]["psnr"], 3))

        self.ask("reconstruct", f, [image, 3, seed], end=self.ending(), check=check)

    def sees_tokens(self) -> None:
        """Public /tokens: the same codes each time."""
        if image := self.own_image():
            f = self.page.functions["tokens"]
            self.ask("tokens", f, [image], check=lambda d: self.again("tokens", d[0]["index"]))

    def shows_image(self) -> bool:
        """The image in tab 2; whether it is there."""
        if not (image := self.own_image()):
            return False
        f = self.page.of("photo", "upload")
        return self.ask("page: image", f, self.page.inputs(f, {"photo": image})).outcome == "answered"

    def chats(self) -> None:
        """The chat of the page: all that is said is its own."""
        if not self.shows_image():
            return
        question = f"Does the text say {self.word} {self.random.randrange(1000)}?"
        f = self.page.of("ask", output="chat")
        asked = self.ask("page: question", f, self.page.inputs(f, {"question": question}))
        f = next(g for n, g in self.page.functions.items() if n.startswith("answer"))

        def check(data: Sequence[Any]) -> str:
            told = self.page.output(f, data, "chat-status")
            if "Answered" not in told:
                return self.told_on_page(told)
            chat = json.dumps(self.page.output(f, data, "chat"))
            return others(chat, self.word) or _has(question, chat)

        if asked.outcome == "answered":
            ended = self.ask("page: answer", f, self.page.inputs(f, {}), end=self.ending(), check=check)
            if ended.outcome != "answered":  # as the page does when an answer does not come
                stop = self.page.of("ask-stop", output="chat")
                self.ask("page: stop answer", stop, self.page.inputs(stop, {}))
            clear = self.page.of("chat", "clear")
            self.ask("page: clear", clear, self.page.inputs(clear, {}))

    def rebuilds(self) -> None:
        """The view "Reconstruction" of the page, on the image of the session."""
        if not self.shows_image():
            return
        f, seed = self.page.of("rebuild", output="rebuilt"), 100 * self.number + 5
        given = {"rebuild-seed": seed, "rebuild-randomise": False, "rebuild-steps": self.random.choice((2, 8))}

        def check(data: Sequence[Any]) -> str:
            told = self.page.output(f, data, "rebuild-status")
            return _has(f"seed {seed}", told) if "Done" in told else self.told_on_page(told)

        self.ask("page: rebuild", f, self.page.inputs(f, given), end=self.ending(), check=check)

    def predicts(self) -> None:
        """The view "Tokens" of the page."""
        if self.shows_image():
            f = self.page.of("tokens-predict", output="tokens")
            status = "tokens-status"

            def check(data: Sequence[Any]) -> str:
                told = self.page.output(f, data, status)
                return "" if "Predicted" in told else self.told_on_page(told)

            self.ask(
                "page: predict",
                f,
                self.page.inputs(f, {}),
                end=self.random.choice(("cancel", "leave", "")),
                check=check,
            )

    def looks_at_the_panel(self) -> None:
        """The panel "What is loaded", and Stop while nothing runs."""
        f = next(g for n, g in self.page.functions.items() if n.startswith("loaded"))
        self.ask("page: panel", f, [], check=lambda d: _has("Device", d[0]))
        f = self.page.of("stop", output="status")
        self.ask("page: stop", f, [], check=lambda d: _has("Stopped", d[0]))

    def misbehaves(self) -> None:
        """An input that no page sends, or that the page lets through and the server must refuse with a sentence."""
        functions, kind = self.page.functions, self.random.choice(sorted(BAD))
        name, make = BAD[kind]
        f = functions[name]
        ended = self.ask(f"bad: {kind}", f, make(self, f), rough=kind in ROUGH)
        if ended.outcome == "answered":
            self.book.wrong(f"bad: {kind} was answered")

    def again(self, name: str, value: Any) -> str:
        """Whether a result is the same as the first time."""
        return "" if self.same.setdefault(name, value) == value else f"{name}: not the same result as before"

    def drawn_again(self, name: str, picture: Image.Image) -> str:
        """Whether a picture is the same as the first time, but for rounding: sums of a batch depend on its size."""
        apart = np.abs(np.asarray(self.same.setdefault(name, picture), int) - np.asarray(picture, int))
        if apart.max() <= ROUNDING:
            return ""
        share = float((apart > ROUNDING).mean())
        return f"{name}: not the same picture as before, up to {apart.max()} of 255 apart, in {share:.2%} of the values"

    def told_on_page(self, status: str) -> str:
        """A status that tells why not is an answer, but not one without a cause."""
        if GENERAL in status or not re.search(r"Not \w+|Stopped", status):
            return f"the page says {status!r}"
        return ""

    def close(self) -> None:
        self.http.close()


def _broken(visitor: Visitor, f: Mapping[str, Any]) -> list[Any]:
    return [visitor.upload("broken.png", b"\x89PNG\r\n\x1a\n" + visitor.random.randbytes(200)), "What is it?"]


def _given(**given: Any) -> Callable[[Visitor, Mapping[str, Any]], list[Any]]:
    return lambda visitor, f: visitor.page.inputs(f, given)


BAD: dict[str, tuple[str, Callable[[Visitor, Mapping[str, Any]], list[Any]]]] = {
    "empty prompt": ("plan", _given(prompt="   ")),
    "huge prompt": ("generate", _given(prompt="word " * 2000)),
    "no layout": ("draw", _given(layout={"elements": "x"})),
    "no image": ("ask", lambda visitor, f: [None, "What is it?"]),
    "broken image": ("ask", _broken),
    "empty question": ("ask", lambda visitor, f: [visitor.own_image(), " "]),
    "too many steps": ("generate", _given(prompt="A sign that says 'x'", steps=10**6)),
    "wrong types": ("plan", lambda visitor, f: [{"a": 1}, "x", [], "perhaps"]),
    "too few inputs": ("plan", lambda visitor, f: []),
    "huge request": ("plan", lambda visitor, f: ["x" * (5 << 20), 0, 0.5, False]),
}
ROUGH = ("wrong types", "too few inputs", "no layout")  # no page can send them


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The messages of a stream of server-sent events."""
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line[5:])


def generated(outputs: list[Any] | None, output: Mapping[str, Any]) -> list[Any] | None:
    """The outputs after one more report: the first one is whole, later ones are differences."""
    data = output.get("data")
    if not data:
        return outputs
    if outputs is None:
        return list(data)
    return [apply_diff(old, new) for old, new in zip(outputs, data, strict=True)]


def completed(outputs: list[Any] | None, message: Mapping[str, Any]) -> Ended:
    """How a request ended by its last message."""
    output = message.get("output") or {}
    if message.get("success") and not output:
        return Ended("cancelled")
    if message.get("success"):
        return Ended("answered", "", outputs if outputs is not None else output.get("data") or ())
    sentence = output.get("error") or ""
    if not sentence or GENERAL in sentence:
        return Ended("failed", f"{NO_CAUSE}: {sentence!r}")
    return Ended("told", sentence)


def drawn_info(stage: str) -> dict[str, Any]:
    """What the first picture of tab 1 says of itself: seed, settings and layout."""
    found = re.search(r'src="data:image/png;base64,([^"]+)"', stage)
    if found is None:
        raise ValueError("no finished picture")
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        return dict(json.loads(picture.text["vlad"]))  # type: ignore[attr-defined]


def others(text: str, word: str) -> str:
    """Whether a text has the word of another visitor."""
    found = [w for w in WORDS if w != word and re.search(rf"\b{w}\b", text)]
    return f"the words of other visitors: {', '.join(found)}" if found else ""


def _has(word: str, where: Any) -> str:
    text = where if isinstance(where, str) else json.dumps(where, ensure_ascii=False)
    return "" if word in text else f"{word!r} is missing"


def _detail(answer: httpx.Response) -> str:
    """The reason that a refusal gives."""
    try:
        detail = answer.json().get("detail", "")
    except ValueError:
        return ""
    return detail if isinstance(detail, str) else json.dumps(detail)


# -- the run -----------------------------------------------------------------------------------------------------------


@contextmanager
def served(log: Path) -> Iterator[tuple[str, int]]:
    """`python app.py` on a free port: its address and process id."""
    port = free_port()
    env = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        command = [sys.executable, "app.py", "--port", str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield f"http://127.0.0.1:{port}/", server.pid
        finally:
            server.terminate()
            server.wait(30)


def ready(url: str) -> Page:
    """The page, once the server answers.

    Raises:
        TimeoutError: it does not within START_S seconds.
    """
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            answer = httpx.get(f"{url}config", timeout=10)
            if answer.status_code == 200:
                return Page(answer.json())
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"no server answered at {url} within {START_S:g} s")


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(url: str, visitors: int, minutes: float, seed: int, pid: int | None) -> dict[str, Any]:
    """Send the visitors for some minutes; the results as `main` writes them."""
    page, book, over = ready(url), Book(), threading.Event()
    samples: list[tuple[float, float]] = []
    everybody = [Visitor(url, page, k, book, seed) for k in range(visitors)]
    for first in (everybody[0].plans_and_draws, everybody[0].asks):  # wait for the weights
        first()
    threads = [threading.Thread(target=_stay, args=(v, over, book), daemon=True) for v in everybody]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while time.monotonic() - began < 60 * minutes:
        if pid is not None:
            samples.append((time.monotonic() - began, resident_mb(pid)))
        time.sleep(1)
    over.set()
    for thread in threads:
        thread.join(ANSWER_S + 30)
    if any(thread.is_alive() for thread in threads):
        book.wrong("a visitor still waits for an answer")
    free = _free_at_last(everybody[0])
    for visitor in everybody:
        visitor.close()
    return results(book, samples, visitors, minutes, free)


def _stay(visitor: Visitor, over: threading.Event, book: Book) -> None:
    while not over.is_set():
        try:
            visitor.act()
        except Exception as e:
            book.wrong(f"visitor {visitor.number}: {type(e).__name__}: {e}")
        over.wait(visitor.random.uniform(0, 1.5))


def _free_at_last(visitor: Visitor) -> bool:
    """Whether a last picture is drawn and then nothing is being computed."""
    f = visitor.page.functions["generate"]
    given = {"prompt": visitor.prompt, "seed": 1, "steps": 2, "images": 1}
    if visitor.ask("last picture", f, visitor.page.inputs(f, given)).outcome != "answered":
        return False
    f = next(g for n, g in visitor.page.functions.items() if n.startswith("loaded"))
    end = time.monotonic() + FREE_S
    while time.monotonic() < end:
        if "No request is being computed" in str(visitor.ask("page: panel", f, []).data):
            return True
        time.sleep(0.5)
    return False


def results(
    book: Book, samples: Sequence[tuple[float, float]], visitors: int, minutes: float, free: bool
) -> dict[str, Any]:
    """Everything that was recorded, as JSON data."""
    failures = [*book.failures, *([] if free else ["the lane is not free at the end"])]
    requests: dict[str, dict[str, Any]] = {}
    for kind, outcomes in book.outcomes.items():
        requests[kind] = dict(outcomes)
        if book.seconds[kind]:
            requests[kind]["median_s"] = round(statistics.median(book.seconds[kind]), 2)
    more = growth(samples)
    memory = [mb for _, mb in samples]
    return {
        "visitors": visitors,
        "minutes": minutes,
        "total": sum(sum(o.values()) for o in book.outcomes.values()),
        "requests": requests,
        "sentences": dict(book.sentences.most_common()),
        "longest_silence_s": round(book.silence, 2),
        "memory_mb": {
            "first": round(memory[0]) if memory else None,
            "most": round(max(memory)) if memory else None,
            "growth": None if more is None else round(more, 1),
            "samples": [(round(t), round(mb)) for t, mb in samples[:: max(1, len(samples) // 120)]],
        },
        "free": free,
        "failures": failures,
    }


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, required=True, help="where the results go; the summary goes beside it")
    parser.add_argument("--url", default="", help="a server that runs already; its memory is not measured")
    parser.add_argument("--seed", type=int, default=0, help="what the visitors do at random")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    if args.url:
        found = soak(args.url.rstrip("/") + "/", args.visitors, args.minutes, args.seed, None)
    else:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "server.log"
            with served(log) as (url, pid):
                found = soak(url, args.visitors, args.minutes, args.seed, pid)
            odd = [line for line in log.read_text("utf-8", "replace").splitlines() if "unexpected error in" in line]
            found["failures"] += [f"server log: {line}" for line in odd]
            if found["failures"]:
                args.json.with_suffix(".log").write_bytes(log.read_bytes())
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False), "utf-8")
    text = summary(found)
    args.json.with_suffix(".md").write_text(text, "utf-8")
    print(text)
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
