"""From an understood prompt to wishes, from sampled slots to a layout; numpy and PIL only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pipelines.colours import COLOURS, PALETTES, name_of, to_hex, to_rgb
from pipelines.types import FULL, MAX_ELEMENTS, STYLES, Element, Layout
from pipelines.vlad.backgrounds import background_tones
from pipelines.vlad.canvas import fit_text, legibility_warnings, outline_colour
from pipelines.vlad.choices import ANY, Choices
from pipelines.vlad.fonts import FONT_CATEGORIES, FontBook
from pipelines.vlad.negative import negative_warnings
from pipelines.vlad.nouns import PICTURED_KINDS
from pipelines.vlad.prompt import Part, Understanding
from pipelines.vlad.readability import PATTERNED, PICTURED, grounded, named, readable
from pipelines.vlad.reading import glows, leading_colour
from pipelines.vlad.settle import overlap, settle, travelled
from pipelines.vlad.shapes import RED, WOOD
from pipelines.vlad.slots import FONT, STYLE, Wish, decode_slot

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
TRIM = {"note": to_hex(RED), "board": to_hex(WOOD)}  # what the canvas draws on such a panel without an accent
APART = 105.0  # how far from its own colour an object is tinted that must not have it
SWAPPED = 0.05  # how bad it is that one element had to be changed for what is to be avoided


@dataclasses.dataclass(frozen=True)
class Plan:
    """Wishes in drawing order, and which of them belong to which part of the prompt."""

    wishes: list[Wish]
    members: list[list[int]]
    relations: list[tuple[list[int], str, list[int]]]


def make_plan(understood: Understanding, locked: Sequence[Element] = (), choices: Choices = ANY) -> Plan:
    """One wish per element: the background, panels, then objects and texts in the order of the prompt.

    Args:
        locked: elements the visitor has fixed; each takes the place of the first open wish of its kind and text.
        choices: what is chosen from where the prompt says nothing.
    """
    glowing = glows(understood.prompt.lower())
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
            wishes.append(_background(part) if part.kind == "background" else _wish(part, copy, glowing, choices))
    wishes = _with_locked(wishes, locked)
    relations = [
        related
        for a, word, b in understood.relations
        for related in _related(members[a], word, members[b])
        if related[0] and related[2]
    ]
    return Plan(wishes, members, relations)


def _related(first: list[int], word: str, second: list[int]) -> list[tuple[list[int], str, list[int]]]:
    """A relation between groups as `settle` takes them: between several is right of some and left of the others."""
    if word != "between":
        return [(first, word, second)]
    half = len(second) // 2
    return [(second[:half], "left of", first), (first, "left of", second[half:])]


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


def _wish(part: Part, copy: int, glowing: bool, choices: Choices) -> Wish:
    known = set(ALWAYS[part.kind])
    style = part.style or ("glow" if glowing and part.kind == "text" else "")
    if part.kind == "object":
        style = style or choices.style("object", "mono" if glowing else "3d")
        if style != "mono":
            known.add("colour")
    if style:
        known.add("style")
    usual = [c for word, c in USUAL.items() if part.kind == "panel" and word in part.text]
    colour = part.colour or next((c for c in usual if choices.allows("panel", c)), None)
    own = leading_colour(part.name) if part.kind == "object" and style != "mono" else None
    if colour is None and own and not choices.allows("object", own):
        colour = choices.nearest("object", own, to_rgb(own), APART)  # "heart": a red one unless red is to be avoided
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
    plan: Plan, slots: np.ndarray, fonts: FontBook, pick: int, local: bool = True, choices: Choices = ANY
) -> tuple[list[Element], float]:
    """Elements from sampled slots, settled, and how bad they are (lower is better).

    Args:
        slots: (M, SLOT). pick: chooses among the fonts of a category. local: see `settle`. choices: what the parts that
            the prompt leaves open may become.
    """
    panels = any(w.element.kind == "panel" for w in plan.wishes)
    raw = [
        _cleaned(_decoded(z, w, fonts, pick, choices), w, pick, panels, choices)
        for z, w in zip(slots, plan.wishes, strict=True)
    ]
    raw = _one_look(raw, plan, fonts, choices)
    fixed = ["colour" in w.known and w.element.colour is not None for w in plan.wishes]
    done = settle(raw, plan.relations, [w.place for w in plan.wishes], fonts, local)
    done = done if choices is ANY else grounded(done, fixed, choices)
    done = readable(done, fixed, choices)
    if choices is not ANY:
        done = [_derived(e, w, choices) for e, w in zip(done, plan.wishes, strict=True)]
    return done, travelled(raw, done) + 8 * overlap(done) + (_small_letters(done, fonts) if local else 0)


def best_of(
    plan: Plan, slots: np.ndarray, fonts: FontBook, pick: int, local: bool = True, choices: Choices = ANY
) -> tuple[list[Element], bool]:
    """The best elements of sampled slots (B, M, SLOT), and whether they are what would be planned from these slots if
    everything could be chosen.
    """
    free = [finish(plan, z, fonts, pick, local) for z in slots]
    first = min(range(len(free)), key=lambda i: free[i][1])
    if choices is ANY:
        return free[first][0], True
    kept = [finish(plan, z, fonts, pick, local, choices) for z in slots]
    if kept[first][0] == free[first][0]:
        return kept[first][0], True
    swapped = [sum(a != b for a, b in zip(f, k, strict=True)) for (f, _), (k, _) in zip(free, kept, strict=True)]
    return kept[min(range(len(kept)), key=lambda i: kept[i][1] + SWAPPED * swapped[i])][0], False


def _decoded(z: np.ndarray, wish: Wish, fonts: FontBook, pick: int, choices: Choices) -> Element:
    """The element of a slot, its style and font among the choices."""
    kind = wish.element.kind
    if choices is ANY:
        return decode_slot(z, wish, fonts, pick)
    z = z.copy()
    for group, names, allowed in ((STYLE, STYLES[kind], choices.styles[kind]), (FONT, FONT_CATEGORIES, choices.fonts)):
        for k, name in enumerate(names):
            if name not in allowed:
                z[group.start + k] = -np.inf
    e = decode_slot(z, wish, fonts, pick)
    if kind != "text" or "font" in wish.known or wish.category or fonts.category(e.font or "") in choices.fonts:
        return e
    ids = [i for c in choices.fonts for i in fonts.of(c) if fonts.covers(i, e.text)]
    return dataclasses.replace(e, font=ids[pick % len(ids)]) if ids else e


def _cleaned(e: Element, wish: Wish, pick: int, panels: bool, choices: Choices) -> Element:
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
        lively = [n for n in LIVELY if COLOURS[n] in choices.colours["background"]] or LIVELY
        changes.update(colour=to_hex(COLOURS[lively[pick % len(lively)]]), accent=None)
    for name, taken in list(changes.items()):
        if name in ("colour", "accent") and isinstance(taken, str) and not choices.allows(e.kind, taken):
            main = str(changes.get("colour") or e.colour or "#ffffff") if name == "accent" else None
            changes[name] = choices.nearest(e.kind, str(getattr(e, name)), to_rgb(main) if main else None)
    if "style" not in wish.known:
        if e.kind == "background" and e.style in PICTURED:
            changes.update(_surroundings(panels, pick, choices))
        if e.kind == "text" and e.style in ("glow", "outline"):
            changes["style"] = choices.style("text", "plain")
    if e.kind == "background" and "accent" not in wish.known and changes.get("style", e.style) in PATTERNED:
        changes["accent"] = None  # tone in tone
    if e.kind == "object" and e.style != "mono" and wish.element.colour is None:
        changes["colour"] = None
    return dataclasses.replace(e, **changes)  # type: ignore[arg-type]


def _surroundings(panels: bool, pick: int, choices: Choices) -> dict[str, object]:
    """A material behind a panel where the plan wants one; nothing pictured behind bare letters, which would suffer."""
    allowed = "texture" in choices.styles["background"]
    walls = [n for n in WALLS if n not in choices.without and choices.allows("background", PICTURED_KINDS[n][1])]
    if not (panels and walls and allowed):
        return {"style": choices.style("background", "plain")}
    name = walls[pick % len(walls)]
    return {"style": "texture", "text": name, "colour": PICTURED_KINDS[name][1]}


def _one_look(elements: list[Element], plan: Plan, fonts: FontBook, choices: Choices) -> list[Element]:
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
        font = font if wish.category or fonts.category(font or "") in choices.fonts else out[i].font
        kept = "colour" in wish.known or not (first.colour and choices.allows("text", first.colour))
        colour = out[i].colour if kept else first.colour
        out[i] = dataclasses.replace(out[i], font=font, colour=colour)
    return out


def _small_letters(elements: Sequence[Element], fonts: FontBook) -> float:
    """0 when every text has an x-height of 16 px or more, up to 1 for each that has none."""
    heights = [fit_text(e.text, e.font or "", e.box, fonts).x_height for e in elements if e.kind == "text"]
    return sum(max(0.0, 1 - h / 16) for h in heights) * 0.6


def _derived(e: Element, wish: Wish, choices: Choices) -> Element:
    """Colours that the canvas would derive are planned instead where they are to be avoided."""
    if e.locked:
        return e
    if e.kind == "text" and e.style == "outline" and e.accent is None:
        edge = to_hex(outline_colour(e))
        return e if choices.allows("text", edge) else dataclasses.replace(e, accent=choices.nearest("text", edge))
    if e.kind == "panel" and "accent" not in wish.known:
        return _trimmed_panel(e, choices)
    return _derived_ground(e, wish, choices) if e.kind == "background" else e


def _trimmed_panel(e: Element, choices: Choices) -> Element:
    """A panel without an outline where borders are to be avoided; its pin or rim in a colour that is allowed."""
    if "border" not in choices.styles["background"]:
        e = dataclasses.replace(e, accent=None)
    own = TRIM.get(e.style)
    if own is None or e.accent or choices.allows("panel", own):
        return e
    return dataclasses.replace(e, accent=choices.nearest("panel", own, to_rgb(e.colour or "#ffffff")))


def _derived_ground(e: Element, wish: Wish, choices: Choices) -> Element:
    """A background whose pattern has no colour that is to be avoided, as far as the prompt leaves it open."""
    base = to_rgb(e.colour or "#ffffff")
    tones = {to_hex(background_tones(_ground(e))[1])} if e.style not in ("plain", *PICTURED) else set()
    if e.style == "confetti":
        tones |= {to_hex(COLOURS[n]) for n in PALETTES[name_of(base)][1]}
    if "accent" in wish.known and e.accent:
        tones.discard(e.accent)
    if all(choices.allows("background", t) for t in tones):
        return e
    if "style" not in wish.known and "plain" in choices.styles["background"]:
        return dataclasses.replace(e, style="plain", accent=None)
    if "accent" in wish.known:
        return e
    second = to_hex(background_tones(_ground(e))[1])
    return dataclasses.replace(e, accent=choices.nearest("background", second, base, apart=1))


def make_layout(understood: Understanding, elements: Sequence[Element], seed: int, negative_prompt: str = "") -> Layout:
    """The layout with its warnings; the background gets a colour and an accent it can be drawn with."""
    elements = [_ground(e) if e.kind == "background" else e for e in elements]
    layout = Layout(understood.prompt, tuple(elements), understood.caption, seed, negative_prompt=negative_prompt)
    warnings = (*understood.warnings, *negative_warnings(layout), *legibility_warnings(layout))
    return dataclasses.replace(layout, warnings=warnings)


def _ground(e: Element) -> Element:
    colour = e.colour or "#ffffff"
    if e.style in ("border", "split") and (e.accent is None or name_of(to_rgb(e.accent)) == name_of(to_rgb(colour))):
        light = sum(to_rgb(colour)) > 380
        return dataclasses.replace(e, colour=colour, accent=to_hex(COLOURS["teal" if light else "gold"]))
    return dataclasses.replace(e, colour=colour)
