"""Replicas behind Ray Serve on this machine, with the embedded weights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines import serve
from pipelines.config import ROOT
from pipelines.errors import BadPrompt, NotServed
from pipelines.types import Layout
from pipelines.vlsa.types import Message

pytest.importorskip("ray", reason="Ray Serve is not installed (requirements-serve.txt)")
SIGN = "A sign with 'OPEN'"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster on this machine, with nothing served."""
    import ray
    from ray import serve as ray_serve

    serve.begin(num_cpus=6, object_store_memory=200 * 2**20)
    yield
    ray_serve.shutdown()
    ray.shutdown()


@pytest.fixture(scope="module")
def served(cluster: None, vlad: Any, vlsa: Any) -> None:
    """Two replicas of each pipeline; skips where the weights are missing."""
    with pytest.raises(NotServed, match="start python -m pipelines.serve first"):
        serve.Remote(0)
    serve.serve("mini", 2, 1)


@pytest.fixture
def drawing(served: None) -> serve.Remote:
    return serve.Remote(0)


@pytest.fixture
def chatting(served: None) -> serve.Remote:
    return serve.Remote(1)


@pytest.fixture
def plan(drawing: serve.Remote) -> Layout:
    return drawing.plan(SIGN, seed=0)  # type: ignore[no-any-return]


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Results of tasks in threads of their own."""
    out: list[Any] = [None] * len(tasks)

    def run(k: int) -> None:
        try:
            out[k] = tasks[k]()
        except Exception as e:
            out[k] = e

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(tasks))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def processes(remote: serve.Remote) -> set[int]:
    return set(at_once(*[remote.who] * 16))


def test_replicas_draw_what_is_drawn_here(drawing: serve.Remote, plan: Layout, vlad: Any) -> None:
    assert plan == vlad.plan(SIGN, seed=0)
    *_, there = drawing.stream(plan, seed=3, steps=2)
    *_, here = vlad.stream(plan, seed=3, steps=2)
    a, b = (np.asarray(r.images[0], float) for r in (there, here))
    assert there.stage == "done" and np.abs(a - b).mean() < 0.5  # another number of threads rounds otherwise
    assert drawing.read_back(plan, there.images)[0].texts and drawing.draft(plan).size == vlad.draft(plan).size
    assert "vlad.vfe" in {row.name for row in drawing.stats()}


def test_replicas_answer_what_is_answered_here(chatting: serve.Remote, plan: Layout, vlsa: Any, vlad: Any) -> None:
    view = vlsa.view(vlad.draft(plan))
    questions = ["What does the text say?", "What colour is the background?", "Describe the picture briefly."]
    asked = [[Message("user", q, view)] for q in questions]
    found = at_once(*[lambda m=m: list(chatting.chat(m, max_tokens=12))[-1].text for m in asked])
    assert found == [list(vlsa.chat(m, max_tokens=12))[-1].text for m in asked]
    assert np.array_equal(chatting.tokens(view).true, vlsa.tokens(view).true)
    *_, rebuilt = chatting.reconstruct(view, steps=1)
    assert rebuilt.stage == "done" and chatting.pixels(view, (0, 0)).true.shape == (4, 4, 3)
    assert chatting.decode(np.zeros((32, 32), int)).size == (256, 256)
    assert next(iter(chatting.predict(view))).index.max() >= 0


def test_a_refusal_arrives_as_it_was_meant(drawing: serve.Remote, chatting: serve.Remote) -> None:
    with pytest.raises(BadPrompt, match="describe the picture"):
        drawing.plan("")
    with pytest.raises(BadPrompt, match="type one about the image"):
        list(chatting.chat([Message("assistant", "Hello")]))


def test_who_leaves_gives_the_place_back(drawing: serve.Remote, plan: Layout) -> None:
    for seed in range(4):  # more than there are replicas
        stream = drawing.stream(plan, seed=seed, steps=50, images=4)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    *_, last = drawing.stream(plan, steps=1)
    assert last.stage == "done"


def order(drawing: serve.Remote, plan: Layout) -> list[int]:
    """Which of two requests that came together each report belongs to, in the order in which they arrived."""
    seen: list[int] = []

    def draw(k: int) -> None:
        for _ in drawing.stream(plan, seed=k, steps=20, previews=False):
            seen.append(k)

    at_once(lambda: draw(0), lambda: draw(1))
    return seen


def overlap(seen: list[int]) -> int:
    """How many reports of the later request came before the last one of the earlier."""
    later = 1 - seen[0]
    return seen[: len(seen) - seen[::-1].index(seen[0])].count(later)


def test_two_replicas_do_two_requests_at_a_time_and_one_does_one(
    drawing: serve.Remote, plan: Layout, served: None
) -> None:
    assert len(processes(drawing)) == 2 == serve.replicas()
    assert overlap(order(drawing, plan)) > 3
    serve.serve("mini", 1, 1, which=(0,))
    one = serve.Remote(0)
    try:
        assert len(processes(one)) == 1 and overlap(order(one, plan)) <= 3  # on their way to the two threads
    finally:
        serve.serve("mini", 2, 1, which=(0,))


def test_a_killed_replica_loses_no_request(drawing: serve.Remote, plan: Layout, vlad: Any) -> None:
    """Two are being drawn and two wait when one of two replicas is killed in the middle of its work."""
    victims, killed = processes(drawing), threading.Event()
    begun: set[int] = set()

    def draw(k: int) -> list[tuple[str, int]]:
        reports = []
        for report in drawing.stream(plan, seed=k, steps=30, previews=False):
            reports.append((report.stage, report.step))
            if len(reports) == 3:
                begun.add(k)
                if len(begun) == 2:
                    os.kill(victims.pop(), signal.SIGKILL)
                    killed.set()
        return reports

    found = at_once(*[lambda k=k: draw(k) for k in range(4)])
    expected = [(r.stage, r.step) for r in vlad.stream(plan, steps=30, previews=False)]
    assert killed.is_set() and all(reports == expected for reports in found)


def test_a_killed_replica_loses_no_answer(chatting: serve.Remote, vlsa: Any) -> None:
    view = vlsa.view(Image.new("RGB", (256, 256), "#336699"))
    message = [Message("user", "Describe the picture briefly.", view)]
    stream, shown = chatting.chat(message, max_tokens=24), []
    for reply in stream:
        shown.append(reply.tokens)
        if len(shown) == 1:
            for process in processes(chatting):  # all of them: whoever was asked
                os.kill(process, signal.SIGKILL)
    assert shown == [reply.tokens for reply in vlsa.chat(message, max_tokens=24)]


def test_the_page_is_served_by_replicas(served: None) -> None:
    import app

    models = app.remote("mini", "auto")
    models.load()
    assert models.at_once == 2 and models.answers == 8 and "2 replicas" in models.device()
    layout = models.plan(SIGN, seed=0)
    streams = at_once(*[lambda: list(models.stream(layout, {"steps": 2}))] * 3)
    assert all(s[-1].stage == "done" for s in streams)
    view = models.view(Image.new("RGB", (90, 60), "navy"))
    assert list(models.chat([Message("user", "What is it?", view)], {"max_tokens": 3}))[-1].done
    assert models.cache().stats()


def test_where_no_cluster_is_it_is_one_sentence() -> None:
    command = [sys.executable, "app.py", "--replicas-at", "127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.endswith(
        "There is no Ray cluster at 127.0.0.1:1; start python -m pipelines.serve first.\n"
    )


def test_without_ray_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotServed, match="run pip install -r requirements-serve.txt"):
        serve.begin("auto")
