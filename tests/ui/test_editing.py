"""The table of a layout, adding and removing elements, undo and redo."""

from __future__ import annotations

import pytest

from pipelines.errors import BadLayout
from pipelines.types import FULL, Box, Element, Layout
from pipelines.vlad.fonts import default_fonts
from ui import editing
from ui.editing import Desk

FONTS = default_fonts()
SANS = FONTS.of("sans-serif")[0]
LAYOUT = Layout(
    prompt="A badge that says 'Hi' with a star",
    elements=(
        Element("background", FULL, colour="#fdf5de", accent="#18204a", style="dots"),
        Element("panel", Box(0.1, 0.1, 0.9, 0.9), "badge", colour="#ffffff", style="circle", variant=3),
        Element("text", Box(0.25, 0.3, 0.75, 0.5), "Hi", colour="#182658", font=SANS, span=(18, 22)),
        Element("object", Box(0.4123, 0.5, 0.6, 0.7), "star"),
    ),
)


def edited(row: int, column: str, value: object) -> Layout:
    rows = editing.rows_of(LAYOUT)
    rows[row][editing.HEADERS.index(column)] = value
    return editing.layout_from_rows(rows, LAYOUT, FONTS)


def test_an_untouched_table_is_the_same_layout() -> None:
    assert editing.layout_from_rows(editing.rows_of(LAYOUT), LAYOUT, FONTS).elements == tuple(
        e if e.kind != "object" else e for e in LAYOUT.elements
    )


def test_cells_arrive_as_strings() -> None:
    rows = [[str(cell) for cell in row] for row in editing.rows_of(LAYOUT)]
    assert editing.layout_from_rows(rows, LAYOUT, FONTS).elements == LAYOUT.elements


@pytest.mark.parametrize(
    ("row", "column", "value", "field", "expected"),
    [
        (2, "text", "Hello there", "text", "Hello there"),
        (2, "colour", "Navy Blue", "colour", "#182658"),
        (2, "colour", "#F0a", "colour", "#ff00aa"),
        (2, "align", "Centre", "align", "center"),
        (2, "lock", "true", "locked", True),
        (2, "font", "serif", "font", FONTS.of("serif")[0]),
        (2, "x0", " 0,1 ", "box", Box(0.1, 0.3, 0.75, 0.5)),
    ],
)
def test_edits(row: int, column: str, value: str, field: str, expected: object) -> None:
    assert getattr(edited(row, column, value).elements[row], field) == expected


def test_an_edit_keeps_what_the_table_does_not_show() -> None:
    panel = edited(1, "colour", "#123456").elements[1]
    assert (panel.style, panel.variant, panel.colour) == ("circle", 3, "#123456")
    assert edited(2, "text", "Other").elements[2].span is None  # no longer the words of the prompt


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (2, "x0", "abc", "Row 3, x0: “abc” is not a number"),
        (2, "x0", "nan", "is not a number"),
        (2, "x0", "", "is not a number"),
        (2, "y1", "1.5", "off the canvas"),
        (2, "y1", "-0.1", "off the canvas"),
        (2, "x1", "0.1", "swapped"),
        (2, "colour", "blurple", "is not a colour"),
        (2, "font", "wingdings", "is not installed"),
        (2, "align", "middle", "align"),
        (2, "lock", "maybe", "neither yes nor no"),
        (2, "kind", "sprite", "kind"),
        (2, "text", "", "no text"),
        (2, "text", "x" * 500, "200"),
        (0, "x0", "0.2", "background always fills"),
        (3, "kind", "background", "background"),
    ],
)
def test_a_bad_cell_is_one_sentence_that_names_the_row(row: int, column: str, value: str, words: str) -> None:
    with pytest.raises(BadLayout) as error:
        edited(row, column, value)
    sentence = str(error.value)
    assert words in sentence and "\n" not in sentence and sentence.endswith(".")


def test_blank_and_new_rows() -> None:
    rows = [*editing.rows_of(LAYOUT), [""] * 11, ["", "text", "New", "0.1", "0.8", "0.9", "0.95", "", "", "", ""]]
    new = editing.layout_from_rows(rows, LAYOUT, FONTS).elements[-1]
    assert (new.kind, new.text, new.font, new.align) == ("text", "New", SANS, "center") and new.colour


def test_a_row_taken_away_and_a_lost_background() -> None:
    kinds = [e.kind for e in editing.layout_from_rows(editing.rows_of(LAYOUT)[1:], LAYOUT, FONTS).elements]
    assert kinds == ["background", "panel", "text", "object"]


def test_too_many_rows() -> None:
    with pytest.raises(BadLayout, match="60"):
        editing.layout_from_rows(editing.rows_of(LAYOUT) * 20, LAYOUT, FONTS)


def test_add_duplicate_delete_and_place() -> None:
    more = editing.add(editing.add(LAYOUT, "text", FONTS), "text", FONTS)
    assert more.elements[-1].box != more.elements[-2].box
    twice = editing.duplicate(LAYOUT, 3)
    assert len(twice.elements) == 5 and twice.elements[4].text == "star" and not twice.elements[4].locked
    assert editing.delete(twice, 4).elements == LAYOUT.elements
    assert editing.place(LAYOUT, 3, [0.9, 0.9, 1.2, 1.1]).elements[3].box == Box(0.9, 0.9, 1.0, 1.0)


@pytest.mark.parametrize("index", [-1, 0, 99])
def test_the_background_and_unknown_elements_stay(index: int) -> None:
    for change in (editing.delete, editing.duplicate):
        with pytest.raises(BadLayout):
            change(LAYOUT, index)


@pytest.mark.parametrize("box", [None, [0, 0, 1], ["a", 0, 1, 1], [float("nan"), 0, 1, 1], {"x": 1}])
def test_a_forged_box_is_refused(box: object) -> None:
    with pytest.raises(BadLayout):
        editing.place(LAYOUT, 2, box)


def test_locked_elements_do_not_move() -> None:
    with pytest.raises(BadLayout, match="locked"):
        editing.place(edited(2, "lock", True), 2, [0, 0, 0.5, 0.5])


def test_undo_and_redo() -> None:
    second, third = edited(2, "text", "Two"), edited(2, "text", "Three")
    desk = Desk().put(LAYOUT).put(second).put(third)
    assert desk.undo().layout == second and desk.undo().undo().layout == LAYOUT
    assert desk.undo().redo().layout == third
    assert desk.undo().undo().undo().layout == LAYOUT  # nothing before it
    assert desk.undo().put(LAYOUT).redo().layout == LAYOUT  # a new layout ends what could be redone


def test_an_imported_layout_gets_a_background_and_installed_fonts() -> None:
    bare = Layout(prompt="", elements=LAYOUT.elements[2:])
    assert editing.checked(bare, FONTS).background is not None
    foreign = Layout(prompt="", elements=(Element("text", Box(0, 0, 1, 1), "a", font="wingdings"),))
    with pytest.raises(BadLayout, match="wingdings"):
        editing.checked(foreign, FONTS)
