"""The plan editor: its handlers as plain functions, and its HTML."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from pipelines.types import FULL, STYLES, Box, Element, Layout
from pipelines.vlad.fonts import default_fonts
from ui import editing, plan_panel
from ui.backend import Backend
from ui.editing import Desk
from ui.plan_editor import SWAPPED, UNKNOWN, VIEW, Editor

from .conftest import refuse

FONTS = default_fonts()
EVIL = "</textarea><img src=x onerror=alert(1)> {{7*7}} ${1+1} `\\ \" '"
PROMPT = "A poster with a star that says 'Hello' on a cream background"
LAYOUT = Layout(
    prompt=PROMPT,
    elements=(
        Element("background", FULL, colour="#fdf5de"),
        Element("text", Box(0.1, 0.1, 0.9, 0.4), "Hello", colour="#182658", font="montserrat-700"),
        Element("object", Box(0.1, 0.5, 0.4, 0.9), "star"),
        Element("object", Box(0.5, 0.5, 0.8, 0.9), "moon"),
    ),
)
DESK = Desk(LAYOUT)


@pytest.fixture()
def editor() -> Editor:
    return Editor(Backend(refuse))


def act(editor: Editor, desk: Desk, action: Any, index: Any = None, **more: Any) -> tuple[Desk, int]:
    """The desk and the chosen index after an act."""
    values = editor.act(desk, -1, False, action, index, **more)
    assert len(values) == VIEW
    return values[0], values[4]


# -- acts -------------------------------------------------------------------------------------------------------------


def test_each_act_is_one_step_and_says_which_element_is_chosen(editor: Editor) -> None:
    steps = [
        ("place", 1, {"box": [0.2, 0.2, 0.8, 0.5]}, 1, lambda e: e[1].box == Box(0.2, 0.2, 0.8, 0.5)),
        ("add", None, {"kind": "panel", "box": [0.1, 0.1, 0.3, 0.3]}, 4, lambda e: e[4].box == Box(0.1, 0.1, 0.3, 0.3)),
        ("add", None, {"kind": "text"}, 4, lambda e: e[4].text == "New text"),
        ("set", 1, {"field": "text", "value": "Bye"}, 1, lambda e: e[1].text == "Bye"),
        ("lock", 1, {}, 1, lambda e: e[1].locked),
        ("duplicate", 2, {}, 3, lambda e: e[3].text == "star"),
        ("delete", 2, {}, -1, lambda e: [x.text for x in e[2:]] == ["moon"]),
        ("forward", 2, {}, 3, lambda e: [x.text for x in e[2:]] == ["moon", "star"]),
        ("back", 3, {}, 2, lambda e: [x.text for x in e[2:]] == ["moon", "star"]),
    ]  # fmt: skip
    for action, index, more, chosen, holds in steps:
        desk, now = act(editor, DESK, action, index, **more)
        assert now == chosen and holds(desk.layout.elements), action
        assert desk.past == (LAYOUT,)
        assert act(editor, desk, "undo")[0].layout == LAYOUT
        assert act(editor, act(editor, desk, "undo")[0], "redo")[0].layout == desk.layout


def test_choosing_changes_nothing_but_the_panel(editor: Editor) -> None:
    desk, page, notes, table, chosen, export = editor.act(DESK, -1, False, "select", 1)
    assert chosen == 1 and 'data-chosen="1"' in page and "Montserrat 700" in page
    assert all(v == gr.skip() for v in (desk, notes, table, export))
    assert editor.act(DESK, 1, False, "select", 99)[4] == -1


def test_a_plan_can_be_built_by_hand(editor: Editor) -> None:
    desk = Desk()
    for kind in ("panel", "object", "text"):
        desk = act(editor, desk, "add", kind=kind)[0]
    assert [e.kind for e in desk.layout.elements] == ["background", "panel", "object", "text"]
    with pytest.warns(UserWarning, match="No element is chosen"):
        assert act(editor, desk, "delete", -1)[0] is desk


def said(told: Any) -> list[str]:
    """What a visitor was told; a server of another test may warn of other things meanwhile."""
    return [str(w.message) for w in told if w.category is UserWarning]


@pytest.mark.parametrize(
    ("index", "field", "value", "words"),
    [
        (1, "colour", "blurple", "Element 2, colour: “blurple” is not a colour"),
        (1, "font", "wingdings", "Element 2, font: “wingdings” is not installed"),
        (1, "text", "  ", "Element 2, text: A text element has no text"),
        (1, "text", "x" * 500, "200"),
        (1, "align", "middle", "Element 2, align"),
        (1, "style", "3d", "Element 2, style: Style '3d' does not exist for a text"),
        (2, "font", "lora-700", "only a text has one"),
        (0, "accent", "reddish", "Element 1, second colour"),
        (1, "locked", True, "That field does not exist"),
        (1, "box", [0, 0, 1, 1], "That field does not exist"),
        (1, ["text"], "a", "That field does not exist"),
        (9, "text", "a", "no longer in the plan"),
    ],
)
def test_a_bad_value_is_told_in_one_sentence_and_nothing_is_lost(
    editor: Editor, index: int, field: Any, value: Any, words: str
) -> None:
    with pytest.warns(UserWarning) as told:
        desk, _ = act(editor, DESK, "set", index, field=field, value=value)
    sentence = said(told)[0]
    assert desk is DESK and words in sentence and sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("action", ["explode", None, 7, ["delete"], {"a": 1}, "__class__", ""])
def test_an_unknown_act_is_refused(editor: Editor, action: Any) -> None:
    with pytest.warns(UserWarning) as told:
        assert act(editor, DESK, action, 1)[0] is DESK
    assert said(told)[0] == UNKNOWN


FORGED = (None, True, "1", -1, 10**30, 1.5, float("nan"), [], {}, [1])


@pytest.mark.parametrize("action", ["place", "set", "lock", "duplicate", "delete", "forward", "back"])
@pytest.mark.parametrize("index", FORGED, ids=repr)
def test_a_forged_index_changes_nothing(editor: Editor, action: str, index: Any) -> None:
    with pytest.warns(UserWarning) as told:
        desk, _ = act(editor, DESK, action, index, box=[0, 0, 1, 1], field="text", value="a")
    assert desk is DESK and "Something went wrong" not in said(told)[0]


@pytest.mark.parametrize(
    "box",
    [None, "0011", [0, 0, 1], ["0", 0, 1, 1], [float("nan"), 0, 1, 1], [float("inf"), 0, 1, 1], [True, 0, 1, 1], {}],
)  # fmt: skip
def test_a_forged_box_changes_nothing(editor: Editor, box: Any) -> None:
    acts = [("place", 1)] + ([("add", None)] if box is not None else [])
    for action, index in acts:
        with pytest.warns(UserWarning, match="four numbers"):
            assert act(editor, DESK, action, index, box=box, kind="text")[0] is DESK


def test_boxes_and_values_out_of_all_proportion(editor: Editor) -> None:
    huge = act(editor, DESK, "place", 1, box=[-(10**400), 0.2, 10**400, 1e300])[0].layout
    assert huge.elements[1].box == Box(0.0, 0.2, 1.0, 1.0)
    for kind in ("background", "sprite", None, ["text"]):
        with pytest.warns(UserWarning, match="can be added"):
            assert act(editor, Desk(), "add", kind=kind)[0] == Desk()
    with pytest.warns(UserWarning):
        assert act(editor, DESK, "set", 1, field="colour", value={"a": [1] * 1000})[0] is DESK


def test_events_of_the_browser_are_read(editor: Editor) -> None:
    event = gr.EventData(None, {"action": "lock", "index": 1, "more": "x"})
    assert editor.apply(DESK, -1, False, event)[0].layout.elements[1].locked
    with pytest.warns(UserWarning):
        assert editor.apply(DESK, -1, False, gr.EventData(None, {}))[0] is DESK
    assert editor.backdrop(DESK, 1, gr.EventData(None, {"draft": True}))[0] is True
    assert editor.backdrop(DESK, 1, gr.EventData(None, {"draft": "yes"}))[0] is False


def test_without_a_plan_there_is_nothing_to_change(editor: Editor) -> None:
    with pytest.warns(UserWarning, match="no plan yet"):
        assert act(editor, Desk(), "lock", 0)[0] == Desk()
    assert act(editor, Desk(), "undo")[0] == Desk()


# -- the table and files ----------------------------------------------------------------------------------------------


def test_a_bad_cell_keeps_the_plan_and_is_told_once(editor: Editor) -> None:
    rows, desk = editing.rows_of(LAYOUT), Desk(LAYOUT)
    rows[1][3] = "abc"
    with pytest.warns(UserWarning, match="Row 2, x0") as told:
        first = editor.edit_table(rows, desk, -1, False)
        again = editor.edit_table(rows, first[0], -1, False)
    assert first[0].layout == LAYOUT and again[0].layout == LAYOUT and len(said(told)) == 1
    assert first[3] == editing.rows_of(LAYOUT)  # the table shows the old cell again


def test_an_edit_redraws_the_boxes_and_can_be_undone(editor: Editor) -> None:
    rows = editing.rows_of(LAYOUT)
    rows[1][3] = "0.2"
    desk, page, *_ = editor.edit_table(rows, Desk(LAYOUT), 1, False)
    assert "0.2000,0.1000,0.9000,0.4000" in page
    assert editor.act(desk, 1, False, "undo")[0].layout == LAYOUT
    assert editor.edit_table(rows, desk, 1, False)[0].past == desk.past  # the same table is no further step


def test_export_and_import_are_inverse(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(LAYOUT.to_dict()), "utf-8")
    values = editor.load(str(path), Desk(), False)
    assert len(values) == VIEW + 1 and values[0].layout.elements == LAYOUT.elements and values[VIEW] == PROMPT


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not json", b"[1, 2]", b"\xff\xfe\x00", b'{"elements": []}', b'{"elements": ' + b"[" * 9_000,
        b'{"elements": [{"kind": "text", "text": "a", "box": [NaN, 0, 1, 1]}]}',
        b'{"elements": [{"kind": "text", "text": "a", "box": [0.9, 0.1, 0.2, 0.5]}]}',
        b'{"elements": [{"kind": "text", "text": "a", "box": [-0.5, 0.1, 0.2, 0.5]}]}',
        b'{"elements": [{"kind": "text", "text": "a", "box": [0, 0, 7, 1]}]}',
        b'{"elements": [{"kind": "text", "text": "a", "box": [0, 0, 1, 1], "colour": "red;}"}]}',
        b'{"elements": [{"kind": "text", "text": "a", "box": [0, 0, 1, 1], "font": "../x"}]}',
        b" " * (2 << 20),
    ],
)  # fmt: skip
def test_a_bad_file_keeps_the_plan(editor: Editor, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "layout.json"
    path.write_bytes(content)
    with pytest.warns(UserWarning) as told:
        values = editor.load(str(path), Desk(LAYOUT), False)
    assert len(values) == VIEW + 1 and "Something went wrong" not in said(told)[0]


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ([10, 20, 300, 200], "Element 2: Box coordinate x0 is 10; boxes are [x0, y0, x1, y1] from 0 to 1. Divide"),
        ([0.6, 0.1, 0.2, 0.5], "x0 must be left of x1"),
        ([0.1, 0.1, 0.5], "four numbers from 0 to 1"),
        (["a", 0, 1, 1], "Element 2"),
    ],
)
def test_a_bad_box_of_a_file_is_named_with_its_element(editor: Editor, tmp_path: Path, box: Any, words: str) -> None:
    elements = [{"kind": "background", "box": [0, 0, 1, 1]}, {"kind": "text", "text": "a", "box": box}]
    path = tmp_path / "layout.json"
    path.write_text(json.dumps({"elements": elements}), "utf-8")
    with pytest.warns(UserWarning) as told:
        editor.load(str(path), DESK, False)
    assert words in said(told)[0]


def test_boxes_with_x_and_y_swapped_are_suspected(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "layout.json"

    def loaded(box: list[float]) -> Any:
        path.write_text(json.dumps({"elements": [{"kind": "text", "text": "Hello there", "box": box}]}), "utf-8")
        return editor.load(str(path), Desk(), False)[0].layout

    with pytest.warns(UserWarning) as told:
        assert loaded([0.1, 0.1, 0.3, 0.9]).texts[0].box == Box(0.1, 0.1, 0.3, 0.9)  # taken as it is, all the same
    assert said(told)[0] == SWAPPED
    assert loaded([0.1, 0.1, 0.9, 0.3])


# -- its HTML ---------------------------------------------------------------------------------------------------------


def fields(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'data-(?:field|set)="(\w+)"', page.split('class="fields"')[1])))


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (Element("background", FULL), ["text", "style", "colour"]),
        (Element("background", FULL, style="stripes"), ["text", "style", "colour", "accent"]),
        (Element("panel", FULL, "badge"), ["text", "style", "colour", "accent"]),
        (Element("object", FULL, "star"), ["text", "style"]),
        (Element("object", FULL, "star", style="mono"), ["text", "style", "colour"]),
        (Element("text", FULL, "Hi"), ["text", "style", "font", "align", "colour"]),
        (Element("text", FULL, "Hi", style="outline"), ["text", "style", "font", "align", "colour", "accent"]),
    ],
)
def test_only_the_fields_that_mean_something_are_shown(editor: Editor, element: Element, shown: list[str]) -> None:
    page = editor.plan_html(Desk(Layout("", (element,))), 0, False)
    assert fields(page) == shown
    assert all(f">{style}</option>" in page for style in STYLES[element.kind])


def test_every_installed_font_is_offered_once_with_its_category(editor: Editor) -> None:
    page = editor.plan_html(DESK, 1, False)
    assert re.findall(r'data-id="([^"]+)"', page) == [i for c in plan_panel.FONT_CATEGORIES for i in FONTS.of(c)]
    names = [plan_panel.font_name(FONTS, i) for i in FONTS.ids]
    assert len(set(names)) == len(names)
    for font_id, name in zip(FONTS.ids, names, strict=True):  # each can be typed, too
        assert editing.change(LAYOUT, 1, "font", name, FONTS).elements[1].font == font_id


def test_buttons_can_be_used_only_where_there_is_something_to_do(editor: Editor) -> None:
    def off(page: str) -> set[str]:
        return set(re.findall(r'id="(\w+)"[^>]*aria-disabled="true"', page))

    assert off(editor.plan_html(Desk(), None, False)) == {"undo", "redo", "replan"}
    assert off(editor.plan_html(DESK, 0, False)) == {"undo", "redo", "duplicate", "delete", "back", "forward"}
    desk = act(editor, DESK, "lock", 2)[0]
    assert off(editor.plan_html(desk, 2, False)) == {"redo", "back"}
    assert off(editor.plan_html(desk.undo(), 3, False)) == {"undo", "forward"}


def test_locked_elements_are_counted_in_words() -> None:
    one = editing.lock(LAYOUT, 1)
    assert "Nothing is locked" in editing.locked_words(LAYOUT)
    assert "1 of 4 is locked" in editing.locked_words(one)
    assert "2 of 4 are locked" in editing.locked_words(editing.lock(one, 2))


def test_a_note_marks_the_box_it_is_about(editor: Editor) -> None:
    long = "A text of more than thirty-two characters, cut in notes"
    desk = act(editor, DESK, "set", 1, field="text", value=long)[0]
    assert 'class="warn"' not in editor.plan_html(DESK, None, False)
    page = editor.plan_html(act(editor, desk, "place", 1, box=[0.1, 0.1, 0.2, 0.12])[0], None, False)
    marked = re.findall(r'<g class="box[^>]*data-i="(\d)"(?:(?!</g></g>).)*class="warn"', page)
    assert marked == ["1"] and "Note: The text" in page


def test_what_visitors_write_stays_words_everywhere(editor: Editor) -> None:
    layout = Layout(EVIL, tuple(Element(k, FULL, EVIL) for k in ("background", "panel", "object", "text")))
    for i in range(4):
        page = editor.plan_html(Desk(layout), i, False)
        assert not any(s in page for s in ("<img src=x", "{{", "${", "`", "</textarea><img"))


def test_forty_long_elements_are_shown(editor: Editor) -> None:
    texts = (Element("text", Box(0, i / 40, 1, (i + 1) / 40), "long words " * 18) for i in range(39))
    page = editor.plan_html(Desk(Layout("", (Element("background", FULL), *texts))), 39, False)
    assert page.count('<g class="box') == 40 and page.count("<option") > 40
