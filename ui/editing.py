"""Pure editing of a layout: the table of numbers, one field, adding, moving and removing elements, undo and redo.

Every function returns a new, validated layout or raises `BadLayout` with one sentence; none changes its arguments.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.colours import COLOURS, contrast, to_hex, to_rgb
from pipelines.errors import BadLayout
from pipelines.types import ALIGNS, FULL, KINDS, STYLES, Box, Element, Kind, Layout
from pipelines.vlad.fonts import FontBook

HEADERS = ("#", "kind", "text", "x0", "y0", "x1", "y1", "colour", "font", "align", "lock")
COORDINATES = ("x0", "y0", "x1", "y1")
DEFAULT_BOX = {"text": (0.2, 0.42, 0.8, 0.58), "object": (0.36, 0.36, 0.64, 0.64), "panel": (0.15, 0.3, 0.85, 0.7)}
DEFAULT_TEXT = {"text": "New text", "object": "star", "panel": "card"}
FIELDS = {  # what can be changed one by one, and its name in a sentence
    "text": "text", "style": "style", "font": "font", "align": "align", "colour": "colour", "accent": "second colour",
}  # fmt: skip
ABSENT = "The layout does not show"  # a note about words that no element holds
MAX_ROWS = 60
HISTORY = 30
_TRUE, _FALSE = ("true", "1", "yes", "x", "on"), ("false", "0", "no", "", "off", "none")


@dataclass(frozen=True)
class Desk:
    """The layout on the desk of one visitor, with the ones before and after it.

    Attributes:
        layout: what is shown and drawn, or None before the first plan.
        past, future: at most HISTORY layouts each, nearest last.
        refused: the table that was refused last and when, in seconds of a monotonic clock.
    """

    layout: Layout | None = None
    past: tuple[Layout, ...] = ()
    future: tuple[Layout, ...] = ()
    refused: tuple[str, float] = ("", 0.0)

    def put(self, layout: Layout) -> Desk:
        """The desk with a new layout; nothing to redo any more."""
        past = (*self.past, self.layout)[-HISTORY:] if self.layout is not None else ()
        return Desk(layout, tuple(p for p in past if p is not None))

    def undo(self) -> Desk:
        """One layout back, or the same desk."""
        if not self.past or self.layout is None:
            return self
        return Desk(self.past[-1], self.past[:-1], (*self.future, self.layout))

    def redo(self) -> Desk:
        """One layout forward, or the same desk."""
        if not self.future or self.layout is None:
            return self
        return Desk(self.future[-1], (*self.past, self.layout), self.future[:-1])


def rows_of(layout: Layout | None) -> list[list[Any]]:
    """One row of HEADERS per element; coordinates with three decimals, missing values as empty strings."""
    if layout is None:
        return []
    return [
        [
            i,
            e.kind,
            e.text,
            *(round(v, 3) for v in e.box.as_list()),
            e.colour or "",
            e.font or "",
            e.align,
            "yes" if e.locked else "",
        ]
        for i, e in enumerate(layout.elements, 1)
    ]


def layout_from_rows(rows: Sequence[Sequence[Any]], layout: Layout | None, fonts: FontBook) -> Layout:
    """The layout that an edited table describes. Cells may be strings; blank rows are left out.

    A row whose "#" names an element of `layout` keeps what the table does not show (style, accent, variant, span).

    Raises:
        BadLayout: a cell cannot be read or breaks the rules of `pipelines.types`; the sentence names row and column.
    """
    if len(rows) > MAX_ROWS:
        raise BadLayout(f"The table has {len(rows)} rows; {MAX_ROWS} is the most, delete some.")
    old = layout.elements if layout else ()
    cells = [list(row)[: len(HEADERS)] + [""] * (len(HEADERS) - len(row)) for row in rows]
    filled = [(i, row) for i, row in enumerate(cells, 1) if any(_text(c) for c in row[1:10])]
    elements = tuple(_element(i, dict(zip(HEADERS, row, strict=True)), old, fonts) for i, row in filled)
    new = replace(layout, elements=elements) if layout else Layout(prompt="", elements=elements)
    return with_background(new)


def _element(row: int, cells: dict[str, Any], old: Sequence[Element], fonts: FontBook) -> Element:
    before = _before(cells["#"], old)
    kind = _kind(row, cells["kind"])
    text = _text(cells["text"])
    same = before is not None and before.kind == kind
    base = before if same and before else Element(kind, FULL, text or DEFAULT_TEXT.get(kind, ""))
    try:
        return replace(
            base,
            text=text,
            box=_box(row, kind, cells, before),
            colour=_main_colour(f"Row {row}, colour", kind, cells["colour"]),
            font=_font(f"Row {row}, font", cells["font"], fonts) if kind == "text" else None,
            align=_align(f"Row {row}, align", cells["align"]),
            locked=_flag(row, cells["lock"]),
            span=base.span if text == base.text else None,
        )
    except BadLayout as e:
        raise e if str(e).startswith("Row ") else BadLayout(f"Row {row}: {e}") from e


def _before(cell: Any, old: Sequence[Element]) -> Element | None:
    try:
        number = int(float(_text(cell)))
    except ValueError:
        return None
    return old[number - 1] if 1 <= number <= len(old) else None


def _text(cell: Any) -> str:
    """A cell as a string; NaN and None are empty."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return str(cell).strip()


def _kind(row: int, cell: Any) -> Kind:
    for kind in KINDS:
        if _text(cell).lower() == kind:
            return kind
    raise BadLayout(f"Row {row}, kind: {_short(cell)} is unknown; write {', '.join(KINDS[:-1])} or {KINDS[-1]}.")


def _box(row: int, kind: Kind, cells: dict[str, Any], before: Element | None) -> Box:
    values = [_number(row, name, cells[name]) for name in COORDINATES]
    if kind == "background":
        if values not in ([0.0, 0.0, 1.0, 1.0],):
            raise BadLayout(f"Row {row}: the background always fills the canvas; leave its box at 0, 0, 1, 1.")
        return FULL
    if before is not None and values == [round(v, 3) for v in before.box.as_list()]:
        return before.box
    return Box(*values)


def _number(row: int, name: str, cell: Any) -> float:
    try:
        value = float(_text(cell).replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadLayout(f"Row {row}, {name}: {_short(cell)} is not a number; give one from 0 to 1.")
    if not 0 <= value <= 1:
        raise BadLayout(f"Row {row}, {name}: {value:g} lies off the canvas; give a number from 0 (left, top) to 1.")
    return value


def _main_colour(where: str, kind: Kind, cell: Any) -> str | None:
    """As `_colour`; letters without a colour become nearly black."""
    return _colour(where, cell) or (to_hex(COLOURS["charcoal"]) if kind == "text" else None)


def _colour(where: str, cell: Any) -> str | None:
    """ "#rrggbb" of a typed colour or name; None for an empty cell."""
    text = _text(cell).lower()
    if not text:
        return None
    if text in COLOURS:
        return to_hex(COLOURS[text])
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(c * 2 for c in text[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    raise BadLayout(f"{where}: {_short(cell)} is not a colour; write #rrggbb or a name such as navy blue.")


def _font(where: str, cell: Any, fonts: FontBook) -> str:
    """A font id; a category ("serif"), a family or the start of an id or of a family stands for its first font."""
    text = _text(cell).lower()
    if text.replace(" ", "-") in fonts.ids:
        return text.replace(" ", "-")
    named = list(fonts.of(text)) if text in {fonts.category(i) for i in fonts.ids} else []
    named += [i for i in fonts.ids if text and (i.startswith(text) or fonts.family(i).lower().startswith(text))]
    named += [] if text else list(fonts.of("sans-serif"))
    if not named:
        raise BadLayout(f"{where}: {_short(cell)} is not installed; write for example {fonts.ids[0]} or serif.")
    return named[0]


def _align(where: str, cell: Any) -> Any:
    text = _text(cell).lower().replace("centre", "center") or "center"
    if text not in ALIGNS:
        raise BadLayout(f"{where}: {_short(cell)} is unknown; write {', '.join(ALIGNS[:-1])} or {ALIGNS[-1]}.")
    return text


def _flag(row: int, cell: Any) -> bool:
    text = _text(cell).lower()
    if text not in _TRUE + _FALSE:
        raise BadLayout(f"Row {row}, lock: {_short(cell)} is neither yes nor no; write one of them.")
    return text in _TRUE


def _short(cell: Any) -> str:
    text = _text(cell)
    return f"“{text[:24]}…”" if len(text) > 25 else f"“{text}”"


def with_background(layout: Layout) -> Layout:
    """The layout with exactly one background that fills the canvas (white if it had none)."""
    if layout.background is None:
        return replace(layout, elements=(Element("background", FULL, colour="#ffffff"), *layout.elements))
    fixed = tuple(replace(e, box=FULL) if e.kind == "background" else e for e in layout.elements)
    return replace(layout, elements=fixed)


def add(layout: Layout, kind: Any, fonts: FontBook, box: Any = None) -> Layout:
    """The layout with one more element, in a colour that reads on the background.

    Args:
        kind: text, object or panel.
        box: [x0, y0, x1, y1], moved into the canvas where it sticks out; None: in the middle, below others of its kind.

    Raises:
        BadLayout: another kind, not four finite numbers, or too many elements.
    """
    if not isinstance(kind, str) or kind not in DEFAULT_BOX:
        raise BadLayout("Only a text, an object or a panel can be added; choose one of these tools.")
    back = layout.background.colour if layout.background and layout.background.colour else "#ffffff"
    dark, light = to_hex(COLOURS["charcoal"]), "#ffffff"
    ink = max(dark, light, key=lambda c: contrast(to_rgb(c), to_rgb(back)))
    new = Element(
        kind,  # type: ignore[arg-type]
        _free_box(layout, kind) if box is None else _given_box(box),
        DEFAULT_TEXT[kind],
        colour=ink if kind == "text" else "#ffffff" if kind == "panel" and ink == dark else dark,
        font=_font("", "", fonts) if kind == "text" else None,
        style="rounded" if kind == "panel" else "",
    )
    return replace(layout, elements=(*layout.elements, new))


def _free_box(layout: Layout, kind: str) -> Box:
    """The usual box of a kind, lower while another element of the kind starts there."""
    taken = {e.box.as_list()[1] for e in layout.elements if e.kind == kind}
    x0, y0, x1, y1 = DEFAULT_BOX[kind]
    while round(y0, 4) in taken and y1 < 0.94:
        y0, y1 = y0 + 0.06, y1 + 0.06
    return Box.clipped(x0, y0, x1, y1)


def _given_box(box: Any) -> Box:
    """A box that arrived from the page, with three decimals and inside the canvas."""
    if not isinstance(box, (list, tuple)) or len(box) != 4 or not all(map(_finite, box)):
        raise BadLayout("A box must be four numbers [x0, y0, x1, y1] from 0 to 1; move it again.")
    return Box.clipped(*(round(min(1.0, max(0.0, v)), 3) for v in box))


def _finite(value: Any) -> bool:
    """Whether it is a number, neither NaN nor infinite nor a truth value."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return number or (isinstance(value, float) and math.isfinite(value))


def duplicate(layout: Layout, index: int) -> Layout:
    """The layout with a copy of element `index` right after it, a little lower and to the right.

    Raises:
        BadLayout: no such element, the background, or too many elements.
    """
    e = _movable(layout, index, "duplicated")
    dx, dy = min(0.05, 1 - e.box.x1), min(0.05, 1 - e.box.y1)
    box = Box.clipped(e.box.x0 + dx, e.box.y0 + dy, e.box.x1 + dx, e.box.y1 + dy)
    copy = replace(e, box=box, locked=False)
    return replace(layout, elements=(*layout.elements[: index + 1], copy, *layout.elements[index + 1 :]))


def delete(layout: Layout, index: int) -> Layout:
    """The layout without element `index`.

    Raises:
        BadLayout: no such element, or the background.
    """
    _movable(layout, index, "deleted")
    return replace(layout, elements=layout.elements[:index] + layout.elements[index + 1 :])


def place(layout: Layout, index: int, box: Any) -> Layout:
    """The layout with element `index` in a new box [x0, y0, x1, y1], moved into the canvas where it sticks out.

    Raises:
        BadLayout: no such element, the background, a locked element, or not four finite numbers.
    """
    e = _movable(layout, index, "moved")
    if e.locked:
        raise BadLayout(f"Element {index + 1} is locked; unlock it to move it.")
    return _with(layout, index, replace(e, box=_given_box(box)))


def change(layout: Layout, index: int, field: Any, value: Any, fonts: FontBook) -> Layout:
    """The layout with one field of element `index` set to what was typed or chosen.

    Args:
        field: one of FIELDS. value: a string; names of colours, categories of fonts and empty colours are understood.

    Raises:
        BadLayout: no such element or field, or a value that cannot be used; the sentence names element and field.
    """
    e = _known(layout, index)
    if not isinstance(field, str) or field not in FIELDS:
        raise BadLayout("That field does not exist; reload the page and try again.")
    where = f"Element {index + 1}, {FIELDS[field]}"
    text = _text(value)
    try:
        return _with(layout, index, _changed(e, field, text, where, fonts))
    except BadLayout as error:
        raise error if str(error).startswith(where) else BadLayout(f"{where}: {error}") from error


def _changed(e: Element, field: str, text: str, where: str, fonts: FontBook) -> Element:
    if field == "text":
        return replace(e, text=text, span=e.span if text == e.text else None)
    if field == "colour":
        return replace(e, colour=_main_colour(where, e.kind, text))
    if field == "accent":
        return replace(e, accent=_colour(where, text))
    if field == "style":
        return replace(e, style=text or STYLES[e.kind][0])
    if e.kind != "text":
        raise BadLayout(f"{where}: only a text has one; choose a text first.")
    return replace(e, font=_font(where, text, fonts)) if field == "font" else replace(e, align=_align(where, text))


def fields_of(e: Element) -> tuple[str, ...]:
    """The fields that mean something for an element as it is, in the order in which they are shown."""
    fields = ["text", "style"]
    if e.kind == "text":
        fields += ["font", "align"]
    if e.kind != "object" or e.style == "mono":
        fields.append("colour")
    outlined = e.kind == "text" and e.style == "outline"
    patterned = e.kind == "background" and e.style not in ("plain", "photo", "texture")
    if outlined or patterned or e.kind == "panel":
        fields.append("accent")
    return tuple(fields)


def lock(layout: Layout, index: int) -> Layout:
    """The layout with element `index` locked, or unlocked if it was locked.

    Raises:
        BadLayout: no such element.
    """
    e = _known(layout, index)
    return _with(layout, index, replace(e, locked=not e.locked))


def neighbour(layout: Layout, index: int, step: int) -> int | None:
    """Index of the next element of the same kind in front (step 1) or behind (-1), or None: drawing goes by kind."""
    if not 0 <= index < len(layout.elements):
        return None
    same = [i for i, e in enumerate(layout.elements) if e.kind == layout.elements[index].kind]
    at = same.index(index) + step
    return same[at] if 0 <= at < len(same) else None


def reorder(layout: Layout, index: int, step: int) -> tuple[Layout, int]:
    """The layout with element `index` one place further in front (1) or behind (-1) among its kind, and its new index.

    Raises:
        BadLayout: no such element, or nothing of its kind on that side.
    """
    e, other = _known(layout, index), neighbour(layout, index, step)
    if other is None:
        side = "in front of" if step > 0 else "behind"
        raise BadLayout(f"Element {index + 1} is {side} every other {e.kind} already; a {e.kind} moves among its kind.")
    swapped = list(layout.elements)
    swapped[index], swapped[other] = swapped[other], e
    return replace(layout, elements=tuple(swapped)), other


def warned(layout: Layout) -> dict[int, list[str]]:
    """Index of a text -> the notes of the layout that quote it, for the texts that a note is about."""
    about = [w for w in layout.warnings if not w.startswith(ABSENT)]
    found = {i: [w for w in about if _quoted(e.text) in w] for i, e in enumerate(layout.elements) if e.kind == "text"}
    return {i: sentences for i, sentences in found.items() if sentences}


def _quoted(text: str) -> str:
    """A text as the notes quote it: cut after 31 characters where it is longer than 32."""
    return f'"{text if len(text) <= 32 else text[:31] + "…"}"'


def locked_words(layout: Layout | None) -> str:
    """How many elements are locked, in words."""
    if layout is None:
        return ""
    count, total = sum(e.locked for e in layout.elements), len(layout.elements)
    if not count:
        return "Nothing is locked: planning again replaces the whole plan."
    return f"{count} of {total} {'is' if count == 1 else 'are'} locked and will stay where {_they(count)} now."


def _they(count: int) -> str:
    return "it is" if count == 1 else "they are"


def _with(layout: Layout, index: int, e: Element) -> Layout:
    return replace(layout, elements=(*layout.elements[:index], e, *layout.elements[index + 1 :]))


def _known(layout: Layout, index: int) -> Element:
    if index < 0:
        raise BadLayout("No element is chosen; click a box or choose one in the list first.")
    if index >= len(layout.elements):
        raise BadLayout("That element is no longer in the plan; choose another one.")
    return layout.elements[index]


def _movable(layout: Layout, index: int, verb: str) -> Element:
    e = _known(layout, index)
    if e.kind == "background":
        raise BadLayout(f"The background cannot be {verb}; change its colour or its style instead.")
    return e


def blank() -> Layout:
    """A white canvas, for building a plan by hand."""
    return Layout(prompt="", elements=(Element("background", FULL, colour="#ffffff"),))


def read(text: str) -> Layout:
    """A layout from the text of a JSON file.

    Raises:
        BadLayout: not a layout; the sentence names the element that cannot be used and what its box must be.
    """
    try:
        return Layout.from_json(text)
    except BadLayout as error:
        raise BadLayout(_located(text, str(error))) from error


def _located(text: str, sentence: str) -> str:
    """The sentence with the number of the first element that cannot be read, if one is to blame."""
    try:
        elements = json.loads(text)["elements"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return sentence
    for i, data in enumerate(elements if isinstance(elements, list) else (), 1):
        try:
            Element.from_dict(data)
        except BadLayout as e:
            return f"Element {i}: {e}{_pixels(data)}"
    return sentence


def _pixels(data: Any) -> str:
    box = data.get("box") if isinstance(data, dict) else None
    numbers = [v for v in box if isinstance(v, (int, float))] if isinstance(box, list) else []
    big = any(v > 1.5 for v in numbers)
    return " Divide pixels by the width (x) and the height (y) of the canvas." if big else ""


def swapped(layout: Layout) -> bool:
    """Whether x and y seem to be swapped: every longer text stands in a box much higher than wide."""
    long = [e for e in layout.texts if len(e.text) > 3]
    return bool(long) and all(e.box.height > 1.8 * e.box.width for e in long)


def checked(layout: Layout, fonts: FontBook) -> Layout:
    """An imported layout, ready to draw: a background that fills the canvas, fonts that are installed.

    Raises:
        BadLayout: a font that is not installed.
    """
    for i, e in enumerate(layout.elements, 1):
        if e.font is not None and e.font not in fonts.ids:
            raise BadLayout(
                f"Element {i} asks for the font {_short(e.font)}, which is not installed; write another one."
            )
    return with_background(layout)
