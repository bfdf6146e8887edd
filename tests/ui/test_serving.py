"""The served app on the embedded weights: who goes frees the lane within one step, and a full line is told."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio import routes
from PIL import Image

from evaluation.served import KEPT
from pipelines.vlsa.settings import TOGETHER
from pipelines.vlsa.types import Message
from ui import demo, sealing
from ui.api import Api
from ui.backend import Backend
from ui.handling import sentence_of
from ui.lane import Gauges, Lane, TooLong
from ui.render import line
from ui.vlsa_chat import Chat, Conversation

from .conftest import free_port
from .test_handlers import LAYOUT

FREE = Gauges(0, 0)
SOON_S = 60.0  # generous: other tests may share the processors
STEPS = 50


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something holds before long."""
    end = time.monotonic() + SOON_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


class Counted:
    """A pipeline whose reports are counted as they are computed; everything else is the pipeline's own."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline, self.reports, self.ended = pipeline, 0, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.pipeline, name)
        if name not in ("stream", "chat", "reconstruct", "predict"):
            return found

        def counted(*args: Any, **settings: Any) -> Iterator[Any]:
            try:
                for report in found(*args, **settings):
                    self.reports += 1
                    yield report
            finally:
                self.ended += 1

        return counted


@pytest.fixture(scope="module")
def backend(vlad: Any, vlsa: Any) -> Backend:
    """Both pipelines, counted, of one process."""
    made = Backend(lambda: Counted(vlad), load_vlsa=lambda: Counted(vlsa))
    made.load()
    return made


@pytest.fixture(scope="module")
def served(backend: Backend) -> Iterator[str]:
    """The app with a short waiting line."""
    page, port = demo.build(backend), free_port()
    demo.launch(page, "127.0.0.1", port, waiting=2, quiet=True)
    yield f"http://127.0.0.1:{port}/"
    page.close()


@pytest.fixture(scope="module")
def view(backend: Backend) -> Any:
    return backend.view(Image.new("RGB", (300, 200), "#336699"))


WORK: dict[str, Callable[[Backend, Any], Any]] = {
    "draw": lambda b, view: b.stream(LAYOUT, {"seed": 1, "images": 4, "steps": STEPS, "previews": False}),
    "chat": lambda b, view: b.chat([Message("user", "Describe the picture.", view)], {"max_tokens": 200}),
    "reconstruct": lambda b, view: b.reconstruct(view, {"steps": 20}),
    "predict": lambda b, view: b.predict(view),
}


def counted(backend: Backend, name: str) -> Counted:
    return backend.drawing.get(0) if name == "draw" else backend.chatting.get(0)


@pytest.mark.parametrize("name", WORK)
def test_closing_frees_the_lane_without_another_step(backend: Backend, view: Any, name: str) -> None:
    work, seen = WORK[name](backend, view), counted(backend, name)
    assert backend.lane.gauges() == FREE
    next(work)
    assert backend.lane.gauges() == Gauges(1, 0)
    before, ended = seen.reports, seen.ended
    work.close()
    assert backend.lane.gauges() == FREE and seen.reports == before and seen.ended == ended + 1


def test_another_request_is_computed_as_soon_as_the_first_one_goes(backend: Backend, view: Any) -> None:
    drawing, answers = WORK["draw"](backend, view), []
    next(drawing)
    other = threading.Thread(target=lambda: answers.append(backend.tokens(view)))
    other.start()
    assert soon(lambda: backend.lane.gauges() == Gauges(1, 1)) and not answers
    drawing.close()
    other.join(SOON_S)
    assert len(answers) == 1 and backend.lane.gauges() == FREE


def test_answers_of_several_visitors_are_computed_at_once_and_nothing_else_with_them(
    backend: Backend, view: Any
) -> None:
    answers = [WORK["chat"](backend, view) for _ in range(TOGETHER)]
    for k, answer in enumerate(answers, 1):
        next(answer)
        assert backend.lane.gauges() == Gauges(k, 0)
    assert backend.chat_waits  # for a fifth one
    answers.pop().close()
    assert not backend.chat_waits
    drawn = threading.Thread(target=lambda: next(WORK["draw"](backend, view)))
    drawn.start()
    assert soon(lambda: backend.lane.gauges() == Gauges(TOGETHER - 1, 1))
    for answer in answers:
        assert drawn.is_alive()
        answer.close()
    drawn.join(SOON_S)
    assert not drawn.is_alive() and backend.lane.gauges() == FREE


def test_stop_reaches_an_answer_that_waits_for_the_lane(backend: Backend, view: Any) -> None:
    chat, drawing = Chat(backend), WORK["draw"](backend, view)
    next(drawing)
    asked = chat.ask("What is it?", Conversation(), view)[0]
    answers = chat.answer(asked, 0.0, 1.0, 24, 1.0, 0)
    assert "Waiting" in next(answers)[-1]
    chat.stop(asked)
    (last,) = answers
    assert "Stopped" in last[-1] and last[0].back == "What is it?" and not last[0].turns
    assert backend.lane.gauges() == Gauges(1, 0)
    drawing.close()


def test_the_limit_of_time_ends_a_drawing_with_its_sentence(vlad: Any) -> None:
    short = Backend(lambda: vlad, lane=Lane(limit=1e-6))
    with pytest.raises(TooLong, match="ask for less"):
        list(short.stream(LAYOUT, {"seed": 1, "steps": 2}))
    with pytest.raises(gr.Error, match="ask for less"):
        Api(short).draw(LAYOUT.to_dict(), steps=2)
    assert short.lane.gauges() == FREE


def test_a_refusal_and_a_lender_of_gpus_keep_their_sentence(backend: Backend, view: Any) -> None:
    with pytest.raises(gr.Error, match="There is no question"):
        Api(backend).ask(None if view is None else view.image, " ")
    assert backend.lane.gauges() == FREE
    assert sentence_of(gr.Error("You have exceeded your quota.")) == "You have exceeded your quota."


def test_what_is_computed_in_words() -> None:
    assert "1 request is being computed, 2 wait." in line(1, 2)
    assert "1 request is being computed, 1 waits." in line(1, 1)
    assert "No request" in line(0, 0)


# -- over the wire -----------------------------------------------------------------------------------------------------


def function(url: str, name: str) -> dict[str, Any]:
    """The served function with an api_name."""
    config = httpx.get(f"{url}config", timeout=30).json()
    return next(d for d in config["dependencies"] if d["api_name"] == name)


class Tab:
    """A session that speaks Gradio's protocol, for what needs its connection."""

    def __init__(self, url: str, session: str) -> None:
        self.session, self.http = session, httpx.Client(base_url=f"{url}gradio_api/", timeout=SOON_S, limits=KEPT)

    def join(self, index: int, data: list[Any]) -> httpx.Response:
        return self.http.post("queue/join", json={"data": data, "fn_index": index, "session_hash": self.session})

    def upload(self, image: Image.Image) -> dict[str, Any]:
        """An image as an argument of a function."""
        data = io.BytesIO()
        image.save(data, "PNG")
        (path,) = self.http.post("upload", files={"files": ("image.png", data.getvalue())}).json()
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def cancel(self, index: int, event: str) -> None:
        self.http.post("cancel", json={"event_id": event, "session_hash": self.session, "fn_index": index})

    def listen(self) -> Iterator[dict[str, Any]]:
        """Messages until the connection is closed, by the server or by the caller."""
        with self.http.stream("GET", "queue/data", params={"session_hash": self.session}) as stream:
            for text in stream.iter_lines():
                if text.startswith("data:"):
                    yield json.loads(text[5:])


PLAN_AND_DRAW = ["A poster that says 'Hi'", "", 1, False, 0.5, False, None, False, 4, STEPS, 1.0, 0.5, 256, False]
DRAW = [LAYOUT.to_dict(), 1, 4, STEPS, 1.0, 0.5, 256, False, False]


def begun(backend: Backend, tab: Tab, index: int, data: list[Any]) -> tuple[str, Iterator[dict[str, Any]], int]:
    """A drawing whose first steps are computed: its event, the messages to come, and the reports before it."""
    seen = counted(backend, "draw")
    assert soon(lambda: backend.lane.gauges() == FREE)
    before, event = seen.reports, tab.join(index, data).json()["event_id"]
    messages = tab.listen()
    next(messages)
    assert soon(lambda: seen.reports > before + 2)
    return event, messages, before


@pytest.mark.parametrize("page", [False, True], ids=["public function", "page"])
@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_who_goes_frees_the_lane_within_one_step(backend: Backend, served: str, page: bool, how: str) -> None:
    seen, tab = counted(backend, "draw"), Tab(served, f"{how}{page}")
    if page:
        f = function(served, "plan_and_draw")
        data = PLAN_AND_DRAW
    else:
        f, data = function(served, "draw"), DRAW
    event, messages, before = begun(backend, tab, f["id"], data)
    ended = seen.ended
    if how == "cancelled":
        tab.cancel(f["id"], event)
        at = seen.reports  # the server has answered: at most the step in progress is still computed
        assert soon(lambda: seen.ended > ended) and seen.reports <= at + 1
    messages.close()  # type: ignore[attr-defined]
    tab.http.close()
    assert soon(lambda: seen.ended > ended and backend.lane.gauges() == FREE)
    assert seen.reports - before < STEPS  # it was not computed to its end


@pytest.mark.parametrize("name", ["plan_and_draw", "plan", "draw"])
def test_who_is_cancelled_while_waiting_leaves_the_lane_at_once(backend: Backend, served: str, name: str) -> None:
    """While a request in front computes and gives no report."""
    end, tab, f = threading.Event(), Tab(served, f"waits-{name}"), function(served, name)
    data = {"plan_and_draw": PLAN_AND_DRAW, "plan": ["A cat", 0, 0.5, False, ""], "draw": DRAW}[name]
    with ThreadPoolExecutor(1) as pool:
        front = pool.submit(backend.lane.result, lambda: end.wait(4 * SOON_S))
        try:
            assert soon(lambda: backend.lane.gauges() == Gauges(1, 0))
            event = tab.join(f["id"], data).json()["event_id"]
            messages = tab.listen()
            next(messages)
            assert soon(lambda: backend.lane.gauges() == Gauges(1, 1))
            tab.cancel(f["id"], event)
            assert soon(lambda: backend.lane.gauges() == Gauges(1, 0))
            assert not front.done()
        finally:
            end.set()
    assert backend.lane.gauges() == FREE


def test_a_request_cancelled_before_it_begins_gives_its_place_back() -> None:
    sealing.seal()
    begun: list[str] = []

    async def work() -> None:
        begun.append("begun")
        await asyncio.sleep(SOON_S)

    async def cancelled() -> bool:
        task = asyncio.create_task(work(), name="session_1<gradio-sep>event")
        assert await routes.cancel_tasks({"session_1"}) == ["event"]
        return task.cancelled()

    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already
        assert pool.submit(asyncio.run, cancelled()).result(SOON_S)
    assert begun == ["begun"]


def test_a_cancelled_job_of_the_python_client_frees_the_lane(backend: Backend, served: str) -> None:
    client = pytest.importorskip("gradio_client").Client(served, ssl_verify=False, verbose=False)
    seen = counted(backend, "draw")
    before, ended = seen.reports, seen.ended
    job = client.submit(*DRAW, api_name="/draw")
    assert soon(lambda: seen.reports > before + 2)
    job.cancel()
    assert soon(lambda: seen.ended > ended and backend.lane.gauges() == FREE)
    assert seen.reports - before < STEPS


def test_a_full_line_is_told_and_a_place_in_it_too(backend: Backend, served: str) -> None:
    tabs, index = [Tab(served, f"line{k}") for k in range(4)], function(served, "draw")["id"]
    event, messages, _ = begun(backend, tabs[0], index, DRAW)
    waiting = [tab.join(index, DRAW) for tab in tabs[1:3]]
    assert [answer.status_code for answer in waiting] == [200, 200]
    refused = tabs[3].join(index, DRAW)
    assert refused.status_code == 503 and "full" in refused.json()["detail"]
    place = next(m for m in tabs[2].listen() if m["msg"] == "estimation")
    assert place["rank"] == 1 and place["queue_size"] == 2
    for tab, answer in zip(tabs[1:3], waiting, strict=True):
        tab.cancel(index, answer.json()["event_id"])
    tabs[0].cancel(index, event)
    messages.close()  # type: ignore[attr-defined]
    assert soon(lambda: backend.lane.gauges() == FREE)
    assert httpx.get(f"{served}gradio_api/queue/status").json()["queue_size"] == 0


def test_visitors_who_ask_at_once_are_not_queued_behind_each_other(backend: Backend, served: str, view: Any) -> None:
    """They come to the lane together, wait for the drawing there, and who goes leaves it."""
    draw, ask = (function(served, name)["id"] for name in ("draw", "ask"))
    painter, tabs = Tab(served, "painter"), [Tab(served, f"asks{k}") for k in range(TOGETHER)]
    event, messages, _ = begun(backend, painter, draw, DRAW)
    image = tabs[0].upload(view.image)
    joined = []
    for k, tab in enumerate(tabs, 1):
        joined.append(tab.join(ask, [image, "What colour is the background?"]).json()["event_id"])
        assert soon(lambda k=k: backend.lane.gauges() == Gauges(1, k))
    tabs[-1].cancel(ask, joined[-1])
    assert soon(lambda: backend.lane.gauges() == Gauges(1, TOGETHER - 1))
    painter.cancel(draw, event)
    messages.close()  # type: ignore[attr-defined]
    said = [next(m for m in tab.listen() if m["msg"] == "process_completed") for tab in tabs[:-1]]
    assert [m["output"]["data"] for m in said] == [[Api(backend).ask(view.image, "What colour is the background?")]] * 3
    assert soon(lambda: backend.lane.gauges() == FREE)


@pytest.mark.browser
def test_the_page_tells_the_place_in_the_line_and_stop_takes_it_back(
    backend: Backend, served: str, browser: Any
) -> None:
    page = browser.new_page()
    page.goto(served, wait_until="domcontentloaded")
    page.wait_for_selector("#understood .marked")
    tab, index, seen = Tab(served, "before"), function(served, "draw")["id"], counted(backend, "draw")
    event, messages, _ = begun(backend, tab, index, DRAW)
    page.locator("#go").click()
    page.wait_for_selector("#status .wait")
    assert "Waiting" in page.locator("#status").inner_text() and "1 before you" in page.locator("#status").inner_text()
    page.locator("#stop").click()
    page.get_by_text("Stopped").wait_for()
    page.wait_for_selector("#status .wait", state="detached")
    ended = seen.ended
    tab.cancel(index, event)
    messages.close()  # type: ignore[attr-defined]
    assert soon(lambda: seen.ended > ended and backend.lane.gauges() == FREE)
    page.wait_for_timeout(1000)  # what was taken back is not drawn after all
    assert page.locator("#stage img").count() == 0 and backend.lane.gauges() == FREE
    page.close()
