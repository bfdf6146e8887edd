"""Settling: rules kept, locked boxes untouched; and colours that can be read."""

from __future__ import annotations

import dataclasses

import pytest

from pipelines.colours import contrast, distance, to_rgb
from pipelines.types import FULL, Box, Element
from pipelines.vlad.backgrounds import draw_background
from pipelines.vlad.canvas import panel_safe_box
from pipelines.vlad.fonts import default_fonts
from pipelines.vlad.readability import readable
from pipelines.vlad.settle import containers, overlap, settle

FONTS = default_fonts()
GROUND = Element("background", FULL, colour="#ffffff")


def text(box: Box, words: str = "HELLO", **fields: object) -> Element:
    return Element("text", box, text=words, colour="#000000", font="montserrat-700", **fields)  # type: ignore[arg-type]


def thing(box: Box, name: str = "cat") -> Element:
    return Element("object", box, text=name)


def done(elements: list[Element], relations=(), places=None) -> list[Element]:
    return settle(elements, relations, places or [""] * len(elements), FONTS)


def test_overlapping_texts_and_objects_are_moved_apart() -> None:
    same = Box(0.3, 0.3, 0.7, 0.6)
    out = done([GROUND, text(same), text(same, "WORLD"), thing(Box(0.35, 0.35, 0.65, 0.65))])
    assert overlap(out) == 0


def test_everything_stays_inside_the_canvas_and_texts_inside_their_panel() -> None:
    panel = Element("panel", Box(0.1, 0.1, 0.9, 0.9), text="badge", style="circle", colour="#182658")
    elements = [GROUND, panel, text(Box(0.0, 0.0, 1.0, 0.2))]
    safe, box = panel_safe_box(panel), done(elements)[2].box
    assert containers(elements)[2] == safe
    assert box.x0 >= safe.x0 - 1e-6 and box.y0 >= safe.y0 - 1e-6 and box.x1 <= safe.x1 + 1e-6


@pytest.mark.parametrize("variant", range(16))
def test_nothing_stands_on_a_border(variant: int) -> None:
    ground = Element("background", FULL, colour="#ffffff", accent="#182658", style="border", variant=variant)
    box = done([ground, text(Box(0.0, 0.8, 1.0, 1.0))])[1].box
    x0, y0, x1, y1 = (round(v * 256) for v in box.as_list())
    inside = draw_background(ground, 256).crop((x0, y0, x1, y1))
    assert inside.getcolors() == [(inside.width * inside.height, (255, 255, 255))]


def test_locked_boxes_never_move() -> None:
    fixed = dataclasses.replace(text(Box(0.3, 0.3, 0.7, 0.5)), locked=True)
    out = done([GROUND, fixed, text(Box(0.3, 0.3, 0.7, 0.5), "WORLD")])
    assert out[1].box == fixed.box
    assert overlap(out) == 0


@pytest.mark.parametrize(("word", "axis"), [("left of", 0), ("above", 1)])
def test_relations_are_kept_whatever_was_sampled(word: str, axis: int) -> None:
    a, b = Box(0.55, 0.55, 0.85, 0.85), Box(0.15, 0.15, 0.45, 0.45)
    for first, second in ((a, b), (b, a), (a, a)):
        out = done([GROUND, thing(first, "cat"), thing(second, "dog")], [([1], word, [2])])
        assert out[1].box.centre[axis] + 0.1 < out[2].box.centre[axis]


@pytest.mark.parametrize(("place", "axis", "low"), [("top", 1, True), ("bottom", 1, False), ("left", 0, True)])
def test_asked_places_are_obeyed(place: str, axis: int, low: bool) -> None:
    centre = done([GROUND, text(Box(0.3, 0.4, 0.7, 0.6))], places=["", place])[1].box.centre[axis]
    assert (centre < 0.4) == low and (centre > 0.6) != low


def test_small_letters_are_enlarged_when_there_is_room() -> None:
    box = done([GROUND, text(Box(0.45, 0.45, 0.5, 0.48), "A rather long line")])[1].box
    assert box.width > 0.3


def test_letters_get_a_colour_that_reads_or_an_outline_if_theirs_was_asked_for() -> None:
    pale = dataclasses.replace(text(Box(0.2, 0.2, 0.8, 0.6)), colour="#fdf5de")
    changed = readable([GROUND, pale])[1]
    assert contrast(to_rgb(changed.colour or ""), (255, 255, 255)) >= 4.5
    kept = readable([GROUND, pale], [True, True])[1]
    assert kept.colour == pale.colour and kept.style == "outline"


def test_a_ground_nobody_asked_for_gives_way_to_letters_somebody_did() -> None:
    pale = dataclasses.replace(text(Box(0.2, 0.2, 0.8, 0.6)), colour="#fdf5de")
    ground, kept = readable([GROUND, pale], [False, True])
    assert kept.colour == pale.colour and kept.style == "plain"
    assert contrast(to_rgb(ground.colour or ""), to_rgb(pale.colour)) >= 4.5


def test_letters_read_on_both_colours_of_a_pattern() -> None:
    striped = dataclasses.replace(GROUND, style="stripes", accent="#144a32")
    out = readable([striped, text(Box(0.2, 0.2, 0.8, 0.6))])[1]
    assert out.style == "outline" or all(
        contrast(to_rgb(out.colour or ""), c) >= 2.5 for c in ((255,) * 3, (20, 74, 50))
    )


def test_colours_that_the_prompt_asks_for_stay_and_others_are_made_readable() -> None:
    coral = dataclasses.replace(GROUND, colour="#fa7862")
    white = dataclasses.replace(text(Box(0.2, 0.4, 0.8, 0.6)), colour="#ffffff")
    settled = done([coral, white])
    asked = readable(settled, [True, True])
    assert [e.colour for e in asked] == [e.colour for e in settled] == ["#fa7862", "#ffffff"]
    free = readable(settled)
    assert contrast(to_rgb(free[1].colour or ""), to_rgb("#fa7862")) >= 4.5


def test_a_background_that_nobody_asked_for_gives_way_to_a_coloured_object() -> None:
    red = dataclasses.replace(GROUND, colour="#cf282d")
    mug = dataclasses.replace(thing(Box(0.2, 0.2, 0.8, 0.8), "red mug"), colour="#cf282d")
    assert distance(to_rgb(readable([red, mug], [False, True])[0].colour or ""), to_rgb("#cf282d")) > 140
    assert readable([red, mug], [True, True])[0].colour == "#cf282d"
    assert readable([GROUND, mug], [False, True])[0].colour == "#ffffff"


def test_a_panel_gives_way_to_an_object_that_stands_on_it() -> None:
    yellow = Element("panel", Box(0.1, 0.1, 0.9, 0.9), text="label", style="rounded", colour="#fcd03a")
    sign = dataclasses.replace(thing(Box(0.3, 0.3, 0.7, 0.7), "yellow triangle"), colour="#fcd03a")
    out = readable([GROUND, yellow, sign], [False, False, True])
    assert distance(to_rgb(out[1].colour or ""), to_rgb("#fcd03a")) > 140 and out[2] == sign
    assert readable([GROUND, yellow, sign], [False, True, True])[1] == yellow
