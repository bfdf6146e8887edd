"""Records and means of what is read inside planned boxes."""

import pytest

from evaluation.ocr import in_box, summarise_in_box
from pipelines.types import Box, Element, Layout
from pipelines.vlad.ocr import Word


def word(text, x, y, w=0.1, h=0.06):
    return Word(text, Box(x, y, x + w, y + h))


def layout_of(*texts):
    return Layout("", tuple(Element("text", box, text) for text, box in texts))


def test_words_are_compared_inside_their_box_and_others_are_stray():
    layout = layout_of(("Night Flight", Box(0.1, 0.1, 0.9, 0.3)), ("Gate 12", Box(0.1, 0.6, 0.9, 0.8)))
    words = [word("FLIGHT", 0.5, 0.15), word("Night", 0.2, 0.15), word("Gate", 0.2, 0.65), word("Zz", 0.45, 0.42)]
    found = in_box(words, layout)
    assert found["boxes"][0]["exact"] is True
    assert found["boxes"][1]["read"] == "Gate"
    assert found["boxes"][1]["exact"] is False
    assert found["boxes"][1]["edit_distance"] == pytest.approx(3 / 7, abs=1e-3)
    assert found["stray"] == ["Zz"]


def test_a_word_in_two_boxes_goes_to_the_nearer_one():
    layout = layout_of(("left", Box(0.0, 0.4, 0.6, 0.6)), ("right", Box(0.4, 0.4, 1.0, 0.6)))
    found = in_box([word("right", 0.5, 0.47), word("left", 0.2, 0.47)], layout)
    assert [b["exact"] for b in found["boxes"]] == [True, True]


def test_edge_punctuation_is_forgiven_in_one_column_only():
    found = in_box([word("boo", 0.4, 0.4)], layout_of(("Boo!", Box(0.3, 0.3, 0.7, 0.7))))["boxes"][0]
    assert (found["exact"], found["exact_normalised"]) == (False, True)


def test_summary_pools_boxes_over_images():
    layout = layout_of(("a", Box(0.3, 0.3, 0.7, 0.7)))
    summary = summarise_in_box([in_box([word("a", 0.4, 0.4)], layout), in_box([word("b", 0.0, 0.0)], layout)])
    assert summary["boxes"] == 2
    assert summary["exact"] == 0.5
    assert summary["stray_words_per_image"] == 0.5
    assert summary["images_without_stray_words"] == 0.5
    assert summarise_in_box([])["exact"] is None
