"""HTML of the plan editor: its tools, the backdrop, the panel of the chosen element. Pure functions of plain data.

The plan itself is drawn by `ui.render.plan`; `static/editor.js` listens. Everything that a visitor wrote goes through
`esc`. Positions of controls stay the same from one rendering to the next, so that the focus stays where it is.
"""

from __future__ import annotations

from PIL import Image

from pipelines.colours import name_of, to_rgb
from pipelines.types import ALIGNS, MAX_TEXT, STYLES, Element, Layout
from pipelines.vlad.fonts import FONT_CATEGORIES, FontBook
from ui import editing, render
from ui.editing import Desk
from ui.render import esc

TOOLS = {  # tool -> (name, icon, what it does)
    "select": ("Select", "M3 1l10 9.5H8.4l2.7 4.6-1.8 1-2.6-4.7L3 14.6z", "Choose, move and resize boxes"),
    "text": ("Text", "M2 2h12v4h-2V4H9v9h2v2H5v-2h2V4H4v2H2z", "Draw the box of a new text"),
    "object": ("Object", "M8 1l2.1 4.7 5.1.5-3.9 3.4 1.2 5L8 12l-4.5 2.6 1.2-5L.8 6.2l5.1-.5z", "Draw a new object"),
    "panel": ("Panel", "M1 3h14v10H1zm2 2v6h10V5z", "Draw a new panel"),
}
BACKDROPS = {"draft": "Draft", "colours": "Colours", "picture": "Picture", "none": "None"}
LABELS = {  # kind -> what its text is called
    "text": "Text", "object": "What it shows", "panel": "Kind of panel", "background": "What it shows",
}  # fmt: skip
KEYS = (
    ("Arrows", "move by 0.01; with Alt by 0.001"),
    ("Shift + arrows", "resize"),
    ("Enter", "go to the fields of the element"),
    ("Delete", "delete"),
    ("Ctrl + D", "duplicate"),
    ("L", "lock or unlock"),
    ("[ and ]", "behind or before others of its kind"),
    ("Ctrl + Z", "undo; with Shift, or Ctrl + Y, redo"),
    ("Tab", "next element"),
    ("Escape", "back to the tool Select"),
)


def editor(
    desk: Desk,
    canvas: Image.Image | None,
    fonts: FontBook,
    *,
    named: bool = True,
    selected: int | None = None,
    turn: int = 0,
) -> str:
    """The whole editor around the plan of a desk.

    Args:
        canvas: the picture below the boxes, or None where there is no plan.
        named: whether the boxes of objects carry their name.
        selected: index of the chosen element; anything else than an index chooses none.
        turn: differs from answer to answer, so that the page hears of each, even of one that changes nothing.
    """
    layout = desk.layout
    chosen = selected if layout and selected is not None and 0 <= selected < len(layout.elements) else None
    about = editing.warned(layout) if layout else {}
    plan = render.plan(layout, canvas, named=named, selected=chosen, warned=about)
    return (
        f'<div class="editor" data-chosen="{-1 if chosen is None else chosen}" data-turn="{turn}">{_tools()}{plan}'
        f'<p class="tell hint" role="status"></p>{_backdrop()}{_steps(desk)}{_panel(layout, chosen, fonts)}</div>'
    )


def keys() -> str:
    """The keys in a closed disclosure."""
    rows = "".join(f"<div><dt>{esc(key)}</dt><dd>{esc(does)}</dd></div>" for key, does in KEYS)
    return f'<details class="keys"><summary>Keys</summary><p>With a box in focus:</p><dl>{rows}</dl></details>'


def _tools() -> str:
    buttons = "".join(
        f'<button type="button" id="tool-{tool}" data-tool="{tool}" title="{esc(does)}"'
        f' aria-pressed="{"true" if tool == "select" else "false"}">{_icon(icon)}{name}</button>'
        for tool, (name, icon, does) in TOOLS.items()
    )
    return f'<div class="bar tools"><div class="seg" role="toolbar" aria-label="Tools">{buttons}</div></div>'


def _icon(path: str) -> str:
    return f'<i class="icon" aria-hidden="true" style="clip-path:path(evenodd,\'{path}\')"></i>'


def _backdrop() -> str:
    """Which picture lies below the boxes, and how strong; the page itself keeps what was chosen."""
    radios = "".join(
        f'<label><input type="radio" name="backdrop" value="{v}"{" checked" if v == "draft" else ""}>'
        f"<span>{name}</span></label>"
        for v, name in BACKDROPS.items()
    )
    return (
        f'<div class="bar backdrop"><div class="seg" role="radiogroup" aria-label="Backdrop">{radios}</div>'
        '<label class="opacity"><span>Opacity</span>'
        '<input type="range" min="0" max="100" step="5" value="100" aria-label="Opacity of the backdrop"></label></div>'
    )


def _steps(desk: Desk) -> str:
    """Undo, redo, planning again, and what is locked."""
    undo = _button("undo", "Undo", bool(desk.past and desk.layout))
    redo = _button("redo", "Redo", bool(desk.future and desk.layout))
    locked = esc(editing.locked_words(desk.layout))
    again = f'<button type="button" id="replan"{_off(desk.layout is not None)}>Plan the unlocked again</button>'
    return f'<div class="bar steps">{undo}{redo}{again}</div><p class="hint locked-words">{locked}</p>'


def _button(action: str, name: str, usable: bool = True, more: str = "") -> str:
    return f'<button type="button" id="{action}" data-do="{action}"{_off(usable)}{more}>{name}</button>'


def _off(usable: bool) -> str:
    """A button that cannot be used keeps the focus, so it is not taken away with "disabled"."""
    return f' aria-disabled="{"false" if usable else "true"}"'


# -- the chosen element ------------------------------------------------------------------------------------------------


def _panel(layout: Layout | None, chosen: int | None, fonts: FontBook) -> str:
    if layout is None:
        return ""
    e = layout.elements[chosen] if chosen is not None else None
    kind = f"k-{e.kind}" if e else ""
    number = f'<span class="no">{chosen + 1}</span>' if chosen is not None else '<span class="no">–</span>'
    inside = (
        _actions(layout, e, chosen) + f'<div class="fields">{_fields(e, fonts)}</div>'
        if e and chosen is not None
        else '<p class="hint">Click a box, or choose an element here, to change it.</p>'
    )
    return (
        f'<section class="element {kind}" aria-label="Chosen element"><div class="bar head">{number}'
        f'{_chooser(layout, chosen)}<output class="where"></output></div>{inside}</section>'
    )


def _chooser(layout: Layout, chosen: int | None) -> str:
    options = [(-1, "Choose an element")]
    options += [(i, f"{i + 1} · {e.kind} · {_cut(e.text or e.style)}") for i, e in enumerate(layout.elements)]
    value = -1 if chosen is None else chosen
    return _select("chooser", "Element", str(value), [(str(i), name) for i, name in options], "element")


def _cut(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"


def _actions(layout: Layout, e: Element, i: int) -> str:
    free = e.kind != "background"
    pressed = f' aria-pressed="{"true" if e.locked else "false"}"'
    buttons = (
        _button("lock", "Locked" if e.locked else "Lock", True, pressed)
        + _button("duplicate", "Duplicate", free)
        + _button("back", "Back", editing.neighbour(layout, i, -1) is not None)
        + _button("forward", "Forward", editing.neighbour(layout, i, 1) is not None)
        + _button("delete", "Delete", free)
    )
    return f'<div class="bar acts" role="toolbar" aria-label="This element">{buttons}</div>'


def _fields(e: Element, fonts: FontBook) -> str:
    made = {
        "text": lambda: _text(e),
        "style": lambda: _field("Style", _select("style", "Style", e.style, [(s, s) for s in STYLES[e.kind]])),
        "font": lambda: f'<div class="field-half"><span>Font</span>{_fonts(e, fonts)}</div>',
        "align": lambda: _align(e),
        "colour": lambda: _colour("colour", "Colour", e.colour),
        "accent": lambda: _colour("accent", "Second colour", e.accent),
    }
    return "".join(made[name]() for name in editing.fields_of(e))


def _field(label: str, control: str, wide: bool = False) -> str:
    return f'<label class="field-{"wide" if wide else "half"}"><span>{label}</span>{control}</label>'


def _text(e: Element) -> str:
    area = (
        f'<textarea rows="{2 if len(e.text) > 48 else 1}" maxlength="{MAX_TEXT}" data-field="text"'
        f' data-value="{esc(e.text)}" spellcheck="false">{esc(e.text)}</textarea>'
    )
    return _field(LABELS[e.kind], area, wide=True)


def _select(field: str, name: str, value: str, options: list[tuple[str, str]], elem_id: str = "") -> str:
    items = "".join(
        f'<option value="{esc(v)}"{" selected" if v == value else ""}>{esc(words)}</option>' for v, words in options
    )
    known = f' id="{elem_id}"' if elem_id else ""
    return f'<select{known} data-field="{field}" data-value="{esc(value)}" aria-label="{name}">{items}</select>'


def _colour(field: str, label: str, colour: str | None) -> str:
    """A colour picker and the same colour in letters, with its nearest name."""
    value = esc(colour or "")
    name = f" <small>{esc(name_of(to_rgb(colour)))}</small>" if colour else " <small>none yet</small>"
    return (
        f'<div class="field-half" role="group" aria-label="{label}"><span>{label}{name}</span><div class="colour">'
        f'<input type="color" data-field="{field}" data-value="{value}" value="{value or "#ffffff"}"'
        f' aria-label="{label}, picker"><input type="text" data-field="{field}" data-value="{value}" value="{value}"'
        f' placeholder="navy blue, #1a2b3c" maxlength="40" spellcheck="false" autocomplete="off"'
        f' aria-label="{label}, #rrggbb or a name"></div></div>'
    )


def _align(e: Element) -> str:
    buttons = "".join(
        f'<button type="button" data-set="align" data-to="{a}" aria-pressed="{"true" if a == e.align else "false"}"'
        f' aria-label="Align {a}" title="Align {a}">{_icon(ALIGN_ICONS[a])}</button>'
        for a in ALIGNS
    )
    return (
        '<div class="field-half" role="group" aria-label="Alignment"><span>Alignment</span>'
        f'<div class="seg">{buttons}</div></div>'
    )


ALIGN_ICONS = {
    "left": "M1 2h14v2H1zm0 5h8v2H1zm0 5h11v2H1z",
    "center": "M1 2h14v2H1zm3 5h8v2H4zM2.500 12h11v2h-11z",
    "right": "M1 2h14v2H1zm6 5h8v2H7zM4 12h11v2H4z",
}


# -- fonts -------------------------------------------------------------------------------------------------------------


def font_name(fonts: FontBook, font_id: str) -> str:
    """Name for people; with its weight where a family has several."""
    family = fonts.family(font_id)
    several = sum(fonts.family(i) == family for i in fonts.ids) > 1
    return f"{family} {font_id.rsplit('-', 1)[-1]}" if several else family


def _fonts(e: Element, fonts: FontBook) -> str:
    """A field that filters the installed fonts by name and category while one types."""
    current = fonts.known(e.font)
    value = esc(font_name(fonts, current))
    groups = "".join(_font_group(c, fonts, current) for c in FONT_CATEGORIES if fonts.of(c))
    return (
        '<span class="combo"><input type="text" role="combobox" aria-label="Font" aria-expanded="false"'
        f' aria-controls="font-list" aria-autocomplete="list" autocomplete="off" spellcheck="false" maxlength="60"'
        f' data-field="font" data-value="{value}" value="{value}">'
        f'<span id="font-list" class="list" role="listbox" aria-label="Fonts" hidden>{groups}</span></span>'
    )


def _font_group(category: str, fonts: FontBook, current: str) -> str:
    options = "".join(_font_option(i, category, fonts, i == current) for i in fonts.of(category))
    heading = f'<span class="group" aria-hidden="true">{category}</span>'
    return f'<span role="group" aria-label="{category}">{heading}{options}</span>'


def _font_option(font_id: str, category: str, fonts: FontBook, current: bool) -> str:
    name = font_name(fonts, font_id)
    return (
        f'<span role="option" id="font-{esc(font_id)}" data-id="{esc(font_id)}"'
        f' data-words="{esc(f"{name} {category}".lower())}" aria-selected="{"true" if current else "false"}">'
        f"{esc(name)}</span>"
    )
