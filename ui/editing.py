"""Pure editing of a layout: the table of numbers, adding and removing elements, undo and redo.

Every function returns a new, validated layout or raises `BadLayout` with one sentence; none changes its arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.colours import COLOURS, contrast, to_hex, to_rgb
from pipelines.errors import BadLayout
from pipelines.types import ALIGNS, FULL, KINDS, Box, Element, Kind, Layout
from pipelines.vlad.fonts import FontBook

HEADERS = ("#", "kind", "text", "x0", "y0", "x1", "y1", "colour", "font", "align", "lock")
COORDINATES = ("x0", "y0", "x1", "y1")
DEFAULT_BOX = {"text": (0.2, 0.42, 0.8, 0.58), "object": (0.36, 0.36, 0.64, 0.64), "panel": (0.15, 0.3, 0.85, 0.7)}
DEFAULT_TEXT = {"text": "New text", "object": "star", "panel": "card"}
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
        [i, e.kind, e.text, *(round(v, 3) for v in e.box.as_list()), e.colour or "", e.font or "", e.align, e.locked]
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
            colour=_colour(row, cells["colour"]) or (to_hex(COLOURS["charcoal"]) if kind == "text" else None),
            font=_font(row, cells["font"], fonts) if kind == "text" else None,
            align=_align(row, cells["align"]),
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


def _colour(row: int, cell: Any) -> str | None:
    text = _text(cell).lower()
    if not text:
        return None
    if text in COLOURS:
        return to_hex(COLOURS[text])
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(c * 2 for c in text[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    raise BadLayout(f"Row {row}, colour: {_short(cell)} is not a colour; write #rrggbb or a name such as navy blue.")


def _font(row: int, cell: Any, fonts: FontBook) -> str:
    """A font id; a category ("serif") or the start of an id stands for its first font."""
    text = _text(cell).lower()
    if text in fonts.ids:
        return text
    named = list(fonts.of(text)) if text in {fonts.category(i) for i in fonts.ids} else []
    named += [i for i in fonts.ids if text and i.startswith(text)]
    named += [] if text else list(fonts.of("sans-serif"))
    if not named:
        raise BadLayout(f"Row {row}, font: {_short(cell)} is not installed; write for example {fonts.ids[0]} or serif.")
    return named[0]


def _align(row: int, cell: Any) -> Any:
    text = _text(cell).lower().replace("centre", "center") or "center"
    if text not in ALIGNS:
        raise BadLayout(f"Row {row}, align: {_short(cell)} is unknown; write {', '.join(ALIGNS[:-1])} or {ALIGNS[-1]}.")
    return text


def _flag(row: int, cell: Any) -> bool:
    text = _text(cell).lower()
    if text not in _TRUE + _FALSE:
        raise BadLayout(f"Row {row}, lock: {_short(cell)} is neither true nor false; write one of them.")
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


def add(layout: Layout, kind: Kind, fonts: FontBook) -> Layout:
    """The layout with one more element in the middle, in a colour that reads on the background."""
    back = layout.background.colour if layout.background and layout.background.colour else "#ffffff"
    dark, light = to_hex(COLOURS["charcoal"]), "#ffffff"
    ink = max(dark, light, key=lambda c: contrast(to_rgb(c), to_rgb(back)))
    taken = {e.box.as_list()[1] for e in layout.elements if e.kind == kind}
    x0, y0, x1, y1 = DEFAULT_BOX[kind]
    while round(y0, 4) in taken and y1 < 0.94:
        y0, y1 = y0 + 0.06, y1 + 0.06
    new = Element(
        kind,
        Box.clipped(x0, y0, x1, y1),
        DEFAULT_TEXT[kind],
        colour=ink if kind == "text" else "#ffffff" if kind == "panel" and ink == dark else dark,
        font=_font(0, "", fonts) if kind == "text" else None,
        style="rounded" if kind == "panel" else "",
    )
    return replace(layout, elements=(*layout.elements, new))


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
        raise BadLayout(f"Element {index + 1} is locked; unlock it in the table to move it.")
    finite = isinstance(box, (list, tuple)) and len(box) == 4
    if not finite or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in box):
        raise BadLayout("A box must be four numbers [x0, y0, x1, y1] from 0 to 1; move it again.")
    new = replace(e, box=Box.clipped(*(round(float(v), 3) for v in box)))
    return replace(layout, elements=(*layout.elements[:index], new, *layout.elements[index + 1 :]))


def _movable(layout: Layout, index: int, verb: str) -> Element:
    if not 0 <= index < len(layout.elements):
        raise BadLayout("That element is no longer in the plan; choose another one.")
    e = layout.elements[index]
    if e.kind == "background":
        raise BadLayout(f"The background cannot be {verb}; change its colour in the table instead.")
    return e


def blank() -> Layout:
    """A white canvas, for building a plan by hand."""
    return Layout(prompt="", elements=(Element("background", FULL, colour="#ffffff"),))


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
