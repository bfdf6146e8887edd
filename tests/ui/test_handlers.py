"""The handlers of tab "Draw", called as plain functions."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr
import pytest

from pipelines.types import FULL, Box, Element, Layout
from ui import editing
from ui.api import Api
from ui.backend import Backend
from ui.editing import Desk
from ui.handling import seed_for
from ui.plan_editor import VIEW
from ui.vlad_tab import DRAWN, Handlers

from .conftest import MISSING

PROMPT = "A poster with a star that says 'Hello' on a cream background"
LAYOUT = Layout(
    prompt=PROMPT,
    elements=(
        Element("background", FULL, colour="#fdf5de"),
        Element("text", Box(0.1, 0.1, 0.9, 0.4), "Hello", colour="#182658", font="montserrat-700"),
    ),
)
HOW = (1, 2, 1.0, 0.5, 256, False, False)  # images, steps, guidance, start, size, the two ablations


def test_live_understanding_needs_no_weights(empty: Handlers) -> None:
    page, note = empty.live(PROMPT, "", Desk())
    assert "Hello" in page and note == ""
    assert "plan again" in empty.live(PROMPT + " and a moon", "", Desk(LAYOUT))[1]
    assert "plan again" in empty.live(PROMPT, "moons", Desk(LAYOUT))[1]
    assert empty.live(PROMPT, " ", Desk(LAYOUT))[1] == ""


@pytest.mark.parametrize(
    "prompt", ["", "   ", "x" * 10_000, "\u200f\u200f", "'" * 9, "🎈🎈", "'unclosed", "مرحبا 'سلام'"]
)
def test_live_understanding_of_odd_prompts_never_fails(empty: Handlers, prompt: str) -> None:
    page, _ = empty.live(prompt, "", Desk())
    assert page and "Something went wrong" not in page


def test_without_a_checkpoint_each_step_gives_its_sentence(empty: Handlers) -> None:
    empty.backend.start()
    with pytest.warns(UserWarning, match="checkpoints/none"):
        *_, last = empty.plan(PROMPT, "", 0, False, 0.5, False, Desk(), False)
    assert MISSING in last[VIEW].replace("&#x27;", "'")
    with pytest.warns(UserWarning, match="checkpoints/none"):
        *_, last = empty.draw(Desk(LAYOUT), 0, False, *HOW)
    assert len(last) == DRAWN and "Not drawn" in last[1]
    assert MISSING in empty.status()[0] and MISSING in empty.loaded()
    with pytest.raises(gr.Error, match="checkpoints/none"):
        Api(empty.backend).generate(PROMPT)


def test_an_unexpected_error_is_one_general_sentence_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def explode() -> Any:
        raise RuntimeError("secret path /srv/weights")

    handlers = Handlers(Backend(explode))
    with pytest.warns(UserWarning) as told:
        list(handlers.draw(Desk(LAYOUT), 0, False, *HOW))
    assert "secret" not in str(told[0].message) and "secret" in caplog.text


def test_drawing_without_a_plan(empty: Handlers) -> None:
    with pytest.warns(UserWarning, match="no plan yet"):
        (values,) = empty.draw(Desk(), 0, False, *HOW)
    assert "Not drawn" in values[1]


def test_seeds() -> None:
    assert seed_for(7, False) == 7 and seed_for(None, False) == 0
    assert seed_for(7, True) != seed_for(7, True) or seed_for(7, True) != seed_for(7, True)


# -- on the embedded weights ------------------------------------------------------------------------------------------


def test_the_plan_is_shown_before_the_picture(handlers: Handlers) -> None:
    steps = list(handlers.plan_and_draw(PROMPT, "", 3, False, 0.5, False, Desk(), False, 2, 2, 1.0, 0.5, 256, False))
    shown = [i for i, v in enumerate(steps) if isinstance(v[0], Desk)]
    drawn = [i for i, v in enumerate(steps) if isinstance(v[VIEW], str)]
    assert shown and drawn and shown[0] < drawn[0]
    assert steps[-1][VIEW].count("download=") == 2 and "Done" in steps[-1][VIEW + 1]


def test_draw_again_never_plans_again_and_repeats_with_its_seed(handlers: Handlers) -> None:
    desk = Desk(LAYOUT)
    first, second = (list(handlers.draw(desk, 5, False, *HOW))[-1] for _ in range(2))
    assert first[0] == second[0] and first[2] == 5
    assert list(handlers.draw(desk, 6, False, *HOW))[-1][0] != first[0]


def test_stop_ends_the_model_at_once(handlers: Handlers) -> None:
    drawing = handlers.draw(Desk(LAYOUT), 5, False, 4, 50, 1.0, 0.5, 256, False, False)
    next(drawing), next(drawing)
    began = time.perf_counter()
    drawing.close()
    assert time.perf_counter() - began < 2


def test_locked_elements_survive_a_new_plan(handlers: Handlers) -> None:
    layout = Layout.from_dict(Api(handlers.backend).plan(PROMPT, 1, 0.5))
    rows = editing.rows_of(layout)
    text = next(i for i, r in enumerate(rows) if r[1] == "text")
    rows[text][3:7], rows[text][10] = [0.11, 0.62, 0.57, 0.93], True
    desk = handlers.editor.edit_table(rows, Desk(layout), -1, False)[0]
    again = list(handlers.plan(PROMPT, "", 2, False, 1.0, False, desk, True))[-1][0].layout
    assert Box(0.11, 0.62, 0.57, 0.93) in [e.box for e in again.texts]


def test_planning_the_unlocked_again_keeps_what_is_locked_and_takes_a_new_seed(handlers: Handlers) -> None:
    planned = Layout.from_dict(Api(handlers.backend).plan(PROMPT, 1, 0.5))
    at = next(i for i, e in enumerate(planned.elements) if e.kind == "text")
    desk = handlers.editor.act(Desk(planned), -1, False, "lock", at)[0]
    desk = handlers.editor.act(desk, -1, False, "set", at, field="colour", value="hot pink")[0]
    seeds, boxes = set(), set()
    for _ in range(3):
        *_, last = handlers.replan(PROMPT, "", 1.0, False, desk, True)
        layout, seed = last[0].layout, last[VIEW + 1]
        seeds.add(seed)
        boxes.add(next(e for e in layout.elements if e.kind == "object").box)
        kept = next(e for e in layout.texts if e.locked)
        assert (kept.box, kept.colour) == (planned.elements[at].box, "#e22c7a")
        assert last[0].past[-1] == desk.layout  # can be undone
    assert len(seeds) > 1 and len(boxes) > 1


def test_public_functions(handlers: Handlers) -> None:
    api = Api(handlers.backend)
    assert api.understand(PROMPT)["caption"]
    layout = api.plan(PROMPT, 3)
    assert len(api.draw(layout, 3, 2, 1)[0]) == 2
    pictures, settings = api.draw(layout, 3, 1, 1)
    assert settings["seed"] == 3 and pictures[0][0].size == (256, 256)
    same, planned = api.generate(PROMPT, 3, 1, 1)
    assert planned == layout and same[0][0].tobytes() == pictures[0][0].tobytes()
    with pytest.raises(gr.Error, match="elements"):
        api.draw({})


def test_what_is_loaded(handlers: Handlers) -> None:
    handlers.backend.pipeline()
    list(handlers.draw(Desk(LAYOUT), 5, False, *HOW))
    page = handlers.loaded()
    assert "vlad.vfe" in page and "no GPU" in page and handlers.status()[0] == ""
