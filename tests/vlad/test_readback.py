"""Comparing what is read with what was planned, choosing the best picture, and both on the embedded weights."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from pipelines.errors import CheckpointMissing
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad import ocr
from pipelines.vlad.ocr import Word
from pipelines.vlad.readback import ElementMatch, best, read_back, reading_order, said

PROMPT = "A poster with a fox that says 'Night Market' and 'Gate 12' on a navy blue background"


def word(text, x, y, w=0.1, h=0.06):
    return Word(text, Box(x, y, x + w, y + h))


LAYOUT = Layout(
    "",
    (
        Element("background", FULL),
        Element("text", Box(0.1, 0.1, 0.9, 0.3), "Night Flight"),
        Element("text", Box(0.1, 0.6, 0.9, 0.8), "Gate 12!"),
    ),
)
RIGHT = [word("Night", 0.2, 0.15), word("FLIGHT", 0.5, 0.15), word("gate", 0.2, 0.65), word("12", 0.4, 0.65)]


def test_reading_order_goes_by_lines_then_from_left_to_right():
    words = [word("world", 0.5, 0.11), word("below", 0.1, 0.3), word("hello", 0.1, 0.1), word("you", 0.4, 0.29)]
    assert [w.text for w in reading_order(words)] == ["hello", "world", "below", "you"]


def test_right_texts_may_differ_in_case_and_edge_punctuation():
    found = read_back(RIGHT, LAYOUT)
    assert [(t.index, t.read, t.exact, t.right) for t in found.texts] == [
        (1, "Night FLIGHT", True, True),
        (2, "gate 12", False, True),
    ]
    assert (found.right, found.wrong, found.letters_wrong, found.stray) == (2, 0, 0, ())
    assert (found.literal.recall, found.normalised.recall, found.normalised.accuracy) == (0.75, 1, 1)


def test_a_text_of_punctuation_alone_is_not_right_when_nothing_is_read():
    layout = dataclasses.replace(LAYOUT, elements=(Element("text", FULL, "!!!"),))
    assert not read_back([], layout).texts[0].right and read_back([word("!!!", 0.4, 0.4)], layout).texts[0].right


def test_wrong_letters_and_stray_words_are_counted():
    found = read_back([word("Night", 0.2, 0.15), word("Fright", 0.5, 0.15), word("Zz", 0.45, 0.45)], LAYOUT)
    assert [t.letters_wrong for t in found.texts] == [1, 7] and found.letters_wrong == 8
    assert [w.text for w in found.stray] == ["Zz"] and found.wrong == 2
    data = found.to_dict()
    assert json.loads(json.dumps(data)) == data and data["texts_right"] == 0 and data["stray"][0]["text"] == "Zz"


def test_the_best_has_right_texts_then_few_wrong_letters_then_no_stray_words_then_the_highest_alignment():
    right, stray = read_back(RIGHT, LAYOUT, (), 0.1), read_back([*RIGHT, word("x", 0.4, 0.45)], LAYOUT, (), 0.9)
    near = read_back(RIGHT, LAYOUT, (), 0.2)
    one_letter = read_back([*RIGHT[:3], word("13", 0.4, 0.65)], LAYOUT, (), 0.9)
    nothing = read_back(RIGHT[:2], LAYOUT, (), 0.9)
    assert best([nothing, one_letter, stray, right, near]) == 4
    assert best([nothing, one_letter, stray, right]) == 3
    assert best([nothing, one_letter, stray]) == 2
    assert best([nothing, one_letter]) == 1
    assert best([right, right]) == 0


@pytest.mark.parametrize(
    ("answer", "read", "right"),
    [
        ('The text says "Night Flight" and "gate 12".', ["Night Flight", "gate 12"], [True, True]),
        ("night flight gate 12", ["night flight", "gate 12"], [True, True]),
        ('It says "Night Fright".', ["Night Fright", ""], [False, False]),
        ("There is no text.", ["", ""], [False, False]),
        ("", ["", ""], [False, False]),
    ],
)
def test_an_answer_is_searched_for_each_text(answer, read, right):
    found = said(LAYOUT, answer)
    assert [t.read for t in found] == read and [t.right for t in found] == right


def test_recognised_means_that_nothing_else_fits_better():
    assert ElementMatch(0, "object", "fox", 0.9, 0.8, 8, 8).recognised
    assert not ElementMatch(0, "object", "fox", 0.7, 0.8, 6, 8).recognised
    assert ElementMatch(0, "object", "fox", 0.7, 0.8, 6, 8).share == 0.75


def test_a_missing_engine_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(CheckpointMissing, match="not installed; run pip"):
        ocr.RapidReader()


# -- on the embedded weights -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(vlad):
    pytest.importorskip("rapidocr")
    layout = vlad.plan(PROMPT, seed=5)
    return layout, vlad.generate(layout, seed=5, images=2).images


def test_a_drawn_picture_reads_back_and_shows_its_object_and_colour(vlad, drawn):
    layout, images = drawn
    first, second = vlad.read_back(layout, images)
    assert first.wrong == second.wrong == 0 and not first.stray
    assert {(m.kind, m.name): m.recognised for m in first.matches} == {
        ("background", "navy blue"): True,
        ("object", "fox"): True,
    }
    assert first.alignment == pytest.approx(vlad.similarity([PROMPT], images)[0, 0], abs=1e-4)
    assert vlad.read_back(layout, images) == (first, second)


def test_a_picture_of_another_layout_does_not_read_back(vlad, drawn):
    layout, images = drawn
    i = next(i for i, e in enumerate(layout.elements) if e.kind == "text")
    elements = list(layout.elements)
    elements[i] = dataclasses.replace(elements[i], text="Closed Today")
    (found,) = vlad.read_back(dataclasses.replace(layout, elements=tuple(elements)), images[:1])
    assert found.wrong == 1 and found.normalised.accuracy == 0


def test_what_is_not_drawn_is_not_recognised(vlad, drawn):
    layout, _ = drawn
    images = vlad.generate(layout, seed=5, hierarchical_guidance=False).images
    (found,) = vlad.read_back(layout, images)
    assert found.right == 0
    assert not any(m.recognised for m in found.matches if m.kind == "object")


def test_the_script_reads_back(root, tmp_path, mini_folder, minilm_folder):
    pytest.importorskip("rapidocr")
    command = [sys.executable, "-m", "pipelines.vlad", "--prompt", "A sign that says 'Open'", "--out", str(tmp_path)]
    done = subprocess.run([*command, "--read-back"], cwd=root, capture_output=True, text=True, check=True)
    (reading,) = json.loads(done.stdout)["read_back"]
    assert reading["texts"][0]["planned"] == "Open" and reading["texts_right"] == 1
