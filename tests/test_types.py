"""Boxes, elements and layouts: what is valid, what survives JSON, and what every bad file is told."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadLayout
from pipelines.types import FULL, KINDS, MAX_ELEMENTS, STYLES, Box, Element, Layout

number = st.floats(-3, 3)


def text(box: Box = FULL, **changes: Any) -> Element:
    return Element("text", box, text="Hello", **changes)


@pytest.mark.parametrize(
    "corners",
    [
        (0.5, 0, 0.4, 1),
        (0, 0.5, 1, 0.4),
        (0, 0, 0, 1),
        (-0.1, 0, 1, 1),
        (0, 0, 1, 1.1),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
        (None, 0, 1, 1),
        ("0", 0, 1, 1),
        (True, 0, 1, 1),
    ],
)
def test_bad_boxes_are_one_sentence(corners: tuple[Any, ...]) -> None:
    with pytest.raises(BadLayout, match=r"\.$"):
        Box(*corners)


@given(number, number, number, number)
def test_any_numbers_clip_to_a_valid_box(x0: float, y0: float, x1: float, y1: float) -> None:
    box = Box.clipped(x0, y0, x1, y1)
    assert 0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1
    assert box.width >= 0.02 - 1e-9 and box.height >= 0.02 - 1e-9


def test_overlap_of_boxes() -> None:
    left, right = Box(0, 0, 0.5, 1), Box(0.25, 0, 0.75, 1)
    assert left.intersection(right) == pytest.approx(0.25)
    assert left.iou(right) == pytest.approx(1 / 3)
    assert left.iou(left) == pytest.approx(1)
    assert left.intersection(Box(0.6, 0, 0.9, 1)) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_begins_with_its_first_style(kind: Any) -> None:
    assert Element(kind, FULL, text="x").style == STYLES[kind][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"colour": "#FFF"},
        {"accent": 3},
        {"align": "middle"},
        {"style": "neon"},
        {"variant": 16},
        {"variant": 1.0},
        {"variant": True},
    ],
)
def test_fields_outside_their_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadLayout, match=r"\.$"):
        text(**changes)


def test_text_is_needed_and_limited() -> None:
    with pytest.raises(BadLayout, match="no text"):
        Element("text", FULL, text="  ")
    with pytest.raises(BadLayout, match="200"):
        Element("text", FULL, text="x" * 201)


def test_layouts_survive_json() -> None:
    elements = (
        Element("background", FULL, text="a forest", style="photo", colour="#102030", variant=3),
        Element("panel", Box(0.1, 0.1, 0.9, 0.5), text="badge", style="burst", accent="#ffffff"),
        Element("object", Box(0.2, 0.5, 0.6, 0.9), text="red balloon", span=(2, 13)),
        text(Box(0.2, 0.2, 0.8, 0.4), font="inter-700", align="left", locked=True, span=(20, 25)),
    )
    layout = Layout("a prompt", elements, caption="a caption", seed=4, warnings=("small",))
    assert Layout.from_json(json.dumps(layout.to_dict())) == layout
    assert layout.texts == elements[3:] and layout.background == elements[0]


def test_limits_of_a_layout() -> None:
    with pytest.raises(BadLayout, match="no elements"):
        Layout("", ())
    with pytest.raises(BadLayout, match=str(MAX_ELEMENTS)):
        Layout("", (text(),) * (MAX_ELEMENTS + 1))
    with pytest.raises(BadLayout, match="more than one background"):
        Layout("", (Element("background", FULL),) * 2)


def element(**changes: Any) -> dict[str, Any]:
    return {"kind": "text", "box": [0, 0, 1, 1], "text": "Hello", **changes}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"elements": {}},
        {"elements": [1]},
        {"elements": [element(kind=None)]},
        {"elements": [element(kind=["text"])]},
        {"elements": [element(box=[math.nan, 0, 1, 1])]},
        {"elements": [element(box=[1, 0, 0, 1])]},
        {"elements": [element(box=[-1, 0, 1, 1])]},
        {"elements": [element(box=[0, 0, 256, 256])]},
        {"elements": [element(box="0011")]},
        {"elements": [element(box=None)]},
        {"elements": [element(text=None)]},
        {"elements": [element(text=["a"])]},
        {"elements": [element(style=[])]},
        {"elements": [element(align={})]},
        {"elements": [element(font=3)]},
        {"elements": [element(locked="yes")]},
        {"elements": [element(variant="1")]},
        {"elements": [element(span=[1])]},
        {"elements": [element(span=["a", "b"])]},
        {"elements": [element(colour=[1, 2, 3])]},
        {"elements": [element(size=3)]},
        {"elements": [element()], "seed": "1"},
        {"elements": [element()], "prompt": 1},
    ],
)
def test_every_bad_layout_file_is_one_sentence(data: Any) -> None:
    with pytest.raises(BadLayout, match=r"\.$"):
        Layout.from_json(json.dumps(data))


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00"])
def test_what_is_not_json_is_one_sentence(content: str) -> None:
    with pytest.raises(BadLayout, match="JSON"):
        Layout.from_json(content)
