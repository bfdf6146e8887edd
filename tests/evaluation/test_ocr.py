"""Reading back: words, boxes, and which planned box a word belongs to."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from evaluation import ocr
from evaluation.ocr import Word, in_box, reading_order, summarise_in_box
from pipelines.types import Box, Element, Layout


def word(text, x, y, w=0.1, h=0.06):
    return Word(text, Box(x, y, x + w, y + h))


def test_reading_order_goes_by_lines_then_from_left_to_right():
    words = [word("world", 0.5, 0.11), word("below", 0.1, 0.3), word("hello", 0.1, 0.1), word("you", 0.4, 0.29)]
    assert [w.text for w in reading_order(words)] == ["hello", "world", "below", "you"]


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


def test_a_line_is_shared_among_its_words_by_position():
    quad = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], float)
    words = ocr._words_of_line("ab cdefg", quad, (), (100, 100))
    assert [w.text for w in words] == ["ab", "cdefg"]
    assert words[0].box.x1 == pytest.approx(0.25)
    assert words[1].box.as_list() == pytest.approx([0.375, 0, 1, 0.2])


def test_only_latin_letters_and_common_symbols_are_read():
    assert ocr.readable("Café £5 – “ok”")
    assert not ocr.readable("口")


def test_rapidocr_reads_large_words_with_their_boxes():
    pytest.importorskip("rapidocr")
    image = Image.new("RGB", (256, 256), (250, 240, 210))
    draw = ImageDraw.Draw(image)
    draw.text((40, 40), "Night Flight", (20, 20, 60), ImageFont.load_default(36))
    draw.text((60, 170), "GATE 12", (20, 20, 60), ImageFont.load_default(40))
    reader = ocr.RapidReader()
    words = reader.read(image)
    assert sorted(w.text.lower() for w in words) == ["12", "flight", "gate", "night"]
    assert all((w.box.centre[1] < 0.5) == (w.text.lower() in ("night", "flight")) for w in words)
    assert reader.read(Image.new("RGB", (256, 256), "white")) == []
    assert reader.name.startswith("rapidocr ")
