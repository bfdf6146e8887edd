"""The canvas: letters inside their boxes, panels with a free region, every style drawn, and the warnings."""

import random
import time

import numpy as np
import pytest
from PIL import Image

from pipelines.types import (
    BACKGROUND_STYLES,
    FULL,
    OBJECT_STYLES,
    PANEL_STYLES,
    TEXT_STYLES,
    Box,
    Element,
    Layout,
)
from pipelines.vlad.canvas import (
    draw_canvas,
    fit_text,
    legibility_warnings,
    letters,
    panel_mask,
    panel_safe_box,
    text_mask,
)
from pipelines.vlad.fonts import default_fonts

FONTS = default_fonts()
BOX = Box(0.1, 0.2, 0.9, 0.6)


def layout(*elements: Element, background: str = "#ffffff", prompt: str = "") -> Layout:
    return Layout(prompt, (Element("background", FULL, colour=background), *elements))


def text(words: str, box: Box = BOX, colour: str = "#000000", font: str = "montserrat-700", **more) -> Element:
    return Element("text", box, words, colour, font=font, **more)


@pytest.mark.parametrize("font", FONTS.ids)
@pytest.mark.parametrize("words", ["Jog", "Grand Opening Night", "a quite long sentence that has to wrap somewhere"])
def test_ink_stays_in_the_box(font: str, words: str) -> None:
    fitted = fit_text(words, font, BOX, FONTS)
    x0, y0, x1, y1 = text_mask(fitted, FONTS).point(lambda v: 255 * (v > 100)).getbbox()
    slack = 1.6
    assert x0 >= BOX.x0 * 256 - slack and x1 <= BOX.x1 * 256 + slack
    assert y0 >= BOX.y0 * 256 - slack and y1 <= BOX.y1 * 256 + slack
    assert " ".join(line.text for line in fitted.lines) == words
    assert len(fitted.lines) <= 4


def test_letters_fill_the_box_in_one_direction() -> None:
    fitted = fit_text("Grand Opening", "montserrat-700", BOX, FONTS)
    x0, y0, x1, y1 = text_mask(fitted, FONTS).getbbox()
    assert (x1 - x0) > 0.93 * BOX.width * 256 or (y1 - y0) > 0.93 * BOX.height * 256


def test_lines_are_broken_where_letters_get_largest() -> None:
    assert len(fit_text("Grand Opening", "lora-700", Box(0, 0.4, 1, 0.5), FONTS).lines) == 1
    assert len(fit_text("Grand Opening", "lora-700", Box(0.3, 0, 0.7, 1), FONTS).lines) == 2


def test_words_stand_apart() -> None:
    fitted = fit_text("on on", "lobster-400", Box(0, 0.4, 1, 0.6), FONTS)
    columns = np.asarray(text_mask(fitted, FONTS)).max(0) > 0
    gaps = [len(g) for g in "".join("x" if c else " " for c in columns).strip().split("x") if g]
    assert max(gaps) > 0.15 * fitted.px


def test_alignment() -> None:
    left, right = (fit_text("A bc", "lora-700", Box(0, 0, 1, 0.2), FONTS, align=a) for a in ("left", "right"))
    assert left.lines[0].box.x0 == pytest.approx(0, abs=0.01)
    assert right.lines[0].box.x1 == pytest.approx(1, abs=0.01)


def test_x_height_is_given_for_256_pixels() -> None:
    small, large = (fit_text("xxx", "lora-700", BOX, FONTS, size=s) for s in (256, 512))
    assert large.px == pytest.approx(2 * small.px, rel=0.02)
    assert large.x_height == pytest.approx(small.x_height, rel=0.02)
    _, y0, _, y1 = text_mask(small, FONTS).getbbox()
    assert y1 - y0 == pytest.approx(small.x_height, abs=2.5)


@pytest.mark.parametrize("words", ["   ", "日本", "مرحبا", "x" * 200, "a " * 100, "\n\t\u200b"])
def test_odd_texts_are_set_all_the_same(words: str) -> None:
    for box in (BOX, Box(0.5, 0.5, 0.51, 0.51), FULL):
        image, _ = letters(fit_text(words, None, box, FONTS), FONTS)
        assert image.width > 0


@pytest.mark.parametrize("style", PANEL_STYLES)
@pytest.mark.parametrize("variant", range(4))
@pytest.mark.parametrize("box", [Box(0.05, 0.05, 0.95, 0.95), Box(0.1, 0.3, 0.9, 0.7)])
def test_the_safe_region_lies_on_the_panel(style: str, variant: int, box: Box) -> None:
    panel = Element("panel", box, colour="#cf282d", style=style, variant=variant)
    safe, mask = panel_safe_box(panel), np.asarray(panel_mask(panel))
    y0, y1, x0, x1 = (round(v * 255) for v in (safe.y0, safe.y1, safe.x0, safe.x1))
    assert mask[y0:y1, x0:x1].min() == 255
    outside = mask.copy()
    outside[round(box.y0 * 256) - 2 : round(box.y1 * 256) + 2, round(box.x0 * 256) - 2 : round(box.x1 * 256) + 2] = 0
    assert outside.max() == 0
    assert safe.area > 0.2 * min(box.width, box.height) ** 2


def test_every_style_and_variant_can_be_drawn_even_tiny() -> None:
    r = random.Random(1)
    sketch = Image.new("RGBA", (32, 20), (200, 30, 30, 128))
    for variant in range(16):
        for style in BACKGROUND_STYLES:
            background = Element("background", FULL, "wood", "#1a2b3c", None, style=style, variant=variant)
            boxes = [Box.clipped(*(r.random() for _ in range(4)), least=0.01) for _ in range(30)]
            parts = [Element("panel", b, style=s, variant=variant) for b, s in zip(boxes, PANEL_STYLES, strict=False)]
            parts += [Element("object", b, "cat", style=s) for b, s in zip(boxes, OBJECT_STYLES, strict=False)]
            parts += [Element("text", b, "Hi you", style=s) for b, s in zip(boxes, TEXT_STYLES, strict=False)]
            image = draw_canvas(Layout("", (background, *parts)), {14: sketch}, None, size=64)
            assert image.size == (64, 64) and image.mode == "RGB"


@pytest.mark.parametrize("style", ["gradient", "stripes", "sunburst", "dots", "border", "split", "confetti"])
def test_patterns_show_the_accent(style: str) -> None:
    background = Element("background", FULL, "", "#ffffff", "#cf282d", style=style)
    pixels = np.asarray(draw_canvas(Layout("", (background,)), {}), int)
    assert (np.abs(pixels - (207, 40, 45)).sum(-1) < 40).any()
    assert (pixels.min(-1) > 230).any()


def test_sketches_are_placed_centred_with_their_aspect() -> None:
    element = Element("object", Box(0.25, 0.25, 0.75, 0.75), "car", style="flat")
    picture = Image.new("RGBA", (40, 20), (255, 0, 0, 255))
    red = np.asarray(draw_canvas(layout(element), {1: picture}), int)[..., 1] < 40
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert (columns[0], columns[-1]) == (64, 191)
    assert (rows[0], rows[-1]) == (96, 159)


def test_mono_sketches_take_the_colour() -> None:
    element = Element("object", Box(0.25, 0.25, 0.75, 0.75), "car", "#0000ff", style="mono")
    pixel = draw_canvas(layout(element), {1: Image.new("RGBA", (8, 8), (255, 255, 255, 255))}).getpixel((128, 128))
    assert pixel == (0, 0, 255)


def test_outline_surrounds_the_letters() -> None:
    plain, outlined = (
        np.asarray(draw_canvas(layout(text("Oo", colour="#ffffff", style=s), background="#fcd03a"), {}), int)
        for s in ("plain", "outline")
    )
    assert (plain.max(-1) < 60).sum() == 0
    assert (outlined.max(-1) < 60).sum() > 200


def test_drawing_is_repeatable_and_fast() -> None:
    panel = Element("panel", Box(0.05, 0.1, 0.95, 0.9), colour="#145032", style="ticket")
    picture = layout(panel, text("Grand Opening", panel_safe_box(panel), "#ffffff"))
    first = draw_canvas(picture, {})
    started = time.perf_counter()
    for _ in range(5):
        assert draw_canvas(picture, {}).tobytes() == first.tobytes()
    assert (time.perf_counter() - started) / 5 < 0.2  # a quiet core needs about 5 ms


def test_a_good_layout_has_no_warnings() -> None:
    assert legibility_warnings(layout(text("Hello"))) == []


@pytest.mark.parametrize(
    ("elements", "word"),
    [
        ([text("Hello", Box(0.4, 0.4, 0.45, 0.43))], "too small"),
        ([text("Hello", colour="#eeeeee")], "stands out"),
        ([text("日本")], "No installed font"),
        ([text("Hello"), text("World", Box(0.2, 0.3, 0.9, 0.6))], "overlap"),
    ],
)
def test_warnings(elements: list[Element], word: str) -> None:
    found = legibility_warnings(layout(*elements))
    assert any(word in w for w in found)
    assert all(w.count(". ") == 0 and w.endswith(".") for w in found)


def test_quoted_words_that_are_absent_are_named() -> None:
    found = legibility_warnings(layout(text("Hello"), prompt='a sign that says "Hello World"'))
    assert any("World" in w for w in found)


@pytest.mark.parametrize(
    ("text", "set_as"), [("Tea \u05e9\u05dc time", ["Tea", "time"]), ("\u05e9\u05dc\u05d5\u05dd", ["?"])]
)
def test_a_missing_glyph_is_left_out_and_never_an_empty_box(text: str, set_as: list[str]) -> None:
    fitted = fit_text(text, "montserrat-700", Box(0.1, 0.1, 0.9, 0.9))
    assert " ".join(line.text for line in fitted.lines).split() == set_as
