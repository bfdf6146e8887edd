"""From an understood prompt to wishes, from sampled slots to a layout; numpy and PIL only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipelines.colours import COLOURS, name_of, to_hex, to_rgb
from pipelines.types import FULL, MAX_ELEMENTS, Element, Layout
from pipelines.vlad.canvas import fit_text, legibility_warnings
from pipelines.vlad.fonts import FontBook
from pipelines.vlad.nouns import PICTURED_KINDS
from pipelines.vlad.prompt import Part, Understanding
from pipelines.vlad.readability import PATTERNED, PICTURED, named, readable
from pipelines.vlad.settle import overlap, settle, travelled
from pipelines.vlad.slots import Wish, decode_slot

ALWAYS = {
    "background": frozenset({"box", "font", "align"}),
    "panel": frozenset({"font", "align"}),
    "object": frozenset({"font", "align", "accent"}),
    "text": frozenset({"accent"}),
}
USUAL = {"chalkboard": "#2e323a", "blackboard": "#2e323a", "whiteboard": "#ffffff", "speech": "#ffffff"}
UNSURE = to_hex(COLOURS["gray"])  # what a stage samples that wavers between colours
LIVELY = ("cream", "sky blue", "mint", "navy blue", "peach", "yellow", "lavender", "teal", "light pink", "coral")
WALLS = ("brick wall", "wood", "concrete", "plaster wall")  # what an unasked texture behind a panel shows


@dataclasses.dataclass(frozen=True)
class Plan:
    """Wishes in drawing order, and which of them belong to which part of the prompt."""

    wishes: list[Wish]
    members: list[list[int]]
    relations: list[tuple[list[int], str, list[int]]]


def make_plan(understood: Understanding, locked: Sequence[Element] = ()) -> Plan:
    """One wish per element: the background, panels, then objects and texts in the order of the prompt.

    Args:
        locked: elements the visitor has fixed; each takes the place of the first open wish of its kind and text.
    """
    glowing = "neon" in understood.prompt.lower()
    parts = list(enumerate(understood.parts))
    ranked = sorted(parts, key=lambda p: {"background": 0, "panel": 1}.get(p[1].kind, 2))
    wishes: list[Wish] = []
    members: list[list[int]] = [[] for _ in parts]
    if not any(p.kind == "background" for _, p in parts):
        wishes.append(_background(None))
    for index, part in ranked:
        for copy in range(part.count if part.kind == "object" else 1):
            if len(wishes) >= MAX_ELEMENTS:
                break
            members[index].append(len(wishes))
            wishes.append(_background(part) if part.kind == "background" else _wish(part, copy, glowing))
    wishes = _with_locked(wishes, locked)
    relations = [(members[a], word, members[b]) for a, word, b in understood.relations if members[a] and members[b]]
    return Plan(wishes, members, relations)


def _background(part: Part | None) -> Wish:
    known = set(ALWAYS["background"])
    if part is None:
        return Wish(Element("background", FULL), frozenset(known))
    element = Element(
        "background", FULL, text=part.text, colour=part.colour, accent=part.accent,
        style=part.style or "plain", span=part.span,
    )  # fmt: skip
    for name, given in (("colour", part.colour), ("style", part.style), ("accent", part.accent)):
        if given:
            known.add(name)
    return Wish(element, frozenset(known))


def _wish(part: Part, copy: int, glowing: bool) -> Wish:
    known = set(ALWAYS[part.kind])
    style = part.style or ("glow" if glowing and part.kind == "text" else "")
    if part.kind == "object":
        style = style or ("mono" if glowing else "3d")
        if style != "mono":
            known.add("colour")
    if style:
        known.add("style")
    usual = [c for word, c in USUAL.items() if part.kind == "panel" and word in part.text]
    colour = part.colour or (usual[0] if usual else None)
    if colour:
        known.add("colour")
    element = Element(part.kind, FULL, text=part.text, colour=colour, accent=part.accent, style=style, span=part.span)
    return Wish(element, frozenset(known), part.place or "", copy, part.count, part.font_category or "")


def _with_locked(wishes: list[Wish], locked: Sequence[Element]) -> list[Wish]:
    """Replace wishes by what the visitor has fixed, and append what the prompt does not ask for."""
    out, taken = list(wishes), set()
    everything = frozenset({"box", "colour", "accent", "style", "font", "align"})
    for e in locked:
        match = next(
            (i for i, w in enumerate(out) if i not in taken and (w.element.kind, w.element.text) == (e.kind, e.text)),
            None,
        )
        if match is None and e.kind == "background":
            match = 0
        wish = Wish(e, everything)
        if match is None:
            out.append(wish)
            match = len(out) - 1
        else:
            out[match] = dataclasses.replace(out[match], element=e, known=everything)
        taken.add(match)
    return out[:MAX_ELEMENTS]


def finish(
    plan: Plan, slots: np.ndarray, fonts: FontBook, pick: int, local: bool = True
) -> tuple[list[Element], float]:
    """Elements from sampled slots, settled, and how bad they are (lower is better).

    Args:
        slots: (M, SLOT). pick: chooses among the fonts of a category. local: see `settle`.
    """
    panels = any(w.element.kind == "panel" for w in plan.wishes)
    raw = [_cleaned(decode_slot(z, w, fonts, pick), w, pick, panels) for z, w in zip(slots, plan.wishes, strict=True)]
    raw = _one_look(raw, plan, fonts)
    done = settle(raw, plan.relations, [w.place for w in plan.wishes], fonts, local)
    fixed = ["colour" in w.known and w.element.colour is not None for w in plan.wishes]
    done = readable(done, fixed)
    return done, travelled(raw, done) + 8 * overlap(done) + (_small_letters(done, fonts) if local else 0)


def _cleaned(e: Element, wish: Wish, pick: int, panels: bool) -> Element:
    """Sampled colours snapped to named ones; styles that only a prompt may ask for replaced; a variant by the seed."""
    changes: dict[str, object] = {}
    if e.kind in ("background", "panel") and not e.locked:
        changes["variant"] = pick % 16
    for name in ("colour", "accent"):
        value = getattr(e, name)
        if name not in wish.known and value:
            changes[name] = named(value)
    if e.kind == "background" and changes.get("accent") == UNSURE:
        changes["accent"] = None
    if e.kind == "background" and changes.get("colour") == UNSURE:
        changes.update(colour=to_hex(COLOURS[LIVELY[pick % len(LIVELY)]]), accent=None)
    if "style" not in wish.known:
        if e.kind == "background" and e.style in PICTURED:
            changes.update(_surroundings(panels, pick))
        if e.kind == "text" and e.style in ("glow", "outline"):
            changes["style"] = "plain"
    if e.kind == "background" and "accent" not in wish.known and changes.get("style", e.style) in PATTERNED:
        changes["accent"] = None  # tone in tone
    if e.kind == "object" and e.style != "mono" and wish.element.colour is None:
        changes["colour"] = None
    return dataclasses.replace(e, **changes)  # type: ignore[arg-type]


def _surroundings(panels: bool, pick: int) -> dict[str, object]:
    """A material behind a panel where the plan wants one; nothing pictured behind bare letters, which would suffer."""
    if not panels:
        return {"style": "plain"}
    name = WALLS[pick % len(WALLS)]
    return {"style": "texture", "text": name, "colour": PICTURED_KINDS[name][1]}


def _one_look(elements: list[Element], plan: Plan, fonts: FontBook) -> list[Element]:
    """Equal objects get one colour as silhouettes; the texts after the first share font and colour."""
    out = list(elements)
    for group in plan.members:
        group = [i for i in group if out[i].kind == "object" and not out[i].locked]
        if len(group) > 1:
            colour = out[group[0]].colour
            for i in group:
                out[i] = dataclasses.replace(out[i], colour=colour)
    lesser = [i for i, e in enumerate(out) if e.kind == "text" and not e.locked][1:]
    for i in lesser[1:]:
        first, wish = out[lesser[0]], plan.wishes[i]
        font = first.font if not wish.category and fonts.covers(first.font or "", out[i].text) else out[i].font
        colour = out[i].colour if "colour" in wish.known else first.colour
        out[i] = dataclasses.replace(out[i], font=font, colour=colour)
    return out


def _small_letters(elements: Sequence[Element], fonts: FontBook) -> float:
    """0 when every text has an x-height of 16 px or more, up to 1 for each that has none."""
    heights = [fit_text(e.text, e.font or "", e.box, fonts).x_height for e in elements if e.kind == "text"]
    return sum(max(0.0, 1 - h / 16) for h in heights) * 0.6


def make_layout(understood: Understanding, elements: Sequence[Element], seed: int) -> Layout:
    """The layout with its warnings; the background gets a colour and an accent it can be drawn with."""
    elements = [_ground(e) if e.kind == "background" else e for e in elements]
    layout = Layout(understood.prompt, tuple(elements), understood.caption, seed, tuple(understood.warnings))
    return dataclasses.replace(layout, warnings=(*understood.warnings, *legibility_warnings(layout)))


def _ground(e: Element) -> Element:
    colour = e.colour or "#ffffff"
    if e.style in ("border", "split") and (e.accent is None or name_of(to_rgb(e.accent)) == name_of(to_rgb(colour))):
        light = sum(to_rgb(colour)) > 380
        return dataclasses.replace(e, colour=colour, accent=to_hex(COLOURS["teal" if light else "gold"]))
    return dataclasses.replace(e, colour=colour)
