"""Scores of the plan and of the background colour."""

from types import SimpleNamespace

import pytest
from PIL import Image

from evaluation import layout_metrics as lm
from pipelines.colours import COLOURS, to_hex
from pipelines.types import FULL, Box, Element, Layout


def understood(parts, relations=()):
    return SimpleNamespace(parts=tuple(parts), relations=tuple(relations))


def layout_of(*elements):
    return Layout("", tuple(elements))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0.0, 0.4, 0.2, 0.6), Box(0.7, 0.4, 0.9, 0.6), {"left of"}),
        (Box(0.7, 0.4, 0.9, 0.6), Box(0.0, 0.4, 0.2, 0.6), {"right of"}),
        (Box(0.4, 0.0, 0.6, 0.2), Box(0.4, 0.7, 0.6, 0.9), {"above"}),
        (Box(0.4, 0.7, 0.6, 0.9), Box(0.4, 0.0, 0.6, 0.2), {"below"}),
        (Box(0.0, 0.0, 0.2, 0.2), Box(0.8, 0.8, 1.0, 1.0), {"left of", "above"}),
        (Box(0.4, 0.4, 0.6, 0.6), Box(0.42, 0.42, 0.62, 0.62), set()),  # too close for either
    ],
)
def test_position_rule(a, b, expected):
    assert lm.relative_position(a, b) == expected


def test_relations_use_the_hull_of_a_group(make_part):
    u = understood(
        [make_part("object", "owl", (0, 3), count=2), make_part("object", "fox", (4, 7))], [(0, "left of", 1)]
    )
    owls = [Element("object", Box(x, 0.4, x + 0.15, 0.6), "owl", span=(0, 3)) for x in (0.05, 0.25)]
    fox = Element("object", Box(0.7, 0.4, 0.9, 0.6), "fox", span=(4, 7))
    assert lm.relations_obeyed(u, layout_of(*owls, fox)) == [True]
    assert lm.relations_obeyed(u, layout_of(fox)) == [False]


def test_counts_with_and_without_single_objects(make_part):
    u = understood([make_part("object", "owl", (0, 3), count=2), make_part("object", "fox", (4, 7))])
    owl, fox = Element("object", FULL, "owl", span=(0, 3)), Element("object", FULL, "fox", span=(4, 7))
    assert lm.counts_obeyed(u, layout_of(owl, owl, fox)) == [True, True]
    assert lm.counts_obeyed(u, layout_of(owl, fox)) == [False, True]
    assert lm.counts_obeyed(u, layout_of(owl, owl, fox), least=2) == [True]


def test_places(make_part):
    u = understood([make_part("text", "hi", (0, 2), place="top left"), make_part("text", "yo", (3, 5))])
    assert lm.places_obeyed(u, layout_of(Element("text", Box(0, 0, 0.4, 0.2), "hi", span=(0, 2)))) == [True]
    assert lm.places_obeyed(u, layout_of(Element("text", Box(0, 0.6, 0.4, 0.9), "hi", span=(0, 2)))) == [False]
    assert lm.in_place(Box(0.4, 0.4, 0.6, 0.6), "centre")


def test_words_covered_is_a_multiset_share():
    layout = layout_of(Element("text", FULL, "Deep, deep"), Element("text", FULL, "listening"))
    assert lm.words_covered(["deep", "Deep", "sea"], layout) == pytest.approx(2 / 3)
    assert lm.words_covered([], layout) is None


def test_overlap_and_canvas():
    a, b = Element("text", Box(0, 0, 0.5, 0.5), "a"), Element("object", Box(0, 0, 0.5, 1), "b")
    c = Element("text", Box(0.6, 0.6, 0.9, 0.9), "c")
    found = lm.overlap(layout_of(a, b, c))
    assert found["max_iou"] == pytest.approx(0.5)
    assert found["free"] == pytest.approx(2 / 3)
    assert lm.overlap(layout_of(a))["mean_iou"] is None
    assert lm.inside_canvas(layout_of(a, b, c)) == 1
    assert lm.inside_canvas(layout_of(Element("text", FULL, "x"))) == 0


def test_aspect_fit_prefers_boxes_as_long_as_their_text():
    wide, square = Box(0, 0.4, 1, 0.5), Box(0.3, 0.3, 0.7, 0.7)
    assert lm.aspect_fit(Element("text", wide, "Unfinished recipe")) > 0.7
    assert lm.aspect_fit(Element("text", square, "Regionalspellings")) < 0.3
    assert lm.aspect_fit(Element("text", square, "Regional spelling champion")) > 0.5  # wraps over lines


def test_reading_order_ignores_texts_that_the_prompt_places(make_part):
    first = Element("text", Box(0.1, 0.1, 0.9, 0.3), "one", span=(0, 3))
    second = Element("text", Box(0.1, 0.5, 0.4, 0.7), "two", span=(4, 7))
    third = Element("text", Box(0.5, 0.5, 0.9, 0.7), "three", span=(8, 13))
    parts = [make_part("text", e.text, e.span) for e in (first, second, third)]
    assert lm.reading_order(understood(parts), layout_of(third, second, first)) == 1
    swapped = layout_of(
        first, Element("text", third.box, "two", span=(4, 7)), Element("text", second.box, "three", span=(8, 13))
    )
    assert lm.reading_order(understood(parts), swapped) == 0.5
    parts[2].place = "left"
    assert lm.reading_order(understood(parts), swapped) == 1


@pytest.mark.parametrize("name", sorted(COLOURS))
def test_a_plain_background_shows_its_own_colour(name):
    image = Image.new("RGB", (64, 64), COLOURS[name])
    found = lm.background_colour(image, layout_of(Element("background", FULL)), to_hex(COLOURS[name]))
    assert found["obeyed"] and found["seen"] == name and found["pixels"] == 1


def test_a_border_in_a_second_colour_does_not_make_the_background_wrong():
    image = Image.new("RGB", (100, 100), COLOURS["mint"])
    image.paste(Image.new("RGB", (100, 3), COLOURS["hot pink"]), (0, 2))
    found = lm.background_colour(image, layout_of(Element("background", FULL)), to_hex(COLOURS["mint"]))
    assert found["obeyed"] and found["pixels"] > 0.8
    image.paste(Image.new("RGB", (100, 80), COLOURS["hot pink"]), (0, 10))
    other = lm.background_colour(image, layout_of(Element("background", FULL)), to_hex(COLOURS["mint"]))
    assert not other["obeyed"] and lm.summarise_colours([found, other])["obeyed"] == 0.5


def test_background_colour_ignores_what_stands_on_it():
    image = Image.new("RGB", (64, 64), COLOURS["navy blue"])
    image.paste(COLOURS["yellow"], (0, 0, 64, 40))
    panel = Element("panel", Box(0, 0, 1, 0.64), "banner")
    asked = to_hex(COLOURS["navy blue"])
    assert lm.background_colour(image, layout_of(panel), asked)["obeyed"]
    wrong = lm.background_colour(image, layout_of(Element("background", FULL)), to_hex(COLOURS["pink"]))
    assert not wrong["obeyed"]
    assert lm.summarise_colours([wrong])["missed"] == {f"pink -> {wrong['seen']}": 1}


def test_shading_does_not_change_the_answer():
    asked, darker = COLOURS["light gray"], tuple(v - 15 for v in COLOURS["light gray"])
    image = Image.new("RGB", (64, 64), darker)
    assert lm.background_colour(image, layout_of(Element("background", FULL)), to_hex(asked))["obeyed"]


def test_only_named_colours_are_asked_for(make_part):
    plain, photo = (
        make_part("background", "", colour="#cf282d"),
        make_part("background", "", colour="#cf282d", style="photo"),
    )
    assert lm.asked_background(understood([plain])) == "#cf282d"
    assert lm.asked_background(understood([photo])) is None


def test_families_are_symmetric_and_known():
    assert all(name in COLOURS for f in lm.FAMILIES for name in f)
    assert all((b in lm.family(a)) == (a in lm.family(b)) for a in COLOURS for b in COLOURS)
    assert "blue" not in lm.family("red")


def test_summary_pools_what_is_asked(make_part):
    u = understood([make_part("object", "owl", (0, 3), count=2)])
    owl = Element("object", Box(0.1, 0.1, 0.3, 0.3), "owl", span=(0, 3))
    scores = [lm.score_layout([], u, layout_of(owl)), lm.score_layout([], u, layout_of(owl, owl))]
    summary = lm.summarise_layouts(scores)
    assert summary["counts_obeyed"] == 0.5
    assert summary["counts_of_several_asked"] == 2
    assert summary["relations_obeyed"] is None
