"""From an image to words to a picture, on the embedded weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from pipelines.types import FULL, Box, Element, Layout
from ui.backend import Backend
from ui.editing import Desk
from ui.round_trip import FIRST, RoundTrip, unlocked
from ui.vlad_tab import DRAWN, VIEW, Handlers
from ui.vlsa_chat import Conversation

OUTPUTS = VIEW + DRAWN + 1
HOW = (True, 1, 2, 1.0, 1.0, 256, False)  # draft, images, steps, guidance, start, without_guidance
TEXT = Element("text", Box(0.1, 0.1, 0.9, 0.4), "Other", colour="#182658", font="montserrat-700", locked=True)
LOCKED = Desk(Layout("Other", (Element("background", FULL, colour="#fdf5de"), TEXT)))


@pytest.fixture(scope="module")
def both(vlad: Any, vlsa: Any) -> Handlers:
    handlers = Handlers(Backend(lambda: vlad, load_vlsa=lambda: vlsa))
    handlers.backend.vlsa()
    return handlers


def test_a_picture_is_described_and_drawn_again(both: Handlers) -> None:
    layout = both.backend.pipeline().plan("A poster with a cat that says 'Grand Opening' on a teal background", seed=5)
    *_, done = both.backend.stream(layout, {"seed": 5})
    view = both.backend.view(done.images[0])
    trip = RoundTrip(both.backend, both.plan_and_draw, OUTPUTS)
    yielded = list(trip.again(Conversation(), view, "before", "", 5, False, 0.8, False, LOCKED, *HOW))
    assert all(len(values) == FIRST + OUTPUTS for values in yielded)
    words = next(v[1] for v in yielded if isinstance(v[1], str))
    assert "grand opening" in words.lower() and "cat" in words.lower()
    plan = next(v[FIRST] for v in yielded if isinstance(v[FIRST], Desk)).layout
    texts = {e.text for e in plan.elements if e.kind == "text"}
    assert texts == {"Grand Opening"} and plan.prompt == words  # what was locked belongs to another plan
    assert "data:image/png" in yielded[-1][FIRST + VIEW]


def test_without_an_image_nothing_is_drawn(both: Handlers) -> None:
    trip = RoundTrip(both.backend, both.plan_and_draw, OUTPUTS)
    with pytest.warns(UserWarning, match="no image yet"):
        *_, last = trip.again(Conversation(), None, "before", "", 5, False, 0.8, False, Desk(), *HOW)
    assert "Not described" in last[0] and all(v == gr.skip() for v in last[1:])


def test_unlocking_can_be_undone() -> None:
    desk = unlocked(LOCKED)
    assert not any(e.locked for e in desk.layout.elements) and desk.undo().layout == LOCKED.layout
    free = Desk(replace(LOCKED.layout, elements=LOCKED.layout.elements[:1]))
    assert unlocked(free) is free and unlocked(Desk()) == Desk()
