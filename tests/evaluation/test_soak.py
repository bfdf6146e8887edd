"""The soak's own bookkeeping: what counts as answered, told or failed, and what it reads of page and messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from evaluation import batching, soak
from evaluation.soak import Book, Ended, Page, completed, generated, growth, messages, others
from ui import demo, render
from ui.backend import Backend


@pytest.fixture(scope="module")
def page() -> Page:
    config = demo.build(Backend(lambda: None, load_vlsa=lambda: None)).get_config_file()
    return Page(json.loads(json.dumps(config, default=str)))


def test_the_page_has_what_visitors_use(page: Page) -> None:
    triggers = [
        ("go", "click", "stage"), ("stop", "click", "status"), ("plan", "apply", "plan"), ("photo", "upload", ""),
        ("ask", "click", "chat"), ("ask-stop", "click", "chat"), ("chat", "clear", ""), ("rebuild", "click", "rebuilt"),
        ("tokens-predict", "click", "tokens"),
    ]  # fmt: skip
    for trigger, event, output in triggers:
        assert page.of(trigger, event, output)["backend_fn"]
    for name, _ in soak.BAD.values():
        assert page.functions[name]["api_visibility"] == "public"
    with pytest.raises(KeyError):
        page.of("go", "never")


def test_inputs_are_defaults_but_for_what_is_given(page: Page) -> None:
    f = page.functions["generate"]
    names = [page.components[i]["props"].get("elem_id") or page.components[i]["props"]["label"] for i in f["inputs"]]
    values = dict(zip(names, page.inputs(f, {"prompt": "own", "steps": 9}), strict=True))
    assert values["prompt"] == "own" and values["seed"] == page.components[page.named["seed"]]["props"]["value"]
    assert 9 in values.values()
    go = page.of("go", output="stage")
    states = [i for i, c in enumerate(go["inputs"]) if page.components[c]["type"] == "state"]
    assert states and [page.inputs(go, {})[i] for i in states] == [None] * len(states)
    assert page.output(go, list(range(len(go["outputs"]))), "stage") == go["outputs"].index(page.named["stage"])


def test_messages_and_differences() -> None:
    def lines() -> Iterator[str]:
        yield from ("", 'data: {"msg": "estimation"}', ": ping", 'data: {"msg": "process_starts"}')

    assert [m["msg"] for m in messages(lines())] == ["estimation", "process_starts"]
    first = generated(None, {"data": ["a", 1]})
    assert first == ["a", 1] and generated(first, {"data": []}) == first
    assert generated(first, {"data": [[["append", [], "b"]], [["replace", [], 2]]]}) == ["ab", 2]


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"success": True, "output": {"data": [1]}}, "answered"),
        ({"success": True, "output": {}}, "cancelled"),
        ({"success": False, "output": {"error": "The prompt is empty; write one."}}, "told"),
        ({"success": False, "output": {"error": None}}, "failed"),
        ({"success": False, "output": {"error": "Something went wrong on the server."}}, "failed"),
    ],
)
def test_how_a_request_ended(message: dict[str, Any], outcome: str) -> None:
    assert completed(None, message).outcome == outcome


def test_a_picture_tells_whose_it_is_and_words_of_others_are_found() -> None:
    picture = Image.new("RGB", (8, 8))
    uri = render.data_uri(picture, "png", {"seed": 5, "layout": {"elements": []}})
    assert soak.drawn_info(render.stage(uris=[uri], seed=5))["seed"] == 5
    with pytest.raises(ValueError, match="no finished picture"):
        soak.drawn_info(render.stage())
    assert others("Anchor and Bramble", "Anchor") == "the words of other visitors: Bramble"
    assert others("Anchors away", "Anchor") == ""


def test_silence_is_counted_only_while_somebody_waits() -> None:
    book = Book()
    book.accepted(10.0)
    book.heard(13.0)
    book.heard(14.0, end=True)
    book.accepted(100.0)
    book.heard(101.0, end=True)
    assert book.silence == 3.0


def test_growth_after_the_warm_up() -> None:
    rising = [(float(t), 1000.0 + (200.0 if t > 10 else 0.0) + (50.0 if t > 70 else 0.0)) for t in range(100)]
    assert growth(rising) == 50.0
    assert growth(rising[:5]) is None


def test_results_and_their_summary() -> None:
    book = Book()
    book.ended("draw", Ended("answered", seconds=2.0), "visitor 0")
    book.ended("draw", Ended("told", "The line is full; wait."), "visitor 1")
    found = soak.results(book, [(0.0, 900.0)], 2, 0.5, free=True)
    assert found["failures"] == [] and found["total"] == 2 and json.dumps(found)
    text = soak.summary(found)
    assert (
        "| draw | 1 | 1 | 0 | 0 | 0 | 0 | 2.0 |" in text and "1 x The line is full" in text and "Failures" not in text
    )
    book.ended("draw", Ended("failed", "no answer"), "visitor 1")
    found = soak.results(book, [], 2, 0.5, free=False)
    assert found["failures"] == ["draw of visitor 1: no answer", "the lane is not free at the end"]
    assert "## Failures" in soak.summary(found)


def test_throughput_of_batches() -> None:
    seen: list[int] = []
    found = batching.rates(lambda size: seen.append(size) or size, (1, 2), runs=3)
    assert set(found) == {"1", "2"} and seen == [1, 2] * 4 and all(rate > 0 for rate in found.values())


def test_what_visitors_get_of_batches(vlsa: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "LENGTH", 3)
    found = batching.visitors(vlsa, Image.new("RGB", (128, 128), "#336699"), (1, 2), runs=1)
    assert {way: set(sizes) for way, sizes in found.items()} == {"serial": {"1", "2"}, "together": {"1", "2"}}
    assert all(value > 0 for sizes in found.values() for served in sizes.values() for value in served.values())
